package grid

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"react/results"
	"react/results/stat"
)

// fill makes the cells of every line.
func (b *builder) fill() {
	b.residues = map[string][]string{}
	b.makeMetrics()
	for _, line := range b.lines {
		b.grid.Lines = append(b.grid.Lines, b.line(line))
	}
	for m := range b.grid.Metrics {
		b.chooseFormat(m)
	}
}

// group is what of a line has the same column values.
type group struct {
	key    []Value
	points []Point
	trials []*Trial // planned
	cell   *Cell
}

func (b *builder) line(l *lineKey) Line {
	out := Line{Names: l.name, Name: l.short, Shown: l.shown, Label: l.label, Values: l.values,
		Baseline: l.baseline, group: l.group, title: l.title}
	for m := range b.grid.Metrics {
		groups := b.groups(l, m)
		cells := make([]*Cell, len(b.grid.Columns))
		for c := range b.grid.Columns {
			cells[c] = b.cellAt(groups, b.grid.Columns[c].Key)
		}
		out.Cells = append(out.Cells, cells)
	}
	return out
}

// groups collects the line's points of one metric, and the planned trials that
// ought to have some, by their column values, in the columns' order.
func (b *builder) groups(l *lineKey, metric int) []*group {
	byKey := map[string]*group{}
	at := func(p *placed) *group {
		key := p.values[len(b.spec.Rows):]
		text := joinKey(key)
		if byKey[text] == nil {
			byKey[text] = &group{key: key}
		}
		return byKey[text]
	}
	for _, p := range l.points {
		if p.metric == metric {
			g := at(p)
			g.points = append(g.points, p.point)
		}
	}
	for _, p := range l.planned {
		g := at(p)
		g.trials = append(g.trials, p.trial)
	}
	var groups []*group
	for _, text := range sortedKeys(byKey) {
		groups = append(groups, byKey[text])
	}
	return groups
}

// cellAt is the cell of a column: that of the one group which holds for it, or
// a new one mixing several.
func (b *builder) cellAt(groups []*group, column []Value) *Cell {
	var held []*group
	for _, g := range groups {
		if covers(g.key, column) {
			held = append(held, g)
		}
	}
	switch len(held) {
	case 0:
		nan := math.NaN()
		return &Cell{Status: Empty, Mean: nan, Std: nan, Low: nan, High: nan}
	case 1:
		if held[0].cell == nil {
			held[0].cell = b.cell(held[0])
			held[0].cell.Key = held[0].key
			held[0].cell.Spans = slices.Contains(held[0].key, Value{}) && len(b.grid.Columns) > 1
		}
		return held[0].cell
	}
	mixed := &group{}
	for _, g := range held {
		mixed.points = append(mixed.points, g.points...)
		mixed.trials = append(mixed.trials, g.trials...)
	}
	return b.cell(mixed)
}

// cell averages the points over seeds and says what is wrong with doing so.
func (b *builder) cell(g *group) *Cell {
	nan := math.NaN()
	c := &Cell{Status: Done, Points: g.points, Mean: nan, Std: nan, Low: nan, High: nan}
	slices.SortFunc(c.Points, comparePoints)
	c.Residue = b.residue(c.Points)
	seeds, engines := map[int]bool{}, map[string]bool{}
	for _, p := range c.Points {
		if p.Seed != nil {
			seeds[*p.Seed] = true
		}
		engines[p.Engine] = true
	}
	delete(engines, "")
	c.Seeds, c.Engines, c.N = len(seeds), sortedKeys(engines), commonN(c.Points)
	if bad := notNumbers(c.Points); bad != "" {
		c.Status = NotANum
		b.note(c, bad)
	} else if len(c.Points) > 0 {
		values := valuesOf(c.Points)
		c.Mean, c.Std = stat.Mean(values), stat.Std(values)
		if len(c.Residue) == 0 { // values of other things than seeds have no such interval
			c.Low, c.High = stat.MeanInterval(values)
		}
	}
	if len(c.Residue) > 0 {
		b.note(c, residueNote(c.Residue))
	}
	if len(c.Engines) > 1 {
		b.note(c, enginesNote(c.Engines))
	}
	b.whatIsMissing(c, g.trials)
	return c
}

func comparePoints(x, y Point) int {
	seed := func(p Point) int {
		if p.Seed == nil {
			return math.MinInt
		}
		return *p.Seed
	}
	return cmp.Or(cmp.Compare(seed(x), seed(y)), strings.Compare(x.Trial, y.Trial),
		strings.Compare(x.Key, y.Key), cmp.Compare(x.Value, y.Value))
}

func valuesOf(points []Point) []float64 {
	values := make([]float64, len(points))
	for i, p := range points {
		values[i] = p.Value
	}
	return values
}

// commonN is the N of all points, -1 when they differ.
func commonN(points []Point) int {
	n := 0
	for i, p := range points {
		if i > 0 && p.N != n {
			return -1
		}
		n = p.N
	}
	return n
}

