// Package v1 knows what experiments of apiVersion "runner/v1" called otherwise, and says it in
// today's names. The names are data, in schema/v1.cue: fields by path, values of fields, params of
// stages.
//
// Files of v1 are not run: Rewrite gives them today's names (runner fmt --update). What v1 left in
// stores and publications is read as it is: Path, Value, Params and OpParams translate single
// names, Axes those of a table. The package knows no schema but its table, and opens no file.
package v1

import (
	"bytes"
	"encoding/json"
	"strings"
	"sync"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"

	"react/schema"
)

// Version is the apiVersion of the files that this package is about; Now is today's.
const (
	Version = "runner/v1"
	Now     = "runner/v2"
)

// names is #V1 of the schema.
type names struct {
	Paths  map[string]string            `json:"paths"`
	Values map[string]map[string]string `json:"values"`
	Params map[string]string            `json:"params"`
}

var table = sync.OnceValue(func() (n names) {
	text, err := schema.FS.ReadFile("v1.cue")
	if err == nil {
		err = cuecontext.New().CompileBytes(text).LookupPath(cue.ParsePath("#V1")).Decode(&n)
	}
	if err != nil {
		panic("schema/v1.cue: " + err.Error()) // embedded
	}
	return n
})

// Path is today's name of a field, and whether it had another; * in a path is any name.
func Path(path string) (now string, renamed bool) { return lookUp(path, table().Paths) }

// Former is what v1 called a field of today.
func Former(path string) string {
	former, _ := lookUp(path, former())
	return former
}

var former = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	for old, now := range table().Paths {
		out[now] = old
	}
	return out
})

func lookUp(path string, in map[string]string) (string, bool) {
	if to, ok := in[path]; ok {
		return to, true
	}
	steps := strings.SplitN(path, ".", 3)
	if len(steps) < 3 {
		return path, false
	}
	to, ok := in[steps[0]+".*."+steps[2]]
	if !ok {
		return path, false
	}
	return strings.Replace(to, "*", steps[1], 1), true
}

// below reports whether a field under the path, or a choice of one, has another name today.
func below(path string) bool {
	steps := strings.Split(path, ".")
	for old := range table().Paths {
		of := strings.Split(old, ".")
		if len(of) <= len(steps) {
			continue
		}
		same := true
		for i, s := range steps {
			same = same && (of[i] == s || of[i] == "*")
		}
		if same {
			return true
		}
	}
	return false
}

// Values are today's names of the values of a field, by the old ones; path is the old path. Nil
// where they are the same.
func Values(path string) map[string]string { return table().Values[path] }

// FormerValues are the values of a field of today that v1 called otherwise, by the old ones.
func FormerValues(path string) map[string]string { return Values(Former(path)) }

// value is a plain value of a field in today's names.
func value(path string, v any) any {
	switch v := v.(type) {
	case string:
		if now, ok := Values(path)[v]; ok {
			return now
		}
	case []any:
		if Values(path) == nil {
			return v
		}
		out := make([]any, len(v))
		for i, one := range v {
			out[i] = value(path, one)
		}
		return out
	}
	return v
}

// Params gives values by path today's names. What has none of the old ones is given back as it is.
func Params(params map[string]any) map[string]any {
	if !IsFormer(params) {
		return params
	}
	out := make(map[string]any, len(params))
	for path, v := range params {
		now, _ := Path(path)
		out[now] = value(path, v)
	}
	return out
}

// IsFormer reports whether values by path have names of v1.
func IsFormer(params map[string]any) bool {
	for path := range params {
		if _, old := Path(path); old {
			return true
		}
	}
	return false
}

// OpParams gives the params of a stage today's names. What has none of the old ones is given back.
func OpParams(op string, raw json.RawMessage) json.RawMessage {
	params := map[string]json.RawMessage{}
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &params) != nil {
		return raw
	}
	out, changed := make(map[string]json.RawMessage, len(params)), false
	for field, v := range params {
		at := op + "." + field
		now, renamed := table().Params[at]
		if !renamed {
			now = field
		}
		out[now] = Value(at, OpParams(at, v))
		changed = changed || renamed || !bytes.Equal(out[now], v)
	}
	if !changed {
		return raw
	}
	text, err := json.Marshal(out)
	if err != nil {
		return raw
	}
	return text
}

// Value gives a value of a field the name of today; path is the old one.
func Value(path string, v json.RawMessage) json.RawMessage {
	var s string
	if json.Unmarshal(v, &s) != nil {
		return v
	}
	if now, ok := Values(path)[s]; ok {
		v, _ = json.Marshal(now)
	}
	return v
}
