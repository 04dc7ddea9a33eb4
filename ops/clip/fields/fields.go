// Package fields reads config files of other programs strictly: unsupported fields, those that
// would make another model, are rejected by name.
package fields

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/data/jsonfile"
)

// Table says how each object of a config is read, by the object's path: a nil
// rule is a field that is honoured; a rule accepts the values under which the
// field changes nothing here. Every other value, and every field that has no
// rule, is refused by its name: it may change the model or the pixels.
type Table map[string]map[string]func(v any) bool

// Any accepts every value.
func Any(any) bool { return true }

// Off accepts null, false, zero and empty.
func Off(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case json.Number:
		f, err := v.Float64()
		return err == nil && f == 0
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

// OneOf accepts null and some strings.
func OneOf(values ...string) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return v == nil || ok && slices.Contains(values, s)
	}
}

// Read refuses fields that would change the model and are not understood, and
// decodes the others into a struct that has them.
func (t Table) Read(data []byte, into any) error {
	var raw json.RawMessage
	if err := jsonfile.Unmarshal(data, &raw); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var root any
	if err := decoder.Decode(&root); err != nil {
		return jsonfile.Plain(err, raw)
	}
	object, ok := root.(map[string]any)
	if !ok {
		return fmt.Errorf("not a JSON object: %.40s", raw)
	}
	if err := t.check("", object); err != nil {
		return err
	}
	cleaned, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return jsonfile.Strict(cleaned, into)
}

func (t Table) check(path string, object map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		rule, known := t[path][name]
		value := object[name]
		switch {
		case !known:
			return fmt.Errorf("%s: unknown field; it may change the model, so it is not ignored", at)
		case rule != nil && !rule(value):
			return fmt.Errorf("%s: %s is not supported here: it would be another model", at, inJSON(value))
		case rule != nil || value == nil:
			delete(object, name)
		default:
			if list, ok := value.([]any); ok && name == "image_size" && len(list) == 2 && list[0] == list[1] {
				object[name] = list[0]
			}
			if child, ok := value.(map[string]any); ok && t[at] != nil {
				if err := t.check(at, child); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// inJSON is a value as JSON has it, shortened.
func inJSON(v any) string {
	text, err := json.Marshal(v)
	if s, ok := v.(string); ok {
		text = []byte(s)
	}
	if err != nil || len(text) > 60 {
		return fmt.Sprintf("%.57s...", text)
	}
	return string(text)
}
