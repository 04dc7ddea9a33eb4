package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Error is a mistake in JSON of others.
type Error struct {
	Line  int    // 1-based
	Path  string // of the field, as images[3].filename; "" is the whole file
	Want  string // "a whole number"; "" where Found says it all
	Found string

	err error
}

// Error is "line 3: images[0].filename: want a string, got a list".
func (e *Error) Error() string {
	at := fmt.Sprintf("line %d: ", e.Line)
	if e.Line <= 1 {
		at = "" // of files that are one line, or where the top is of another form
	}
	if e.Path != "" {
		at += e.Path + ": "
	}
	if e.Want == "" {
		return at + e.Found
	}
	return at + "want " + e.Want + ", got " + e.Found
}

// Unwrap is the error of encoding/json.
func (e *Error) Unwrap() error { return e.err }

// Named adds what the form is called to an error that says that a whole file has another
// form: want {"images": [...]} (Karpathy's lists), got a list.
func Named(err error, name string) error {
	var e *Error
	if errors.As(err, &e) && e.Path == "" && e.Want != "" {
		named := *e
		named.Want += " (" + name + ")"
		return &named
	}
	return err
}

// Plain turns an error of encoding/json about raw into plain words; any other error is
// returned as it is.
func Plain(err error, raw []byte) error {
	var typed *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	var plain *Error
	switch {
	case err == nil || errors.As(err, &plain):
		return err
	case errors.As(err, &typed):
		return typeError(typed, raw)
	case errors.As(err, &syntax):
		return syntaxError(syntax, raw)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		end := lineAt(raw, int64(len(raw)))
		return &Error{Line: end, Found: "the file ends inside its JSON", err: err}
	}
	if unknown, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return &Error{Found: "field " + unknown + " is not known", err: err}
	}
	return err
}

func typeError(e *json.UnmarshalTypeError, raw []byte) error {
	out := &Error{Want: wanted(e.Type), Found: found(e.Value), err: e}
	path, line, value := place(raw, e.Offset)
	if !sameField(path, e.Field) { // within a type that reads itself: the offset is another text's
		out.Path = e.Field
		return out
	}
	out.Line, out.Path = line, strings.TrimPrefix(strings.Join(path, ""), ".")
	if value != "" {
		out.Found = value
	}
	if _, err := strconv.ParseInt(value, 10, 64); err == nil && isWhole(e.Type) {
		out.Want += fmt.Sprintf(" that fits %d bits", e.Type.Bits())
	}
	return out
}

func syntaxError(e *json.SyntaxError, raw []byte) error {
	out := &Error{Line: lineAt(raw, e.Offset), Found: "not JSON: " + e.Error(), err: e}
	if at := max(e.Offset-1, 0); at < int64(len(raw)) {
		from := max(at-1, 0) // of -Infinity the sign is taken for a number's
		for _, start := range []int64{from, at} {
			if word := notNumber(raw[start:]); word != "" {
				out.Found = word + " is no number of JSON"
				break
			}
		}
	}
	if e.Offset >= int64(len(raw)) && strings.Contains(e.Error(), "unexpected end") {
		out.Found = "the file ends inside its JSON"
	}
	return out
}

// wanted says what a Go type is in JSON.
func wanted(t reflect.Type) string {
	switch kind := t.Kind(); {
	case kind == reflect.Pointer:
		return wanted(t.Elem())
	case isWhole(t) && kind >= reflect.Uint:
		return "a whole number that is not negative"
	case isWhole(t):
		return "a whole number"
	case kind == reflect.Float32 || kind == reflect.Float64:
		return "a number"
	case kind == reflect.String:
		return "a string"
	case kind == reflect.Bool:
		return "true or false"
	case kind == reflect.Array:
		return fmt.Sprintf("a list of %d %s", t.Len(), several(t.Elem()))
	case kind == reflect.Slice:
		return "a list of " + several(t.Elem())
	case kind == reflect.Struct:
		return form(t)
	case kind == reflect.Map:
		return "an object of names and " + several(t.Elem())
	}
	return "another value"
}

