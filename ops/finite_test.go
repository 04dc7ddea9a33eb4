package ops

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/ops/clip/encode"
	"react/ops/clip/layout"
	"react/ops/embed"
	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/pairs"
)

// overflowing writes a copy of a checkpoint whose weights are finite and whose tower is not: the
// products with this projection leave float32.
func overflowing(t *testing.T, checkpoint, projection string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(checkpoint)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "open_clip_model.safetensors")
	w, err := layout.ReadSafetensors(file)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range w.At(projection).Data {
		w.At(projection).Data[i] = 3e38
		if v < 0 {
			w.At(projection).Data[i] = -3e38
		}
	}
	if err := os.Remove(file); err != nil { // stage outputs are read-only
		t.Fatal(err)
	}
	if err := layout.WriteSafetensors(file, w); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestNotFiniteIsAnError gives towers that overflow to every op that embeds: none may rank, store
// or average what came out. No comparison with NaN is true, so that plain zero-shot counted such
// images as right: acc@1 was 100 %.
func TestNotFiniteIsAnError(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	captions := captionFolder(t, pool)
	for _, tower := range []struct {
		projection, names string
		ops               map[string]any
	}{
		{"visual.proj", "key ", map[string]any{
			"evaluate": evaluate.Params{Kind: "zeroshot", Set: "task", Prompts: []string{"a {}"}}, "features": embed.FeaturesParams{Set: "task"},
			"fingerprint": pairs.FingerprintParams{Set: "task"}, "embed": embed.Params{}, "retrieval": evaluate.Params{Kind: "retrieval"}}},
		{"text_projection", "text \"", map[string]any{
			"evaluate": evaluate.Params{Kind: "zeroshot", Set: "task", Prompts: []string{"a {}"}}, "embed": embed.Params{},
			"queries": embed.QueriesParams{Set: "task", Prompts: []string{"a {}"}}, "retrieval": evaluate.Params{Kind: "retrieval"}}},
	} {
		broken := overflowing(t, base, tower.projection)
		for op, params := range tower.ops {
			in := map[string]string{"checkpoint": broken, "dataset": pool, "pool": pool, "classes": pool}
			name := op
			if op == "retrieval" {
				name, in["dataset"] = "evaluate", captions
			}
			r := optest.New(t, in, nil)
			err := try(r, name, params)
			var none *encode.NotFiniteError
			if !errors.As(err, &none) || none.First != 0 || none.Count != none.Rows || !strings.Contains(err.Error(), tower.names) {
				t.Errorf("%s with %s: got %v, want that no embedding is finite, and of which input", op, tower.projection, err)
			}
			if _, err := os.Stat(r.Path("rows.jsonl")); err == nil {
				t.Errorf("%s with %s wrote rows", op, tower.projection)
			}
		}
	}
}

// TestLogitScaleWithoutBound: a scale without bound, which makes probabilities NaN.
func TestLogitScaleWithoutBound(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	dir := overflowing(t, base, "logit_scale")
	r := optest.New(t, map[string]string{"checkpoint": dir, "classes": pool}, nil)
	err := try(r, "queries", embed.QueriesParams{Set: "task", Prompts: []string{"a {}"}})
	if err == nil || !strings.Contains(err.Error(), "logit_scale") {
		t.Errorf("got %v, want an error about logit_scale", err)
	}
}
