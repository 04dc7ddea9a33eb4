package spec

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"

	"react/runner/spec/fields"
	"react/runner/spec/mistake"
	"react/runner/spec/v1"
	"react/schema"
)

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

// alternatives are the other members of the group of which a field is one, as paths.
func (c *contract) alternatives(path string) []string {
	n, _ := c.find(path)
	i := strings.LastIndexByte(path, '.')
	if n == nil || n.oneof == "" || i < 0 {
		return nil
	}
	parent, _ := c.find(path[:i])
	var out []string
	for _, f := range parent.fields {
		if f.oneof == n.oneof && f.name != n.name {
			out = append(out, fields.Join(path[:i], f.name))
		}
	}
	return out
}

// takes reports whether a field is of texts, and one of them is this.
func (c *contract) takes(path, text string) bool {
	n, _ := c.find(path)
	return n != nil && n.isLeaf() && (n.form.fits(text) || n.form.list != nil && n.form.list.fits(text))
}

// wantsText reports whether the schema takes text at a path of the file.
func (c *contract) wantsText(path []string) bool {
	if n := c.root.child(path[0]); n != nil {
		return true
	}
	if path[0] == "tables" && len(path) > 2 {
		n := c.table.child(path[2])
		return n != nil && n.isLeaf() && n.form.value.IncompleteKind()&cue.StringKind != 0
	}
	n, _ := c.find(strings.Join(path, "."))
	return n != nil && n.isLeaf() && n.form.value.IncompleteKind()&cue.StringKind != 0
}

// takesOfSchema reads the schema once.
var takesOfSchema = sync.OnceValue(func() func(path, text string) bool {
	k, err := newContract()
	if err != nil {
		panic(err) // a bug of the schema
	}
	var mu sync.Mutex // a cue.Context serves one at a time
	return func(path, text string) bool {
		mu.Lock()
		defer mu.Unlock()
		return k.takes(path, text)
	}
})

// formAt is the constraint of the field at a path of the file: of a value of the grid that of the axis, of a list that of its elements.
func (c *contract) formAt(p string) *form {
	p = strings.TrimPrefix(p, "sweep.grid.")
	if strings.HasPrefix(p, "sweep.cases[") {
		_, p, _ = strings.Cut(p, ".")
	}
	p, _, inList := strings.Cut(p, "[")
	n, _ := c.find(p)
	if n == nil || !n.isLeaf() {
		return nil
	}
	if inList && n.form.list != nil {
		return n.form.list
	}
	return &n.form
}

// hint is the nearest field of the group, or the section that does have a field of this name, or all fields.
func (c *contract) hint(n *node, name string) string {
	if near := mistake.Nearest(name, n.names()); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	if p := c.params.pathOf(name); p != "" {
		return fmt.Sprintf(" (did you mean %s?)", p)
	}
	return mistake.DidYouMean(name, n.names(), "fields")
}

// formerField is the field of today that a path of runner/v1 stands for, and its path.
func (c *contract) formerField(n *node, path string) (*node, string) {
	now, old := v1.Path(path)
	if !old || n.elem != nil {
		return nil, ""
	}
	found, _ := c.find(now)
	if found == nil {
		return nil, ""
	}
	field := *found
	field.former, field.form.accepts = path, true
	return &field, now
}

// isName reports whether a text fits #Name, for the one place where a name is a label and not a value; a test holds them equal.
func isName(s string) bool { return namePattern.MatchString(s) }

var namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)