func isWhole(t reflect.Type) bool { return t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64 }

// several is the plural of what is wanted.
func several(t reflect.Type) string {
	switch kind := t.Kind(); {
	case kind == reflect.Pointer:
		return several(t.Elem())
	case isWhole(t):
		return "whole numbers"
	case kind == reflect.Float32 || kind == reflect.Float64:
		return "numbers"
	case kind == reflect.String:
		return "strings"
	case kind == reflect.Struct:
		return "objects " + form(t)
	case kind == reflect.Slice || kind == reflect.Array:
		return "lists of " + several(t.Elem())
	case kind == reflect.Map:
		return "objects"
	}
	return "values"
}

// form shows the first fields of an object: {"images": [...], "categories": [...]}.
func form(t reflect.Type) string {
	var fields []string
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		if name == "" || name == "-" {
			continue
		}
		if len(fields) == 3 {
			fields = append(fields, "...")
			break
		}
		fields = append(fields, strconv.Quote(name)+": "+sketch(t.Field(i).Type))
	}
	if len(fields) == 0 {
		return "an object {...}"
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func sketch(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return sketch(t.Elem())
	case reflect.Slice, reflect.Array:
		return "[...]"
	case reflect.Struct, reflect.Map:
		return "{...}"
	}
	return "..."
}

// found says what encoding/json calls a value.
func found(value string) string {
	switch word, rest, _ := strings.Cut(value, " "); word {
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "string":
		return "a string"
	case "bool":
		return "true or false"
	case "number":
		if rest != "" {
			return rest
		}
		return "a number"
	}
	return value
}

// sameField compares a path's last name with encoding/json's, which leaves out the
// places in lists and the keys of maps.
func sameField(path []string, field string) bool {
	last := field[strings.LastIndexByte(field, '.')+1:]
	is := func(step string) bool { return strings.EqualFold(step, "."+last) }
	return last == "" || slices.ContainsFunc(path, is)
}

// place finds the value that ends at offset, or whose bracket does: its path, its line,
// and how it is written where it is neither list nor object.
func place(raw []byte, offset int64) (path []string, line int, value string) {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	w := walk{d: d, offset: offset}
	value, _ = w.value()
	return w.path, lineAt(raw, offset), value
}

// walk reads tokens up to an offset and knows the path to where it is.
type walk struct {
	d      *json.Decoder
	offset int64
	path   []string // ".name" or "[3]"
}

// value reads one value; done where the offset is in it, and then path stays.
func (w *walk) value() (text string, done bool) {
	token, err := w.d.Token()
	if err != nil {
		return "", true
	}
	delim, nested := token.(json.Delim)
	if w.d.InputOffset() >= w.offset {
		if nested {
			return "", true
		}
		return literal(token), true
	}
	for i := 0; nested && w.d.More(); i++ {
		step := fmt.Sprintf("[%d]", i)
		if delim == '{' {
			key, err := w.d.Token()
			if err != nil {
				return "", true
			}
			step = "." + fmt.Sprint(key)
		}
		w.path = append(w.path, step)
		if text, done := w.value(); done {
			return text, true
		}
		w.path = w.path[:len(w.path)-1]
	}
	if nested {
		_, err = w.d.Token() // its end
	}
	return "", err != nil
}

// literal is a token as a file has it, cut where it is long.
func literal(token json.Token) string {
	text := fmt.Sprint(token)
	if s, ok := token.(string); ok {
		text = strconv.Quote(s)
	}
	if runes := []rune(text); len(runes) > 60 {
		return string(runes[:57]) + "..."
	}
	return text
}

// lineAt is the line of an offset, 1-based.
func lineAt(raw []byte, offset int64) int {
	return 1 + bytes.Count(raw[:min(max(offset-1, 0), int64(len(raw)))], []byte("\n"))
}
