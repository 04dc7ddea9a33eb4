package spec

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"react/runner/spec/contract"
)

// small is the least that an experiment can be.
const small = `apiVersion: "runner/v2"
name:       "x"
pool: world: world: seed: 0
backbone: {arch: "tiny", pretrain: pool: "world"}
task: {classes: "pool:world/task", prompts: ["a photo of a {}"]}
retrieve: pool: "world"
tune: {mode: "full", steps: 300, batch: 64}
evaluate: task: {kind: "zeroshot", dataset: "pool:world/task"}
`

func parse(t *testing.T, text string, sets ...string) *Experiment {
	t.Helper()
	e, err := Parse("x.cue", []byte(text), Options{Sets: sets})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// lines are trials in short: label, axes as JSON, seed.
func lines(e *Experiment) string {
	var b strings.Builder
	for _, t := range e.Trials {
		axes, err := json.Marshal(t.Axes)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "%s %s %d\n", t.Label, axes, t.Seed)
	}
	return b.String()
}

func TestDefaults(t *testing.T) {
	e := parse(t, small)
	augment := Augment{Crop: [2]float64{0.6, 1}, Ratio: [2]float64{0.8, 1.25}, Color: 0.2}
	want := Params{
		Pool: map[string]Pool{"world": {MaxBad: 100, MaxBadShare: 0.05, World: e.Params.Pool["world"].World}},
		Backbone: Backbone{Arch: "tiny", Pretrain: &Pretrain{Pool: "world", Steps: 1500, Batch: 256, LR: 1e-3, Warmup: 100, WeightDecay: 0.1,
			GradClip: 1, Vocab: 1000, Precision: "f32", Augment: augment}},
		Task:     Task{Classes: "pool:world/task", Prompts: []string{"a photo of a {}"}},
		Index:    Index{Kind: "flat", M: 32, EfConstruction: 40, EfSearch: 128, NList: 64, NProbe: 16, TrainSize: 65536},
		Retrieve: Retrieve{Pool: "world", By: []string{"t2t", "t2i"}, K: 4, Per: "prompt", Overfetch: 4},
		Pairs:    Pairs{Dedup: true, Source: "retrieved"},
		Tune: Tune{Mode: "full", Gamma: Gamma{Value: 0.9}, PositivesFrom: "current", Steps: 300, Batch: 64, LR: e.Params.Tune.LR, Warmup: e.Params.Tune.Warmup,
			WeightDecay: 0.1, GradClip: 1, GatedDepth: 2, AlphaLRScale: 10, Precision: "f32", Augment: augment},
		Evaluate: map[string]Evaluate{"task": {Kind: "zeroshot", Dataset: "pool:world/task", Prompts: []string{"a photo of a {}"}, MaxBadShare: 0.05}},
	}
	if !reflect.DeepEqual(e.Params, want) {
		t.Errorf("got\n%+v\nwant\n%+v", e.Params, want)
	}
	if w := e.Params.Pool["world"].World; w == nil || w.Rows == 0 || w.Size == 0 || w.Wrong == 0 {
		t.Errorf("world %+v has no defaults", w)
	}
	if len(e.Trials) != 1 || e.Trials[0].Seed != 0 || len(e.Trials[0].Axes) != 0 {
		t.Errorf("a file without sweep: %s", lines(e))
	}
}

func TestDefaultLearningRate(t *testing.T) {
	e := parse(t, small+`sweep: grid: tune: mode: ["none", "full", "locked-image", "locked-text", "gated-image"]`)
	lr := map[string]float64{"none": 0, "full": 3e-4, "locked-image": 3e-4, "locked-text": 3e-4, "gated-image": 1e-3}
	for _, trial := range e.Trials {
		want, ok := lr[trial.Params.Tune.Mode]
		if !ok {
			t.Errorf("mode %s", trial.Params.Tune.Mode)
		}
		if got := trial.Params.Tune.LR; got != want {
			t.Errorf("mode %s: lr %g, want %g", trial.Params.Tune.Mode, got, want)
		}
	}
	if e := parse(t, small+"tune: lr: 0.5\nsweep: grid: tune: mode: [\"full\", \"gated-image\"]"); e.Trials[1].Params.Tune.LR != 0.5 {
		t.Errorf("the file's lr gave way to the default: %g", e.Trials[1].Params.Tune.LR)
	}
}

