package contract

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/format"

	"react/ops/clip"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
	"react/schema"
)

// Explanation is what the schema says about a path.
type Explanation struct {
	// with NAME for the name of a pool, an evaluation or a table; "" is the whole file
	Path  string
	Doc   string // the comment beside it; paragraphs end with a newline
	Value string // what is right, in words; "" of a group of fields
	// as CUE, or in words; several where it depends on another field; "" where there is none
	Default string
	// how the model is told that the default depends on; "" where it does not
	Family   string
	Needed   string        // who has to give it; "" where nobody has to
	Examples []string      // lines of a file
	Set      string        // the same as an override, PATH=VALUE; "" where it cannot be one
	Source   string        // of a definition: as the schema has it
	Fields   []Explanation // of a group, in the schema's order, without their fields
}

// Explain gives the documentation of a path such as "tune.gamma", "pool.NAME.maxBad", "sweep.grid"
// or "tables"; the names may be left out. "#StageMetrics" is a definition of the schema. The error
// of a path that there is not says which was meant.
func Explain(path string) (Explanation, error) {
	k, err := New()
	if err != nil {
		return Explanation{}, err
	}
	if strings.HasPrefix(path, "#") {
		return explainDefinition(path)
	}
	found, err := k.follow(path)
	if err != nil {
		return Explanation{}, err
	}
	out := k.explain(found)
	out.Doc += found.Field.more
	for _, f := range found.Field.group().Fields {
		out.Fields = append(out.Fields, k.explain(found.child(f)))
	}
	return out, nil
}

// FieldPaths lists the paths of all values of the sections, with NAME for the names, and for each
// the texts that are choices.
func FieldPaths() (map[string][]string, error) {
	k, err := New()
	if err != nil {
		return nil, err
	}
	out := map[string][]string{}
	var visit func(n *Field, path string)
	visit = func(n *Field, path string) {
		switch {
		case n.Elem != nil:
			visit(n.Elem, fields.Join(path, "NAME"))
		case n.IsLeaf():
			out[path] = n.Form.spelling().literals
		}
		for _, f := range n.Fields {
			visit(f, fields.Join(path, f.Name))
		}
	}
	visit(k.Params, "")
	return out, nil
}

// documented is the whole file as a tree: the sections, and what a file holds besides. Below the
// parts of a sweep it goes no further: they mirror the sections.
func (c *Schema) documented() *Field {
	for _, n := range []*Field{c.Params, c.Root, c.Table} {
		n.document()
	}
	root := &Field{doc: "An experiment is one file of these fields; a field that is left out has its default.\n"}
	for _, name := range c.Sections {
		n := c.Params.Child(name)
		switch {
		case name == "sweep":
			n = c.sweepNode()
		case name == "tables":
			n = &Field{Name: name, Elem: c.Table}
			for _, a := range c.inRoot(name).Attributes(cue.ValueAttr) {
				n.attribute(a)
			}
		case n == nil:
			n = c.Root.Child(name)
		}
		root.Fields = append(root.Fields, c.inFile(*n))
	}
	return root
}

// inRoot is a field of a file as the schema has it.
func (c *Schema) inRoot(name string) cue.Value {
	field := c.schema.LookupPath(cue.MakePath(cue.Str(name)))
	if !field.Exists() {
		field = c.schema.LookupPath(cue.MakePath(cue.Str(name).Optional()))
	}
	return field
}

// inFile gives a section the comment that it has in a file, before that of its definition.
func (c *Schema) inFile(n Field) *Field {
	doc, _ := docOf(c.inRoot(n.Name))
	if n.doc != doc {
		n.more = n.doc + n.more
	}
	if n.Elem != nil {
		n.more += n.Elem.doc + n.Elem.more
	}
	n.doc = doc
	return &n
}

// sweepNode documents #Sweep, and #Case below cases.
func (c *Schema) sweepNode() *Field {
	sweep := c.schema.LookupPath(cue.MakePath(cue.Def("Sweep")))
	out := &Field{Name: "sweep"}
	out.doc, out.more = docOf(sweep)
	for it, err := sweep.Fields(cue.Optional(true)); err == nil && it.Next(); {
		n := &Field{Name: it.Selector().Unquoted()}
		n.doc, n.more = docOf(it.Value())
		for _, a := range it.Value().Attributes(cue.ValueAttr) {
			n.attribute(a)
		}
		switch n.Name {
		case "seeds":
			n.Form.read(it.Value())
		case "grid":
			n.Form.Says, n.example = "the sections again, with a list of values for each field that varies", `{tune: gamma: [0.9, "off"]}`
		case "exclude":
			n.Form.Says, n.example = "a list of patterns, each a part of the sections", `[{tune: mode: "full", retrieve: k: 8}]`
		case "cases":
			n.Elem = c.caseNode()
		}
		out.Fields = append(out.Fields, n)
	}
	return out
}

