package grid

import (
	"cmp"
	"react/results"
	"slices"
	"strings"
)

// lineKey is a line on its way into the grid.
type lineKey struct {
	label    string
	values   []Value // of the row paths
	points   []*placed
	planned  []*placed
	baseline bool
	name     []string // stub
	shown    []string // stub as printed
	short    string   // the part of the name that tells it apart
	title    string   // that part as printed
	group    string   // as printed
}

// arrange makes the lines and columns and puts both in order.
func (b *builder) arrange() error {
	b.gather()
	b.spanCaseModes()
	b.nameLines()
	if err := b.findBaseline(); err != nil {
		return err
	}
	order := b.ranks()
	b.orderLines(order)
	b.groupLines()
	b.makeColumns(order)
	return nil
}

// gather groups what was picked by label and row values.
func (b *builder) gather() {
	byKey := map[string]*lineKey{}
	for i := range b.picked {
		p := &b.picked[i]
		values := p.values[:len(b.spec.Rows)]
		key := p.label + "\x00" + joinKey(values)
		line := byKey[key]
		if line == nil {
			line = &lineKey{label: p.label, values: values}
			byKey[key] = line
			b.lines = append(b.lines, line)
		}
		p.lineKey = line
		if p.metric < 0 {
			line.planned = append(line.planned, p)
			continue
		}
		line.points = append(line.points, p)
	}
}

func joinKey(values []Value) string {
	var key strings.Builder
	for _, v := range values {
		key.WriteByte(byte('0' + v.kind))
		key.WriteString(v.text)
		key.WriteByte(0)
	}
	return key.String()
}

// spanCaseModes lets a case span the columns where the column's value is "none"
// for it alone: under columns of tune.mode a base is a reference for all of
// them, and a column of its own would stand empty but for it.
func (b *builder) spanCaseModes() {
	for c := range b.spec.Columns {
		at, inGrid := len(b.spec.Rows)+c, false
		isNone := func(p *placed) bool { return p.values[at] == Value{text: "none", kind: isText} }
		for i := range b.picked {
			inGrid = inGrid || b.picked[i].label == "" && isNone(&b.picked[i])
		}
		if inGrid {
			continue
		}
		for i := range b.picked {
			if p := &b.picked[i]; isNone(p) && p.label != "" {
				p.values[at] = Value{}
			}
		}
	}
}

// nameLines writes the stub of each line: its row values; for a case its label
// in place of the first, with what varies among the lines of that label.
func (b *builder) nameLines() {
	taken, classes := map[string]int{}, b.classesOfOneCase()
	for _, line := range b.lines {
		line.name = make([]string, len(line.values))
		line.shown = make([]string, len(line.values))
		for i, v := range line.values {
			line.name[i] = v.String()
			line.shown[i] = b.spec.shownValue(b.spec.Rows[i], line.name[i])
		}
		line.short, line.title = strings.Join(line.name, ", "), strings.Join(line.shown, ", ")
		if line.label != "" && !classes {
			b.nameCase(line)
		}
		taken[line.short]++
	}
	for _, line := range b.lines {
		if line.label != "" && taken[line.short] > 1 { // a label spelt like a value of the grid
			line.short += " (case)"
			line.title += " (case)"
			line.name[0] += " (case)"
			line.shown[0] += " (case)"
		}
	}
}

// classesOfOneCase: the lines are the classes of one labelled trial, whose label
// would stand before each of them and say nothing.
func (b *builder) classesOfOneCase() bool {
	return len(b.spec.Rows) > 0 && b.spec.Rows[0] == "class" &&
		!slices.ContainsFunc(b.lines, func(line *lineKey) bool { return line.label != b.lines[0].label })
}

func (b *builder) nameCase(line *lineKey) {
	first, shown := line.label, b.spec.shown(line.label)
	parts, titles := []string{first}, []string{shown}
	for i := range line.values {
		if b.variesInCase(line.label, i) {
			parts, titles = append(parts, line.name[i]), append(titles, line.shown[i])
		}
	}
	line.short, line.title = strings.Join(parts, ", "), strings.Join(titles, ", ")
	if b.variesInCase(line.label, 0) {
		first += ", " + line.name[0]
		shown += ", " + line.shown[0]
	}
	line.name[0], line.shown[0] = first, shown
}

