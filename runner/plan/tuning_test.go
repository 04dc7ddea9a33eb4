package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/ops/train"
	"react/runner/spec"
	"react/runner/spec/mistake"
)

// chain is what a stage is made of along some roles, the stage first: "tune pseudo-label tune ...".
func chain(s *Stage, roles ...string) string {
	text := s.Op
	for _, role := range roles {
		if in := s.In[role]; in != nil {
			return text + " < " + role + " " + chain(in, roles...)
		}
	}
	return text
}

// TestObjectives follows what each tuning starts from and is taught by.
func TestObjectives(t *testing.T) {
	p := load(t, `tune: mode: "locked-text"
sweep: cases: [
	{label: "react"},
	{label: "taught", tune: objective: "self-training"},
	{label: "rounds", tune: {objective: "self-training", rounds: 2, threshold: 0.5, soft: true, perClass: 3, temperature: 2}},
	{label: "react after", tune: after: "self-training"},
	{label: "react before", tune: {objective: "self-training", after: "contrastive"}},
	{label: "found", tune: objective: "retrieved-class"},
]`)
	want := map[string][2]string{ // by what it starts from; by its labels and their teachers
		"react":        {"tune < checkpoint pretrain", "tune < checkpoint pretrain"},
		"taught":       {"tune < checkpoint pretrain", "tune < labels pseudo-label < checkpoint pretrain"},
		"rounds":       {"tune < checkpoint pretrain", "tune < labels pseudo-label < checkpoint tune < labels pseudo-label < checkpoint pretrain"},
		"react after":  {"tune < checkpoint tune < checkpoint pretrain", "tune < checkpoint tune < labels pseudo-label < checkpoint pretrain"},
		"react before": {"tune < checkpoint tune < checkpoint pretrain", "tune < labels pseudo-label < checkpoint tune < checkpoint pretrain"},
		"found":        {"tune < checkpoint pretrain", "tune < labels pseudo-label < checkpoint pretrain"},
	}
	of := map[string]Trial{}
	for _, trial := range p.Trials {
		of[trial.Label] = trial
		s := trial.Stages[Tune]
		if got := [2]string{chain(s, "checkpoint"), chain(s, "labels", "checkpoint")}; got != want[trial.Label] {
			t.Errorf("%s: got %q, want %q", trial.Label, got, want[trial.Label])
		}
		if _, ok := trial.Stages[Labels]; ok != (s.In["labels"] != nil) {
			t.Errorf("%s: labels are named %v", trial.Label, ok)
		}
	}
	if a, b := of["react after"].Stages[Tune].In["checkpoint"], of["taught"].Stages[Tune]; a != b {
		t.Error("the self-training before REACT is not the one that stands alone")
	}
	if a, b := of["react before"].Stages[Tune].In["checkpoint"], of["react"].Stages[Tune]; a != b {
		t.Error("the REACT before self-training is not the one that stands alone")
	}
	var labels train.PseudoLabelParams
	if err := json.Unmarshal(of["rounds"].Stages[Labels].Params, &labels); err != nil || labels.Threshold != 0.5 || !labels.Soft || labels.PerClass != 3 || labels.Temperature != 2 || labels.From != "teacher" {
		t.Errorf("labels %+v, %v", labels, err)
	}
	if _, ok := of["taught"].Params["tune.gamma"]; ok {
		t.Error("self-training depends on gamma, which it does not read")
	}
	plain := load(t, `tune: mode: "locked-text"`).Trials[0]
	if plain.ID != of["react"].ID || plain.Stages[Tune].Key != of["react"].Stages[Tune].Key {
		t.Error("REACT's trial is another one beside its baselines")
	}
}

// TestLearnedPrompts: a prompt is learned on the base's features, retrieves nothing, and is
// evaluated on the base's features of the test images.
func TestLearnedPrompts(t *testing.T) {
	p := load(t, `tune: {mode: "prompt", labelled: "pool:more/task", shots: 2}
evaluate: probed: {kind: "probe", dataset: "pool:w/task", train: "pool:more/task"}
sweep: {cases: [{label: "base", tune: mode: "none"}, {label: "prompt"}], seeds: 2}`)
	for _, op := range []string{"embed", "retrieve", "pairs", "tune"} {
		if n := len(keys(p, op)); n > 0 {
			t.Errorf("%d stages of %s, which prompts do not need", n, op)
		}
	}
	if got := len(keys(p, "features")); got != 2 {
		t.Errorf("%d stages of features, want the training and the test images of the base", got)
	}
	if len(p.Trials) != 3 {
		t.Fatalf("%d trials", len(p.Trials))
	}
	base, prompt := p.Trials[0], p.Trials[1]
	eval := prompt.Stages["evaluate/task"]
	if eval.In["prompt"] != prompt.Stages[Tune] || eval.In["base"] != base.Stages["evaluate/task"] || eval.In["checkpoint"] != base.Stages[Checkpoint] {
		t.Errorf("the prompt's evaluation reads %v", eval.In)
	}
	if prompt.Stages["evaluate/probed"] != base.Stages["evaluate/probed"] {
		t.Error("a probe of the image tower depends on a prompt")
	}
	var params train.PromptTuneParams
	if err := json.Unmarshal(prompt.Stages[Tune].Params, &params); err != nil || params.Length != 16 || params.Contexts != "shared" || params.Position != "end" || params.LR != 0.002 {
		t.Errorf("params %+v, %v", params, err)
	}
}

