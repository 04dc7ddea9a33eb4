package ops

import (
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/embed"
	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/pairs"
	"react/ops/train"
)

// TestResNetBase pretrains and tunes a model whose image tower is a ResNet; gated-image is refused.
func TestResNetBase(t *testing.T) {
	p := small.Pretrain(t)
	p.Model.Model.Vision = clip.Vision{Stages: []int{1, 1, 1, 1}, Width: 4, HeadWidth: 32, ImageSize: 32}
	p.Steps = 3
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", p, map[string]string{"pool": pool}, nil)
	_, folder := do(t, "embed", embed.Params{}, map[string]string{"checkpoint": base, "pool": pool}, nil)
	_, list := do(t, "pairs", pairs.Params{Source: "pool"}, map[string]string{"embeddings": folder, "pool": pool}, nil)
	in := map[string]string{"checkpoint": base, "pairs": list, "pool": pool}
	tuning := train.TuneParams{Mode: "locked-text", Gamma: 0.9, Steps: 2, Batch: 16, LR: 1e-3, Warmup: 1, Precision: "f32", Augment: optest.NoAugment, Seed: 1}
	_, tuned := do(t, "tune", tuning, in, nil)
	if c, err := layout.Load(tuned); err != nil || !c.Config.ResNet() {
		t.Errorf("the tuned checkpoint: %v", err)
	}
	_, eval := do(t, "evaluate", evaluate.Params{Kind: "zeroshot", Set: "task", Prompts: []string{"a {}"}}, map[string]string{"checkpoint": tuned, "dataset": pool}, nil)
	checkRows(t, eval, []string{"acc@1"})
	tuning.Mode, tuning.GatedDepth, tuning.AlphaLRScale = "gated-image", 1, 1
	if err := try(optest.New(t, in, nil), "tune", tuning); err == nil || !strings.Contains(err.Error(), "the image tower is a ResNet") {
		t.Errorf("gated-image: %v", err)
	}
}
