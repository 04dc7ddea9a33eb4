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

// inside matches words of CUE's and Go's insides that no message may have.
var inside = regexp.MustCompile(`'(IDENT|EOF|INT|FLOAT|STRING)'|conflicting value|mismatched type|disjunction|cannot use|operand|invalid interpolation|` +
	`structural cycle|reference "|struct literal|list literal|error in call|unmarshal|Go (value|struct)|json:|of type |#[A-Z]|==" does not`)

// TestHabits holds what is said about what people write who come from Python, JSON, YAML or a shell.
func TestHabits(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"single quotes":         {`"full"`, `'full'`, `7:14: tune.mode: 'full' is bytes to CUE (text stands in double quotes: "full")`},
		"in a list":             {`["a photo of a {}"]`, `['a photo of a {}']`, `task.prompts[0]: 'a photo of a {}' is bytes to CUE (text stands in double quotes: "a photo of a {}")`},
		"a number in them":      {`k: 4`, `k: '4'`, `retrieve.k: '4' is bytes to CUE (a whole number from 1 to 10000)`},
		"True":                  {"", `pairs: dedup: True`, `pairs.dedup: True is not a name in this file (true)`},
		"yes":                   {"", `pairs: dedup: yes`, `pairs.dedup: yes is not a name in this file (true)`},
		"None":                  {"", `pairs: seed: None`, `pairs.seed: None is not a name in this file (leave the field out)`},
		"a number in quotes":    {`k: 4`, `k: "4"`, `retrieve.k: "4" is text (a number has no quotes: 4)`},
		"a unit":                {`steps: 300`, `steps: 10k`, `7:29: syntax: 10k is no number (10000)`},
		"a unit in quotes":      {`steps: 300`, `steps: "10k"`, `tune.steps: "10k" is text (a number has no quotes: 10000)`},
		"percent":               {"", `tune: lr: 1%`, `9:11: syntax: 1% is no number (0.01)`},
		"percent in quotes":     {"", `tune: augment: flip: "20%"`, `tune.augment.flip: "20%" is text (a number has no quotes: 0.2)`},
		"an exponent":           {`steps: 300`, `steps: 3e2`, `tune.steps: 3e2 is not whole to CUE (300 is, a whole number from`},
		"=":                     {`name: "small"`, `name = "small"`, `2:1: syntax: a field is written with a colon (name: ...)`},
		"= inside":              {`steps: 300`, `steps = 300`, `7:22: syntax: a field is written with a colon (steps: ...)`},
		"unquoted words":        {`name: "small"`, `name: small run`, `2:7: syntax: text stands in double quotes ("small run")`},
		"a path":                {`"pool:world/task", prompts`, `/data/x.txt, prompts`, `5:17: syntax: text stands in double quotes ("/data/x.txt")`},
		"an address":            {`"pool:world/task", prompts`, `https://x.org/c.txt, prompts`, `5:17: syntax: text stands in double quotes ("https://x.org/c.txt")`},
		"a date":                {"", `question: 2026-01-05`, `9:11: syntax: text stands in double quotes ("2026-01-05")`},
		"backslashes":           {"", `question: "C:\models"`, `9:15: syntax: a backslash begins an escape in text`},
		"typographic quotes":    {`name: "small"`, `name: “small”`, `2:7: syntax: “ is a typographic quote`},
		"a range":               {"", `sweep: grid: retrieve: k: 1..5`, `9:27: syntax: 1..5 is no list of numbers ([1, ...], or list.Range(1, END, 1) after import "list")`},
		"a slice":               {"", `sweep: grid: retrieve: k: [1:5]`, `9:28: syntax: 1:5 is no list of numbers`},
		"range()":               {"", `sweep: grid: retrieve: k: range(1, 5)`, `range is not a name in this file (list.Range(1, 5, 1), after import "list", or [1, 2, 3, 4])`},
		"a tuple":               {`by: ["t2t"]`, `by: ("t2t", "t2i")`, `syntax: ( and ) hold no list (a list is written [..., ...])`},
		"# comment":             {`name: "small"`, "# the name\nname: \"small\"", `2:1: syntax: # begins no comment (// does)`},
		"/* comment":            {`name: "small"`, "/* the name */\nname: \"small\"", `2:1: syntax: /* begins no comment`},
		"dots":                  {"", `tune.steps: 20`, `9:1: syntax: tune.steps is no field's name (tune: steps:)`},
		"YAML's word":           {"", "question:\n  - why\n", `question: why is not a name in this file (a list is written ["why", ...])`},
		"YAML":                  {"", "task:\n  prompts:\n    - a {}\n", `syntax: - begins no item (a list is written [..., ...])`},
		"?:":                    {`steps: 300`, `steps: true ? 20 : 30`, `syntax: true ? 20 : 30 is of another language (of two values: [if CONDITION {A}, B][0])`},
		"if else":               {`steps: 300`, `steps: 20 if true else 30`, `is of another language`},
		";":                     {`name: "small"`, `name: "small";`, `2:14: syntax: ; is no separator`},
		"no comma":              {`k: 4`, `k: 4 per: "class"`, `syntax: a comma is missing after this value`},
		"an open bracket":       {`prompts: ["a photo of a {}"]`, `prompts: ["a photo of a {}"`, `5:45: syntax: [ is not closed before the } of line 5`},
		"an open brace":         {`batch: 64}`, `batch: 64`, `7:7: syntax: { is not closed (by })`},
		"a brace too many":      {`batch: 64}`, `batch: 64}}`, `syntax: } closes nothing`},
		"an open quote":         {`name: "small"`, `name: "small`, `2:7: syntax: text without its closing quote`},
		"f-strings":             {"", `question: f"x {name}"`, `9:11: syntax: a letter before a quote`},
		"a decimal comma":       {`batch: 64`, `gamma: 0,9, batch: 64`, `7:41: 0,9 is two values (a number has a point: 0.9)`},
		"two values":            {"", `tune: steps: 30`, `tune.steps: has two values, 30 and 300 (a field has one; the other stands in line 7)`},
		"text and a group":      {"", `tune: "full"`, `tune: has two values, `},
		"text + number":         {"", `question: "a" + 1`, `question: "a" + 1: text and a whole number do not go together`},
		"a hole in text":        {"", `question: "k \(retrieve.kk)"`, `question: a \(...) in the text has no value: there is no field kk`},
		"past a list's end":     {"", `question: task.prompts[3]`, `question: no item 3 in a list of 1 (the first is 0)`},
		"itself":                {"", `tune: warmup: tune.warmup + 1`, `tune.warmup: is computed from tune.warmup, which is computed from it`},
		"a limit of CUE's":      {"import \"strings\"\n", `question: strings.Repeat("a", 10000000000)`, `question: strings.Repeat: count 10000000000 exceeds limit of 1000000`},
		"a type":                {`k: 4`, `k: int`, `retrieve.k: int is a type, not a value (a whole number from 1 to 10000)`},
		"an import without use": {"import \"strings\"\n", ``, `the import "strings" is not used (take it out)`},
	} {
		t.Run(name, func(t *testing.T) {
			text := small + c.new + "\n"
			switch {
			case strings.HasPrefix(c.old, "import"):
				text = c.old + text
			case c.old != "":
				text = strings.Replace(habitual, c.old, c.new, 1)
				if text == habitual {
					t.Fatalf("%s is not in the file", c.old)
				}
			}
			_, err := Parse("x.cue", []byte(text), Options{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %s", err, c.want)
			}
			if bad := inside.FindString(err.Error()); bad != "" {
				t.Errorf("%q in %v", bad, err)
			}
			if strings.Contains(c.want, "syntax: ") && len(err.(mistake.Errors)) > 1 {
				t.Errorf("more than one message: %v", err)
			}
		})
	}
}

// habitual is small, with modalities.
const habitual = `apiVersion: "runner/v2"
name: "small"
pool: world: world: {}
backbone: {arch: "tiny", pretrain: pool: "world"}
task: {classes: "pool:world/task", prompts: ["a photo of a {}"]}
retrieve: {pool: "world", k: 4, by: ["t2t"]}
tune: {mode: "full", steps: 300, batch: 64}
evaluate: task: {kind: "zeroshot", dataset: "pool:world/task"}
`

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