// TestSeedsOfProbes: with samples 0 each seed of the sweep is a draw of its own, also where nothing
// is tuned.
func TestSeedsOfProbes(t *testing.T) {
	p := load(t, `tune: mode: "none"
evaluate: few: {kind: "probe", dataset: "pool:w/task", train: "pool:more/task", shots: 2, samples: 0}
sweep: seeds: 3`)
	if len(p.Trials) != 3 || p.Trials[2].Seed == nil || *p.Trials[2].Seed != 2 {
		t.Fatalf("%d trials", len(p.Trials))
	}
	if got := len(keys(p, "evaluate")); got != 4 {
		t.Errorf("%d evaluations, want three draws and one zero-shot", got)
	}
}

// TestKnowledge: prompts of knowledge are made once, of the base's classes, and the files are in
// the key.
func TestKnowledge(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"index.noun", "data.noun", "noun.exc", "wiktionary.jsonl"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p := load(t, `tune: mode: "full"
evaluate: task: {knowledge: ["wordnet", "wiktionary"], wordnet: "`+dir+`", wiktionary: "`+filepath.Join(dir, "wiktionary.jsonl")+`"}
sweep: seeds: 2`)
	if got := len(keys(p, "knowledge")); got != 1 {
		t.Fatalf("%d stages of knowledge, want 1", got)
	}
	for _, s := range p.Stages {
		if s.Op == "knowledge" && (len(s.Files["wordnet"].Paths) != 3 || len(s.Files["wiktionary"].Paths) != 1 || s.In["features"] == nil) {
			t.Errorf("knowledge reads %v and %v", s.Files, s.In)
		}
		if s.Op == "evaluate" && s.In["prompts"] == nil {
			t.Error("an evaluation without its prompts")
		}
	}
}

// TestGatesOverTheBlocksOfWeights: of weights that are loaded the plan says it, at the value.
func TestGatesOverTheBlocksOfWeights(t *testing.T) {
	weights, err := filepath.Abs("../../ops/clip/layout/testdata/openai.pt")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "x.cue")
	text := strings.Replace(header, `backbone: {arch: "tiny", pretrain: {pool: "w", steps: 10, warmup: 1, batch: 8}}`,
		fmt.Sprintf("backbone: weights: %q", weights), 1) + `sweep: grid: tune: {mode: ["gated-image"], gatedDepth: [1, 77]}` + "\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	exp, err := spec.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = New(exp, Options{Digest: func(string) (string, error) { return "d", nil }})
	mistakes := mistake.Errors{}
	if !errors.As(err, &mistakes) || !strings.HasPrefix(err.Error(), file+":10:60: tune.gatedDepth: 77 is over the ") {
		t.Errorf("got %v, want a mistake at the 77", err)
	}
}

// TestRowsBoundK: K over the rows of the pool is a mistake of the file, at the value, where the
// rows are known.
func TestRowsBoundK(t *testing.T) {
	for rows, want := range map[int]string{8: "",
		7: "x.cue:9:31: retrieve.k: 8 is over the 7 rows of pool.w",
		1: "x.cue:9:28: retrieve.k: 4 is over the 1 row of pool.w"} {
		exp, err := spec.Parse("x.cue", fmt.Appendf(nil, `apiVersion: "runner/v2"
name: "x"
pool: w: world: rows: %d
backbone: {arch: "tiny", pretrain: pool: "w"}
task: {classes: "pool:w/task", prompts: ["a {}"]}
retrieve: {pool: "w",     k: 4}
tune: {mode: "full", steps: 3, batch: 2}
evaluate: task: {kind: "zeroshot", dataset: "pool:w/task"}
sweep: grid: retrieve: k: [4, 8]
`, rows), spec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = New(exp, Options{Unseen: true})
		if (err == nil) != (want == "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%d rows: got %v, want %q", rows, err, want)
		}
	}
}