func TestExpand(t *testing.T) {
	for name, test := range map[string]struct{ sweep, want string }{
		"grid, the last axis fastest, seeds innermost": {
			`{grid: {tune: mode: ["full", "gated-image"], retrieve: k: [1, 2]}, seeds: 2}`,
			` {"retrieve.k":1,"tune.mode":"full"} 0
 {"retrieve.k":1,"tune.mode":"full"} 1
 {"retrieve.k":2,"tune.mode":"full"} 0
 {"retrieve.k":2,"tune.mode":"full"} 1
 {"retrieve.k":1,"tune.mode":"gated-image"} 0
 {"retrieve.k":1,"tune.mode":"gated-image"} 1
 {"retrieve.k":2,"tune.mode":"gated-image"} 0
 {"retrieve.k":2,"tune.mode":"gated-image"} 1
`},
		"cases come after the grid": {
			`{cases: [{label: "base", tune: mode: "none"}], grid: tune: gamma: [0.90, "off", 1.0], seeds: [7]}`,
			` {"tune.gamma":0.9} 7
 {"tune.gamma":"off"} 7
 {"tune.gamma":1} 7
base {"tune.mode":"none"} 7
`},
		"cases alone": {
			`cases: [{label: "a"}, {label: "b", pairs: source: "random", retrieve: by: ["t2t"]}]`,
			`a {} 0
b {"pairs.source":"random","retrieve.by":["t2t"]} 0
`},
		"an empty grid is the file's own values": {
			`{grid: {}, cases: [{label: "b", retrieve: k: 2}]}`,
			` {} 0
b {"retrieve.k":2} 0
`},
		"cross": {
			`{grid: {tune: mode: ["full", "locked-text"], retrieve: k: [1, 2]}, cases: [{label: "random", cross: true, tune: mode: "full", pairs: source: "random"}],
			  exclude: [{label: ""}]}`,
			`random {"pairs.source":"random","retrieve.k":1,"tune.mode":"full"} 0
random {"pairs.source":"random","retrieve.k":2,"tune.mode":"full"} 0
`},
		"exclude is a pattern": {
			`{grid: {tune: gamma: [0.5, 0.9, "off"], retrieve: k: [1, 8]}, exclude: [{retrieve: k: >4, tune: gamma: <0.9}, {tune: {gamma: "off", mode: "full"}}]}`,
			` {"retrieve.k":1,"tune.gamma":0.5} 0
 {"retrieve.k":1,"tune.gamma":0.9} 0
 {"retrieve.k":8,"tune.gamma":0.9} 0
`},
		"exclude by label and seed, and what a trial does not have is not excluded": {
			`{seeds: 3, cases: [{label: "a"}, {label: "b"}], exclude: [{label: "a", seed: >0}, {pool: world: laion: _}]}`,
			`a {} 0
b {} 0
b {} 1
b {} 2
`},
		"comprehensions are CUE's": {
			`cases: [for k in [1, 2] for g in [0.8, 0.9] if k*g < 1.7 {label: "k\(k) g\(g)", retrieve: "k": k, tune: gamma: g}]`,
			`k1 g0.8 {"retrieve.k":1,"tune.gamma":0.8} 0
k1 g0.9 {"retrieve.k":1,"tune.gamma":0.9} 0
k2 g0.8 {"retrieve.k":2,"tune.gamma":0.8} 0
`},
		"names and lists as axes": {
			`grid: {pool: world: world: seed: [0, 18446744073709551615], task: prompts: [["a {}"], ["a {}", "the {}"]]}`,
			` {"pool.world.world.seed":0,"task.prompts":["a {}"]} 0
 {"pool.world.world.seed":0,"task.prompts":["a {}","the {}"]} 0
 {"pool.world.world.seed":18446744073709551615,"task.prompts":["a {}"]} 0
 {"pool.world.world.seed":18446744073709551615,"task.prompts":["a {}","the {}"]} 0
`},
	} {
		t.Run(name, func(t *testing.T) {
			e := parse(t, small+"sweep: "+test.sweep)
			if got := lines(e); got != test.want {
				t.Errorf("got\n%swant\n%s", got, test.want)
			}
		})
	}
}

