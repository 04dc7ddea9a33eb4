package classnames

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	for _, tc := range []struct{ name, file, body, want string }{
		{"lines", "c.txt", "cat\ndog", "[cat dog]"},
		{"json", "c.json", "[\"cat\",\n \"hot dog\"]\n", "[cat hot dog]"},
		{"json twice", "c.json", "[\"cat\",\n\"dog\",\n\"cat\"]", `c.json: line 3: class "cat" is also on line 1`},
		{"json empty name", "c.json", "[\"\"]", "line 1: class name is empty"},
		{"json number", "c.json", "[\"cat\",\n1]", "line 2: want a class name, got 1"},
		{"json object", "c.json", "{}", "want a list of class names"},
		{"json cut", "c.json", "[\"cat\",\n", "line 1: ends inside the list"},
		{"json tail", "c.json", "[\"cat\"] x", "line 1"},
		// FER-2013 in the released code
		{"json list of lists", "c.json", `[["cat", "kitten"]]`, "line 1: want a class name, got ["},
		{"json none", "c.json", "[]", "no classes"},
		{"json not UTF-8", "c.json", "[\"\xff\"]", "not UTF-8"},
		{"empty", "c.json", "", "line 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), tc.file)
			if err := os.WriteFile(path, []byte(tc.body), 0o644); err != nil {
				t.Fatal(err)
			}
			classes, err := Read(path)
			got := fmt.Sprint(classes)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tc.want) || err != nil && !strings.Contains(got, path) {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
	if _, err := Read("nothing.txt"); err == nil {
		t.Error("missing file: no error")
	}
}

func TestDifference(t *testing.T) {
	for _, tc := range []struct {
		task, set []string
		want      string
		shared    int
	}{
		{[]string{"cat", "dog"}, []string{"dog", "cat"}, "", 2},
		{[]string{"cat", "dog"}, []string{"owl"}, "", 0},
		{[]string{"cat", "dog"}, []string{"dog", "owl", "ape"}, `only of the task: "cat"; only of the set: "owl", "ape"`, 1},
		{[]string{"red_cat", "dog"}, []string{"dog", "red cat"}, `written otherwise: "red_cat" is "red cat" there`, 2},
		{[]string{"a", "b", "c", "d", "e", "f", "g"}, []string{"a"}, `only of the task: "b", "c", "d", "e", "f" and 1 more`, 1},
	} {
		if got, shared := Difference(tc.task, tc.set); got != tc.want || shared != tc.shared {
			t.Errorf("%q and %q: got %q, %d", tc.task, tc.set, got, shared)
		}
	}
}

func FuzzClasses(f *testing.F) {
	f.Add([]byte("cat\ndog\n"))
	f.Add([]byte("[\"cat\",\n\"dog\"]"))
	f.Add([]byte("\ufeffa\r\nb"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		for _, parse := range []func([]byte) ([]string, error){parseLines, parseJSON} {
			classes, err := parse(raw)
			if err != nil {
				continue
			}
			if len(classes) == 0 {
				t.Error("no classes and no error")
			}
			seen := map[string]bool{}
			for _, class := range classes {
				if class == "" || seen[class] {
					t.Errorf("class %q twice or empty", class)
				}
				seen[class] = true
			}
		}
	})
}
