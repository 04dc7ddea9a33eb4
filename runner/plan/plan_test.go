package plan

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/runner/spec"
)

const header = `apiVersion: "runner/v2"
name: "t"
question: "?"
pool: {w: world: {rows: 100}, more: world: {rows: 100, seed: 1}}
backbone: {arch: "tiny", pretrain: {pool: "w", steps: 10, warmup: 1, batch: 8}}
task: {classes: "pool:w/task", prompts: ["a {}", "the {}"]}
retrieve: pool: "w"
tune: {steps: 5, warmup: 1, batch: 8}
evaluate: task: {kind: "zeroshot", dataset: "pool:w/task"}
`

// load plans a spec made of the header and more lines.
func load(t testing.TB, more string) *Plan {
	t.Helper()
	return loadSpec(t, header+more)
}

// loadSpec plans a spec.
func loadSpec(t testing.TB, text string) *Plan {
	t.Helper()
	p, err := tryToPlan(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tryToPlan plans what may be no spec.
func tryToPlan(t testing.TB, text string) (*Plan, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.cue")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	exp, err := spec.Load(file, nil)
	if err != nil {
		return nil, err
	}
	return New(exp, Options{Digest: func(path string) (string, error) { return "digest of " + filepath.Base(path), nil }})
}

func keys(p *Plan, op string) map[string]bool {
	out := map[string]bool{}
	for _, s := range p.Stages {
		if s.Op == op {
			out[s.Key] = true
		}
	}
	return out
}

func TestTrialsShareStages(t *testing.T) {
	p := load(t, `sweep: {grid: {tune: mode: ["full", "gated-image"], retrieve: k: [1, 2]}, cases: [{label: "base", tune: mode: "none"}], seeds: 3}`)
	if len(p.Trials) != 2*2*3+1 {
		t.Errorf("got %d trials, want 12 tuned and one base, whose seeds are one trial", len(p.Trials))
	}
	for op, want := range map[string]int{"world": 1, "pretrain": 1, "embed": 1, "queries": 1, "index": 2, "retrieve": 2, "pairs": 2, "tune": 12, "evaluate": 13} {
		if got := len(keys(p, op)); got != want {
			t.Errorf("%s: got %d stages, want %d", op, got, want)
		}
	}
}

// TestRandomControlIsDrawnForEachSeed: the spread over seeds of a random control holds the luck of
// its draw. Other pairs are the same for all seeds, and seed 0 keeps the key that it had.
func TestRandomControlIsDrawnForEachSeed(t *testing.T) {
	of := func(pairs string) map[string]bool {
		return keys(load(t, "tune: mode: \"full\"\npairs: {"+pairs+"}\nsweep: seeds: 3"), "pairs")
	}
	for pairs, want := range map[string]int{
		`source: "random"`:               1 * 3,
		`source: "random", draw: "each"`: 1 * 3,
		`source: "random", draw: "one"`:  1,
		`source: "retrieved"`:            1,
		`source: "oracle", draw: "each"`: 1,
		`source: "caption-match"`:        1,
	} {
		if got := len(of(pairs)); got != want {
			t.Errorf("%s: %d stages of pairs over 3 seeds, want %d", pairs, got, want)
		}
	}
	for key := range of(`source: "random", draw: "one"`) {
		if !of(`source: "random"`)[key] {
			t.Error("the draw for seed 0 is not the one draw of all seeds")
		}
	}
	for key := range of(`source: "random", seed: 1`) {
		if of(`source: "random"`)[key] {
			t.Error("pairs.seed 1 and pairs.seed 0 share a draw")
		}
	}
}

// TestAugmentationKeys: RandAugment and erasing that are off are no part of a key, those that are
// on are.
func TestAugmentationKeys(t *testing.T) {
	key := func(augment string) string {
		found := keys(load(t, `tune: {mode: "full", augment: `+augment+`}`), "tune")
		if len(found) != 1 {
			t.Fatalf("%s: %d tunings", augment, len(found))
		}
		for k := range found {
			return k
		}
		return ""
	}
	plain := key(`flip: 0`)
	for augment, same := range map[string]bool{
		`{randAugment: "off", erasing: 0}`: true, `randAugment: "rand-m9-mstd0.5-inc1"`: false, `erasing: 0.25`: false,
	} {
		if (key(augment) == plain) != same {
			t.Errorf("%s: the key of plain tuning is kept: %v, want %v", augment, !same, same)
		}
	}
}

// TestCurveOfTheBase sweeps over the checkpoints that one pretraining keeps.
func TestCurveOfTheBase(t *testing.T) {
	p := load(t, `backbone: pretrain: checkpoint: every: 5
tune: mode: "none"
sweep: grid: backbone: pretrain: checkpoint: step: [5, 10]`)
	if len(keys(p, "pretrain")) != 1 || len(keys(p, "snapshot")) != 1 || len(keys(p, "evaluate")) != 2 {
		t.Errorf("got %d pretrainings, %d snapshots, %d evaluations, want 1, 1 (the last is the end) and 2", len(keys(p, "pretrain")), len(keys(p, "snapshot")), len(keys(p, "evaluate")))
	}
}

// TestResizedBase adds a stage of its own, and leaves the base's as it is.
func TestResizedBase(t *testing.T) {
	plain, resized := load(t, `tune: mode: "none"`), load(t, `backbone: imageSize: 64
tune: mode: "none"`)
	if len(keys(plain, "resize")) != 0 || len(keys(resized, "resize")) != 1 || !maps.Equal(keys(plain, "pretrain"), keys(resized, "pretrain")) {
		t.Errorf("got resize %v and %v, pretrain %v and %v", keys(plain, "resize"), keys(resized, "resize"), keys(plain, "pretrain"), keys(resized, "pretrain"))
	}
}

func TestInputsStandBeforeReaders(t *testing.T) {
	p := load(t, `sweep: {grid: tune: mode: ["full", "none"], seeds: 2}`)
	seen := map[*Stage]bool{}
	for _, s := range p.Stages {
		for role, in := range s.In {
			if !seen[in] {
				t.Errorf("%s reads %s before it is made", s.Op, role)
			}
		}
		seen[s] = true
	}
}

func TestAddingAValueToAnAxisReRunsNothing(t *testing.T) {
	small := load(t, `sweep: {grid: {tune: mode: ["full", "locked-text"], retrieve: k: [1, 2]}, seeds: 2}`)
	large := load(t, `sweep: {grid: {tune: mode: ["full", "locked-text"], retrieve: k: [1, 2, 8]}, seeds: 2}`)
	for _, op := range []string{"world", "pretrain", "embed", "queries", "index", "pairs", "tune", "evaluate"} {
		have := keys(large, op)
		for key := range keys(small, op) {
			if !have[key] {
				t.Errorf("%s %s is made again after k: 8 was added", op, key[:8])
			}
		}
	}
	if a, b := keys(small, "retrieve"), keys(large, "retrieve"); len(a) != 2 || len(b) != 2 || fmt.Sprint(a) == fmt.Sprint(b) {
		t.Errorf("the search must be done again, deeper: %v, %v", a, b)
	}
	ids := map[string]bool{}
	for _, trial := range large.Trials {
		ids[trial.ID] = true
	}
	for _, trial := range small.Trials {
		if !ids[trial.ID] {
			t.Errorf("trial %s has another id after k: 8 was added", trial.ID)
		}
	}
}

func TestWhatIsNotReadIsNotInTheTrial(t *testing.T) {
	p := load(t, `sweep: cases: [{label: "base", tune: mode: "none"}, {label: "continued", pairs: source: "pool", tune: mode: "full"}, {label: "gated", tune: mode: "gated-image"}]`)
	has := func(trial Trial, path string) bool { _, ok := trial.Params[path]; return ok }
	for _, c := range []struct {
		label, path string
		want        bool
	}{
		{"base", "retrieve.k", false}, {"base", "tune.gamma", false}, {"base", "evaluate.task.prompts", true}, {"base", "tune.mode", true},
		{"continued", "retrieve.k", false}, {"continued", "retrieve.pool", true}, {"continued", "tune.gamma", true}, {"continued", "tune.gatedDepth", false},
		{"gated", "retrieve.k", true}, {"gated", "tune.gatedDepth", true}, {"gated", "tune.positivesFrom", false}, {"gated", "pairs.seed", false},
	} {
		for _, trial := range p.Trials {
			if trial.Label == c.label && has(trial, c.path) != c.want {
				t.Errorf("%s reads %s: got %v, want %v", c.label, c.path, !c.want, c.want)
			}
		}
	}
}

func TestKeysNameTheContentOfFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.parquet", "a.tar", "classes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	p := load(t, fmt.Sprintf(`pool: mine: {laion: %q, shards: %q}
sweep: cases: [{label: "a", tune: mode: "full", retrieve: pool: "mine", task: classes: %q}]`, filepath.Join(dir, "*.parquet"), filepath.Join(dir, "*.tar"), filepath.Join(dir, "classes.txt")))
	for _, s := range p.Stages {
		text := strings.Join(s.Lines, "\n")
		if strings.Contains(text, dir) {
			t.Errorf("%s: the key names the folder %s", s.Op, dir)
		}
		if s.Op == "embed" && !strings.Contains(text, "file pool.laion a.parquet digest of a.parquet") {
			t.Errorf("embed's key does not name the parquet file:\n%s", text)
		}
	}
}

func TestMissingFilesSayWhatWasLookedFor(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.cue")
	if err := os.WriteFile(file, []byte(strings.Replace(header, `w: world: {rows: 100}`, `w: {laion: "cache/emoji/none/*.parquet", shards: "x/*.tar"}`, 1)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	exp, err := spec.Load(file, []string{"task.classes=\"c.txt\"", "evaluate.task.dataset=\"d\"", "tune.mode=\"full\""})
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(exp, Options{})
	if err == nil || !strings.Contains(err.Error(), `matches no file`) {
		t.Errorf("got %v, want an error that names the glob", err)
	}
}
