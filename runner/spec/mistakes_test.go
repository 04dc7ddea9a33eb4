package spec

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"react/runner/spec/mistake"
)

// TestMistakes holds what is said about what people write who come from Python, YAML, Hydra or a
// shell, or are new to CUE. A member of testdata/spec_*.txtar is one mistake: what is written, a
// blank line, and the one line that is said about it. The comment of each archive says the rest.
func TestMistakes(t *testing.T) {
	files, err := filepath.Glob("testdata/spec_*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		base, mistakes := string(a.Files[0].Data), a.Files[1:]
		for i := range mistakes {
			name := strings.TrimSuffix(filepath.Base(file), ".txtar") + "/" + mistakes[i].Name
			t.Run(name, func(t *testing.T) { checkMistake(t, base, &mistakes[i]) })
		}
		count += len(mistakes)
		if *update {
			if err := os.WriteFile(file, txtar.Format(a), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	if count < 100 {
		t.Errorf("%d mistakes, want at least 100", count)
	}
}

// placed is a message with its place: an override, or a line and a column.
var placed = regexp.MustCompile(`^(warning: )?(--set \S.*|x\.cue:\d+:\d+): .`)

// advises matches what would be right, in brackets or after a semicolon, and what says it by
// itself.
var advises = regexp.MustCompile(
	`\(.*\)$|; |such as|is missing|without its closing|exceeds|there is no|no trial has`)

func checkMistake(t *testing.T, base string, f *txtar.File) {
	written, want, _ := strings.Cut(string(f.Data), "\n\n")
	text, sets := written, []string(nil)
	if set, ok := strings.CutPrefix(written, "--set "); ok {
		text, sets = base, []string{strings.TrimSuffix(set, "\n")}
	} else {
		text = withLines(base, written)
	}
	e, err := Parse("x.cue", []byte(text), Options{Sets: sets})
	said := []string{}
	switch {
	case err != nil:
		for _, one := range err.(mistake.Errors) {
			said = append(said, one.Error())
		}
	default:
		for _, one := range e.Warnings {
			said = append(said, "warning: "+one.Error())
		}
	}
	got := strings.Join(said, "\n") + "\n"
	if *update {
		f.Data = []byte(strings.TrimSuffix(written, "\n") + "\n\n" + got)
	} else if got != want {
		t.Errorf("%s\ngot:  %swant: %s", written, got, want)
	}
	if len(said) != 1 || !placed.MatchString(got) || !advises.MatchString(said[0]) || inside.MatchString(got) {
		t.Errorf("%s\nwant one line with a place and what would be right, got\n%s", written, got)
	}
}

var firstWord = regexp.MustCompile(`^"?[A-Za-z]+`)

// withLines puts what is written in the place of the line of the file that begins with the same
// word, else at its end; an import comes first.
func withLines(base, written string) string {
	if strings.HasPrefix(written, "import") {
		return written + "\n" + base
	}
	lines := strings.Split(base, "\n")
	for _, w := range strings.Split(written, "\n") {
		word := strings.Trim(firstWord.FindString(w), `"`)
		for i, line := range lines {
			if word != "" && strings.HasPrefix(line, word) {
				lines[i] = written
				return strings.Join(lines, "\n")
			}
		}
	}
	return base + written + "\n"
}

// TestHelpers: hidden fields, definitions and optional fields that some expression names, or that
// have no field's name, are no mistakes.
func TestHelpers(t *testing.T) {
	a, err := txtar.ParseFile("testdata/spec_new.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, written := range []string{
		`tune: {mode: "full", _steps: 300, steps: _steps, batch: 64}`,
		"_tune: {mode: \"full\", steps: 300}\ntune: _tune & {batch: 64}",
		"#tune: {mode: \"full\", steps: 300, ...}\ntune: #tune & {batch: 64}",
		`_note: "steps are few"`,
		`tune: {mode: "full", steps: 300, steps?: int, batch: 64}`,
	} {
		e, err := Parse("x.cue", []byte(withLines(string(a.Files[0].Data), written)), Options{})
		if err != nil || len(e.Warnings) > 0 {
			t.Errorf("%s: %v, warnings %v", written, err, e)
		}
	}
}
