package contract

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"react/data/datasets/catalogue"
	"react/results/evaluation"
	"react/runner/spec/fields"
)

// Assign returns the values after an assignment. An alternative that the assignment gives takes the
// place of the others: a case with backbone.weights replaces the file's backbone.pretrain.
func (c *Schema) Assign(v, set fields.Values) fields.Values {
	out := maps.Clone(v)
	for _, p := range slices.Sorted(maps.Keys(set)) {
		for _, other := range c.Alternatives(p) {
			if !set.Has(other) {
				out.Drop(other)
			}
		}
	}
	for p, raw := range set {
		if raw != nil || !out.Has(p) {
			out[p] = raw
		}
	}
	return out
}

// WithDefaults returns the values with every absent field filled in that has a default.
func (c *Schema) WithDefaults(v fields.Values) fields.Values {
	out := maps.Clone(v)
	for _, n := range c.Params.Fields {
		c.fill(n, n.Name, n.Name, out)
	}
	c.fillFamily(out)
	// a default gives way: a short run warms up no longer than it lasts
	for small, large := range c.AtMost {
		if !v.Has(small) && out.Number(small) > out.Number(large) {
			out[small] = out[large]
		}
	}
	fillPrompt(out)
	fillTaskPrompts(out)
	if out.Text("pairs.leaks") == "drop" || JudgesPairs(out) {
		for field, raw := range c.leaks {
			if p := "pairs." + field; !out.Has(p) {
				out[p] = raw
			}
		}
	}
	// an evaluation asks as the task does, unless it says otherwise
	for _, name := range out.Names("evaluate") {
		at := "evaluate." + name
		c.fillLearning(out, at)
		c.fillTraining(out, at)
		c.fillDense(out, at)
		ownPrompts := out.Has(at+".benchmark") || out.Has(at+".promptsFile")
		kind := evaluation.Of(out.Text(at + ".kind"))
		if p := at + ".prompts"; !out.Has(p) && out.Has("task.prompts") && !ownPrompts && kind.NamesClasses() {
			out[p] = out["task.prompts"]
		}
		fillKnowledge(out, at)
		if p := at + ".protocol"; !out.Has(p) && (ownPrompts || out.Has(at+".knowledge")) && kind.Protocols {
			out[p] = json.RawMessage(`"openai"`)
		}
	}
	return out
}

// fill walks the schema; key is the path with * for names, which is how defaults are listed.
func (c *Schema) fill(n *Field, path, key string, v fields.Values) {
	switch {
	case n.Elem != nil:
		for _, name := range v.Names(path) {
			c.fill(n.Elem, fields.Join(path, name), key+".*", v)
		}
	case n.IsLeaf():
		if raw, ok := c.defaults[key]; ok && !v.Has(path) {
			v[path] = raw
		}
	case !n.Absent() || v.Has(path): // an alternative that is not taken has no values
		for _, f := range n.Fields {
			c.fill(f, fields.Join(path, f.Name), fields.Join(key, f.Name), v)
		}
	}
}

