package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"react/runner/spec/fields"
)

// typed decodes values, section by section; a section that an assignment does not touch is shared
// with base.
func typed(v fields.Values, base *Params, touched map[string]bool) (Params, error) {
	var p Params
	if base != nil {
		p = *base
	}
	tree := v.Tree()
	for name, into := range map[string]any{"pool": &p.Pool, "backbone": &p.Backbone, "task": &p.Task, "index": &p.Index,
		"retrieve": &p.Retrieve, "pairs": &p.Pairs, "tune": &p.Tune, "evaluate": &p.Evaluate} {
		if base != nil && !touched[name] {
			continue
		}
		if err := decodeSection(name, tree[name], into); err != nil {
			return p, err
		}
	}
	return p, nil
}

// decodeSection decodes strictly, into zeroed memory: nothing of base may show through.
func decodeSection(name string, tree, into any) error {
	reflect.ValueOf(into).Elem().SetZero()
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

// changed lists the sections in which two sets of values differ.
func changed(a, b fields.Values) map[string]bool {
	out := map[string]bool{}
	for p, raw := range b {
		if old, ok := a[p]; !ok || string(old) != string(raw) {
			out[sectionOf(p)] = true
		}
	}
	for p := range a {
		if !b.Has(p) {
			out[sectionOf(p)] = true
		}
	}
	return out
}

func sectionOf(path string) string {
	section, _, _ := strings.Cut(path, ".")
	return section
}

// difference lists the values of a trial that are not the file's; nil for one that the trial does
// not have.
func difference(base, trial fields.Values) map[string]any {
	out := map[string]any{}
	for p, raw := range trial {
		if old := base[p]; raw != nil && string(old) != string(raw) && fmt.Sprint(fields.Plain(old)) != fmt.Sprint(fields.Plain(raw)) {
			out[p] = fields.Plain(raw)
		}
	}
	for p, raw := range base {
		if raw != nil && !trial.Has(p) {
			out[p] = nil
		}
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

// Flatten gives the section's params by path, as tables and records name them: "tune.gamma": 0.9,
// "retrieve.by": [t2t t2i]. A number without a fraction is an int64, other numbers are float64,
// gamma may be "off".
func (s Section) Flatten() map[string]any {
	out := map[string]any{}
	tree, _ := fields.Plain(json.RawMessage(s.JSON)).(map[string]any)
	flattenInto(out, s.Name, tree)
	return out
}

func flattenInto(out map[string]any, path string, tree map[string]any) {
	for name, v := range tree {
		// a filter without conditions is one too
		if sub, ok := v.(map[string]any); ok && len(sub) > 0 {
			flattenInto(out, fields.Join(path, name), sub)
			continue
		}
		out[fields.Join(path, name)] = v
	}
}
