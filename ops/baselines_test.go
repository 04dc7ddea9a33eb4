package ops

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/ops/clip"
	"react/ops/embed"
	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/knn"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/retrieve"
	"react/ops/train"
)

// baselineWorld is a pool of retrieved pairs with a base, shared by the tests of this file.
type baselineWorld struct{ pool, base, pairs, test, train string }

func newBaselineWorld(t *testing.T) baselineWorld {
	t.Helper()
	w := baselineWorld{}
	_, w.pool = do(t, "world", optest.SmallWorld, nil, nil)
	pre := small.Pretrain(t)
	pre.Steps, pre.Batch, pre.LR, pre.Augment = 150, 32, 3e-3, optest.NoAugment
	_, w.base = do(t, "pretrain", pre, map[string]string{"pool": w.pool}, nil)
	_, folder := do(t, "embed", embed.Params{}, map[string]string{"checkpoint": w.base, "pool": w.pool}, nil)
	_, queries := do(t, "queries", embed.QueriesParams{Set: "task", Prompts: []string{"a {}"}}, map[string]string{"checkpoint": w.base, "classes": w.pool}, nil)
	flat := knn.Params{Kind: "flat"}
	_, index := do(t, "index", retrieve.IndexParams{Side: "text", Params: flat}, map[string]string{"embeddings": folder}, nil)
	_, hits := do(t, "retrieve", retrieve.Params{By: "t2t", Index: flat, Depth: 40}, map[string]string{"embeddings": folder, "queries": queries, "index": index}, nil)
	_, w.pairs = do(t, "pairs", pairs.Params{K: 10, Per: "prompt", Overfetch: 4, Dedup: true, Source: "retrieved"},
		map[string]string{"embeddings": folder, "pool": w.pool, "queries": queries, "hits.t2t": hits}, nil)
	_, w.test = do(t, "features", embed.FeaturesParams{Set: "task"}, map[string]string{"checkpoint": w.base, "dataset": w.pool}, nil)
	more := optest.SmallWorld
	more.Seed, more.TestPerClass = 9, 8
	_, other := do(t, "world", more, nil, nil)
	_, w.train = do(t, "features", embed.FeaturesParams{Set: "task"}, map[string]string{"checkpoint": w.base, "dataset": other}, nil)
	return w
}

