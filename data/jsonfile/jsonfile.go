// Package jsonfile reads JSON that comes from outside (configs, lists, records beside
// images) and says in plain words what is wrong with it: the line, the path of the
// field as the file has it, what was wanted and what was found. The words of
// encoding/json are about Go's types, which no reader of a message knows.
//
// A byte order mark, which editors on Windows write, is passed over.
//
// It is not for JSON that this program wrote itself, where a mistake is a bug.
package jsonfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// Read decodes a whole file. Its errors name the file.
func Read(path string, into any) error {
	raw, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := Unmarshal(raw, into); err != nil {
		return fmt.Errorf("file %s: %w", path, err)
	}
	return nil
}

// Unmarshal is json.Unmarshal with errors in plain words.
func Unmarshal(raw []byte, into any) error {
	raw, err := clean(raw)
	if err != nil {
		return err
	}
	return Plain(json.Unmarshal(raw, into), raw)
}

// Record is Unmarshal for what Python writes of a row of a table: NaN and Infinity,
// which are no JSON, are null. pandas has NaN where a text is missing.
func Record(raw []byte, into any) error { return Unmarshal(nullNaN(raw), into) }

// Strict is Unmarshal that refuses fields which into does not have.
func Strict(raw []byte, into any) error {
	raw, err := clean(raw)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return Plain(err, raw)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("line %d: something follows the JSON", lineAt(raw, d.InputOffset()))
	}
	return nil
}

// clean passes over a byte order mark and refuses what is no text.
func clean(raw []byte) ([]byte, error) {
	if bytes.HasPrefix(raw, []byte("\xff\xfe")) || bytes.HasPrefix(raw, []byte("\xfe\xff")) {
		return nil, errors.New("is UTF-16: save it as UTF-8")
	}
	raw = bytes.TrimPrefix(raw, []byte("\ufeff"))
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, errors.New("is empty, want JSON")
	}
	return raw, nil
}

// notNumbers are the words of Python's json for floats that JSON does not have.
var notNumbers = []string{"-Infinity", "Infinity", "NaN"}

// nullNaN puts null for those words, outside strings.
func nullNaN(raw []byte) []byte {
	if !bytes.Contains(raw, []byte("NaN")) && !bytes.Contains(raw, []byte("Infinity")) {
		return raw
	}
	out := make([]byte, 0, len(raw)+16)
	inside := false
	for i := 0; i < len(raw); i++ {
		word := ""
		if !inside {
			word = notNumber(raw[i:])
		}
		switch {
		case word != "":
			out = append(out, "null"...)
			i += len(word) - 1
			continue
		case raw[i] == '"':
			inside = !inside
		case inside && raw[i] == '\\' && i+1 < len(raw):
			out = append(out, raw[i])
			i++
		}
		out = append(out, raw[i])
	}
	return out
}

func notNumber(raw []byte) string {
	for _, word := range notNumbers {
		if bytes.HasPrefix(raw, []byte(word)) {
			return word
		}
	}
	return ""
}
