package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/ops"
)

// Part is one thing that a key depends on: a line of its preimage, or one field of the params line.
type Part struct {
	Name  string // "op", "params.lr", "in pairs", "file pool.laion 00000.parquet"
	Value string
}

// Change is a part that two keys do not share; "" stands for a part that one of them lacks.
type Change struct {
	Name     string
	Old, New string
}

// Parts takes the lines of a key apart, in their order. Params that are objects become one part a
// field; lists stay whole.
func Parts(lines []string) []Part {
	var parts []Part
	for _, line := range lines {
		kind, rest, _ := strings.Cut(line, " ")
		switch kind {
		case "params":
			parts = append(parts, paramParts(rest)...)
		case "in", "file": // the last word is the identity or the digest
			if at := strings.LastIndexByte(line, ' '); at > len(kind) {
				parts = append(parts, Part{line[:at], line[at+1:]})
				continue
			}
			parts = append(parts, Part{Name: line})
		default:
			parts = append(parts, Part{kind, rest})
		}
	}
	return parts
}

func paramParts(raw string) []Part {
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return []Part{{"params", raw}}
	}
	return flatten("params", v, nil)
}

func flatten(name string, v any, parts []Part) []Part {
	object, ok := v.(map[string]any)
	if !ok {
		var text bytes.Buffer
		enc := json.NewEncoder(&text)
		enc.SetEscapeHTML(false)
		if enc.Encode(v) != nil {
			fmt.Fprint(&text, v)
		}
		return append(parts, Part{name, strings.TrimSpace(text.String())})
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		parts = flatten(name+"."+key, object[key], parts)
	}
	return parts
}

// Compare finds what differs between the preimages of two keys, in the order of the second one,
// what only the first one has last, and counts the parts that are the same.
func Compare(then, now []string) (changes []Change, same int) {
	was := map[string]string{}
	for _, p := range Parts(then) {
		was[p.Name] = p.Value
	}
	for _, p := range Parts(now) {
		value, ok := was[p.Name]
		delete(was, p.Name)
		if ok && value == p.Value {
			same++
			continue
		}
		changes = append(changes, Change{p.Name, value, p.Value})
	}
	for _, p := range Parts(then) {
		if value, left := was[p.Name]; left {
			changes = append(changes, Change{p.Name, value, ""})
		}
	}
	return changes, same
}

// KeyOf is the key that lines are the preimage of.
func KeyOf(lines []string) string { return hash(lines) }

// Identity is what the keys of a stage's readers call it, found from the lines of its own key.
func Identity(lines []string) string {
	id, _ := identity(lines, false)
	return id
}

// FormerIdentity is what they called it up to commit 82a2c7e: any search without its depth, also
// where the first hits depend on it. It is for records made then.
func FormerIdentity(lines []string) string {
	id, _ := identity(lines, true)
	return id
}

// identity leaves out the depth of what is shared at any, or, with always, of all that have one;
// and gives the depth that was left out.
func identity(lines []string, always bool) (id string, depth int) {
	if len(lines) < 3 {
		return hash(lines), 0
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(lines[1], "op "), " ")
	params, ok := strings.CutPrefix(lines[2], "params ")
	deepen := ops.All[name].Deepen
	if !ok || deepen == nil {
		return hash(lines), 0
	}
	shallow, depth, shared := deepen(json.RawMessage(params), 0)
	if !shared && !always {
		return hash(lines), 0
	}
	without := slices.Clone(lines)
	without[2] = "params " + string(shallow)
	return hash(without), depth
}
