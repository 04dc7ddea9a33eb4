package ops

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/datasets"
	"react/data/npy"
	"react/ops/blas"
	"react/ops/metric"
)

// rowsOf are a stage's rows by metric, and "metric/class".
func rowsOf(t *testing.T, dir string) map[string]float64 {
	t.Helper()
	rows, err := ReadRows(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, r := range rows {
		name := r.Metric
		if r.Class != "" {
			name += "/" + r.Class
		}
		out[name] = r.Value
	}
	return out
}

// TestZeroShotProtocols compares evaluation on features with that on the folder, and a tuned model with its base.
func TestZeroShotProtocols(t *testing.T) {
	_, pool := do(t, "world", smallWorld, nil, nil)
	_, base := do(t, "pretrain", smallPretrain(t), map[string]string{"pool": pool}, nil)
	in := map[string]string{"checkpoint": base, "dataset": pool}
	prompts := []string{"a {}", "the {}"}
	_, folder := do(t, "evaluate", EvaluateParams{Kind: "zeroshot", Set: "task", Prompts: prompts}, in, nil)
	_, features := do(t, "features", FeaturesParams{Set: "task"}, in, nil)
	want := rowsOf(t, folder)
	var baseStage string
	for _, protocol := range []string{elevater, clipBenchmark, openAI} {
		p := EvaluateParams{Kind: "zeroshot", Prompts: prompts, Protocol: protocol}
		var run *stageRun
		run, baseStage = do(t, "evaluate", p, map[string]string{"checkpoint": base, "features": features}, nil)
		got := rowsOf(t, baseStage)
		for name, value := range want {
			if math.Abs(got[name]-value) > 1e-9 {
				t.Errorf("%s: %s is %v, and %v on the folder", protocol, name, got[name], value)
			}
		}
		if got["score"] != got["acc@1"] || got["ece"] <= 0 || run.facts["classifier"] != "made" {
			t.Errorf("%s: %v, classifier %v", protocol, got, run.facts["classifier"])
		}
	}
	p := TuneParams{Mode: "locked-text", Gamma: GammaOff, Steps: 3, Batch: 16, LR: 1e-2, Warmup: 1, WeightDecay: 0.1, Clip: 1, Precision: "f32", Augment: noAugment, Seed: 1}
	_, list := do(t, "pairs", PairsParams{Control: "continued"}, map[string]string{"pool": pool, "embeddings": embeddedPool(t, base, pool)}, nil)
	_, tuned := do(t, "tune", p, map[string]string{"checkpoint": base, "pairs": list, "pool": pool}, nil)
	_, tunedFeatures := do(t, "features", FeaturesParams{Set: "task"}, map[string]string{"checkpoint": tuned, "dataset": pool}, nil)
	run, stage := do(t, "evaluate", EvaluateParams{Kind: "zeroshot", Prompts: prompts, Protocol: openAI}, map[string]string{"checkpoint": tuned, "features": tunedFeatures, "base": baseStage}, nil)
	if run.facts["classifier"] != "the base's" {
		t.Errorf("classifier %v, and the text tower is the base's", run.facts["classifier"])
	}
	got, before := rowsOf(t, stage), rowsOf(t, baseStage)
	if math.Abs(got["delta"]-(got["acc@1"]-before["acc@1"])) > 1e-9 {
		t.Errorf("delta %v of %v and %v", got["delta"], got["acc@1"], before["acc@1"])
	}
	for name := range got {
		if class, ok := strings.CutPrefix(name, "delta/"); ok && math.Abs(got[name]-(got["acc@1/"+class]-before["acc@1/"+class])) > 1e-9 {
			t.Errorf("%s: %v", name, got[name])
		}
	}
}

func embeddedPool(t *testing.T, checkpoint, pool string) string {
	_, dir := do(t, "embed", EmbedParams{}, map[string]string{"checkpoint": checkpoint, "pool": pool}, nil)
	return dir
}

// madeFeatures writes a features stage with given values.
func madeFeatures(t *testing.T, set featureSet, x blas.Matrix, labels [][]int32) string {
	t.Helper()
	dir := t.TempDir()
	var items []featureItem
	for i, l := range labels {
		items = append(items, featureItem{Key: fmt.Sprint("k", i), Labels: l, SHA256: fmt.Sprint(dir, i)})
	}
	raw, err := json.Marshal(set)
	err = errors.Join(err, os.WriteFile(filepath.Join(dir, featureSetFile), raw, 0o666), parquet.WriteFile(filepath.Join(dir, featureItemFile), items),
		npy.Write(filepath.Join(dir, featuresFile), []int{x.Rows, x.Cols}, x.Values, "<f4"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestManyLabels: the protocols give three different mean average precisions for the same scores.
func TestManyLabels(t *testing.T) {
	scores := metric.Scores{Values: []float32{0.9, 0.1, 0.2, 0.3, 0.8, 0.7, 0.4, 0.6}, Classes: 2}
	set := &labelled{featureSet: featureSet{Classes: []string{"cat", "dog"}, Metric: "mAP-elevater", Many: true}, items: []featureItem{
		{Labels: []int32{1}}, {Labels: []int32{0, 1}}, {Labels: []int32{0}}, {Labels: []int32{0}}}}
	seen := map[float64]bool{}
	for _, protocol := range []string{openAI, elevater, clipBenchmark} {
		s := metric.Scores{Values: slices.Clone(scores.Values), Classes: 2}
		rows, predictions, err := (&scoreReport{protocol: protocol, set: set, scale: 100, workers: 1}).rows(s)
		if err != nil || predictions != nil || len(rows) != 2 || rows[0].Metric != "score" || rows[1].Metric != "mAP" || rows[0].Value != rows[1].Value {
			t.Fatalf("%s: %v %v %v", protocol, rows, predictions, err)
		}
		seen[rows[0].Value] = true
	}
	if len(seen) != 3 {
		t.Errorf("values %v", seen)
	}
}

func TestPromptsFile(t *testing.T) {
	set := &labelled{featureSet: featureSet{Dir: "set", Classes: []string{"cat", "sad"}, Names: []datasets.Names{{"cat"}, {"sad", "depressed"}}}}
	for _, tc := range []struct{ text, want string }{
		{`{"cat": ["a cat with whiskers", "a small cat"], "depressed": ["a sad face"]}`, ""},
		{`{"cat": ["a"]}`, `no prompts for class "sad"`},
		{`{"cat": ["a"], "sad": ["b"], "dog": ["c"]}`, `1 of its 3 classes are none of the set's (the first of the set is "cat")`},
		{`{"cat": ["a", ""], "sad": ["b"]}`, `class "cat": an empty prompt`},
		{`["a"]`, `want an object of names and lists of strings ({"class": ["a prompt"]}), got a list`},
		{`{"cat": ["a"], "sad": ["b", 3]}`, `sad[1]: want a string, got 3`},
	} {
		path := filepath.Join(t.TempDir(), "p.json")
		if err := os.WriteFile(path, []byte(tc.text), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := ReadPrompts(path, set.Classes, set.Names)
		if tc.want == "" {
			if err != nil || len(got[0]) != 2 || got[1][0] != "a sad face" {
				t.Errorf("%q %v", got, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v", tc.text, err)
		}
	}
}

// BenchmarkZeroShotScores is 50,000 cached embeddings against 1,000 classes, with every figure.
// TestTruncate: prompts that are too long keep their end, lose it as ELEVATER's do, or are refused; of short ones all is the same.
func TestTruncate(t *testing.T) {
	_, pool := do(t, "world", smallWorld, nil, nil)
	_, base := do(t, "pretrain", smallPretrain(t), map[string]string{"pool": pool}, nil)
	_, features := do(t, "features", FeaturesParams{Set: "task"}, map[string]string{"checkpoint": base, "dataset": pool}, nil)
	in := map[string]string{"checkpoint": base, "features": features}
	head := func(prompt, truncate string) (string, error) {
		run := newRun(t, in, nil)
		err := try(run, "evaluate", EvaluateParams{Kind: "zeroshot", Protocol: openAI, Prompts: []string{prompt}, Truncate: truncate})
		raw, _ := os.ReadFile(filepath.Join(run.Dir, classifierFile))
		return string(raw), err
	}
	long := "{} " + strings.Repeat("of many words ", 40)
	cut, err := head(long, "")
	if err != nil {
		t.Fatal(err)
	}
	if kept, _ := head(long, "keep-eot"); kept != cut {
		t.Error("keep-eot is not what an absent value means")
	}
	if lost, err := head(long, "elevater-compat"); err != nil || lost == cut {
		t.Errorf("elevater-compat changes nothing, %v", err)
	}
	if _, err := head(long, "error"); err == nil || !strings.Contains(err.Error(), "tokens, start and end of text included") {
		t.Errorf("got %v", err)
	}
	short, err := head("a {}", "error")
	if same, _ := head("a {}", "elevater-compat"); err != nil || same != short {
		t.Errorf("a short prompt differs, %v", err)
	}
	if _, err := head(long, "eot"); err == nil {
		t.Error("an unknown way is taken")
	}
}

func BenchmarkZeroShotScores(b *testing.B) {
	const images, classes, dim = 50_000, 1000, 512
	x, head := blas.New(images, dim), blas.New(classes, dim)
	for i := range x.Values {
		x.Values[i] = float32((i*7919)%1009) - 504
	}
	for i := range head.Values {
		head.Values[i] = float32((i*104729)%997) - 498
	}
	set := &labelled{x: x}
	for c := range classes {
		set.Classes = append(set.Classes, fmt.Sprint("class ", c))
		normalize(head.Row(c))
	}
	for i := range images {
		set.items = append(set.items, featureItem{Key: fmt.Sprint(i), Labels: []int32{int32(i % classes)}})
	}
	b.Run("product", func(b *testing.B) {
		for b.Loop() {
			scoreAll(x, head)
		}
	})
	b.Run("all", func(b *testing.B) {
		for b.Loop() {
			report := &scoreReport{protocol: openAI, set: set, scale: 100, workers: 2}
			if _, _, err := report.rows(scoreAll(set.normalized(), head)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
