package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"react/results/evaluation"
)

// values are fields of the sections by path: JSON for a leaf, nil for a section or group that is present.
type values map[string]json.RawMessage

// has reports whether the field was given.
func (v values) has(path string) bool {
	_, ok := v[path]
	return ok
}

// text is a string field, or "".
func (v values) text(path string) string {
	var s string
	if v[path] == nil || json.Unmarshal(v[path], &s) != nil {
		return ""
	}
	return s
}

// number is a numeric field, or NaN.
func (v values) number(path string) float64 {
	x, err := strconv.ParseFloat(string(v[path]), 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

// names lists what a map section holds, sorted.
func (v values) names(section string) []string {
	var out []string
	for p := range v {
		if name, ok := strings.CutPrefix(p, section+"."); ok && !strings.Contains(name, ".") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// with returns the values after an assignment. An alternative that the assignment gives takes the place of the others: a case with
// backbone.weights replaces the file's backbone.pretrain.
func (v values) with(c *contract, set values) values {
	out := maps.Clone(v)
	for _, p := range slices.Sorted(maps.Keys(set)) {
		for _, other := range c.alternatives(p) {
			if !set.has(other) {
				out.drop(other)
			}
		}
	}
	for p, raw := range set {
		if raw != nil || !out.has(p) {
			out[p] = raw
		}
	}
	return out
}

func (v values) drop(path string) {
	for p := range v {
		if p == path || below(p, path) {
			delete(v, p)
		}
	}
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
			out = append(out, join(path[:i], f.name))
		}
	}
	return out
}

// withDefaults returns the values with every absent field filled in that has a default.
func (c *contract) withDefaults(v values) values {
	out := maps.Clone(v)
	for _, n := range c.params.fields {
		c.fill(n, n.name, n.name, out)
	}
	c.fillFamily(out)
	for small, large := range c.atMost { // a default gives way: a short run warms up no longer than it lasts
		if !v.has(small) && out.number(small) > out.number(large) {
			out[small] = out[large]
		}
	}
	out.fillPrompt()
	out.fillTaskPrompts()
	if out.text("pairs.leaks") == "drop" || out.judgesPairs() {
		for field, raw := range c.leaks {
			if p := "pairs." + field; !out.has(p) {
				out[p] = raw
			}
		}
	}
	for _, name := range out.names("evaluate") { // an evaluation asks as the task does, unless it says otherwise
		at := "evaluate." + name
		c.fillLearning(out, at)
		c.fillTraining(out, at)
		ownPrompts := out.has(at+".benchmark") || out.has(at+".promptsFile")
		kind := evaluation.Of(out.text(at + ".kind"))
		if p := at + ".prompts"; !out.has(p) && out.has("task.prompts") && !ownPrompts && kind.Classifies {
			out[p] = out["task.prompts"]
		}
		out.fillKnowledge(at)
		if p := at + ".protocol"; !out.has(p) && (ownPrompts || out.has(at+".knowledge")) && kind.Protocols {
			out[p] = json.RawMessage(`"openai"`)
		}
	}
	return out
}

// fill walks the schema; key is the path with * for names, which is how defaults are listed.
func (c *contract) fill(n *node, path, key string, v values) {
	switch {
	case n.elem != nil:
		for _, name := range v.names(path) {
			c.fill(n.elem, join(path, name), key+".*", v)
		}
	case n.isLeaf():
		if raw, ok := c.defaults[key]; ok && !v.has(path) {
			v[path] = raw
		}
	case !n.absent() || v.has(path): // an alternative that is not taken has no values
		for _, f := range n.fields {
			c.fill(f, join(path, f.name), join(key, f.name), v)
		}
	}
}

// params decodes values into the typed form, section by section; a section that an assignment does not touch is shared with base.
func (v values) params(base *Params, touched map[string]bool) (Params, error) {
	var p Params
	if base != nil {
		p = *base
	}
	tree := v.tree()
	for name, into := range map[string]any{"pool": &p.Pool, "backbone": &p.Backbone, "task": &p.Task, "index": &p.Index,
		"retrieve": &p.Retrieve, "pairs": &p.Pairs, "tune": &p.Tune, "evaluate": &p.Evaluate} {
		if base != nil && !touched[name] {
			continue
		}
		if err := decodeSection(name, tree[name], &p, into); err != nil {
			return p, err
		}
	}
	return p, nil
}

// decodeSection decodes strictly, into zeroed memory: nothing of base may show through.
func decodeSection(name string, tree any, p *Params, into any) error {
	p.zero(name)
	if tree == nil {
		return nil
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

func (p *Params) zero(section string) {
	switch section {
	case "pool":
		p.Pool = nil
	case "backbone":
		p.Backbone = Backbone{}
	case "task":
		p.Task = Task{}
	case "index":
		p.Index = Index{}
	case "retrieve":
		p.Retrieve = Retrieve{}
	case "pairs":
		p.Pairs = Pairs{}
	case "tune":
		p.Tune = Tune{}
	case "evaluate":
		p.Evaluate = nil
	}
}

// tree nests the values by their paths.
func (v values) tree() map[string]any {
	root := map[string]any{}
	for _, p := range slices.Sorted(maps.Keys(v)) { // a group comes before its fields
		steps := strings.Split(p, ".")
		at := root
		for _, s := range steps[:len(steps)-1] {
			next, ok := at[s].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[s] = next
			}
			at = next
		}
		last := steps[len(steps)-1]
		if v[p] != nil {
			at[last] = v[p]
		} else if at[last] == nil {
			at[last] = map[string]any{}
		}
	}
	return root
}

// plain is a JSON value as Go: a number without a fraction is an int64 (or uint64), others are float64, so that 1 and 1.0 are one value.
func plain(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil
	}
	return plainNumbers(v)
}

// PlainNumbers gives values that were decoded with json.Number the numbers that Flatten gives.
func PlainNumbers(v any) any { return plainNumbers(v) }

func plainNumbers(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	case json.Number:
		return plainNumber(v)
	}
	return v
}

func plainNumber(n json.Number) any {
	if i, err := strconv.ParseInt(n.String(), 10, 64); err == nil {
		return i
	}
	if u, err := strconv.ParseUint(n.String(), 10, 64); err == nil {
		return u
	}
	x, err := n.Float64()
	if err != nil {
		return n.String()
	}
	if x == math.Trunc(x) && math.Abs(x) < 1<<53 {
		return int64(x)
	}
	return x
}

// Flatten gives params by path, as tables and records name them: "tune.gamma": 0.9, "retrieve.by": [t2t t2i]. A number without a fraction is
// an int64, other numbers are float64, gamma may be "off".
func Flatten(p Params) map[string]any {
	out := map[string]any{}
	for _, s := range Sections(&p) {
		maps.Copy(out, s.Flatten())
	}
	return out
}

// Section is one top-level part of params, such as tune, as JSON. Equal JSON is equal params.
type Section struct {
	Name, JSON string
}

// Sections are the parts of params, in the order of Params' fields.
func Sections(p *Params) []Section {
	v := reflect.ValueOf(p).Elem()
	sections := make([]Section, v.NumField())
	for i := range sections {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		raw, err := json.Marshal(v.Field(i).Addr().Interface())
		if err != nil {
			panic(err) // Params hold no channel, function or cycle, and CUE has no NaN
		}
		sections[i] = Section{name, string(raw)}
	}
	return sections
}

// Flatten gives the section's params by path: together, those of all sections are what Flatten gives for the params.
func (s Section) Flatten() map[string]any {
	out := map[string]any{}
	tree, _ := plain(json.RawMessage(s.JSON)).(map[string]any)
	flattenInto(out, s.Name, tree)
	return out
}

func flattenInto(out map[string]any, path string, tree map[string]any) {
	for name, v := range tree {
		if sub, ok := v.(map[string]any); ok && len(sub) > 0 { // a filter without conditions is one too
			flattenInto(out, join(path, name), sub)
			continue
		}
		out[join(path, name)] = v
	}
}
