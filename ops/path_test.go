package ops

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/image"
	dataworld "react/data/world"
	"react/ops/clip"
	"react/ops/knn"
)

var smallWorld = dataworld.Params{Seed: 1, Rows: 300, Classes: 4, TestPerClass: 3, Named: 0.3, Irrelevant: 0.2, Duplicates: 0.1, Wrong: 0.2, Vague: 0.2, Photo: 0.1, Size: 32}

// smallModel is the least that has every part: two vision blocks, two heads.
func smallModel(t *testing.T) clip.Config {
	t.Helper()
	cfg, err := clip.Arch("tiny")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Model.Vision.Layers, cfg.Model.Vision.Width, cfg.Model.Vision.HeadWidth = 2, 32, 16
	cfg.Model.Text.Layers, cfg.Model.Text.Width, cfg.Model.Text.Heads = 1, 32, 2
	cfg.Model.EmbedDim = 32
	return cfg
}

var noAugment = image.Augment{Crop: [2]float64{1, 1}, Ratio: [2]float64{1, 1}}

func smallPretrain(t *testing.T) PretrainParams {
	return PretrainParams{Model: smallModel(t), Steps: 8, Batch: 16, LR: 1e-3, Warmup: 2, WeightDecay: 0.1, Clip: 1, Vocab: 520, Precision: "f32",
		Augment: image.Augment{Crop: [2]float64{0.6, 1}, Ratio: [2]float64{0.8, 1.25}, Color: 0.2}}
}

// TestWholePath runs every op on the one before it, on a world of 300 rows.
func TestWholePath(t *testing.T) {
	_, pool := do(t, "world", smallWorld, nil, nil)
	_, base := do(t, "pretrain", smallPretrain(t), map[string]string{"pool": pool}, nil)
	_, folder := do(t, "embed", EmbedParams{}, map[string]string{"checkpoint": base, "pool": pool}, nil)
	_, queries := do(t, "queries", QueriesParams{Set: "task", Prompts: []string{"a {}", "the {}"}}, map[string]string{"checkpoint": base, "classes": pool}, nil)
	in := map[string]string{"embeddings": folder, "pool": pool, "queries": queries}
	for by, side := range map[string]string{"t2t": "text", "t2i": "image"} {
		flat := knn.Params{Kind: "flat"}
		_, index := do(t, "index", IndexParams{Side: side, Params: flat}, map[string]string{"embeddings": folder}, nil)
		_, in["hits."+by] = do(t, "retrieve", RetrieveParams{By: by, Index: flat, Depth: 16}, map[string]string{"embeddings": folder, "queries": queries, "index": index}, nil)
	}
	_, list := do(t, "pairs", PairsParams{K: 4, Per: "prompt", Overfetch: 4, Dedup: true, Control: "none"}, in, nil)
	baseRows := map[string]string{"checkpoint": base, "dataset": pool}
	evalParams := EvaluateParams{Kind: "zeroshot", Set: "task", Prompts: []string{"a {}", "the {}"}}
	_, baseEval := do(t, "evaluate", evalParams, baseRows, nil)
	for _, mode := range []string{"full", "locked-image", "locked-text", "gated-image"} {
		t.Run(mode, func(t *testing.T) {
			p := TuneParams{Mode: mode, Gamma: 0.9, Steps: 3, Batch: 16, LR: 1e-3, Warmup: 1, WeightDecay: 0.1, Clip: 1, Precision: "f32", Augment: noAugment, Seed: 1}
			if mode == "gated-image" {
				p.GatedDepth, p.AlphaLR = 1, 10
			}
			_, tuned := do(t, "tune", p, map[string]string{"checkpoint": base, "pairs": list, "pool": pool}, nil)
			_, eval := do(t, "evaluate", evalParams, map[string]string{"checkpoint": tuned, "dataset": pool, "base": baseEval}, nil)
			checkRows(t, eval, []string{"acc@1", "acc@5", "mean-per-class", "agreement"})
			checkRows(t, tuned, []string{"loss", "positives", "epochs"})
		})
	}
	checkRows(t, list, []string{"unique", "share", "precision"})
}

// checkRows requires the metrics among a stage's rows.
func checkRows(t *testing.T, dir string, metrics []string) {
	t.Helper()
	rows, err := ReadRows(dir)
	if err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, r := range rows {
		have[r.Metric] = true
	}
	for _, m := range metrics {
		if !have[m] {
			t.Errorf("no row %q among %v", m, have)
		}
	}
}