// TestTrialIsFileWithAxesSet is the meaning of a sweep: what a trial gets is what the file gives
// with its axes set by hand.
func TestTrialIsFileWithAxesSet(t *testing.T) {
	for name, text := range map[string]string{
		"plain":      small + `sweep: {grid: {tune: {mode: ["full", "gated-image", "none"], gamma: [0.5, "off"]}, retrieve: k: [1, 8]}, cases: [{label: "a", pairs: source: "random"}]}`,
		"computed":   small + "tune: warmup: div(tune.steps, 10)\nretrieve: k: [if tune.mode == \"full\" {3}, 5][0]\n" + `sweep: {grid: tune: {mode: ["full", "locked-text"], steps: [50, 300, 1000]}, cases: [{label: "a", tune: warmup: 7}]}`,
		"alias":      strings.Replace(small, "tune: {", "let half = tune.steps\n_k: 2\nretrieve: k: _k\nindex: nlist: half\ntune: {", 1) + `sweep: grid: {tune: steps: [20, 40], retrieve: k: [1, 2]}`,
		"prompts":    small + "evaluate: other: {kind: \"zeroshot\", dataset: \"d\", prompts: [\"x {}\"]}\n" + `sweep: grid: task: prompts: [["a {}"], ["a {}", "b {}"]]`,
		"source":     small + `sweep: cases: [{label: "clip", backbone: weights: "dir"}, {label: "seed", backbone: pretrain: seed: 3}]`,
		"warmup":     small + `sweep: grid: tune: steps: [1, 5, 1000]`,
		"list":       small + `sweep: grid: retrieve: by: [["t2t"], ["t2i"], ["t2t", "t2i"]]`,
		"world":      small + `sweep: grid: pool: world: world: {wrong: [0, 0.2], seed: [1, 18446744073709551615]}`,
		"embedding":  strings.Replace(small, "tune: {", "#common: {precision: \"f32\", gradClip: 2}\ntune: {#common, ", 1) + `sweep: grid: tune: gamma: [0.5, 1]`,
		"comprehend": small + "if tune.mode == \"full\" {pairs: seed: 4}\n" + `sweep: grid: tune: mode: ["full", "gated-image"]`,
	} {
		t.Run(name, func(t *testing.T) {
			e := parse(t, text)
			if len(e.Trials) < 2 {
				t.Fatalf("only %d trials", len(e.Trials))
			}
			for _, trial := range e.Trials {
				sets := []string{"sweep={}"}
				for path, v := range trial.Axes {
					raw, err := json.Marshal(v)
					if err != nil {
						t.Fatal(err)
					}
					sets = append(sets, path+"="+string(raw))
				}
				if got, want := trial.Params, parse(t, text, sets...).Params; !reflect.DeepEqual(got, want) {
					t.Errorf("%v\ngot  %s\nwant %s", sets, show1(got), show1(want))
				}
			}
		})
	}
}

