package spec

import (
	"encoding/json"
	"fmt"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"

	"react/runner/spec/v1"
	"react/schema"
)

// node is one field of the schema: a section or group of fields, a map of named sections, or a leaf with a constraint.
type node struct {
	name   string
	fields []*node // group: in the schema's order
	elem   *node   // map: what each name holds
	leaf   cue.Value
	form   form // leaf: the constraint, readable

	doc      string      // the schema's comment, once document has read it
	more     string      // the comment of the definition that the field has
	example  string      // a value that fits, as CUE; "" where the constraint or the default gives one
	required string      // "always"; "tune": by trials that tune; "pairs": by those that retrieve; "" not
	needed   []condition // it must be given
	only     []condition // it is read; all of them hold
	of       []condition // likewise, but it may be given elsewhere
	atMost   string      // the field of the group that bounds it
	means    string      // the value that none means too
	anyOrder bool        // the order of the list says nothing
	oneof    string      // group of alternatives of which exactly one is given
	optional bool        // a group that may be left out, and then has no values
	ref      string      // "pool": the value names a pool
	set      bool        // the value may be "pool:NAME/SET"
	former   string      // the path that runner/v1 had for it, where it was found by that
}

func (n *node) isLeaf() bool { return n.fields == nil && n.elem == nil }

// child returns the field of a group, or what a name of a map holds; nil where there is none.
func (n *node) child(name string) *node {
	if n.elem != nil {
		return n.elem
	}
	for _, f := range n.fields {
		if f.name == name {
			return f
		}
	}
	return nil
}

// absent says whether a group that is not given has no values, not even defaults.
func (n *node) absent() bool { return n.oneof != "" || n.optional }

func (n *node) names() []string {
	out := make([]string, len(n.fields))
	for i, f := range n.fields {
		out[i] = f.name
	}
	return out
}

// contract is the schema, read into nodes, with its defaults. It belongs to one cue.Context.
type contract struct {
	ctx       *cue.Context
	schema    cue.Value
	params    *node                                 // the sections
	root      *node                                 // apiVersion, name, question
	table     *node                                 // a table
	seeds     *node                                 // sweep.seeds
	label     *node                                 // sweep.cases[].label
	name      form                                  // names of pools, evaluations and tables
	sections  []string                              // every field that a file can have
	defaults  map[string]json.RawMessage            // by path, with * for a name: "pool.*.maxBad"
	families  []family                              // in their order
	towers    map[string]Tower                      // of checkpoints, by backbone.weights, as far as they were read
	weights   map[string]bool                       // that defaults were asked for
	origins   map[string]origin                     // by weights and arch
	leaks     map[string]json.RawMessage            // of pairs, where leaks are looked for
	training  map[string]map[string]json.RawMessage // of evaluations, by optimizer
	learning  map[string]json.RawMessage            // of evaluations that learn
	atMost    map[string]string                     // paths of fields that bound others, by those
	metrics   map[string][]string                   // of evaluations, by kind
	protocol  []string                              // figures that a protocol adds
	worldSets []string                              // evaluation sets of a world pool
	figures   map[string][]string                   // of stages
}

// newContract compiles the embedded schema in a context of its own. An error is a bug of the schema.
func newContract() (*contract, error) {
	ctx := cuecontext.New()
	v, err := compileSchema(ctx)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	c := &contract{ctx: ctx, schema: v, params: newNode("", v.LookupPath(cue.ParsePath("#Params"))), table: newNode("", v.LookupPath(cue.ParsePath("#Table")))}
	c.noteFormer(c.params, "")
	c.seeds = newNode("seeds", v.LookupPath(cue.MakePath(cue.Def("Sweep"), cue.Str("seeds").Optional())))
	c.label = newNode("label", v.LookupPath(cue.ParsePath("#Label")))
	c.label.form.says = "text of 1 to 80 characters"
	c.name = newForm(v.LookupPath(cue.ParsePath("#Name")))
	c.readRoot(v)
	c.atMost = map[string]string{}
	c.params.bounds("", c.atMost)
	c.defaults, c.weights, c.origins = map[string]json.RawMessage{}, map[string]bool{}, map[string]origin{}
	if err := c.readFamilies(v); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if err := c.readDefaults(v.LookupPath(cue.ParsePath("#Defaults")), ""); err != nil {
		return nil, fmt.Errorf("schema: #Defaults: %w", err)
	}
	for path, into := range map[string]any{"#DefaultLeaks": &c.leaks,
		"#EvaluationMetrics": &c.metrics, "#ProtocolMetrics": &c.protocol,
		"#WorldSets": &c.worldSets, "#DefaultLearning": &c.learning,
		"#StageMetrics": &c.figures, "#DefaultTraining": &c.training} {
		if err := v.LookupPath(cue.ParsePath(path)).Decode(into); err != nil {
			return nil, fmt.Errorf("schema: %s: %w", path, err)
		}
	}
	return c, nil
}

