package ops

import (
	"os"
	"path/filepath"
	"testing"

	"react/ops/embed"
	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/op"
)

// TestProbeOfPackages scores linear probes on MNIST and Fashion-MNIST as packages give them out, on
// features of a small model that has seen drawings alone: far above chance, or images and labels do
// not belong together.
func TestProbeOfPackages(t *testing.T) {
	root := os.Getenv("INTEROP_SETS")
	if root == "" {
		t.Skip("INTEROP_SETS names no folder of MNIST and Fashion-MNIST (make interop)")
	}
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	for _, name := range []string{"mnist", "fashion-mnist"} {
		files := map[string]op.Files{"dataset": {Root: filepath.Join(root, name)}}
		features := func(split string) string {
			_, dir := do(t, "features", embed.FeaturesParams{Benchmark: name, Split: split}, map[string]string{"checkpoint": base}, files)
			return dir
		}
		in := map[string]string{"train": features("train"), "features": features("test")}
		_, dir := do(t, "evaluate", evaluate.Params{Kind: "probe", Probe: &evaluate.ProbeParams{Method: "logistic", Shots: 50, Samples: 1}}, in, nil)
		score := rowsOf(t, dir)["acc@1"]
		if t.Logf("%s: acc@1 %.3f", name, score); score < 0.4 {
			t.Errorf("%s: acc@1 %.3f, want over 0.4", name, score)
		}
	}
}
