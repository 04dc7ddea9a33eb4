package knowledge

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// writeWordNet makes a database in the format of WordNet 3.0 (wndb(5WN)), with the offsets that its
// own lines give.
func writeWordNet(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	licence := "  1 This software and database is being provided to you  \n"
	var data strings.Builder
	data.WriteString(licence)
	at := map[string]int{}
	put := func(word, up, gloss string) {
		at[word] = data.Len()
		pointer := "000"
		if up != "" {
			pointer = fmt.Sprintf("002 @ %08d n 0000 ~ 00000000 n 0000", at[up])
		}
		fmt.Fprintf(&data, "%08d 05 n 02 %s 0 other_name 0 %s | %s\n", data.Len(), word, pointer, gloss)
	}
	put("animal", "", "a living organism")
	put("canine", "animal", "any of various mammals with pointed teeth")
	put("dog", "canine", "a member of the genus Canis; kept by man; \"the dog barked all night\"")
	put("hot_dog", "", "a frankfurter served hot on a bun")
	put("goose", "animal", "web-footed bird")
	var index strings.Builder
	index.WriteString(licence)
	for _, word := range []string{"animal", "canine", "dog", "goose", "hot_dog"} {
		fmt.Fprintf(&index, "%s n 1 2 @ ~ 1 1 %08d  \n", word, at[word])
	}
	for name, text := range map[string]string{"data.noun": data.String(), "index.noun": index.String(), "noun.exc": "geese goose\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestWordNet(t *testing.T) {
	w, err := OpenWordNet(writeWordNet(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"dog": "a member of the genus Canis; kept by man", "Hot Dog": "a frankfurter served hot on a bun", "yellow labrador-dogs": "a member of the genus Canis; kept by man",
		"geese": "web-footed bird", "teapot": "",
	} {
		if got, ok := w.definition(name); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", name, got, ok, want)
		}
	}
	if got, ok := (Paths{w, 3}).Look("guide dog"); got != "dog , canine , animal" || !ok {
		t.Errorf("path: %q", got)
	}
	if got, _ := w.Path("dog", 2); !slices.Equal(got, []string{"dog", "canine"}) {
		t.Errorf("two steps: %q", got)
	}
}

// TestDebiansWordNet reads the database of Debian's package, where it is installed.
func TestDebiansWordNet(t *testing.T) {
	const dir = "/usr/share/wordnet"
	if _, err := os.Stat(filepath.Join(dir, "index.noun")); err != nil {
		t.Skip("Debian's wordnet-base is not installed")
	}
	w, err := OpenWordNet(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := w.definition("dog"); !strings.HasPrefix(got, "a member of the genus Canis") || strings.Contains(got, "barked") {
		t.Errorf("dog: %q", got)
	}
	if got, _ := w.Path("dogs", 3); !slices.Equal(got, []string{"dog", "canine", "carnivore"}) && !slices.Equal(got, []string{"dog", "domestic animal", "animal"}) {
		t.Errorf("path of dogs: %q", got)
	}
}

func TestBrokenWordNet(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"index.noun", "dog n\n", "line 1: not a line of WordNet's index"},
		{"index.noun", "dog n 1 9 @ 1 1 12\n", "line 1: not a line of WordNet's index"},
		{"index.noun", "dog n 1 1 @ 1 1 x\n", "line 1"},
	} {
		dir := writeWordNet(t)
		if err := os.WriteFile(filepath.Join(dir, c.name), []byte(c.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenWordNet(dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%q: got %v", c.text, err)
		}
	}
	dir := writeWordNet(t)
	if err := os.WriteFile(filepath.Join(dir, "data.noun"), []byte("nothing"), 0o666); err != nil {
		t.Fatal(err)
	}
	w, err := OpenWordNet(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := w.definition("dog"); ok {
		t.Error("a database without its synsets defines a dog")
	}
}

func TestWiktionary(t *testing.T) {
	dir := t.TempDir()
	lines := filepath.Join(dir, "kaikki.jsonl")
	text := `{"word": "dogs", "pos": "noun", "lang_code": "en", "senses": [{"form_of": [{"word": "dog"}], "glosses": ["plural of dog"]}]}
{"word": "dog", "pos": "verb", "lang_code": "en", "senses": [{"glosses": ["To pursue."]}]}
{"word": "dog", "pos": "noun", "lang_code": "de", "senses": [{"glosses": ["falsch"]}]}
{"word": "Dog", "pos": "noun", "lang_code": "en", "senses": [{}, {"glosses": ["An animal.", "A mammal that barks."]}]}

{"word": "mice", "pos": "noun", "lang_code": "en", "senses": [{"form_of": [{"word": "mouse"}]}]}
{"word": "mouse", "pos": "noun", "lang_code": "en", "senses": [{"glosses": ["A small rodent."]}]}
`
	if err := os.WriteFile(lines, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	w, err := OpenWiktionary(lines, []string{"guide dogs", "white mice", "cat"})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"guide dogs": "A mammal that barks.", "white mice": "A small rodent.", "cat": ""} {
		if got, ok := w.Look(name); got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %v, want %q", name, got, ok, want)
		}
	}
	klite := filepath.Join(dir, "klite.json")
	if err := os.WriteFile(klite, []byte("\ufeff"+`[{"classname": "Golden Retriever", "def_wiki": "A breed.", "path_wn": []}, {"classname": "", "def_wiki": "x"}]`), 0o666); err != nil {
		t.Fatal(err)
	}
	if w, err = OpenWiktionary(klite, []string{"golden retriever"}); err != nil {
		t.Fatal(err)
	}
	if got, _ := w.Look("golden retriever"); got != "A breed." {
		t.Errorf("K-LITE's: %q", got)
	}
	for name, text := range map[string]string{"bad.jsonl": "{\"word\": 1}\n", "bad.json": "[1]"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenWiktionary(path, []string{"x"}); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
