package ops

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/data/datasets"
	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
)

// captionFolder makes a folder in Karpathy's layout of the pictures of a world's set, two captions
// each.
func captionFolder(t *testing.T, pool string) string {
	t.Helper()
	set, err := datasets.OpenSplit(filepath.Join(pool, "sets", "task"), datasets.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	dir := t.TempDir()
	var images []any
	for i, item := range set.Items {
		raw, err := set.Read(i)
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("%d.png", i)
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o666); err != nil {
			t.Fatal(err)
		}
		class := set.Classes[item.Label]
		images = append(images, map[string]any{"filename": name, "split": "test", "sentences": []any{map[string]any{"raw": "a " + class}, map[string]any{"raw": "the " + class}}})
	}
	raw, err := json.Marshal(map[string]any{"images": images})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "dataset_mine.json"), raw, 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestRetrieval runs both directions on a model, and against itself as the base.
func TestRetrieval(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	dir := captionFolder(t, pool)
	in := map[string]string{"checkpoint": base, "dataset": dir}
	p := evaluate.Params{Kind: "retrieval"}
	_, first := do(t, "evaluate", p, in, nil)
	in["base"] = first
	_, again := do(t, "evaluate", p, in, nil)
	rows := rowsOf(t, again)
	for _, way := range []string{"i2t", "t2i"} {
		if rows[way+"-delta"] != 0 || rows[way+"-recall@1"] > rows[way+"-recall@5"] || rows[way+"-recall@5"] > rows[way+"-recall@10"] || rows[way+"-recall@10"] == 0 {
			t.Errorf("%s: %v", way, rows)
		}
	}
	if rows["i2t-set-recall@1"] > rows["i2t-recall@1"]/2+1e-9 { // one of two captions at most
		t.Errorf("set recall %v, any %v", rows["i2t-set-recall@1"], rows["i2t-recall@1"])
	}
	if err := os.Remove(filepath.Join(dir, "3.png")); err != nil {
		t.Fatal(err)
	}
	run := optest.New(t, map[string]string{"checkpoint": base, "dataset": dir}, nil)
	if err := try(run, "evaluate", p); err == nil || !strings.Contains(err.Error(), `1 of 12 images of split "test" are not there, the first is 3.png`) {
		t.Errorf("got %v", err)
	}
}