// owner is the trial behind a point, or behind the lack of one.
type owner struct {
	seed  *int
	trial string
}

// whose names the owners by their seeds, or by their trials where one has no
// seed: "seeds 0, 2".
func whose(owners []owner) string {
	var seeds, trials []string
	for _, o := range owners {
		if o.seed != nil {
			seeds = append(seeds, strconv.Itoa(*o.seed))
		}
		trials = append(trials, o.trial)
	}
	kind, names := "seed", seeds
	if len(seeds) < len(owners) {
		kind, names = "trial", trials
	}
	if len(names) > 1 {
		kind += "s"
	}
	return kind + " " + strings.Join(firstFew(names), ", ")
}

// residue names what varies among the points besides lines, columns and seeds,
// with its values: "tune.gamma (0.8, 0.9)".
func (b *builder) residue(points []Point) []string {
	if len(points) < 2 {
		return nil
	}
	ids := make([]string, len(points))
	for i, p := range points {
		ids[i] = p.Trial
	}
	key := strings.Join(ids, "\x00")
	out, ok := b.residues[key]
	if !ok {
		out = b.findResidue(points)
		b.residues[key] = out
	}
	return out
}

func (b *builder) findResidue(points []Point) []string {
	var out []string
	for _, path := range varying(points) {
		if b.isSeedParam(path, points) {
			continue
		}
		out = append(out, path+" ("+listValues(points, path)+")")
	}
	if len(out) > 0 {
		return out
	}
	return seedResidue(points)
}

// seedResidue finds points that nothing tells apart, or that have a seed only
// in part.
func seedResidue(points []Point) []string {
	seen, seedless := map[int]bool{}, 0
	repeated := false
	for _, p := range points {
		if p.Seed == nil {
			seedless++
			continue
		}
		repeated = repeated || seen[*p.Seed]
		seen[*p.Seed] = true
	}
	switch {
	case seedless > 0 && len(seen) > 0:
		return []string{"trials with and without a seed"}
	case repeated || seedless > 1:
		ids := map[string]bool{}
		for _, p := range points {
			ids[p.Trial] = true
		}
		return []string{"trials that no param tells apart (" + strings.Join(firstFew(sortedKeys(ids)), ", ") + ")"}
	}
	return nil
}

// varying lists the params that are not the same in all points, sorted.
func varying(points []Point) []string {
	first, found := points[0].params, map[string]bool{}
	for _, p := range points[1:] {
		if results.ParamsID(first) == results.ParamsID(p.params) {
			continue
		}
		shared := 0
		for path, v := range p.params {
			was, ok := first[path]
			if ok {
				shared++
			}
			if !ok || !sameValue(was, v) {
				found[path] = true
			}
		}
		if shared == len(first) {
			continue
		}
		for path := range first {
			if _, ok := p.params[path]; !ok {
				found[path] = true
			}
		}
	}
	return sortedKeys(found)
}

// isSeedParam reports whether the param is but the trial's seed under its own
// name.
func (b *builder) isSeedParam(path string, points []Point) bool {
	if path != "seed" && !strings.HasSuffix(path, ".seed") {
		return false
	}
	for _, p := range points {
		v, ok := p.params[path]
		if p.Seed == nil || !ok || canon(v) != integer(int64(*p.Seed)) {
			return false
		}
	}
	return true
}

func listValues(points []Point, path string) string {
	set := map[Value]bool{}
	for _, p := range points {
		set[canon(p.params[path])] = true
	}
	values := slices.SortedFunc(maps.Keys(set), compareValues)
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.String()
	}
	return strings.Join(firstFew(texts), ", ")
}

func firstFew(texts []string) []string {
	if len(texts) > 6 {
		return append(slices.Clone(texts[:5]), fmt.Sprintf("… %d in all", len(texts)))
	}
	return texts
}

// whatIsMissing compares the points with the planned trials.
func (b *builder) whatIsMissing(c *Cell, planned []*Trial) {
	have := map[string]bool{}
	for _, p := range c.Points {
		have[p.Trial] = true
	}
	missing, failed := map[string][]owner{}, false
	for _, t := range planned {
		if have[t.ID] || t.Status == Done {
			continue // a trial that is done and has no such row does not measure this
		}
		failed = failed || t.Status == Failed
		why := string(cmp.Or(t.Status, Pending))
		if t.Reason != "" {
			why += ": " + t.Reason
		}
		missing[why] = append(missing[why], owner{t.Seed, t.ID})
	}
	for _, why := range sortedKeys(missing) {
		b.note(c, missingNote(missing[why], why))
	}
	switch {
	case len(missing) == 0 && len(c.Points) == 0:
		c.Status = Empty
	case len(missing) > 0 && len(c.Points) == 0 && failed:
		c.Status = Failed
	case len(missing) > 0 && len(c.Points) == 0:
		c.Status = Pending
	case len(missing) > 0 && c.Status == Done:
		c.Status = Partial
	}
}
