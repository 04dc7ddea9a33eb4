// Package contract is the schema as Go reads it: which fields there are, what each takes and how
// that is said in words, when a field is read and when it must be given, its default, and its
// documentation (Explain). The facts stand in the CUE files of package schema and nowhere else.
//
// A Field is a section, a group, a map of named sections or a leaf; a leaf's Form is its
// constraint; a Condition ties it to another field. What spans fields is package rules' business,
// and files are read by package spec.
package contract

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/parser"

	"react/results/evaluation"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
	"react/runner/spec/v1"
	"react/schema"
)

// Schema is the schema, read into fields, with its defaults. It belongs to one cue.Context, and
// serves one file at a time.
type Schema struct {
	Context  *cue.Context
	schema   cue.Value                  // as CUE has it
	Params   *Field                     // the sections
	Root     *Field                     // apiVersion, name, question
	Table    *Field                     // a table
	Seeds    *Field                     // sweep.seeds
	Label    *Field                     // sweep.cases[].label
	name     Form                       // names of pools, evaluations and tables
	Sections []string                   // every field that a file can have
	defaults map[string]json.RawMessage // by path, with * for a name: "pool.*.maxBad"
	families []family                   // in their order
	// of checkpoints, by backbone.weights, as far as they were read
	Towers    map[string]Tower
	weights   map[string]bool                       // that defaults were asked for
	origins   map[string]origin                     // by weights and arch
	leaks     map[string]json.RawMessage            // of pairs, where leaks are looked for
	training  map[string]map[string]json.RawMessage // of evaluations, by optimizer
	learning  map[string]json.RawMessage            // of evaluations that learn
	dense     map[string]map[string]json.RawMessage // of evaluations of places, by kind
	AtMost    map[string]string                     // paths of fields that bound others, by those
	metrics   map[string][]string                   // of evaluations, by kind
	protocol  []string                              // figures that a protocol adds
	WorldSets []string                              // evaluation sets of a world pool
	Figures   map[string][]string                   // of stages
}

