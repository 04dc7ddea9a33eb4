package spec

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// inside matches words of CUE's and Go's insides that no message may have.
var inside = regexp.MustCompile(`'(IDENT|EOF|INT|FLOAT|STRING)'|conflicting value|mismatched type|disjunction|cannot use|operand|invalid interpolation|` +
	`structural cycle|reference "|struct literal|list literal|error in call|unmarshal|Go (value|struct)|json:|of type |#[A-Z]|==" does not`)

// TestNotText: what is no UTF-8 is said once, for the file.
func TestNotText(t *testing.T) {
	for text, want := range map[string]string{
		"\xff\xfea\x00:\x00":        "x.cue: the file is in UTF-16 (save it as UTF-8)",
		"\x7fELF\x00\x00":           "x.cue: the file is not text",
		"a: 1\nname: \"caf\xe9\"\n": "x.cue: line 2 is not in UTF-8 (save the file as UTF-8)",
	} {
		if _, err := Parse("x.cue", []byte(text), Options{}); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := Format("x.cue", []byte(text)); err == nil || err.Error() != want {
			t.Errorf("fmt: got %v, want %s", err, want)
		}
	}
}

// TestSetText holds that what is no CUE is text where a field takes text, and advice elsewhere.
func TestSetText(t *testing.T) {
	for set, want := range map[string]string{
		"backbone.weights=/data/my model":     "/data/my model",
		"backbone.weights=/data/lr=1e-3,wd=1": "/data/lr=1e-3,wd=1",
		`backbone.weights=C:\models\vit`:      `C:\models\vit`,
		"backbone.weights=a (copy)":           "a (copy)",
		`backbone.weights="/data/my model"`:   "/data/my model",
		"backbone.weights=/data/model":        "/data/model",
	} {
		e, err := Parse("x.cue", []byte(small), Options{Sets: []string{set}})
		if err != nil || e.Params.Backbone.Weights != want {
			t.Errorf("%s: %v, want %q", set, err, want)
		}
	}
	if e := parse(t, small, "question=what is this?"); e.Question != "what is this?" {
		t.Errorf("question %q", e.Question)
	}
	if e := parse(t, small, "backbone.weights=tune.mode+\"x\""); e.Params.Backbone.Weights != "fullx" {
		t.Errorf("an expression: %q", e.Params.Backbone.Weights)
	}
	for set, want := range map[string]string{
		"tune.mode='none'":            `tune.mode: 'none' is bytes to CUE (text stands in double quotes: "none")`,
		"task.prompts=a photo of {}":  `not a list of text (["a photo of {}"])`,
		"retrieve.by=t2t":             `(a list: ["t2t"])`,
		"retrieve.by=[t2t":            `syntax: [ is not closed (by ])`,
		"tune.steps=10k":              `syntax: 10k is no number (10000)`,
		"tune.lr=1%":                  `syntax: 1% is no number (0.01)`,
		"question=\"a":                `syntax: text without its closing quote`,
		"tune.mode=locked text":       `"locked text" is not a choice (did you mean "locked-text"?`,
		"tune.lr=1e-1000000000":       `1e-1000000000 is not a number to compute with`,
		"tune.steps=300 steps":        `syntax: 300 steps is no number (300, without a unit)`,
		"evaluate.task.prompts=a {}s": `not a list of text (["a {}s"])`,
	} {
		_, err := Parse("x.cue", []byte(small), Options{Sets: []string{set}})
		if err == nil || !strings.Contains(err.Error(), want) || inside.MatchString(err.Error()) {
			t.Errorf("%s: got %v, want %s", set, err, want)
		}
	}
}

// TestMessagesArePlain reads the messages of all scripts: none shows CUE's or Go's insides.
func TestMessagesArePlain(t *testing.T) {
	files, err := filepath.Glob("../testdata/script/spec_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range txtar.Parse(data).Files {
			if bad := inside.Find(f.Data); strings.HasSuffix(f.Name, ".err") && bad != nil {
				t.Errorf("%s: %s: %q", file, f.Name, bad)
			}
		}
	}
}
