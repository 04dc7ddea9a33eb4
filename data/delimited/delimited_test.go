package delimited

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func readAll(text, ext string) (head []string, rows [][]string, lines []int, err error) {
	t, err := NewReader(strings.NewReader(text), ext)
	if err != nil {
		return nil, nil, nil, err
	}
	for {
		row, err := t.Next()
		if errors.Is(err, io.EOF) {
			return t.Head, rows, lines, nil
		}
		if err != nil {
			return t.Head, rows, lines, err
		}
		rows, lines = append(rows, slices.Clone(row)), append(lines, t.Line())
	}
}

func TestReader(t *testing.T) {
	for name, c := range map[string]struct {
		text, ext string
		head      []string
		rows      [][]string
		lines     []int
		err       string
	}{
		"quotes are text":   {"url\tcaption\n1\t\"a \"b\" c\n2\td\n3\t\"e\"\n", ".tsv", []string{"url", "caption"}, [][]string{{"1", `"a "b" c`}, {"2", "d"}, {"3", `"e"`}}, []int{2, 3, 4}, ""},
		"quote not closed":  {"url\tcaption\n1\t\"a\n2\t\"b\n", ".TSV", []string{"url", "caption"}, [][]string{{"1", `"a`}, {"2", `"b`}}, []int{2, 3}, ""},
		"CRLF, mark, blank": {"\ufeffurl\tcaption\r\n\r\n1\ta\r\n", ".tsv", []string{"url", "caption"}, [][]string{{"1", "a"}}, []int{3}, ""},
		"empty cell":        {"caption\n\na", ".tsv", []string{"caption"}, [][]string{{""}, {"a"}}, []int{2, 3}, ""},
		"a tab too many":    {"a\tb\n1\t2\n1\t2\t3\n", ".tsv", []string{"a", "b"}, [][]string{{"1", "2"}}, []int{2}, "line 3: 3 cells, and the first row has 2 (a caption may hold no tab)"},
		"CSV's quotes":      {"a,b\r\n1,\"x, \"\"y\"\"\nz\"\r\n2,3\r\n", ".csv", []string{"a", "b"}, [][]string{{"1", "x, \"y\"\nz"}, {"2", "3"}}, []int{2, 4}, ""},
		"semicolons":        {"\ufeffa;b\n1,5;2\n", ".csv", []string{"a", "b"}, [][]string{{"1,5", "2"}}, []int{2}, ""},
		"tabs in a .csv":    {"a\tb\n1\t\"2\"\n", ".csv", []string{"a", "b"}, [][]string{{"1", "2"}}, []int{2}, ""},
		"short row":         {"a,b\n1\n", ".csv", []string{"a", "b"}, nil, nil, "line 2: 1 cell, and the first row has 2"},
		"open quote":        {"a,b\n1,\"2\n3,4\n", ".csv", []string{"a", "b"}, nil, nil, "line 2: a quote inside a cell, or one that does not end"},
		"quote in a cell":   {"a,b\n1,2\n3,an 8\" disk\n", ".csv", []string{"a", "b"}, [][]string{{"1", "2"}}, []int{2}, "line 3: a quote inside a cell"},
		"empty":             {"", ".csv", nil, nil, nil, "is empty: the first row names the columns"},
		"UTF-16":            {"\xff\xfea\x00\t\x00b\x00\n\x00", ".tsv", nil, nil, nil, "is UTF-16, or no text: save it as UTF-8"},
		"old line ends":     {"a,b\r1,2\r3,4", ".csv", nil, nil, nil, "a carriage return alone"},
		"long line":         {"a\n" + strings.Repeat("x", maxLine+1), ".tsv", []string{"a"}, nil, nil, "line 2: longer than"},
	} {
		head, rows, lines, err := readAll(c.text, c.ext)
		if !slices.Equal(head, c.head) || !slices.EqualFunc(rows, c.rows, slices.Equal) || !slices.Equal(lines, c.lines) {
			t.Errorf("%s: got %q %q %v, want %q %q %v", name, head, rows, lines, c.head, c.rows, c.lines)
		}
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: got %v, want %q", name, err, c.err)
		}
	}
	broken := errors.New("disk")
	if _, err := NewReader(iotest.ErrReader(broken), ".csv"); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestColumn(t *testing.T) {
	table, err := NewReader(strings.NewReader("ID, URL ,Text,Caption\n"), ".csv")
	if err != nil {
		t.Fatal(err)
	}
	if at, err := table.Column("url"); at != 1 || err != nil {
		t.Errorf("url: %d, %v", at, err)
	}
	if at, err := table.Column("label"); at != -1 || err != nil {
		t.Errorf("label: %d, %v", at, err)
	}
	if _, err := table.Column("caption", "text"); err == nil || !strings.Contains(err.Error(), `columns "Text" and "Caption" are both caption`) {
		t.Errorf("caption: %v", err)
	}
}

// FuzzTabs holds that a .tsv gives a row a line, whatever is in it.
func FuzzTabs(f *testing.F) {
	f.Add("1\t\"a\n2\tb\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, rows, _, err := readAll("a\tb\n"+text, ".tsv")
		if err != nil {
			return
		}
		want := 0
		for line := range strings.Lines(text) {
			if strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r") != "" {
				want++
			}
		}
		if len(rows) != want {
			t.Errorf("%q: %d rows, want %d", text, len(rows), want)
		}
	})
}
