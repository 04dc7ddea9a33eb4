package evaluate

import (
	"slices"
	"testing"

	"react/ops/blas"
	"react/ops/metric"
)

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
