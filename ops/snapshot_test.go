package ops

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/train"
)

// TestSnapshot takes checkpoints that a pretraining kept: keeping them changes nothing, the last is
// the end, an earlier one is not.
func TestSnapshot(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	in := map[string]string{"pool": pool}
	p := small.Pretrain(t)
	_, plain := do(t, "pretrain", p, in, nil)
	p.CheckpointEvery = 4
	_, base := do(t, "pretrain", p, in, nil)
	weights := func(dir string) []byte {
		t.Helper()
		raw, err := os.ReadFile(filepath.Join(dir, "open_clip_model.safetensors"))
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	if !bytes.Equal(weights(base), weights(plain)) {
		t.Error("keeping checkpoints changed the last")
	}
	kept := map[string]string{"pretrain": base}
	_, last := do(t, "snapshot", train.SnapshotParams{Step: 8}, kept, nil)
	_, half := do(t, "snapshot", train.SnapshotParams{Step: 4}, kept, nil)
	if !bytes.Equal(weights(last), weights(base)) || bytes.Equal(weights(half), weights(base)) {
		t.Error("the snapshot of the last step is not the end, or that of half the steps is")
	}
	_, eval := do(t, "evaluate", evaluate.Params{Kind: "zeroshot", Set: "task", Prompts: []string{"a {}"}}, map[string]string{"checkpoint": half, "dataset": pool}, nil)
	checkRows(t, eval, []string{"acc@1"})
	if err := try(optest.New(t, kept, nil), "snapshot", train.SnapshotParams{Step: 5}); err == nil || !strings.Contains(err.Error(), "no checkpoint of step 5") {
		t.Errorf("step 5: got %v", err)
	}
}