// TestStagesGiveTheSameBytes runs the stages that compute twice.
func TestStagesGiveTheSameBytes(t *testing.T) {
	_, pool := do(t, "world", smallWorld, nil, nil)
	_, base := do(t, "pretrain", smallPretrain(t), map[string]string{"pool": pool}, nil)
	_, again := do(t, "pretrain", smallPretrain(t), map[string]string{"pool": pool}, nil)
	sameFile(t, base, again, "open_clip_model.safetensors")
	sameFile(t, base, again, "tokenizer.json")
	in := map[string]string{"checkpoint": base, "pool": pool}
	_, folder := do(t, "embed", EmbedParams{}, in, nil)
	_, folder2 := do(t, "embed", EmbedParams{}, in, nil)
	for _, name := range []string{"img_emb/img_emb_0.npy", "text_emb/text_emb_0.npy", "metadata/metadata_0.parquet"} {
		sameFile(t, folder, folder2, name)
	}
}

func sameFile(t *testing.T, a, b, name string) {
	t.Helper()
	x, errX := os.ReadFile(filepath.Join(a, name))
	y, errY := os.ReadFile(filepath.Join(b, name))
	if err := errors.Join(errX, errY); err != nil {
		t.Fatal(err)
	}
	if string(x) != string(y) {
		t.Errorf("%s differs between two runs", name)
	}
}

func TestCancelStopsEveryComputingStage(t *testing.T) {
	_, pool := do(t, "world", smallWorld, nil, nil)
	ctx, cancel := context.WithCancel(context.Background())
	r := newRun(t, map[string]string{"pool": pool}, nil)
	r.Progress = func(p Progress) {
		if p.Done == 2 {
			cancel()
		}
	}
	p := smallPretrain(t)
	p.Steps = 1_000_000
	raw, err := Canonical(p)
	if err == nil {
		err = All["pretrain"].Run(ctx, &r.Run, raw)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("pretrain: got %v, want the context's error", err)
	}
	for op, params := range map[string]any{"world": smallWorld, "embed": EmbedParams{}} {
		r := newRun(t, map[string]string{"pool": pool, "checkpoint": pool}, nil)
		raw, err := Canonical(params)
		if err != nil {
			t.Fatal(err)
		}
		if err := All[op].Run(ctx, &r.Run, raw); err == nil {
			t.Errorf("%s ran to its end after the cancel", op)
		}
	}
}

func TestZeroShotRows(t *testing.T) {
	predictions := []Prediction{{Label: 0, Predicted: 0, Rank: 1}, {Label: 0, Predicted: 1, Rank: 5}, {Label: 0, Predicted: 2, Rank: 6}, {Label: 2, Predicted: 2, Rank: 1}}
	rows := zeroShotRows(predictions, []string{"a", "none", "c"})
	want := []MetricRow{{"acc@1", 0.5, 4, "", ""}, {"acc@5", 0.75, 4, "", ""}, {"mean-per-class", (1.0/3 + 1) / 2, 4, "", ""}, {"acc@1", 1.0 / 3, 3, "a", ""}, {"acc@1", 1, 1, "c", ""}}
	if fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", rows, want)
	}
}

func TestRankClassesBreaksTiesByClass(t *testing.T) {
	head := []float32{1, 0, 0, 1, 0, 1, 1, 0} // classes 0 and 3 are equal, 1 and 2 too
	for label := range 4 {
		p := rankClasses([]float32{0.8, 0.6}, head, label)
		if p.Predicted != 0 || p.Label != int32(label) || math.Abs(float64(p.Score)-0.8) > 1e-6 {
			t.Errorf("label %d: got %+v, want class 0 at 0.8", label, p)
		}
		if ranks := []int32{1, 3, 4, 2}; p.Rank != ranks[label] {
			t.Errorf("label %d: rank %d, want %d", label, p.Rank, ranks[label])
		}
	}
}

func TestAgreementWantsTheSameSet(t *testing.T) {
	dir := t.TempDir()
	write := func(rows []Prediction) {
		if err := parquet.WriteFile(filepath.Join(dir, predictionsFile), rows); err != nil {
			t.Fatal(err)
		}
	}
	write([]Prediction{{Key: "a", Predicted: 1, Rank: 1}, {Key: "b", Predicted: 2, Rank: 1}})
	row, err := agreement([]Prediction{{Key: "a", Predicted: 1}, {Key: "b", Predicted: 0}}, dir)
	if err != nil || row.Value != 0.5 || row.N != 2 {
		t.Errorf("got %v, %v, want half of 2", row, err)
	}
	if _, err := agreement([]Prediction{{Key: "a"}, {Key: "c"}}, dir); err == nil || !strings.Contains(err.Error(), `key "c" is "b"`) {
		t.Errorf("got %v, want an error that names both keys", err)
	}
}
