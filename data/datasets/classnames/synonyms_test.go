package classnames

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestReadSynonyms(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s.json")
	read := func(text string) ([][]string, error) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return ReadSynonyms(path, []string{"cat", "Dog", "emu"})
	}
	got, err := read(`{"Dog": ["hound", " pooch "], "cat": []}`)
	if err != nil || !slices.Equal(got[0], []string{"cat"}) || !slices.Equal(got[1], []string{"Dog", "hound", "pooch"}) || len(got) != 3 {
		t.Errorf("got %q, %v", got, err)
	}
	for text, want := range map[string]string{
		`{"cow": ["x"]}`:                   `"cow" is no class of the task`,
		`{"dog": ["x"]}`:                   `"dog" is no class of the task`,
		`{"cat": [""]}`:                    `class "cat": "" is no name`,
		`{"cat": ["a {}"]}`:                `"a {}" is no name`,
		`{"cat": ["DOG"]}`:                 `class "cat": the name "DOG" is also of class "Dog"`,
		`{"Dog": ["pup"], "cat": ["Pup"]}`: `the name "Pup" is also of class "Dog"`,
		`{"cat": "x"}`:                     `cat: want a list of strings, got "x"`,
		`["cat"]`:                          `want an object of names and lists of strings ({"CLASS": ["another name"]}), got a list`,
		"{\"cat\": [\"\xff\"]}":            "not UTF-8",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %q and the file", text, err, want)
		}
	}
}
