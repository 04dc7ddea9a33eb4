package fields

import (
	"bytes"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Values are fields of the sections by path: JSON for a leaf, nil for a section or group that is
// present.
type Values map[string]json.RawMessage

// Has reports whether the field was given.
func (v Values) Has(path string) bool {
	_, ok := v[path]
	return ok
}

// Text is a string field, or "".
func (v Values) Text(path string) string {
	var s string
	if v[path] == nil || json.Unmarshal(v[path], &s) != nil {
		return ""
	}
	return s
}

// Number is a numeric field, or NaN.
func (v Values) Number(path string) float64 {
	x, err := strconv.ParseFloat(string(v[path]), 64)
	if err != nil {
		return math.NaN()
	}
	return x
}

// Names lists what a map section holds, sorted.
func (v Values) Names(section string) []string {
	var out []string
	for p := range v {
		if name, ok := strings.CutPrefix(p, section+"."); ok && !strings.Contains(name, ".") {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Drop takes out a value, and what is below it.
func (v Values) Drop(path string) {
	for p := range v {
		if p == path || Below(p, path) {
			delete(v, p)
		}
	}
}

// Tree nests the values by their paths.
func (v Values) Tree() map[string]any {
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

// Plain is a JSON value as Go: a number without a fraction is an int64 (or uint64), others are
// float64, so that 1 and 1.0 are one value.
func Plain(raw json.RawMessage) any {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil
	}
	return PlainNumbers(v)
}

// PlainNumbers gives values that were decoded with json.Number the numbers that Plain gives.
func PlainNumbers(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = PlainNumbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = PlainNumbers(v[k])
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

// Choices are the text of a value: of a list all of them, of a path with * those of any name.
func (v Values) Choices(path string) []string {
	if section, field, ok := strings.Cut(path, ".*."); ok {
		var all []string
		for _, name := range v.Names(section) {
			all = append(all, v.Choices(Join(Join(section, name), field))...)
		}
		return all
	}
	raw, text, list := string(v[path]), v.Text(path), []string{}
	switch {
	case strings.HasPrefix(raw, "["):
		_ = json.Unmarshal(v[path], &list) // what is no text was reported
		return list
	case text != "":
		return []string{text}
	case raw != "":
		return []string{raw}
	}
	return nil
}

// HasBelow reports whether a group, or anything in it, has a value.
func (v Values) HasBelow(group string) bool {
	return v.Has(group) || slices.ContainsFunc(slices.Collect(maps.Keys(v)), func(p string) bool { return strings.HasPrefix(p, group+".") })
}

// Texts are a list of texts, or nil.
func (v Values) Texts(path string) []string {
	var out []string
	if json.Unmarshal(v[path], &out) != nil {
		return nil
	}
	return out
}

// UnmarshalJSON reads null as a group.
func (v *Values) UnmarshalJSON(data []byte) error {
	if err := json.Unmarshal(data, (*map[string]json.RawMessage)(v)); err != nil {
		return err
	}
	for p, raw := range *v {
		if string(raw) == "null" {
			(*v)[p] = nil
		}
	}
	return nil
}
