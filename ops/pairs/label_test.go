package pairs

import (
	"testing"

	"react/data/embeddings"
	"react/ops/internal/optest"
)

// TestLabelsBeside: the labels of a pool that are no class of the task, and whether any is.
func TestLabelsBeside(t *testing.T) {
	var meta []embeddings.Meta
	for i, label := range []string{"neg", "pos", "neg"} {
		meta = append(meta, embeddings.Meta{Row: int64(i), Label: label})
	}
	folder, err := embeddings.Open(optest.WriteFolder(t, 2, []float32{1, 0, 0, 1, 1, 0}, meta))
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for class, want := range map[string]bool{"kind 0": false, "pos": true} {
		others, found, err := labelsBeside(t.Context(), folder, map[string]bool{class: true})
		if err != nil || found != want || !want && others != `"neg", "pos"` {
			t.Errorf("%s: got %s, %v, %v", class, others, found, err)
		}
	}
}