func (c *Schema) caseNode() *Field {
	out := &Field{}
	v := c.schema.LookupPath(cue.MakePath(cue.Def("Case")))
	for it, err := v.Fields(cue.Optional(true)); err == nil && it.Next(); {
		if name := it.Selector().Unquoted(); c.Params.Child(name) == nil {
			out.Fields = append(out.Fields, newField(name, it.Value()))
		}
	}
	return out
}

// document reads the comments of a node and of those below it, which only an explanation wants.
func (n *Field) document() {
	if n.Leaf.Exists() {
		n.doc, n.more = docOf(n.Leaf)
	}
	for _, f := range n.Fields {
		f.document()
	}
	if n.Elem != nil {
		n.Elem.document()
	}
}

// docOf is the comment of a field, and that of the definition it refers to.
func docOf(v cue.Value) (own, more string) {
	for _, group := range v.Doc() {
		own += group.Text()
	}
	root, path := v.ReferencePath()
	if root.Exists() {
		for _, group := range root.LookupPath(path).Doc() {
			more += group.Text()
		}
	}
	own, more = aboutIt(own), aboutIt(more)
	switch {
	case own == more:
		more = ""
	case own == "":
		own, more = more, ""
	}
	return own, more
}

// aboutIt is a definition's comment beside the field that has it: "#Tune is ..." becomes "It is
// ...".
func aboutIt(doc string) string { return definitionFirst.ReplaceAllString(doc, "It ") }

var definitionFirst = regexp.MustCompile(`^#[A-Z][A-Za-z]* `)

// explainDefinition gives a definition of the schema as it is written.
func explainDefinition(name string) (Explanation, error) {
	entries, err := schema.FS.ReadDir(".")
	if err != nil {
		return Explanation{}, err
	}
	var known []string
	for _, e := range entries {
		f, err := parseSchema(e.Name())
		if err != nil {
			return Explanation{}, err
		}
		for _, d := range f.Decls {
			field, ok := d.(*ast.Field)
			if !ok {
				continue
			}
			label, _, err := ast.LabelName(field.Label)
			if err == nil && label == name {
				text, err := format.Node(field)
				return Explanation{Path: name, Source: string(text)}, err
			}
			if strings.HasPrefix(label, "#") && label != "#Defaults" {
				known = append(known, label)
			}
		}
	}
	return Explanation{}, fmt.Errorf("%s: no such definition%s", name, mistake.DidYouMean(name, known, "there is"))
}

// place is a node with its path and the group that it stands in.
type place struct {
	*Field
	path string
	in   *Field
}

func (p place) child(f *Field) place {
	at := p.path
	switch {
	case p.Elem != nil && at == "sweep.cases":
		at += "[]"
	case p.Elem != nil:
		at = fields.Join(at, "NAME")
	}
	return place{f, fields.Join(at, f.Name), p.group()}
}

var indices = regexp.MustCompile(`\[[0-9]*\]`)

// follow finds a path. A step that is no field is the name of a pool, an evaluation or a table; it
// may be left out, and so may an index, as in sweep.cases[0].label.
func (c *Schema) follow(path string) (place, error) {
	root := c.documented()
	at := place{Field: root}
	for _, step := range strings.Split(indices.ReplaceAllString(path, ""), ".") {
		next := at.group().Child(step)
		switch {
		case step == "":
		case next != nil && next != at.Elem:
			at = at.child(next)
		case at.Elem != nil && at.path != "sweep.cases": // a name
			at = place{at.Elem, fields.Join(at.path, "NAME"), at.Elem}
		case at.path == "sweep.grid" || at.path == "sweep.exclude" || at.path == "sweep.cases":
			sections := place{Field: c.Params}
			section := c.Params.Child(step)
			if section == nil && mistake.Nearest(step, at.group().Names()) == "" {
				return place{}, c.unknown(sections, step)
			}
			if section == nil {
				return place{}, c.unknown(at, step)
			}
			at = sections.child(section)
		default:
			return place{}, c.unknown(at, step)
		}
	}
	return at, nil
}

func (c *Schema) unknown(at place, step string) error {
	shown := fields.Join(at.path, step)
	if at.IsLeaf() && at.path != "" {
		return fmt.Errorf("%s: %s is one value and has no fields", shown, at.path)
	}
	names := at.group().Names()
	if near := mistake.Nearest(step, names); near != "" {
		return fmt.Errorf("%s: no such field (did you mean %q?)", shown, at.child(&Field{Name: near}).path)
	}
	if near := mistake.Nearest(step, c.Params.allNames()); near != "" {
		return fmt.Errorf("%s: no such field (did you mean %q?)", shown, c.Params.PathOf(near))
	}
	return fmt.Errorf("%s: no such field (there is %s)", shown, strings.Join(names, ", "))
}