func (b *builder) variesInCase(label string, path int) bool {
	var first *lineKey
	for _, line := range b.lines {
		if line.label != label {
			continue
		}
		if first == nil {
			first = line
		}
		if line.values[path] != first.values[path] {
			return true
		}
	}
	return false
}

// findBaseline marks the lines that Table.Baseline names: by label, by
// "path=value", or by the line's name.
func (b *builder) findBaseline() error {
	name := b.spec.Baseline
	if name == "" || len(b.lines) == 0 {
		return nil
	}
	found := b.linesNamed(name)
	for _, line := range found {
		line.baseline = true
	}
	b.grid.Baseline = name
	if len(found) > 0 {
		return nil
	}
	return b.spec.fault("baseline", "%q is no line of the table%s", name, hint(name, b.lineNames()))
}

func (b *builder) linesNamed(name string) []*lineKey {
	path, want, isMatch := strings.Cut(name, "=")
	tests := []func(*lineKey) bool{
		func(l *lineKey) bool { return l.label == name },
		func(l *lineKey) bool { return l.short == name },
		func(l *lineKey) bool { return l.has("label", name) }, // where "label" is one of the paths
		func(l *lineKey) bool { return isMatch && l.has(path, want) },
	}
	for _, test := range tests {
		var found []*lineKey
		for _, line := range b.lines {
			if test(line) {
				found = append(found, line)
			}
		}
		if len(found) > 0 {
			return found
		}
	}
	return nil
}

// has reports whether all trials of the line have the value on the path.
func (l *lineKey) has(path, want string) bool {
	all := append(slices.Clone(l.points), l.planned...)
	for _, p := range all {
		v := canon(p.point.params[path])
		if path == "label" {
			v = textOrAbsent(p.point.label)
		}
		if v.Absent() || v.text != want {
			return false
		}
	}
	return len(all) > 0
}

func (b *builder) lineNames() []string {
	names := map[string]bool{}
	at := slices.Index(b.spec.Rows, "label")
	for _, line := range b.lines {
		names[line.short] = true
		if line.label != "" {
			names[line.label] = true
		}
		if at >= 0 && !line.values[at].Absent() {
			names[line.values[at].text] = true
		}
	}
	return sortedKeys(names)
}

// ranks gives values and labels their place: first those of Table.Order, then
// those of the plan in its order; what has no rank follows.
func (b *builder) ranks() map[string]int {
	ranks := map[string]int{}
	add := func(text string) {
		if _, ok := ranks[text]; !ok {
			ranks[text] = len(ranks)
		}
	}
	for _, text := range b.spec.Order {
		add(text)
	}
	for i := range b.opts.Trials {
		t := &b.opts.Trials[i]
		r := &results.Row{Label: t.Label, Params: t.Params, Seed: t.Seed}
		if t.Label != "" {
			add(t.Label)
		}
		for _, path := range b.paths {
			if v := lookup(r, path); v.kind == isText || v.kind == isBool {
				add(v.text)
			}
		}
	}
	return ranks
}

// compareRanked orders two values by rank, numbers among themselves by size.
func (b *builder) compareRanked(ranks map[string]int, x, y Value) int {
	listed := func(v Value) int {
		if i := slices.Index(b.spec.Order, v.text); i >= 0 && !v.Absent() {
			return i
		}
		return len(b.spec.Order)
	}
	if c := cmp.Compare(listed(x), listed(y)); c != 0 {
		return c
	}
	if x.kind != y.kind || x.kind == isNumber || x.Absent() {
		return compareValues(x, y)
	}
	rank := func(v Value) int {
		if i, ok := ranks[v.text]; ok {
			return i
		}
		return len(ranks)
	}
	if c := cmp.Compare(rank(x), rank(y)); c != 0 {
		return c
	}
	return compareValues(x, y)
}

