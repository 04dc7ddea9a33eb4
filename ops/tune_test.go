package ops

import (
	"crypto/sha256"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"react/ops/clip/optim"
	"react/ops/embed"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/knn"
	"react/ops/pairs"
	"react/ops/retrieve"
	"react/ops/train"
)

// TestEveryParamOfTuneChangesTheWeights: a param that is dropped between the spec and the step
// would leave the weights as they are, and be an ablation of nothing. A new param must be added
// here.
func TestEveryParamOfTuneChangesTheWeights(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	_, folder := do(t, "embed", embed.Params{}, map[string]string{"checkpoint": base, "pool": pool}, nil)
	_, queries := do(t, "queries", embed.QueriesParams{Set: "task", Prompts: []string{"a {}"}}, map[string]string{"checkpoint": base, "classes": pool}, nil)
	in := map[string]string{"embeddings": folder, "pool": pool, "queries": queries}
	_, in["hits.t2t"] = do(t, "retrieve", retrieve.Params{By: "t2t", Index: knn.Params{Kind: "exact"}, Depth: 32}, in, nil)
	// Duplicates stay in, so that an image has several captions.
	_, list := do(t, "pairs", pairs.Params{K: 24, Per: "prompt", Overfetch: 1, Source: "retrieved"}, in, nil)
	plain := train.TuneParams{Mode: "gated-image", Gamma: 0.9, Steps: 4, Batch: 8, LR: 0.01, Warmup: 1, WeightDecay: 0.1, GradClip: 1, GatedDepth: 1, AlphaLRScale: 2,
		Precision: "f32", Augment: optest.NoAugment, Seed: 1}
	digest := func(p train.TuneParams) [32]byte {
		t.Helper()
		_, dir := do(t, "tune", p, map[string]string{"checkpoint": base, "pairs": list, "pool": pool}, nil)
		raw, err := os.ReadFile(filepath.Join(dir, "open_clip_model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return sha256.Sum256(raw)
	}
	changes := map[string]func(*train.TuneParams){
		"Mode":         func(p *train.TuneParams) { p.Mode, p.GatedDepth, p.AlphaLRScale = "full", 0, 0 },
		"Gamma":        func(p *train.TuneParams) { p.Gamma = train.GammaOff },
		"Steps":        func(p *train.TuneParams) { p.Steps = 3 },
		"Batch":        func(p *train.TuneParams) { p.Batch = 4 },
		"LR":           func(p *train.TuneParams) { p.LR = 0.02 },
		"Warmup":       func(p *train.TuneParams) { p.Warmup = 2 },
		"WeightDecay":  func(p *train.TuneParams) { p.WeightDecay = 0.2 },
		"GradClip":     func(p *train.TuneParams) { p.GradClip = 0.01 },
		"GatedDepth":   func(p *train.TuneParams) { p.GatedDepth = 2 },
		"AlphaLRScale": func(p *train.TuneParams) { p.AlphaLRScale = 4 },
		"AdamW":        func(p *train.TuneParams) { p.AdamW = &optim.AdamW{Beta1: 0.8, Beta2: 0.98, Epsilon: 1e-6} },
		"Augment":      func(p *train.TuneParams) { p.Augment.Flip = 1 },
		"Captions":     func(p *train.TuneParams) { p.Captions = "one" },
		"Seed":         func(p *train.TuneParams) { p.Seed = 2 },
		"Precision":    nil, // bf16 of tune is tested in ops/clip: the Go engine takes minutes
		// with the text tower locked they never move; in ops/clip for the other modes
		"PositivesFrom": nil,
		"MaxBad":        nil, // an error or nothing
		"MaxBadShare":   nil, // likewise
	}
	before := digest(plain)
	for i := range reflect.TypeFor[train.TuneParams]().NumField() {
		name := reflect.TypeFor[train.TuneParams]().Field(i).Name
		change, ok := changes[name]
		if !ok {
			t.Errorf("param %s is not in this test", name)
		}
		if change == nil {
			continue
		}
		p := plain
		change(&p)
		if digest(p) == before {
			t.Errorf("another %s gives the same weights", name)
		}
	}
}