func compileSchema(ctx *cue.Context) (cue.Value, error) {
	entries, err := schema.FS.ReadDir(".")
	if err != nil {
		return cue.Value{}, err
	}
	inst := build.NewContext().NewInstance("schema", nil)
	for _, e := range entries {
		f, err := parseSchema(e.Name())
		if err != nil {
			return cue.Value{}, err
		}
		if err := inst.AddSyntax(f); err != nil {
			return cue.Value{}, err
		}
	}
	if err := inst.Complete(); err != nil {
		return cue.Value{}, err
	}
	v := ctx.BuildInstance(inst)
	return v, v.Err()
}

func parseSchema(name string) (*ast.File, error) {
	src, err := schema.FS.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return parser.ParseFile("schema/"+name, src, parser.ParseComments)
}

// newNode reads a field of the schema and what is below it.
func newNode(name string, v cue.Value) *node {
	n := &node{name: name}
	for _, a := range v.Attributes(cue.ValueAttr) {
		n.attribute(a)
	}
	n.leaf = v
	if v.IncompleteKind() != cue.StructKind {
		n.form.read(v)
		return n
	}
	for it, err := v.Fields(cue.Optional(true)); err == nil && it.Next(); {
		n.fields = append(n.fields, newNode(it.Selector().Unquoted(), it.Value()))
	}
	for _, f := range n.fields {
		for i := range f.only {
			if decider := n.child(f.only[i].decider); decider != nil {
				f.only[i].absent = decider.means
			}
		}
	}
	if len(n.fields) > 0 {
		return n
	}
	if elem := v.LookupPath(cue.MakePath(cue.AnyString)); elem.IncompleteKind() == cue.StructKind {
		n.elem = newNode("", elem)
	}
	return n
}

// noteFormer gives fields the names that runner/v1 had for their values.
func (c *contract) noteFormer(n *node, path string) {
	n.form.former = v1.FormerValues(path)
	for _, f := range n.group().fields {
		at := path
		if n.elem != nil {
			at = join(path, "*")
		}
		c.noteFormer(f, join(at, f.name))
	}
}

func (n *node) attribute(a cue.Attribute) {
	arg, _ := a.String(0)
	switch a.Name() {
	case "required":
		n.required = arg
		if arg == "" {
			n.required = "always"
		}
	case "needs":
		n.needed = append(n.needed, newCondition(a))
	case "only":
		n.only = append(n.only, newCondition(a))
	case "or":
		or := newCondition(a)
		n.only[len(n.only)-1].or = &or
	case "of":
		n.of = append(n.of, newCondition(a))
	case "atmost":
		n.atMost = arg
	case "absent":
		n.means = arg
	case "unordered":
		n.anyOrder = true
	case "oneof":
		n.oneof = arg
	case "optional":
		n.optional = true
	case "ref":
		n.ref = arg
	case "set":
		n.set = true
	case "example":
		n.example = a.RawArg(0) // CUE, quotes included
	case "says":
		n.form.says = arg
	}
}

// bounds notes which field bounds which, below a path without names.
func (n *node) bounds(path string, into map[string]string) {
	for _, f := range n.fields {
		if f.atMost != "" {
			of := join(path, f.atMost)
			if above, ok := strings.CutPrefix(f.atMost, ".."); ok {
				of = join(parent(path), above)
			}
			into[join(path, f.name)] = of
		}
		f.bounds(join(path, f.name), into)
	}
}

// readRoot lists the fields of a file; those that are no section and no part of the sweep are leaves of root.
func (c *contract) readRoot(v cue.Value) {
	c.root = &node{}
	for it, err := v.Fields(cue.Optional(true)); err == nil && it.Next(); {
		name := it.Selector().Unquoted()
		c.sections = append(c.sections, name)
		if it.Value().IncompleteKind() != cue.StructKind {
			c.root.fields = append(c.root.fields, newNode(name, it.Value()))
		}
	}
}

// readDefaults flattens #Defaults; the names of pools, evaluations and tables are *.
func (c *contract) readDefaults(v cue.Value, path string) error {
	it, err := v.Fields()
	if err != nil {
		return err
	}
	for it.Next() {
		p := join(path, it.Selector().Unquoted())
		if it.Value().IncompleteKind() == cue.StructKind {
			if n := c.params.child(p); n != nil && n.elem != nil || p == "tables" {
				p += ".*"
			}
			if err := c.readDefaults(it.Value(), p); err != nil {
				return err
			}
			continue
		}
		raw, err := it.Value().MarshalJSON()
		if err != nil {
			return err
		}
		c.defaults[p] = raw
	}
	return nil
}

// find returns the node at a dotted path of the sections, and how many of its steps exist.
func (c *contract) find(path string) (*node, int) {
	n := c.params
	steps := strings.Split(path, ".")
	for i, s := range steps {
		next := n.child(s)
		if next == nil {
			return nil, i
		}
		n = next
	}
	return n, len(steps)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	if name == "" {
		return path
	}
	return path + "." + name
}
