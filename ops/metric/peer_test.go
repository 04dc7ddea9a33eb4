package metric

import (
	"math"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"react/data/npy"
	"react/data/peer"
	"react/ops/blas"
)

// unit are random rows of length 1.
func unit(rows, cols int, seed uint64) blas.Matrix {
	m := blas.New(rows, cols)
	rng := rand.New(rand.NewPCG(seed, 8))
	for i := range m.Rows {
		sum := 0.0
		for d := range m.Row(i) {
			v := rng.NormFloat64()
			m.Row(i)[d] = float32(v)
			sum += v * v
		}
		for d := range m.Row(i) {
			m.Row(i)[d] /= float32(math.Sqrt(sum))
		}
	}
	return m
}

// TestScoresAgainstNumPy takes turns with NumPy on what follows embeddings: retrieval both ways
// among 5,000 images and 25,000 captions, and classification of 25,000 images into 1,000 classes,
// all of 512 values.
func TestScoresAgainstNumPy(t *testing.T) {
	rounds, python := peer.Rounds(t), peer.Python(t, "NumPy")
	a, b, head := unit(5000, 512, 1), unit(25000, 512, 2), unit(1000, 512, 3)
	dir := t.TempDir()
	for name, m := range map[string]blas.Matrix{"a": a, "b": b, "head": head} {
		if err := npy.Write(dir+"/"+name+".npy", []int{m.Rows, m.Cols}, m.Values, "<f4"); err != nil {
			t.Fatal(err)
		}
	}
	p := peer.Start(t, "NumPy", exec.Command(python, "testdata/peer.py", dir))
	work := map[string]func() int{
		"recall": func() (sum int) {
			for _, row := range TopMatches(a, b, 10).Rows {
				sum += row[0]
			}
			return sum
		},
		"classify": func() (sum int) {
			scores := blas.New(b.Rows, head.Rows)
			blas.Times(scores, 1, b, head, 0)
			for i := range b.Rows {
				sum += Best(scores.Row(i))
			}
			return sum
		},
	}
	for _, kind := range []struct{ name, says string }{{"recall", "best 10 both ways, 5,000 x 25,000 of 512"}, {"classify", "best of 1,000 classes, 25,000 images of 512"}} {
		var ours, theirs []float64
		for range rounds {
			start := time.Now()
			got := work[kind.name]()
			ours = append(ours, time.Since(start).Seconds())
			var seconds float64
			var want int
			p.Ask(t, kind.name, &seconds, &want)
			theirs = append(theirs, seconds)
			if math.Abs(float64(got-want)) > 0.001*float64(want) { // a few near ties fall otherwise
				t.Errorf("%s: the sum of the answers is %d, NumPy's %d", kind.name, got, want)
			}
		}
		peer.Record(t, peer.Row{Work: kind.says, Us: "ops/metric", Peer: "NumPy", Unit: "1/s",
			Ours: 1 / peer.Median(ours), Theirs: 1 / peer.Median(theirs), Ratio: peer.Compare(ours, theirs)})
	}
}
