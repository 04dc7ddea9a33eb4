package ops

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/npy"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/train"
)

// rowsOf are a stage's rows by metric, and "metric/class".
func rowsOf(t *testing.T, dir string) map[string]float64 {
	t.Helper()
	rows, err := op.ReadRows(dir)
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

// TestZeroShotProtocols compares evaluation on features with that on the folder, and a tuned model
// with its base.
func TestZeroShotProtocols(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	in := map[string]string{"checkpoint": base, "dataset": pool}
	prompts := []string{"a {}", "the {}"}
	_, folder := do(t, "evaluate", evaluate.Params{Kind: "zeroshot", Set: "task", Prompts: prompts}, in, nil)
	_, features := do(t, "features", embed.FeaturesParams{Set: "task"}, in, nil)
	want := rowsOf(t, folder)
	var baseStage string
	for _, protocol := range []string{"elevater", "clip_benchmark", "openai"} {
		p := evaluate.Params{Kind: "zeroshot", Prompts: prompts, Protocol: protocol}
		var run *optest.Run
		run, baseStage = do(t, "evaluate", p, map[string]string{"checkpoint": base, "features": features}, nil)
		got := rowsOf(t, baseStage)
		for name, value := range want {
			if math.Abs(got[name]-value) > 1e-9 {
				t.Errorf("%s: %s is %v, and %v on the folder", protocol, name, got[name], value)
			}
		}
		if got["score"] != got["acc@1"] || got["ece"] <= 0 || run.Facts["classifier"] != "made" {
			t.Errorf("%s: %v, classifier %v", protocol, got, run.Facts["classifier"])
		}
	}
	p := train.TuneParams{Mode: "locked-text", Gamma: train.GammaOff, Steps: 3, Batch: 16, LR: 1e-2, Warmup: 1, WeightDecay: 0.1, GradClip: 1, Precision: "f32", Augment: optest.NoAugment, Seed: 1}
	_, list := do(t, "pairs", pairs.Params{Source: "pool"}, map[string]string{"pool": pool, "embeddings": embeddedPool(t, base, pool)}, nil)
	_, tuned := do(t, "tune", p, map[string]string{"checkpoint": base, "pairs": list, "pool": pool}, nil)
	_, tunedFeatures := do(t, "features", embed.FeaturesParams{Set: "task"}, map[string]string{"checkpoint": tuned, "dataset": pool}, nil)
	run, stage := do(t, "evaluate", evaluate.Params{Kind: "zeroshot", Prompts: prompts, Protocol: "openai"}, map[string]string{"checkpoint": tuned, "features": tunedFeatures, "base": baseStage}, nil)
	if run.Facts["classifier"] != "the base's" {
		t.Errorf("classifier %v, and the text tower is the base's", run.Facts["classifier"])
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
	_, dir := do(t, "embed", embed.Params{}, map[string]string{"checkpoint": checkpoint, "pool": pool}, nil)
	return dir
}

// madeFeatures writes a features stage with given values.
func madeFeatures(t *testing.T, set embed.FeatureSet, x blas.Matrix, labels [][]int32) string {
	t.Helper()
	dir := t.TempDir()
	var items []embed.FeatureItem
	for i, l := range labels {
		items = append(items, embed.FeatureItem{Key: fmt.Sprint("k", i), Labels: l, SHA256: fmt.Sprint(dir, i)})
	}
	raw, err := json.Marshal(set)
	err = errors.Join(err, os.WriteFile(filepath.Join(dir, embed.FeatureSetFile), raw, 0o666), parquet.WriteFile(filepath.Join(dir, "items.parquet"), items),
		npy.Write(filepath.Join(dir, embed.FeaturesFile), []int{x.Rows, x.Cols}, x.Values, "<f4"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// BenchmarkZeroShotScores is 50,000 cached embeddings against 1,000 classes, with every figure.
// TestTruncate: prompts that are too long keep their end, lose it as ELEVATER's do, or are refused;
// of short ones all is the same.
func TestTruncate(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	_, features := do(t, "features", embed.FeaturesParams{Set: "task"}, map[string]string{"checkpoint": base, "dataset": pool}, nil)
	in := map[string]string{"checkpoint": base, "features": features}
	head := func(prompt, truncate string) (string, error) {
		run := optest.New(t, in, nil)
		err := try(run, "evaluate", evaluate.Params{Kind: "zeroshot", Protocol: "openai", Prompts: []string{prompt}, Truncate: truncate})
		raw, _ := os.ReadFile(filepath.Join(run.Dir, backbone.ClassifierFile))
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
