package spec

import (
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"react/runner/spec/mistake"
)

// onePerLine is what every message must look like.
var onePerLine = regexp.MustCompile(`^(x\.cue(:[0-9]+:[0-9]+)?|--set .*): .+$`)

// FuzzParse holds that no file makes the loader panic, hang on its own code or say something that
// is not one positioned line a mistake.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	files, err := filepath.Glob("../testdata/script/spec_*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for _, m := range a.Files {
			if strings.HasSuffix(m.Name, ".cue") {
				f.Add(m.Data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4096 || heavy.Match(text) {
			t.Skip("a file can ask CUE for any amount of work")
		}
		e, err := Parse("x.cue", text, Options{MaxTrials: 200})
		if err == nil {
			if len(e.Trials) == 0 || e.Digest == "" {
				t.Error("no error and no trials")
			}
			return
		}
		var es mistake.Errors
		if !errors.As(err, &es) {
			t.Fatalf("%T: %v", err, err)
		}
		for _, e := range es {
			if !onePerLine.MatchString(e.Error()) || strings.Contains(e.Msg, "CUE cannot evaluate") {
				t.Errorf("%q", e.Error())
			}
		}
	})
}

// heavy matches the ways to ask for a lot with few words: comprehensions, calls, products of
// strings.
var heavy = regexp.MustCompile(`\bfor\b|\(|\*|"""|#"`)
