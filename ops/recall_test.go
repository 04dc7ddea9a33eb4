package ops

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/datasets"
	"react/ops/blas"
	"react/ops/metric"
)

// captionFolder makes a folder in Karpathy's layout of the pictures of a world's set, two captions each.
func captionFolder(t *testing.T, pool string) string {
	t.Helper()
	set, err := datasets.Open(filepath.Join(pool, "sets", "task"))
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
	_, pool := do(t, "world", smallWorld, nil, nil)
	_, base := do(t, "pretrain", smallPretrain(t), map[string]string{"pool": pool}, nil)
	dir := captionFolder(t, pool)
	in := map[string]string{"checkpoint": base, "dataset": dir}
	p := EvaluateParams{Kind: "retrieval"}
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
	run := newRun(t, map[string]string{"checkpoint": base, "dataset": dir}, nil)
	if err := try(run, "evaluate", p); err == nil || !strings.Contains(err.Error(), `1 of 12 images of split "test" are not there, the first is 3.png`) {
		t.Errorf("got %v", err)
	}
}

// TestRecallRows: three images, the second with two captions of which one is nearer to the third.
func TestRecallRows(t *testing.T) {
	images := blas.Matrix{Rows: 3, Cols: 3, Values: []float32{1, 0, 0, 0, 1, 0, 0, 0, 1}}
	texts := blas.Matrix{Rows: 4, Cols: 3, Values: []float32{0.9, 0.1, 0, 0, 0.8, 0.2, 0, 0.3, 0.7, 0, 0.1, 0.6}}
	got := map[string]float64{}
	for _, r := range recallRows(metric.TopMatches(images, texts, 10), []int{0, 1, 1, 2}) {
		got[r.Metric] = r.Value
	}
	for name, want := range map[string]float64{"i2t-recall@1": 2.0 / 3, "t2i-recall@1": 0.75, "i2t-set-recall@1": 0.5, "i2t-recall@5": 1, "t2i-recall@10": 1, "i2t-set-recall@5": 1} {
		if d := got[name] - want; d > 1e-9 || d < -1e-9 {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
}

// TestQueriesOf: the ranks that recall follows from, of the same three images.
func TestQueriesOf(t *testing.T) {
	images := blas.Matrix{Rows: 3, Cols: 3, Values: []float32{1, 0, 0, 0, 1, 0, 0, 0, 1}}
	texts := blas.Matrix{Rows: 4, Cols: 3, Values: []float32{0.9, 0.1, 0, 0, 0.8, 0.2, 0, 0.3, 0.7, 0, 0.1, 0.6}}
	got := queriesOf(metric.TopMatches(images, texts, 2), []int{0, 1, 1, 2}, []string{"a", "b", "c"})
	want := []RetrievalQuery{{"a", 0, 1, 1}, {"b", 0, 1, 1}, {"b", 1, 2, 2}, {"c", 0, 2, 1}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := queriesOf(metric.TopMatches(images, texts, 1), []int{0, 1, 1, 2}, []string{"a", "b", "c"}); got[2].I2T != 0 || got[3].I2T != 0 {
		t.Errorf("what was not found has a rank: %v", got)
	}
}