func (w baselineWorld) label(t *testing.T, p train.PseudoLabelParams) ([]train.PseudoLabel, map[string]float64, string) {
	t.Helper()
	p.Set, p.Prompts = "task", []string{"a {}"}
	_, dir := do(t, "pseudo-label", p, map[string]string{"checkpoint": w.base, "pairs": w.pairs, "pool": w.pool, "classes": w.pool}, nil)
	labels, err := parquet.ReadFile[train.PseudoLabel](filepath.Join(dir, "labels.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	return labels, rowsOf(t, dir), dir
}

// TestBaselines runs what stands beside REACT in a table: self-training and prompts, on a small
// world.
func TestBaselines(t *testing.T) {
	if testing.Short() {
		t.Skip("trainings: minutes under -race")
	}
	w := newBaselineWorld(t)
	t.Run("labels", func(t *testing.T) { checkLabels(t, w) })
	t.Run("self-training", func(t *testing.T) { checkSelfTraining(t, w) })
	t.Run("prompts", func(t *testing.T) { checkPrompts(t, w) })
	t.Run("knowledge", func(t *testing.T) { checkKnowledge(t, w) })
}

// checkLabels holds thresholds, the most a class may have, soft labels and labels of the retrieval
// to what they say.
func checkLabels(t *testing.T, w baselineWorld) {
	list, err := pairs.Read(w.pairs)
	if err != nil {
		t.Fatal(err)
	}
	hard, rows, _ := w.label(t, train.PseudoLabelParams{From: "teacher"})
	if len(hard) != len(list) || rows["share"] != 1 || rows["labelled"] != float64(len(list)) {
		t.Fatalf("%d labels of %d pairs, %v", len(hard), len(list), rows)
	}
	var confidences []float64
	for _, l := range hard {
		confidences = append(confidences, float64(l.Confidence))
	}
	middle := slices.Sorted(slices.Values(confidences))[len(hard)/2]
	sure, rows, _ := w.label(t, train.PseudoLabelParams{From: "teacher", Threshold: middle})
	if want := len(slices.DeleteFunc(slices.Clone(confidences), func(c float64) bool { return float32(c) < float32(middle) })); len(sure) != want || rows["confidence"] < middle {
		t.Errorf("threshold %v: %d labels, want %d, %v", middle, len(sure), want, rows)
	}
	few, _, _ := w.label(t, train.PseudoLabelParams{From: "teacher", PerClass: 2})
	count := map[int32]int{}
	for _, l := range few {
		count[l.Classes[0]]++
		for _, other := range hard {
			if other.Classes[0] == l.Classes[0] && other.Confidence > l.Confidence && !slices.ContainsFunc(few, func(k train.PseudoLabel) bool { return k.Pair == other.Pair }) {
				t.Errorf("pair %d is kept and the surer pair %d is not", l.Pair, other.Pair)
			}
		}
	}
	for class, n := range count {
		if n > 2 {
			t.Errorf("class %d has %d labels, want at most 2", class, n)
		}
	}
	soft, _, _ := w.label(t, train.PseudoLabelParams{From: "teacher", Soft: true, Temperature: 4})
	for i, l := range soft {
		sum := 0.0
		for _, s := range l.Shares {
			sum += float64(s)
		}
		if math.Abs(sum-1) > 1e-5 || l.Classes[0] != hard[i].Classes[0] || l.Confidence >= hard[i].Confidence && hard[i].Confidence < 1 {
			t.Errorf("pair %d: soft %+v, hard %+v", i, l, hard[i])
		}
	}
	found, rows, _ := w.label(t, train.PseudoLabelParams{From: "retrieval"})
	if len(found) != len(list) || math.Abs(rows["confidence"]-1) > 1e-6 || rows["precision"] <= 0 {
		t.Errorf("%d labels by retrieval, %v", len(found), rows)
	}
	run := optest.New(t, map[string]string{"checkpoint": w.base, "pairs": w.pairs, "pool": w.pool, "classes": w.pool}, nil)
	if err := try(run, "pseudo-label", train.PseudoLabelParams{From: "teacher", Set: "task", Prompts: []string{"a {}"}, Threshold: 1.5}); err == nil || !strings.Contains(err.Error(), "none of") {
		t.Errorf("a threshold that nothing reaches: %v", err)
	}
}

// checkSelfTraining: a student of labels that say another class for every image learns to say that
// class, and leaves what is locked.
func checkSelfTraining(t *testing.T, w baselineWorld) {
	labels, _, dir := w.label(t, train.PseudoLabelParams{From: "retrieval"})
	for i := range labels {
		labels[i].Classes[0] = (labels[i].Classes[0] + 1) % 4
	}
	if err := parquet.WriteFile(filepath.Join(dir, "labels.parquet"), labels); err != nil {
		t.Fatal(err)
	}
	p := train.TuneParams{Mode: "locked-text", Gamma: train.GammaOff, Steps: 60, Batch: 16, LR: 3e-3, Warmup: 5, Precision: "f32", Augment: optest.NoAugment, Seed: 1}
	in := map[string]string{"checkpoint": w.base, "pairs": w.pairs, "pool": w.pool, "labels": dir}
	_, student := do(t, "tune", p, in, nil)
	if rows := rowsOf(t, student); math.Abs(rows["positives"]-1) > 1e-6 || rows["loss"] > 0.7 {
		t.Errorf("rows %v", rows)
	}
	_, again := do(t, "pseudo-label", train.PseudoLabelParams{From: "teacher", Set: "task", Prompts: []string{"a {}"}}, map[string]string{"checkpoint": student, "pairs": w.pairs, "pool": w.pool, "classes": w.pool}, nil)
	learned, err := parquet.ReadFile[train.PseudoLabel](filepath.Join(again, "labels.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	same := 0
	for i, l := range learned {
		if l.Classes[0] == labels[i].Classes[0] {
			same++
		}
	}
	if same*10 < len(labels)*8 {
		t.Errorf("the student says the class it was taught for %d of %d images", same, len(labels))
	}
	gated := p
	gated.Mode, gated.GatedDepth, gated.AlphaLRScale, gated.Steps = "gated-image", 1, 10, 2
	_, first := do(t, "tune", gated, map[string]string{"checkpoint": w.base, "pairs": w.pairs, "pool": w.pool}, nil)
	in["checkpoint"] = first
	do(t, "tune", gated, in, nil) // goes on with the gates that are there
	full := p
	full.Mode = "full"
	run := optest.New(t, in, nil)
	if err := try(run, "tune", full); err == nil || !strings.Contains(err.Error(), "mode full, which trains the text tower") {
		t.Errorf("got %v", err)
	}
}

// checkPrompts: each kind of context learns its training images, and serves the classes that it
// can.
func checkPrompts(t *testing.T, w baselineWorld) {
	for _, contexts := range clip.Contexts {
		p := train.PromptTuneParams{Contexts: contexts, Length: 4, Position: "end", Shots: 6, Steps: 40, Batch: 8, LR: 0.02, Warmup: 2, Seed: 1}
		if contexts == clip.ImageContext {
			p.Steps, p.Batch = 120, 4
		}
		_, dir := do(t, "prompt-tune", p, map[string]string{"checkpoint": w.base, "train": w.train}, nil)
		checkRows(t, dir, []string{"loss", "epochs", "train-images"})
		if rows := rowsOf(t, dir); rows["train-images"] != 24 {
			t.Errorf("%s: learned from %v images, want 24", contexts, rows["train-images"])
		}
		first, last := lossesOf(t, dir)
		if last >= first {
			t.Errorf("%s: the loss went from %v to %v", contexts, first, last)
		}
		in := map[string]string{"checkpoint": w.base, "features": w.test, "prompt": dir}
		_, eval := do(t, "evaluate", evaluate.Params{Kind: "zeroshot", Prompts: []string{"a {}"}, Protocol: "openai"}, in, nil)
		checkRows(t, eval, []string{"acc@1", "ece"})
		run, again := do(t, "prompt-tune", p, map[string]string{"checkpoint": w.base, "train": w.train}, nil)
		optest.SameFile(t, dir, again, train.LearnedPromptFile)
		run.ToldLog(t, train.MetricsFile)
	}
	for _, position := range []string{"middle", "front"} {
		p := train.PromptTuneParams{Contexts: "class", Length: 3, Position: position, Shots: 0, Steps: 2, Batch: 8, LR: 0.002, Seed: 1}
		_, dir := do(t, "prompt-tune", p, map[string]string{"checkpoint": w.base, "train": w.train}, nil)
		others := madeClusters(t, 3, 4, 0.5, 1)
		run := optest.New(t, map[string]string{"checkpoint": w.base, "features": others, "prompt": dir}, nil)
		if err := try(run, "evaluate", evaluate.Params{Kind: "zeroshot", Protocol: "openai", Prompts: []string{"{}"}}); err == nil || !strings.Contains(err.Error(), "features have 12 values") {
			t.Errorf("got %v", err)
		}
	}
	for _, c := range []struct {
		p    train.PromptTuneParams
		want string
	}{
		{train.PromptTuneParams{Contexts: "shared", Length: 18, Position: "end", Steps: 1, Batch: 2}, "a context of 18 leaves no room"},
		{train.PromptTuneParams{Contexts: "shared", Length: 4, Position: "end", Init: "a a", Steps: 1, Batch: 2}, `contextInit "a a" is 2 tokens, the context is 4 long`},
		{train.PromptTuneParams{Contexts: "shared", Length: 4, Position: "end", Shots: 9, Steps: 1, Batch: 2}, "class 0 has 8 images, fewer than 9 shots"},
		{train.PromptTuneParams{Contexts: "each", Length: 4, Position: "end", Steps: 1, Batch: 2}, `contexts "each" is none of`},
	} {
		run := optest.New(t, map[string]string{"checkpoint": w.base, "train": w.train}, nil)
		if err := try(run, "prompt-tune", c.p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
}

// lossesOf are the means of the first and of the last quarter of the steps.
func lossesOf(t *testing.T, dir string) (first, last float64) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	quarter := len(lines) / 4
	for i, line := range lines {
		var step struct{ Loss float64 }
		if err := json.Unmarshal([]byte(line), &step); err != nil {
			t.Fatal(err)
		}
		if i < quarter {
			first += step.Loss / float64(quarter)
		}
		if i >= len(lines)-quarter {
			last += step.Loss / float64(quarter)
		}
	}
	return first, last
}

// checkKnowledge: prompts of a source that knows one of four classes, and an evaluation with them.
func checkKnowledge(t *testing.T, w baselineWorld) {
	raw, err := os.ReadFile(filepath.Join(w.test, embed.FeatureSetFile))
	if err != nil {
		t.Fatal(err)
	}
	var set embed.FeatureSet
	if err := json.Unmarshal(raw, &set); err != nil {
		t.Fatal(err)
	}
	name := set.Names[0][0]
	path := filepath.Join(t.TempDir(), "wiktionary.jsonl")
	line, _ := json.Marshal(map[string]any{"word": name, "pos": "noun", "senses": []any{map[string]any{"glosses": []string{"a round thing"}}}})
	if err := os.WriteFile(path, line, 0o666); err != nil {
		t.Fatal(err)
	}
	files := map[string]op.Files{"wiktionary": {Root: filepath.Dir(path), Paths: []string{path}}}
	run, dir := do(t, "knowledge", evaluate.KnowledgeParams{From: []string{"wiktionary"}, Prompts: []string{"a {}", "the {}"}}, map[string]string{"features": w.test}, files)
	var prompts map[string][]string
	if raw, err = os.ReadFile(filepath.Join(dir, "prompts.json")); err == nil {
		err = json.Unmarshal(raw, &prompts)
	}
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a " + name + " ; " + name + " , a round thing", "the " + name + " ; " + name + " , a round thing"}
	if got := prompts[set.Classes[0]]; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := prompts[set.Classes[1]]; !slices.Equal(got, []string{"a " + set.Names[1][0], "the " + set.Names[1][0]}) {
		t.Errorf("a class of which nothing is known: %q", got)
	}
	if len(run.Warnings) != 1 || !strings.Contains(run.Warnings[0], "nothing is known") {
		t.Errorf("warnings %q", run.Warnings)
	}
	_, eval := do(t, "evaluate", evaluate.Params{Kind: "zeroshot", Protocol: "openai"}, map[string]string{"checkpoint": w.base, "features": w.test, "prompts": dir}, nil)
	checkRows(t, eval, []string{"acc@1"})
	none := optest.New(t, map[string]string{"features": w.test}, nil)
	if err := try(none, "knowledge", evaluate.KnowledgeParams{From: []string{"wordnet"}, Prompts: []string{"{}"}}); err == nil || !strings.Contains(err.Error(), `no files for role "wordnet"`) {
		t.Errorf("got %v", err)
	}
}

// TestMeanScore: each evaluation counts once, by its score or its accuracy.
func TestMeanScore(t *testing.T) {
	rows := func(text string) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "rows.jsonl"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	scored := rows(`{"metric":"score","value":0.5,"n":10}` + "\n" + `{"metric":"acc@1","value":0.9,"n":10}`)
	plain := rows(`{"metric":"acc@1","value":0.2,"n":1000}` + "\n" + `{"metric":"acc@1","value":1,"n":1,"class":"x"}`)
	_, dir := do(t, "evaluate", evaluate.Params{Kind: "mean"}, map[string]string{"of.a": scored, "of.b": plain}, nil)
	got, err := op.ReadRows(dir)
	want := []op.MetricRow{{Metric: "score", Value: 0.35, N: 2}, {Metric: "score", Value: 0.5, N: 10, Class: "a"}, {Metric: "score", Value: 0.2, N: 1000, Class: "b"}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, want %v, %v", got, want, err)
	}
	for _, in := range []map[string]string{{}, {"of.c": rows(`{"metric":"i2t-recall@1","value":1,"n":1}`)}} {
		if err := try(optest.New(t, in, nil), "evaluate", evaluate.Params{Kind: "mean"}); err == nil {
			t.Errorf("a mean of %v", in)
		}
	}
}
