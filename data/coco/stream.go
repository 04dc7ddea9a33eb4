package coco

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"react/data/jsonfile"
)

// maxValue bounds one picture, annotation or finding of a file, in bytes of its JSON.
const maxValue = 64 << 20

// stream reads a large JSON file value by value: memory is that of one value, not of the file.
type stream struct {
	d    *json.Decoder
	from io.ReadSeeker
	in   *bounded
}

func newStream(from io.ReadSeeker) *stream {
	in := &bounded{from: from, left: maxValue}
	return &stream{json.NewDecoder(in), from, in}
}

// bounded is a reader that gives up where one value takes too much.
type bounded struct {
	from io.Reader
	left int
}

func (b *bounded) Read(into []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("one value takes over %d MiB", maxValue>>20)
	}
	n, err := b.from.Read(into)
	b.left -= n
	return n, err
}

// fields calls visit for each field of the file's object; visit reads the field's value.
func (s *stream) fields(visit func(name string) error) error {
	if err := s.open('{', `an object {"images": [...], "annotations": [...], "categories": [...]}`); err != nil {
		return err
	}
	for s.d.More() {
		name, err := s.d.Token()
		if err != nil {
			return s.plain(err, "")
		}
		if err := visit(name.(string)); err != nil {
			return err
		}
	}
	return s.close()
}

// list calls visit for each element of a list, which visit reads with value.
func (s *stream) list(name string, visit func(at string) error) error {
	if err := s.open('[', "a list [{...}, ...]"); err != nil {
		return prefix(name, err)
	}
	for i := 0; s.d.More(); i++ {
		if err := visit(fmt.Sprintf("%s[%d]", name, i)); err != nil {
			return err
		}
	}
	_, err := s.d.Token()
	return s.plain(err, name)
}

// skip passes over a value, of which lists are read element by element.
func (s *stream) skip(name string) error {
	for depth := 0; ; {
		s.in.left = maxValue
		token, err := s.d.Token()
		if err != nil {
			return s.plain(err, name)
		}
		switch token {
		case json.Delim('['), json.Delim('{'):
			depth++
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// value decodes the next value; at is where it stands, for errors.
func (s *stream) value(at string, into any) error {
	s.in.left = maxValue
	start := s.d.InputOffset()
	err := s.d.Decode(into)
	var typed *json.UnmarshalTypeError
	if errors.As(err, &typed) { // the value's own text shows which field is meant
		raw := make([]byte, s.d.InputOffset()-start)
		if _, seek := s.from.Seek(start, io.SeekStart); seek != nil {
			return prefix(at, err)
		}
		if _, read := io.ReadFull(s.from, raw); read != nil {
			return prefix(at, err)
		}
		return prefix(at, jsonfile.Plain(jsonfile.Unmarshal(trimComma(raw), into), raw))
	}
	return s.plain(err, at)
}

// trimComma leaves out what separates a value from the one before it.
func trimComma(raw []byte) []byte {
	for i, c := range raw {
		if c != ',' && c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return raw[i:]
		}
	}
	return raw
}

// open reads the bracket that begins a list or an object.
func (s *stream) open(bracket json.Delim, want string) error {
	s.in.left = maxValue
	token, err := s.d.Token()
	if err != nil {
		return s.plain(err, "")
	}
	if token != bracket {
		return fmt.Errorf("want %s, got %s", want, kind(token))
	}
	return nil
}

// close reads the last bracket; nothing may follow.
func (s *stream) close() error {
	if _, err := s.d.Token(); err != nil {
		return s.plain(err, "")
	}
	if _, err := s.d.Token(); err != io.EOF {
		return errors.New("something follows the JSON")
	}
	return nil
}

// plain puts an error of encoding/json in words and says where it is.
func (s *stream) plain(err error, at string) error {
	if err == nil {
		return nil
	}
	var syntax *json.SyntaxError
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		err = errors.New("the file ends inside its JSON")
	case errors.As(err, &syntax):
		err = fmt.Errorf("after byte %d: not JSON: %s", s.d.InputOffset(), noNumber(syntax.Error()))
	}
	return prefix(at, err)
}

// noNumber says what Python's json writes for a float that is no number.
func noNumber(words string) string {
	switch {
	case strings.HasPrefix(words, "invalid character 'N' looking for"):
		return "NaN is no number"
	case strings.HasPrefix(words, "invalid character 'I'"):
		return "Infinity is no number"
	}
	return words
}

func prefix(at string, err error) error {
	if err == nil || at == "" {
		return err
	}
	return fmt.Errorf("%s: %w", at, err)
}

// kind says what a token begins, or is.
func kind(token json.Token) string {
	switch t := token.(type) {
	case json.Delim:
		if t == '[' {
			return "a list"
		}
		return "an object"
	case string:
		return "a string"
	case nil:
		return "null"
	}
	return fmt.Sprint(token)
}