// New compiles the embedded schema in a context of its own. An error is a bug of the schema.
func New() (*Schema, error) {
	ctx := cuecontext.New()
	v, err := compileSchema(ctx)
	if err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	c := &Schema{Context: ctx, schema: v, Params: newField("", v.LookupPath(cue.ParsePath("#Params"))), Table: newField("", v.LookupPath(cue.ParsePath("#Table")))}
	c.noteFormer(c.Params, "")
	c.Seeds = newField("seeds", v.LookupPath(cue.MakePath(cue.Def("Sweep"), cue.Str("seeds").Optional())))
	c.Label = newField("label", v.LookupPath(cue.ParsePath("#Label")))
	c.Label.Form.Says = "text of 1 to 80 characters"
	c.name = newForm(v.LookupPath(cue.ParsePath("#Name")))
	c.readRoot(v)
	c.AtMost = map[string]string{}
	c.Params.bounds("", c.AtMost)
	c.defaults, c.weights, c.origins = map[string]json.RawMessage{}, map[string]bool{}, map[string]origin{}
	if err := c.readFamilies(v); err != nil {
		return nil, fmt.Errorf("schema: %w", err)
	}
	if err := c.readDefaults(v.LookupPath(cue.ParsePath("#Defaults")), ""); err != nil {
		return nil, fmt.Errorf("schema: #Defaults: %w", err)
	}
	for path, into := range map[string]any{"#DefaultLeaks": &c.leaks,
		"#EvaluationMetrics": &c.metrics, "#ProtocolMetrics": &c.protocol,
		"#WorldSets": &c.WorldSets, "#DefaultLearning": &c.learning, "#DefaultDense": &c.dense,
		"#StageMetrics": &c.Figures, "#DefaultTraining": &c.training} {
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

// readRoot lists the fields of a file; those that are no section and no part of the sweep are
// leaves of root.
func (c *Schema) readRoot(v cue.Value) {
	c.Root = &Field{}
	for it, err := v.Fields(cue.Optional(true)); err == nil && it.Next(); {
		name := it.Selector().Unquoted()
		c.Sections = append(c.Sections, name)
		if it.Value().IncompleteKind() != cue.StructKind {
			c.Root.Fields = append(c.Root.Fields, newField(name, it.Value()))
		}
	}
}

// MetricsOf are the figures of an evaluation; scored says that it goes by a protocol.
func (c *Schema) MetricsOf(kind string, scored bool) []string {
	if scored && evaluation.Of(kind).Protocols {
		return slices.Concat(c.metrics[kind], c.protocol)
	}
	return c.metrics[kind]
}

// Default is the default of a path, with * for a name, where the schema has one.
func (c *Schema) Default(path string) (json.RawMessage, bool) {
	raw, ok := c.defaults[path]
	return raw, ok
}

// Find is the field at a dotted path of the sections, nil where there is none.
func (c *Schema) Find(path string) *Field {
	n := c.Params
	for s := range strings.SplitSeq(path, ".") {
		if n = n.Child(s); n == nil {
			return nil
		}
	}
	return n
}

// Alternatives are the other members of the group of which a field is one, as paths.
func (c *Schema) Alternatives(path string) []string {
	n := c.Find(path)
	i := strings.LastIndexByte(path, '.')
	if n == nil || n.OneOf == "" || i < 0 {
		return nil
	}
	parent := c.Find(path[:i])
	var out []string
	for _, f := range parent.Fields {
		if f.OneOf == n.OneOf && f.Name != n.Name {
			out = append(out, fields.Join(path[:i], f.Name))
		}
	}
	return out
}

// WantsText reports whether the schema takes text at a path of the file.
func (c *Schema) WantsText(path []string) bool {
	if n := c.Root.Child(path[0]); n != nil {
		return true
	}
	if path[0] == "tables" && len(path) > 2 {
		n := c.Table.Child(path[2])
		return n != nil && n.IsLeaf() && n.Form.TakesText()
	}
	n := c.Find(strings.Join(path, "."))
	return n != nil && n.IsLeaf() && n.Form.TakesText()
}

// Takes reports whether a text is one of those that a field takes. It may be called concurrently.
func Takes(path, text string) bool {
	single.Lock()
	defer single.Unlock()
	n := single.read().Find(path)
	return n != nil && n.IsLeaf() && (n.Form.fits(text) || n.Form.List != nil && n.Form.List.fits(text))
}

// single is a schema that is read once.
var single = struct {
	sync.Mutex // a cue.Context serves one at a time
	read       func() *Schema
}{read: sync.OnceValue(func() *Schema {
	k, err := New()
	if err != nil {
		panic(err) // a bug of the schema
	}
	return k
})}

// FormAt is the constraint of the field at a path of the file: of a value of the grid that of the
// axis, of a list that of its elements.
func (c *Schema) FormAt(p string) *Form {
	p = strings.TrimPrefix(p, "sweep.grid.")
	if strings.HasPrefix(p, "sweep.cases[") {
		_, p, _ = strings.Cut(p, ".")
	}
	p, _, inList := strings.Cut(p, "[")
	n := c.Find(p)
	if n == nil || !n.IsLeaf() {
		return nil
	}
	if inList && n.Form.List != nil {
		return n.Form.List
	}
	return &n.Form
}

// elsewhere are what others call fields of an experiment, and where fields stand that the sections
// do not have. The keys are bare names.
var elsewhere = map[string]string{
	"seed": "sweep.seeds", "seeds": "sweep.seeds", "grid": "sweep.grid", "cases": "sweep.cases",
	"exclude": "sweep.exclude", "version": "apiVersion", "name": "label", "model": "backbone",
	"templates": "prompts", "topk": "k", "learningrate": "lr", "batchsize": "batch",
	"numsteps": "steps", "maxsteps": "steps", "epochs": "steps", "numepochs": "steps",
	"warmupsteps": "warmup", "randomseed": "sweep.seeds", "numseeds": "sweep.seeds",
}

// bare is a name without what people differ in: batch_size, batchSize and batch-size are one.
func bare(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(name))
}

// Meant is the field of a group that a name was most likely meant for, or "".
func (n *Field) Meant(name string) string {
	if near := mistake.Nearest(name, n.Names()); near != "" {
		return near
	}
	if other := elsewhere[bare(name)]; other != "" && slices.Contains(n.Names(), other) {
		return other
	}
	for _, field := range n.Names() {
		if bare(field) == bare(name) {
			return field
		}
	}
	return ""
}

// Hint is the nearest field of the group, or the section that does have a field of this name, or
// all fields.
func (c *Schema) Hint(n *Field, name string) string {
	if near := n.Meant(name); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	if p := n.PathOf(name); p != "" && n.Name != "" { // a level is missing
		return fmt.Sprintf(" (did you mean %s:?)", strings.ReplaceAll(p, ".", ": "))
	}
	if other := elsewhere[bare(name)]; strings.Contains(other, ".") {
		return fmt.Sprintf(" (did you mean %s?)", other)
	}
	p := c.Params.PathOf(name)
	if c.Params.Child("tune").Child(name) != nil {
		p = "tune." + name // of the same name in several sections, what is asked for most
	}
	if p != "" && n.Name == "sweep" {
		return fmt.Sprintf(" (did you mean sweep.grid.%s?)", p)
	} else if p != "" {
		return fmt.Sprintf(" (did you mean %s?)", p)
	}
	return n.List()
}

// FormerField is the field of today that a path of runner/v1 stands for, and its path.
func (c *Schema) FormerField(n *Field, path string) (*Field, string) {
	now, old := v1.Path(path)
	if !old || n.Elem != nil {
		return nil, ""
	}
	found := c.Find(now)
	if found == nil {
		return nil, ""
	}
	field := *found
	field.Former, field.Form.Accepts = path, true
	return &field, now
}

// IsName reports whether a text fits #Name, for the one place where a name is a label and not a
// value; a test holds them equal.
func IsName(s string) bool { return namePattern.MatchString(s) }

var namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,62}$`)