// readDefaults flattens #Defaults; the names of pools, evaluations and tables are *.
func (c *Schema) readDefaults(v cue.Value, path string) error {
	it, err := v.Fields()
	if err != nil {
		return err
	}
	for it.Next() {
		p := fields.Join(path, it.Selector().Unquoted())
		if it.Value().IncompleteKind() == cue.StructKind {
			if n := c.Params.Child(p); n != nil && n.Elem != nil || p == "tables" {
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

// promptDefaults are those of mode prompt, CoOp's; other modes have no such fields.
var promptDefaults = map[string]string{"context": "16", "contexts": `"shared"`, "position": `"end"`}

// fillPrompt gives mode prompt its defaults.
func fillPrompt(v fields.Values) {
	if v.Text("tune.mode") != "prompt" {
		return
	}
	for name, value := range promptDefaults {
		if p := "tune." + name; !v.Has(p) {
			v[p] = json.RawMessage(value)
		}
	}
}

// wordNetFolder is where Debian's wordnet-base puts the database.
const wordNetFolder = "/usr/share/wordnet"

// fillKnowledge names the folder of WordNet where it is read.
func fillKnowledge(v fields.Values, path string) {
	asked := slices.ContainsFunc(v.Texts(path+".knowledge"), func(s string) bool { return strings.HasPrefix(s, "wordnet") })
	if p := path + ".wordnet"; asked && !v.Has(p) {
		v[p] = json.RawMessage(`"` + wordNetFolder + `"`)
	}
}

// BenchmarkPrefix is before the name of a benchmark, or of a suite, in task.classes.
const BenchmarkPrefix = "benchmark:"

// fillTaskPrompts takes the templates of the benchmark whose classes are asked for.
func fillTaskPrompts(v fields.Values) {
	name, ok := strings.CutPrefix(v.Text("task.classes"), BenchmarkPrefix)
	if _, _, err := catalogue.QueryClasses(name); ok && err != nil && !v.Has("task.prompts") {
		// the name is reported, and what follows from it is not
		v["task.prompts"] = json.RawMessage(`["{}"]`)
		return
	}
	if e, err := catalogue.Find(name); ok && err == nil && !v.Has("task.prompts") && len(e.Templates) > 0 {
		if raw, err := json.Marshal(e.Templates); err == nil {
			v["task.prompts"] = raw
		}
	}
}

// fillLearning gives an evaluation that learns its defaults: three draws of few shots, one of all
// images.
func (c *Schema) fillLearning(v fields.Values, at string) {
	kind := v.Text(at + ".kind")
	if !evaluation.Of(kind).Learns {
		return
	}
	fields := c.Params.Child("evaluate").Elem
	for name, raw := range c.learning {
		if p := at + "." + name; !v.Has(p) && fields.Child(name).only[0].Holds(kind) {
			v[p] = raw
		}
	}
	if p := at + ".samples"; !v.Has(p) {
		v[p] = json.RawMessage("3")
		if v.Number(at+".shots") == 0 {
			v[p] = json.RawMessage("1")
		}
	}
}

// lvis is how the names of LVIS's benchmarks begin: its rules keep more boxes, of lower scores.
const lvis = "lvis"

// fillDense gives an evaluation of places the defaults of its kind, and of LVIS.
func (c *Schema) fillDense(v fields.Values, at string) {
	for name, raw := range c.dense[v.Text(at+".kind")] {
		if of, ok := c.dense[lvis][name]; ok && strings.HasPrefix(v.Text(at+".benchmark"), lvis) {
			raw = of
		}
		if p := at + "." + name; !v.Has(p) {
			v[p] = raw
		}
	}
}

// fillTraining gives fine-tuning what its optimizer implies, and an augmentation that is
// begun the rest of the model's.
func (c *Schema) fillTraining(v fields.Values, at string) {
	if !evaluation.Of(v.Text(at + ".kind")).TrainsTower {
		return
	}
	path := at + ".training"
	if p := path + ".optimizer"; !v.Has(p) {
		v[p] = json.RawMessage(`"sgd"`)
	}
	for name, raw := range c.training[v.Text(path+".optimizer")] {
		if p := path + "." + name; !v.Has(p) {
			v[p] = raw
		}
	}
	if !v.HasBelow(path + ".augment") {
		return
	}
	for name, raw := range c.origin(v).values {
		if rest, ok := strings.CutPrefix(name, "tune.augment."); ok && !v.Has(path+".augment."+rest) {
			v[path+".augment."+rest] = raw
		}
	}
}

// JudgesPairs says whether an evaluation looks at what was retrieved, so that a trial retrieves
// even if it does not tune.
func JudgesPairs(v fields.Values) bool {
	return slices.ContainsFunc(v.Names("evaluate"), func(name string) bool {
		return evaluation.Of(v.Text("evaluate." + name + ".kind")).JudgesPairs
	})
}
