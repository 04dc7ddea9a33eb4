package ops

import (
	"strings"
	"testing"

	"react/ops/clip/layout"
	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/train"
)

// TestResize doubles the side of the images of a checkpoint, and evaluates it.
func TestResize(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	in := map[string]string{"checkpoint": base}
	_, resized := do(t, "resize", train.ResizeParams{ImageSize: 64}, in, nil)
	before, err := layout.Load(base)
	if err != nil {
		t.Fatal(err)
	}
	after, err := layout.Load(resized)
	if err != nil {
		t.Fatal(err)
	}
	if before.Config.ImageSize() != 32 || after.Config.ImageSize() != 64 {
		t.Errorf("from %d to %d pixels, want 32 to 64", before.Config.ImageSize(), after.Config.ImageSize())
	}
	_, eval := do(t, "evaluate", evaluate.Params{Kind: "zeroshot", Set: "task", Prompts: []string{"a {}"}}, map[string]string{"checkpoint": resized, "dataset": pool}, nil)
	checkRows(t, eval, []string{"acc@1"})
	if err := try(optest.New(t, in, nil), "resize", train.ResizeParams{ImageSize: 65}); err == nil || !strings.Contains(err.Error(), "image_size: 65 is not a multiple of patch_size") {
		t.Errorf("a side that is no multiple: %v", err)
	}
}
