// Package delimited reads tables of text from outside whose first row names the
// columns: .csv with CSV's quoting, and .tsv, where a quote is a letter like any other.
// In lists of captions (Conceptual Captions) a quote often begins a cell and does not
// end it; read as CSV's it would swallow the rows up to the next one.
//
// A .csv may be divided by semicolons or tabs, as spreadsheets write it where the comma
// is the decimal point. A byte order mark and Windows' line ends are passed over, and
// text that is not UTF-8 is refused or told, never guessed.
package delimited

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// Reader reads the rows of a table. Not for concurrent use.
type Reader struct {
	Head []string // names of the columns, without white space around them

	next func() ([]string, error)
	line func() int
}

// maxLine bounds a line of a .tsv or of a list.
const maxLine = 1 << 20

// Lines tells fn the lines of a text, until it returns false.
func Lines(r io.Reader, fn func(string) bool) error {
	buf := bufio.NewReaderSize(r, 1<<18)
	if err := checkText(buf); err != nil {
		return err
	}
	lines, n := bufio.NewScanner(buf), 0
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		if n++; !fn(lines.Text()) {
			return nil
		}
	}
	return lineError(lines.Err(), n+1)
}

// lineError is the error of a scanner at a line, in plain words.
func lineError(err error, line int) error {
	if errors.Is(err, bufio.ErrTooLong) {
		return fmt.Errorf("line %d: longer than %d bytes", line, maxLine)
	}
	return err
}

// NewReader reads the first row of a table; ext is the end of its name, .csv or .tsv.
func NewReader(r io.Reader, ext string) (*Reader, error) {
	buf := bufio.NewReaderSize(r, 1<<18)
	if err := checkText(buf); err != nil {
		return nil, err
	}
	out := &Reader{}
	if strings.EqualFold(ext, ".tsv") {
		out.readTabs(buf)
	} else {
		out.readCommas(buf)
	}
	head, err := out.Next()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("is empty: the first row names the columns")
	}
	if err != nil {
		return nil, err
	}
	for _, name := range head {
		if strings.ContainsRune(name, '\r') {
			return nil, errors.New("its lines end in a carriage return alone: save it with line feeds")
		}
		out.Head = append(out.Head, strings.TrimSpace(name))
	}
	return out, nil
}

// checkText passes over a byte order mark, and refuses UTF-16.
func checkText(r *bufio.Reader) error {
	start, err := r.Peek(1 << 10)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")),
		bytes.ContainsRune(start, 0):
		return errors.New("is UTF-16, or no text: save it as UTF-8")
	case bytes.HasPrefix(start, []byte("\ufeff")):
		_, _ = r.Discard(len("\ufeff")) // was there
	}
	return nil
}

func (t *Reader) readCommas(buf *bufio.Reader) {
	rows := csv.NewReader(buf)
	rows.Comma, rows.ReuseRecord = divider(buf), true
	t.next = func() ([]string, error) {
		row, err := rows.Read()
		var wrong *csv.ParseError
		switch {
		case errors.As(err, &wrong) && errors.Is(err, csv.ErrFieldCount):
			return nil, fmt.Errorf("line %d: %w",
				wrong.StartLine, countError(len(row), rows.FieldsPerRecord))
		case errors.As(err, &wrong):
			return nil, fmt.Errorf("line %d: a quote inside a cell, or one that does not end "+
				"(\"\" is a quote within quotes)", wrong.StartLine)
		}
		return row, err
	}
	t.line = func() int { line, _ := rows.FieldPos(0); return line }
}

// divider is what divides the first row: the comma, unless it has none and has others.
func divider(buf *bufio.Reader) rune {
	start, _ := buf.Peek(1 << 16) // what is there; an error comes again when it is read
	first, _, _ := bytes.Cut(start, []byte("\n"))
	for _, other := range []rune{';', '\t'} {
		if !bytes.ContainsRune(first, ',') && bytes.ContainsRune(first, other) {
			return other
		}
	}
	return ','
}

func countError(cells, columns int) error {
	if cells == 1 {
		return fmt.Errorf("1 cell, and the first row has %d", columns)
	}
	return fmt.Errorf("%d cells, and the first row has %d", cells, columns)
}

func (t *Reader) readTabs(buf *bufio.Reader) {
	lines := bufio.NewScanner(buf)
	lines.Buffer(nil, maxLine)
	columns, line := 0, 0
	t.line = func() int { return line }
	t.next = func() ([]string, error) {
		for lines.Scan() {
			line++
			text := lines.Text()
			if text == "" && columns != 1 {
				continue
			}
			row := strings.Split(text, "\t")
			if columns == 0 {
				columns = len(row)
			}
			if len(row) != columns {
				return nil, fmt.Errorf("line %d: %w (a caption may hold no tab)",
					line, countError(len(row), columns))
			}
			return row, nil
		}
		if err := lineError(lines.Err(), line+1); err != nil {
			return nil, err
		}
		return nil, io.EOF
	}
}

// Next returns the next row, as many cells as the head has, io.EOF after the last. The
// slice is valid until the next call.
func (t *Reader) Next() ([]string, error) { return t.next() }

// Line is the line on which the row of the last Next begins, 1-based.
func (t *Reader) Line() int { return t.line() }

// Column finds a column by one of its names, letter case aside: -1 where there is none,
// an error where there are two.
func (t *Reader) Column(names ...string) (int, error) {
	at := -1
	for i, have := range t.Head {
		if !slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(have, name) }) {
			continue
		}
		if at >= 0 {
			return -1, fmt.Errorf("columns %q and %q are both %s: which one is meant is not clear",
				t.Head[at], have, names[0])
		}
		at = i
	}
	return at, nil
}
