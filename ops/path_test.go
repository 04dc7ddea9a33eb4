package ops

import (
	"context"
	"errors"
	"testing"

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

// TestWholePath runs every op on the one before it, on a world of 300 rows.
func TestWholePath(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	_, folder := do(t, "embed", embed.Params{}, map[string]string{"checkpoint": base, "pool": pool}, nil)
	_, queries := do(t, "queries", embed.QueriesParams{Set: "task", Prompts: []string{"a {}", "the {}"}}, map[string]string{"checkpoint": base, "classes": pool}, nil)
	in := map[string]string{"embeddings": folder, "pool": pool, "queries": queries}
	for by, side := range map[string]string{"t2t": "text", "t2i": "image"} {
		flat := knn.Params{Kind: "flat"}
		_, index := do(t, "index", retrieve.IndexParams{Side: side, Params: flat}, map[string]string{"embeddings": folder}, nil)
		_, in["hits."+by] = do(t, "retrieve", retrieve.Params{By: by, Index: flat, Depth: 16}, map[string]string{"embeddings": folder, "queries": queries, "index": index}, nil)
	}
	_, list := do(t, "pairs", pairs.Params{K: 4, Per: "prompt", Overfetch: 4, Dedup: true, Source: "retrieved"}, in, nil)
	baseRows := map[string]string{"checkpoint": base, "dataset": pool}
	evalParams := evaluate.Params{Kind: "zeroshot", Set: "task", Prompts: []string{"a {}", "the {}"}}
	_, baseEval := do(t, "evaluate", evalParams, baseRows, nil)
	for _, mode := range []string{"full", "locked-image", "locked-text", "gated-image"} {
		t.Run(mode, func(t *testing.T) {
			p := train.TuneParams{Mode: mode, Gamma: 0.9, Steps: 3, Batch: 16, LR: 1e-3, Warmup: 1, WeightDecay: 0.1, GradClip: 1, Precision: "f32", Augment: optest.NoAugment, Seed: 1}
			if mode == "gated-image" {
				p.GatedDepth, p.AlphaLRScale = 1, 10
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
	rows, err := op.ReadRows(dir)
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
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	_, again := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	optest.SameFile(t, base, again, "open_clip_model.safetensors")
	optest.SameFile(t, base, again, "tokenizer.json")
	in := map[string]string{"checkpoint": base, "pool": pool}
	_, folder := do(t, "embed", embed.Params{}, in, nil)
	_, folder2 := do(t, "embed", embed.Params{}, in, nil)
	for _, name := range []string{"img_emb/img_emb_0.npy", "text_emb/text_emb_0.npy", "metadata/metadata_0.parquet"} {
		optest.SameFile(t, folder, folder2, name)
	}
}

func TestCancelStopsEveryComputingStage(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	ctx, cancel := context.WithCancel(context.Background())
	r := optest.New(t, map[string]string{"pool": pool}, nil)
	r.Progress = func(p op.Progress) {
		if p.Done == 2 {
			cancel()
		}
	}
	p := small.Pretrain(t)
	p.Steps = 1_000_000
	raw, err := op.Canonical(p)
	if err == nil {
		err = All["pretrain"].Run(ctx, &r.Run, raw)
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("pretrain: got %v, want the context's error", err)
	}
	for name, params := range map[string]any{"world": optest.SmallWorld, "embed": embed.Params{}} {
		r := optest.New(t, map[string]string{"pool": pool, "checkpoint": pool}, nil)
		raw, err := op.Canonical(params)
		if err != nil {
			t.Fatal(err)
		}
		if err := All[name].Run(ctx, &r.Run, raw); err == nil {
			t.Errorf("%s ran to its end after the cancel", name)
		}
	}
}
