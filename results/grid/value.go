package grid

import (
	"cmp"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// Value is a param in the one spelling that tables show and compare: 4, 4.0
// and json.Number("4") are the same value.
type Value struct {
	text   string
	number float64
	kind   kind
}

type kind uint8

const (
	missing kind = iota // the trial does not read it
	isText
	isBool
	isNumber
)

// None is what a table shows where there is nothing.
const None = "–"

// Absent reports whether the trial does not read the param.
func (v Value) Absent() bool { return v.kind == missing }

// String is the value as tables show it.
func (v Value) String() string {
	if v.Absent() {
		return None
	}
	return v.text
}

// canon brings a param into its one spelling.
func canon(v any) Value {
	switch v := v.(type) {
	case nil:
		return Value{}
	case string:
		return Value{text: v, kind: isText}
	case bool:
		return Value{text: strconv.FormatBool(v), kind: isBool}
	case int:
		return integer(int64(v))
	case int64:
		return integer(v)
	case int32:
		return integer(int64(v))
	case uint64:
		return Value{strconv.FormatUint(v, 10), float64(v), isNumber}
	case float64:
		return float(v)
	case float32:
		return float(float64(v))
	case json.Number:
		return canonNumber(string(v))
	case []any:
		return canonList(v)
	case []string:
		return Value{text: strings.Join(v, "+"), kind: isText}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return Value{text: fmt.Sprint(v), kind: isText}
	}
	var plain any // what has a JSON form of its own (a named string, γ) is shown by it
	dec := json.NewDecoder(strings.NewReader(string(b)))
	dec.UseNumber()
	if dec.Decode(&plain) == nil {
		if _, nested := plain.(map[string]any); !nested {
			return canon(plain)
		}
	}
	return Value{text: string(b), kind: isText}
}

func integer(v int64) Value { return Value{strconv.FormatInt(v, 10), float64(v), isNumber} }

func float(v float64) Value {
	format := byte('f')
	if size := math.Abs(v); size != 0 && (size < 1e-4 || size >= 1e15) {
		format = 'g'
	}
	return Value{strconv.FormatFloat(v, format, -1, 64), v, isNumber}
}

// canonNumber keeps the digits of whole numbers that float64 cannot hold.
func canonNumber(text string) Value {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return integer(i)
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return Value{text, float64(u), isNumber}
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return Value{text: text, kind: isText}
	}
	return float(f)
}

func canonList(list []any) Value {
	parts := make([]string, len(list))
	for i, v := range list {
		parts[i] = canon(v).String()
	}
	return Value{text: strings.Join(parts, "+"), kind: isText}
}

// isList reports whether a param is a list of values.
func isList(v any) bool { return reflect.ValueOf(v).Kind() == reflect.Slice }

// sameValue compares two params, quickly for the types that decoding gives.
func sameValue(a, b any) bool {
	switch x := a.(type) {
	case string:
		if y, ok := b.(string); ok {
			return x == y
		}
	case float64:
		if y, ok := b.(float64); ok {
			return x == y
		}
	case int:
		if y, ok := b.(int); ok {
			return x == y
		}
	case bool:
		if y, ok := b.(bool); ok {
			return x == y
		}
	}
	return canon(a) == canon(b)
}

// compareValues orders values where neither the spec nor the plan says how:
// words, then numbers upwards, then what is absent.
func compareValues(a, b Value) int {
	rank := func(v Value) int { return map[kind]int{isText: 0, isBool: 1, isNumber: 2, missing: 3}[v.kind] }
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	if c := cmp.Compare(a.number, b.number); c != 0 {
		return c
	}
	return strings.Compare(a.text, b.text)
}
