package spec

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"react/runner/spec/v1"
)

// formerFiles are the experiments of runner/v1 that the tree had, and what they meant.
func formerFiles(t testing.TB) (files []txtar.File, digests map[string]string) {
	t.Helper()
	a, err := txtar.ParseFile("testdata/v1.txtar")
	if err != nil {
		t.Fatal(err)
	}
	digests = map[string]string{}
	for _, f := range a.Files {
		if f.Name != "digests" {
			files = append(files, f)
			continue
		}
		for line := range strings.Lines(string(f.Data)) {
			sum, name, _ := strings.Cut(strings.TrimSpace(line), " ")
			trials, name, _ := strings.Cut(name, " ")
			digests[name] = sum + " " + trials
		}
	}
	return files, digests
}

// meaning sums up the trials of an experiment.
func meaning(t *testing.T, e *Experiment) string {
	t.Helper()
	h := sha256.New()
	for _, trial := range e.Trials {
		raw, err := json.Marshal([]any{trial.Label, trial.Seed, trial.Axes, flatten(trial.Params)})
		if err != nil {
			t.Fatal(err)
		}
		h.Write(raw)
	}
	return fmt.Sprintf("%x %d", h.Sum(nil)[:8], len(e.Trials))
}

// TestUpdateOfFormerFiles: the experiments of v1, rewritten, mean what they meant to the program of
// v1 but for the names, and so they do where they are read as they are. Comments stay.
func TestUpdateOfFormerFiles(t *testing.T) {
	files, digests := formerFiles(t)
	if len(files) < 30 || len(digests) < 20 {
		t.Fatal("few files:", len(files), len(digests))
	}
	for _, f := range files {
		t.Run(f.Name, func(t *testing.T) {
			want, whole := digests[f.Name]
			out, err := Update(f.Name, f.Data, nil)
			if !whole {
				if err == nil && strings.Contains(string(out), `"runner/v1"`) {
					t.Errorf("it is of v1 still:\n%s", out)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if again, err := Update(f.Name, out, nil); err != nil || string(again) != string(out) {
				t.Errorf("updated twice it is otherwise: %v\n%s", err, again)
			}
			now, err := Parse(f.Name, out, Options{})
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if got := meaning(t, now); got != want {
				t.Errorf("it means %s, and meant %s:\n%s", got, want, out)
			}
			if len(now.Warnings) > 0 {
				t.Errorf("warnings: %v", now.Warnings)
			}
			then, err := Parse(f.Name, f.Data, Options{Former: true})
			if err != nil {
				t.Fatal(err)
			}
			if got := meaning(t, then); got != want {
				t.Errorf("read as it is it means %s, and meant %s", got, want)
			}
			for line := range strings.Lines(string(f.Data)) {
				if _, comment, ok := strings.Cut(line, "// "); ok && !strings.Contains(string(out), strings.TrimSpace(comment)) {
					t.Errorf("the comment %q is gone", comment)
				}
			}
		})
	}
}

// formerSmall is small as v1 had it.
var formerSmall = strings.Replace(small, "runner/v2", "runner/v1", 1)

// TestUpdate writes each sort of place that has an old name.
func TestUpdate(t *testing.T) {
	for name, c := range map[string]struct{ before, after string }{
		"fields":  {"pairs: control: \"none\" // why\nindex: {lists: 4, probes: 2}\n", "pairs: source: \"retrieved\" // why\nindex: {nlist: 4, nprobe: 2}\n"},
		"quoted":  {`pairs: "control": "continued"` + "\n", "pairs: source: \"pool\"\n"},
		"group":   {"backbone: pretrain: {keep: 2, take: 4, steps: 4}\n", "backbone: pretrain: {checkpoint: {every: 2, step: 4}, steps: 4}\n"},
		"apart":   {"backbone: pretrain: {take: 4, steps: 4, keep: 2}\n", "backbone: pretrain: {checkpoint: step: 4, steps: 4, checkpoint: every: 2}\n"},
		"options": {"evaluate: task: training: {towerLR: 0.1, clip: 1}\n", "evaluate: task: training: {towerLRScale: 0.1, gradClip: 1}\n"},
		"refers":  {"tune: {clip: 2, warmup: clip}\nbackbone: pretrain: {keep: 2, warmup: keep}\n", "tune: {gradClip: 2, warmup: gradClip}\nbackbone: pretrain: {checkpoint: every: 2, warmup: checkpoint.every}\n"},
		"chosen": {"pairs: {control: [if tune.mode == \"none\" {\"none\"}, \"random\"][0], seed: [if control == \"none\" {1}, 2][0]}\n",
			"pairs: {source: [if tune.mode == \"none\" {\"retrieved\"}, \"random\"][0], seed: [if source == \"retrieved\" {1}, 2][0]}\n"},
		"let": {"let gated = {mode: \"gated-image\", alphaLR: 1}\nlet which = \"none\"\ntune:  gated\npairs: control: which\n",
			"let gated = {mode: \"gated-image\", alphaLRScale: 1}\nlet which = \"retrieved\"\ntune: gated\npairs: source: which\n"},
		"sweep": {"sweep: {\n\tgrid: {pairs: control: [\"none\", \"random\"], backbone: pretrain: take: [1, 2]}\n\tcases: [{label: \"none\", pairs: control: \"continued\"}]\n\texclude: [{pairs: control: !=\"none\", tune: mode: \"none\"}]\n}\n",
			"sweep: {\n\tgrid: {pairs: source: [\"retrieved\", \"random\"], backbone: pretrain: checkpoint: step: [1, 2]}\n\tcases: [{label: \"none\", pairs: source: \"pool\"}]\n\texclude: [{pairs: source: !=\"retrieved\", tune: mode: \"none\"}]\n}\n"},
		"table": {"tables: main: {\n\trows: [\"pairs.control\", \"tune.mode\"]\n\tcolumns:  \"index.probes\"\n\tbaseline: \"pairs.control=none\"\n\torder: [\"base\", \"none\"]\n\tfilter: pairs: control: [\"none\", \"random\"]\n\tlabels: {\"pairs.control\": \"Source\", continued: \"all\"}\n\tgroup: \"pairs.control\"\n\tfixed: [{row: \"none, full\", against: \"continued, none\"}]\n}\n",
			"tables: main: {\n\trows: [\"pairs.source\", \"tune.mode\"]\n\tcolumns:  \"index.nprobe\"\n\tbaseline: \"pairs.source=retrieved\"\n\torder: [\"base\", \"retrieved\", \"none\"]\n\tfilter: pairs: source: [\"retrieved\", \"random\"]\n\tlabels: {\"pairs.source\": \"Source\", pool: \"all\"}\n\tgroup: \"pairs.source\"\n\tfixed: [{row: \"retrieved, full\", against: \"pool, none\"}]\n}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			// a mistake that stays
			const head, now = "apiVersion: \"runner/v1\"\nname: 3\n", "apiVersion: \"runner/v2\"\nname: 3\n"
			got, err := Update("x.cue", []byte(head+c.before), nil)
			if err != nil {
				t.Fatal(err)
			}
			want, err := Format("x.cue", []byte(now+c.after))
			if err != nil || string(got) != string(want) {
				t.Errorf("%v; got\n%s\nwant\n%s", err, got, want)
			}
		})
	}
}

// TestUpdateRefuses: what it cannot change is said with its place, and nothing is written.
func TestUpdateRefuses(t *testing.T) {
	for text, want := range map[string]string{
		`apiVersion: "runner/v3"`: `x.cue:1:13: apiVersion: not written out as "runner/v1" or "runner/v2"`,
		`name: "a"`:               `x.cue:1:1: apiVersion: not written out as`,
		"apiVersion: \"runner/v1\"\npairs: control: \"no\" + \"ne\"":                                "x.cue:2:17: this value is computed",
		"apiVersion: \"runner/v1\"\npairs: control: =~\"^n\"":                                       "x.cue:2:17: this value is computed",
		"apiVersion: \"runner/v1\"\nlet f = \"clip\"\ntune: \"\\(f)\": 1":                           "x.cue:3:7: the name of this field is computed",
		"apiVersion: \"runner/v1\"\nlet f = \"none\"\ntune: mode: f\npairs: control: f":             "x.cue:3:13: what it stands for is a value with a new name there",
		"apiVersion: \"runner/v1\"\nlet f = \"pairs\"\ntables: a: rows: \"\\(f).control\"":          "x.cue:3:18: this is computed, and paths have new names",
		"apiVersion: \"runner/v1\"\ntables: a: {rows: [\"pairs.control\"], order: [\"a\" + \"b\"]}": "x.cue:2:46: this value is computed",
	} {
		out, err := Update("x.cue", []byte(text), nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) || out != nil {
			t.Errorf("%s\ngives %v\nwant  %s", text, err, want)
		}
	}
}

// TestFormerVersion: a file of v1 in which every name is one of today is read, with a warning.
func TestFormerVersion(t *testing.T) {
	exp, err := Parse("x.cue", []byte(strings.Replace(small, v1.Now, v1.Version, 1)), Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := `x.cue:1:13: apiVersion: "runner/v1" is read as "runner/v2", since no name in this file is another there`
	if len(exp.Warnings) != 1 || !strings.HasPrefix(exp.Warnings[0].Error(), want) {
		t.Errorf("warnings %v, want one that begins %s", exp.Warnings, want)
	}
}

// TestFormerNames: a file of v1 is a list of what to change, each with its place.
func TestFormerNames(t *testing.T) {
	text := formerSmall + "pairs: control: \"none\"\nsweep: {grid: tune: alphaLR: [1, 2], cases: [{label: \"a\", index: lists: 4}]}\n" +
		"tables: main: {rows: \"pairs.control\", metrics: [\"task/acc@1\"], filter: pairs: control: \"none\"}\n"
	_, err := Parse("x.cue", []byte(text), Options{Sets: []string{"tune.clip=2"}})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{
		`x.cue:1:13: apiVersion: "runner/v1" has other names (runner fmt --update x.cue rewrites it as "runner/v2")`,
		`pairs.control: called pairs.source since runner/v2`, `pairs.source: "none" is called "retrieved" since runner/v2`,
		`sweep.grid.tune.alphaLR: called tune.alphaLRScale since runner/v2`, `sweep.cases[0].index.lists: called index.nlist since runner/v2`,
		`tables.main.rows: "pairs.control" is called "pairs.source" since runner/v2`,
		`tables.main.filter.pairs.control: called pairs.source since runner/v2`,
		`--set tune.clip=2: tune.clip: called tune.gradClip since runner/v2`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no line %q in\n%v", want, err)
		}
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 9 {
		t.Errorf("%d lines, want 9:\n%v", n, err)
	}
	_, err = Parse("x.cue", []byte(small+`pairs: source: "none"`), Options{})
	if want := `"none" is not a choice (called "retrieved" since runner/v2)`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

// FuzzUpdate: whatever a file is, updating it twice is updating it once, and what comes out loads
// or is told.
func FuzzUpdate(f *testing.F) {
	files, _ := formerFiles(f)
	for _, file := range files {
		if len(file.Data) < 3000 {
			f.Add(string(file.Data))
		}
	}
	f.Add(formerSmall + "pairs: control: x\nlet x = x\ntune: y.clip\ny: clip: tune\n")
	f.Fuzz(func(t *testing.T, text string) {
		out, err := Update("x.cue", []byte(text), nil)
		if err != nil {
			return
		}
		if again, err := Update("x.cue", out, nil); err != nil || string(again) != string(out) {
			t.Errorf("%v\n%s\nthen\n%s", err, out, again)
		}
	})
}