func show1(p Params) string {
	raw, err := json.Marshal(p)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func TestOverrides(t *testing.T) {
	e := parse(t, small+"tune: warmup: div(tune.steps, 30)\nsweep: {grid: retrieve: k: [1, 2], seeds: 5}",
		"tune.mode=locked-image", "tune.steps=600", "tune.gamma=off", "retrieve.by=[\"t2i\"]", "sweep.seeds=[3]", "sweep.grid.retrieve.k=[7]",
		"backbone.weights=ckpt/vit-b", "name=other", `task.prompts=["an {}"]`)
	p := e.Trials[0].Params
	if e.Name != "other" || len(e.Trials) != 1 || e.Trials[0].Seed != 3 || p.Retrieve.K != 7 || p.Tune.Mode != "locked-image" || p.Tune.Warmup != 20 ||
		!p.Tune.Gamma.Off || p.Backbone.Weights != "ckpt/vit-b" || p.Backbone.Pretrain != nil || !reflect.DeepEqual(p.Retrieve.By, []string{"t2i"}) ||
		p.Evaluate["task"].Prompts[0] != "an {}" {
		t.Errorf("overrides are not all there: %s\n%s", show1(p), lines(e))
	}
}

// TestDigest holds that spelling does not count and meaning does.
func TestDigest(t *testing.T) {
	text := small + `tune: {gamma: 0.9, lr: 1e-3}
sweep: {grid: tune: gamma: [0.80, 1.0], seeds: 2}
tables: main: {rows: "tune.gamma", metrics: ["task/acc@1"]}
`
	same := `sweep: {seeds: [0, 1], grid: tune: gamma: [0.8, 1]}
tables: main: {metrics: ["task/acc@1"], rows: ["tune.gamma"], decimals: 1}
tune: {lr: 0.001, precision: "f32"}
` + small
	a, b := parse(t, text), parse(t, same)
	if a.Digest != b.Digest {
		t.Errorf("another spelling has another digest:\n%s\n%s", a.Resolved, b.Resolved)
	}
	if c := parse(t, text, "tune.lr=0.002"); c.Digest == a.Digest {
		t.Error("another learning rate has the same digest")
	}
}

func TestTables(t *testing.T) {
	e := parse(t, small+`sweep: {grid: tune: mode: ["full", "gated-image"], cases: [{label: "base", tune: mode: "none"}]}
tables: {
	main: {rows: "tune.mode", columns: ["retrieve.k", "pool.world.world.seed"], metrics: ["task/acc@1", "pairs/unique"], baseline: "base", caption: "Modes"}
	two: {rows: ["label", "tune.mode"], metrics: ["task/agreement"], decimals: 0, filter: {tune: mode: ["full", "none"], retrieve: {k: 4, by: ["t2t"]}, label: "base"},
	      baseline: "tune.mode=full", fixed: [{row: "full", against: "base"}], order: ["base"], percent: ["top*"]}
}`)
	want := map[string]Table{
		"main": {Name: "main", Rows: []string{"tune.mode"}, Columns: []string{"retrieve.k", "pool.world.world.seed"}, Metrics: []string{"task/acc@1", "pairs/unique"},
			Baseline: "base", Caption: "Modes", Decimals: 1},
		"two": {Name: "two", Rows: []string{"label", "tune.mode"}, Columns: []string{}, Metrics: []string{"task/agreement"}, Baseline: "tune.mode=full",
			Filter: map[string]any{"tune.mode": []any{"full", "none"}, "retrieve.k": int64(4), "retrieve.by": []any{"t2t"}, "label": "base"},
			Fixed:  []Comparison{{Row: "full", Against: "base"}}, Order: []string{"base"}, Percent: []string{"top*"}},
	}
	if !reflect.DeepEqual(e.Tables, want) {
		t.Errorf("got\n%+v\nwant\n%+v", e.Tables, want)
	}
}

// onlyEvaluates is a file that retrieves and tunes nothing.
const onlyEvaluates = `apiVersion: "runner/v2"
name:       "x"
backbone: weights: "clip"
tune: mode: "none"
evaluate: birds: {kind: "zeroshot", dataset: "birds", prompts: ["a {}"]}
evaluate: "a-set": {kind: "mean", of: ["birds"]}
`

// TestDefaultTable: a file without tables has one, of what varies, all figures and what does not
// tune; the digest, by which sweeps are found, does not know it.
func TestDefaultTable(t *testing.T) {
	figures := []string{"task/acc@1", "task/acc@5", "task/mean-per-class", "task/agreement"}
	for _, c := range []struct {
		text          string
		rows, metrics []string
		baseline      string
	}{
		{small, []string{"tune.mode"}, figures, ""},
		{small + `sweep: grid: {tune: mode: ["full", "none"], retrieve: k: [2, 4]}`, []string{"tune.mode", "retrieve.k"}, figures, "tune.mode=none"},
		{small + `sweep: {grid: tune: gamma: [0.8, 0.9], cases: [{label: "random", pairs: source: "random"}, {label: "base", tune: mode: "none"}]}`,
			[]string{"tune.gamma"}, figures, "base"},
		{small + `sweep: cases: [{label: "a"}, {label: "b", tune: mode: "none"}]`, []string{"label"}, figures, "b"},
		{small + `sweep: {grid: tune: mode: ["none", "full"], cases: [{label: "a", cross: true, retrieve: k: 2}]}`, []string{"tune.mode"}, figures, "tune.mode=none"},
		{small + `evaluate: task: protocol: "openai"`, []string{"tune.mode"},
			slices.Concat(figures, []string{"task/score", "task/ece", "task/roc-auc", "task/mAP"}), ""},
		{onlyEvaluates, []string{"backbone.weights"},
			[]string{"birds/acc@1", "birds/acc@5", "birds/mean-per-class", "birds/agreement", "a-set/score"}, ""},
		{onlyEvaluates + `sweep: grid: backbone: weights: ["clip", "other"]`, []string{"backbone.weights"},
			[]string{"birds/acc@1", "birds/acc@5", "birds/mean-per-class", "birds/agreement", "a-set/score"}, ""},
	} {
		e := parse(t, c.text+"\n")
		want := map[string]Table{DefaultTable: {Name: DefaultTable, Rows: c.rows, Columns: []string{}, Metrics: c.metrics, Baseline: c.baseline, Decimals: 1}}
		if !reflect.DeepEqual(e.Tables, want) || !slices.Equal(e.Order, []string{DefaultTable}) || !e.Untabled || len(e.Warnings) > 0 {
			t.Errorf("%s\ngot\n%+v\nwant\n%+v\nwarnings %v", c.text, e.Tables, want, e.Warnings)
		}
		none := parse(t, c.text+"\ntables: {}\n")
		if len(none.Tables)+len(none.Order) > 0 || none.Untabled {
			t.Errorf("tables: {} has %v", none.Order)
		}
		if e.Digest != none.Digest {
			t.Errorf("%s: the default table changes the digest", c.text)
		}
	}
}

// TestTextInWords: what is wrong with a text that no file holds is told in the words of who gave
// its values, and not by its lines.
func TestTextInWords(t *testing.T) {
	words := map[string]string{"backbone.weights": "WEIGHTS clip", "evaluate.birds": "DATASET birds", "evaluate.birds.prompts": "--prompt"}
	_, err := Parse("evaluate", []byte(strings.Replace(onlyEvaluates, "a {}", "a bird", 1)), Options{Words: words, Sets: []string{"tune.mod=3"}})
	want := "--prompt: evaluate.birds.prompts[0]: \"a bird\" does not fit (text with exactly one {}, such as \"a photo of a {}\")\n" +
		"--set tune.mod=3: tune.mod: unknown field (did you mean \"mode\"?)"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	e, err := Parse("evaluate", []byte(onlyEvaluates), Options{Words: words})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"backbone.weights": "WEIGHTS clip", "evaluate.birds.dataset": "DATASET birds",
		"evaluate.birds.prompts": "--prompt", "tune.mode": "evaluate"} {
		if got := e.Place(path).String(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestFlatten(t *testing.T) {
	got := flatten(parse(t, small, "tune.gamma=1.0", "pool.world.world.seed=18446744073709551615").Params)
	for path, want := range map[string]any{"tune.gamma": int64(1), "tune.mode": "full", "retrieve.by": []any{"t2t", "t2i"}, "pairs.dedup": true,
		"pool.world.world.seed": uint64(math.MaxUint64), "tune.gradClip": int64(1), "tune.weightDecay": 0.1, "tune.augment.crop": []any{0.6, int64(1)}} {
		if !reflect.DeepEqual(got[path], want) {
			t.Errorf("%s: got %v (%T), want %v (%T)", path, got[path], got[path], want, want)
		}
	}
}

func TestMaxTrials(t *testing.T) {
	text := []byte(small + `sweep: {grid: retrieve: k: [1, 2, 3], cases: [{label: "a", cross: true}], seeds: 4}`)
	if _, err := Parse("x.cue", text, Options{MaxTrials: 23}); err == nil || !strings.Contains(err.Error(), "more than 23 trials") {
		t.Errorf("24 trials of 23: %v", err)
	}
	if _, err := Parse("x.cue", text, Options{MaxTrials: 24}); err != nil {
		t.Errorf("24 trials of 24: %v", err)
	}
}

// TestExperiments reads what the repository ships.
func TestExperiments(t *testing.T) {
	files, err := filepath.Glob("../../experiments/*.cue")
	if err != nil || len(files) == 0 {
		t.Fatalf("no experiments: %v", err)
	}
	for _, file := range files {
		if _, err := Load(file, nil); err != nil {
			t.Error(err)
		}
	}
}

func TestReadErrors(t *testing.T) {
	for file, want := range map[string]string{
		filepath.Join(t.TempDir(), "none.cue"): "none.cue: cannot read the experiment: no such file or directory",
		t.TempDir():                            "cannot read the experiment: is a directory",
	} {
		if _, err := Load(file, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", file, err, want)
		}
	}
	big := filepath.Join(t.TempDir(), "big.cue")
	if err := os.WriteFile(big, make([]byte, maxBytes+1), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(big, nil); err == nil || !strings.Contains(err.Error(), "longer than an experiment may be (1048576 bytes)") {
		t.Errorf("a big file: %v", err)
	}
}

func BenchmarkLoad1000Trials(b *testing.B) {
	text := []byte(small + `sweep: {grid: {tune: {mode: ["full", "locked-image", "locked-text", "gated-image"], gamma: [0.7, 0.8, 0.9, 0.95, "off"]}, retrieve: k: [1, 2, 4, 8, 16]}, seeds: 10}`)
	benchmarkLoad(b, text, 1000)
}

// BenchmarkLoad1000Points has no seeds to share work between, a computed field and a pattern.
func BenchmarkLoad1000Points(b *testing.B) {
	text := []byte(small + `tune: warmup: div(tune.steps, 10)
sweep: {grid: {tune: {steps: [100, 200, 300, 400, 500, 600, 700, 800, 900, 1000], gamma: [0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1, "off"]}, retrieve: k: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]},
exclude: [{tune: gamma: <0.4}]}`)
	benchmarkLoad(b, text, 1000)
}

func benchmarkLoad(b *testing.B, text []byte, trials int) {
	for b.Loop() {
		e, err := Parse("x.cue", text, Options{})
		if err != nil || len(e.Trials) != trials {
			b.Fatal(err, len(e.Trials))
		}
	}
}

// TestTablesKeepTheirOrder: as the file has them, not by name; the digest does not know it.
func TestTablesKeepTheirOrder(t *testing.T) {
	const one, two = "tables: main: {rows: \"tune.mode\", metrics: [\"task/acc@1\"]}\n", "tables: also: {rows: \"tune.mode\", metrics: [\"others/acc@1\"]}\n"
	var digests []string
	for _, c := range []struct {
		text string
		want []string
	}{{one + two, []string{"main", "also"}}, {two + one, []string{"also", "main"}}} {
		exp, err := Parse("x.cue", []byte(orderHeader+c.text), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(exp.Order, c.want) {
			t.Errorf("order %v, want %v", exp.Order, c.want)
		}
		digests = append(digests, exp.Digest)
	}
	if digests[0] != digests[1] {
		t.Error("the order of tables changes the digest")
	}
}

const orderHeader = `apiVersion: "runner/v2"
name: "order"
pool: w: world: {}
backbone: {arch: "tiny", pretrain: pool: "w"}
task: {classes: "pool:w/task", prompts: ["a {}"]}
retrieve: pool: "w"
tune: {mode: "full", steps: 3, batch: 8}
evaluate: task: {kind: "zeroshot", dataset: "pool:w/task"}
evaluate: others: {kind: "zeroshot", dataset: "pool:w/others"}
`

// TestExamplesVet puts examples of fields that every file may have into a file that is right.
func TestExamplesVet(t *testing.T) {
	for _, path := range []string{"tune.gamma", "tune.positivesFrom", "tune.augment.crop", "tune.augment.randAugment", "retrieve.by", "pairs.source",
		"index.kind", "tune.lr", "pool.maxBad", "evaluate.prompts", "backbone.pretrain.checkpoint.every", "backbone.imageSize"} {
		e, err := contract.Explain(path)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(small, "world: world:", "mine: world:")
		text = strings.ReplaceAll(strings.ReplaceAll(text, `"world"`, `"mine"`), "pool:world", "pool:mine")
		for _, line := range e.Examples[1:] {
			if _, err := Parse("x.cue", []byte(text+line), Options{}); err != nil {
				t.Errorf("%s: %v", line, err)
			}
		}
		if _, err := Parse("x.cue", []byte(text), Options{Sets: []string{e.Set}}); err != nil {
			t.Errorf("--set %s: %v", e.Set, err)
		}
	}
}

func TestFormatKeepsComments(t *testing.T) {
	got, err := Format("x.cue", []byte("// what\nname:   \"x\" // beside\n\n\ntune: {mode:\"full\"\n// above\nsteps: 3}\n"))
	want := "// what\nname: \"x\" // beside\n\ntune: {mode: \"full\"\n\t// above\n\tsteps: 3\n}\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot\n%s\nwant\n%s", err, got, want)
	}
	if _, err := Format("x.cue", []byte("name: {\n")); err == nil || !strings.HasPrefix(err.Error(), "x.cue:1:7: syntax: { is not closed") {
		t.Errorf("got %v", err)
	}
}

// flatten gives all params by path.
func flatten(p Params) map[string]any {
	out := map[string]any{}
	for _, s := range Sections(&p) {
		maps.Copy(out, s.Flatten())
	}
	return out
}