// explain says everything about one node but its fields.
func (c *Schema) explain(p place) Explanation {
	key := strings.ReplaceAll(p.path, "NAME", "*")
	e := Explanation{Path: p.path, Doc: p.doc, Default: c.defaultText(key), Needed: p.needed()}
	if c.familyText(key) != "" {
		e.Family = c.familyWords()
	}
	if !p.IsLeaf() || p.path == "" {
		e.Default = cmp.Or(e.Default, p.Means)
		return e
	}
	e.Value = p.Form.String()
	x := c.exampleOf(p.Field, key)
	steps := strings.Split(p.path, ".")
	for i, s := range steps {
		if s == "NAME" {
			steps[i] = sampleNames[steps[0]]
		}
	}
	if rest, ok := strings.CutPrefix(p.path, "sweep.cases[]."); ok {
		e.Examples = []string{fmt.Sprintf("sweep: cases: [{%s: %s}]", rest, x)}
		return e
	}
	e.Examples = []string{strings.Join(steps, ": ") + ": " + x}
	if c.Params.Child(steps[0]) == nil {
		return e
	}
	e.Set = strings.Join(steps, ".") + "=" + x
	if other := c.otherValue(p.Field, x); other != "" {
		e.Examples = append(e.Examples, fmt.Sprintf("sweep: grid: %s: [%s, %s]", strings.Join(steps, ": "), x, other))
	}
	return e
}

// sampleNames are what examples call a pool, an evaluation and a table.
var sampleNames = map[string]string{"pool": "mine", "evaluate": "task", "tables": "main"}

// needed says who has to give a field.
func (p place) needed() string {
	switch {
	case p.Required == "tune":
		return "by trials that tune"
	case p.Required == "pairs":
		return "by trials that retrieve"
	case p.Required != "" && len(p.only) > 0:
		return "by " + p.only[0].String()
	case p.Required != "":
		return "always"
	case len(p.Field.Needed) > 0:
		return "by " + p.Field.Needed[0].String()
	case p.OneOf == "" || p.in == nil:
		return ""
	}
	var alternatives []string
	for _, f := range p.in.Fields {
		if f.OneOf == p.OneOf {
			alternatives = append(alternatives, f.Name)
		}
	}
	return "exactly one of " + strings.Join(alternatives, ", ")
}

// defaultText is the default of a path; some depend on the model, tune.lr's on the mode too.
func (c *Schema) defaultText(key string) string {
	if raw, ok := c.defaults[key]; ok {
		return spaced(raw)
	}
	return c.familyText(key)
}

// spaced is JSON as CUE is written: a list has a space after each comma.
func spaced(raw json.RawMessage) string {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return string(raw)
	}
	parts := make([]string, len(list))
	for i, x := range list {
		parts[i] = spaced(x)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// suchAs finds the example in the words of a constraint.
var suchAs = regexp.MustCompile(`such as (.+)$`)

// exampleOf is a value that fits: the schema's own, the default, or what the constraint gives.
func (c *Schema) exampleOf(n *Field, key string) string {
	if n.example != "" {
		return n.example
	}
	if raw, ok := c.defaults[key]; ok {
		return spaced(raw)
	}
	if raw, ok := c.families[0].values[key]; ok {
		return spaced(raw)
	}
	if key == "tune.lr" {
		return spaced(c.families[0].lr[clip.Modes[0].Name])
	}
	if n.Ref != "" {
		return strconv.Quote(sampleNames[n.Ref])
	}
	return n.Form.example()
}

func (f Form) example() string {
	w := f.spelling()
	switch m := suchAs.FindStringSubmatch(f.Says); {
	case m != nil && strings.HasPrefix(m[1], `"`):
		end := strings.Index(m[1][1:], `"`)
		return m[1][:end+2]
	case m != nil:
		return strconv.Quote(m[1])
	case f.List != nil:
		return "[" + strings.TrimSuffix(strings.Repeat(f.List.example()+", ", max(1, f.fixed)), ", ") + "]"
	case len(w.literals) > 1 && slices.Contains([]string{"none", "off"}, w.literals[0]):
		return strconv.Quote(w.literals[1])
	case len(w.literals) > 0:
		return strconv.Quote(w.literals[0])
	case f.Boolean:
		return "true"
	case f.number && w.lo != nil && !w.lo.open:
		return w.lo.text
	case f.number:
		return "1"
	}
	return ""
}

// otherValue is a second value that fits, for an axis.
func (c *Schema) otherValue(n *Field, x string) string {
	var tried []string
	for _, l := range n.Form.spelling().literals {
		tried = append(tried, strconv.Quote(l))
	}
	if v, err := strconv.ParseFloat(x, 64); err == nil {
		for _, y := range []float64{2 * v, v / 2, v + 1, v + 0.5} {
			tried = append([]string{strconv.FormatFloat(y, 'f', -1, 64)}, tried...)
		}
		slices.Reverse(tried[:4])
	}
	if n.Form.Boolean {
		tried = append(tried, "true", "false")
	}
	for _, y := range tried {
		if y != x && c.fits(n.Form, y) {
			return y
		}
	}
	return ""
}

// fits reports whether a value, written as CUE, passes a constraint.
func (c *Schema) fits(f Form, x string) bool {
	v := c.Context.CompileString(x)
	return v.Err() == nil && f.Value.Unify(v).Validate(cue.Concrete(true)) == nil
}