// orderLines sorts the lines: those of Table.Order, the baseline, the other
// cases, the grid.
func (b *builder) orderLines(ranks map[string]int) {
	listed := func(l *lineKey) int {
		for i, name := range b.spec.Order {
			if name == l.label || l.label == "" && len(l.values) > 0 && name == l.values[0].text {
				return i
			}
		}
		return len(b.spec.Order)
	}
	group := func(l *lineKey) int {
		switch {
		case l.baseline, b.spec.Paired != "": // each group of lines has a baseline, or needs none
			return 0
		case l.label != "":
			return 1
		}
		return 2
	}
	slices.SortFunc(b.lines, func(x, y *lineKey) int {
		if c := cmp.Or(cmp.Compare(listed(x), listed(y)), cmp.Compare(group(x), group(y))); c != 0 {
			return c
		}
		if c := b.compareRanked(ranks, textOrAbsent(x.label), textOrAbsent(y.label)); c != 0 {
			return c
		}
		return slices.CompareFunc(x.values, y.values, func(v, w Value) int { return b.compareRanked(ranks, v, w) })
	})
}

// groupLines brings the lines of a group together, in the order in which each
// group is first met.
func (b *builder) groupLines() {
	at := slices.Index(b.spec.Rows, b.spec.Group)
	if at < 0 {
		return
	}
	var met []string
	for _, line := range b.lines {
		line.group = line.shown[at]
		if !slices.Contains(met, line.group) {
			met = append(met, line.group)
		}
	}
	slices.SortStableFunc(b.lines, func(x, y *lineKey) int {
		return cmp.Compare(slices.Index(met, x.group), slices.Index(met, y.group))
	})
}

// makeColumns finds the columns: every tuple of column values, less those with
// an absent param that a full one covers.
func (b *builder) makeColumns(ranks map[string]int) {
	seen := map[string][]Value{}
	for i := range b.picked {
		key := b.picked[i].values[len(b.spec.Rows):]
		seen[joinKey(key)] = key
	}
	var keys [][]Value
	for _, key := range seen {
		if !coveredByAnother(key, seen) {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(x, y []Value) int {
		return slices.CompareFunc(x, y, func(v, w Value) int { return b.compareRanked(ranks, v, w) })
	})
	if len(keys) == 0 {
		keys = [][]Value{make([]Value, len(b.spec.Columns))}
	}
	for _, key := range keys {
		b.grid.Columns = append(b.grid.Columns, b.column(key))
	}
}

func coveredByAnother(key []Value, seen map[string][]Value) bool {
	if !slices.Contains(key, Value{}) {
		return false
	}
	for _, other := range seen {
		if !slices.Equal(key, other) && covers(key, other) {
			return true
		}
	}
	return false
}

// covers reports whether trials with the column values of key hold for the
// column too: they agree wherever key has a value.
func covers(key, column []Value) bool {
	for i, v := range key {
		if !v.Absent() && v != column[i] {
			return false
		}
	}
	return true
}

// column names a column by its values; a number or a yes/no carries the short
// name of its path, since it does not explain itself.
func (b *builder) column(key []Value) Column {
	c := Column{Key: key}
	var parts, shown []string
	for i, v := range key {
		c.Values = append(c.Values, v.String())
		path, part := b.spec.Columns[i], v.String()
		text := b.spec.shownValue(path, part)
		if v.kind != isText {
			part = b.shortPath(path) + "=" + part
			if head, _ := b.spec.ShownPath(path); text == v.String() {
				text = head + " = " + text
			}
		}
		parts, shown = append(parts, part), append(shown, text)
	}
	c.Name, c.Shown = strings.Join(parts, " "), strings.Join(shown, " ")
	return c
}

// shortPath is the last step of a column path, or all of it where two end
// alike.
func (b *builder) shortPath(path string) string {
	last := func(p string) string { return p[strings.LastIndexByte(p, '.')+1:] }
	for _, other := range b.spec.Columns {
		if other != path && last(other) == last(path) {
			return path
		}
	}
	return last(path)
}
