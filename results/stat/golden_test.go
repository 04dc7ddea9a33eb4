package stat

import (
	"encoding/json"
	"os"
	"testing"
)

// tCase is a t test of testdata/scipy.json.
type tCase struct{ T, DF, P, Low, High float64 }

func (want tCase) compare(t *testing.T, got Test) {
	t.Helper()
	near(t, "t", got.T, want.T, 1e-8)
	near(t, "df", got.DF, want.DF, 1e-8)
	near(t, "p", got.P, want.P, 1e-8)
	near(t, "low", got.Low, want.Low, 1e-8)
	near(t, "high", got.High, want.High, 1e-8)
}

// TestAgainstSciPy compares with what testdata/golden.py computed with SciPy.
func TestAgainstSciPy(t *testing.T) {
	raw, err := os.ReadFile("testdata/scipy.json")
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		T []struct {
			A, B                 []float64
			Mean, Std, Low, High float64
			One, Paired, Welch   tCase
		}
		McNemar []struct {
			X, Y int
			P    float64
		}
		Holm []struct {
			P, Holm []float64
		}
		Bootstrap []struct {
			Sums                []float64
			Sizes               []int
			Estimate, Low, High float64
		}
	}
	if err := json.Unmarshal(raw, &want); err != nil {
		t.Fatal(err)
	}
	for _, c := range want.T {
		near(t, "mean", Mean(c.A), c.Mean, 1e-12)
		near(t, "std", Std(c.A), c.Std, 1e-9)
		low, high := MeanInterval(c.A)
		near(t, "interval's low", low, c.Low, 1e-9)
		near(t, "interval's high", high, c.High, 1e-9)
		c.One.compare(t, OneSample(c.A, 0.47))
		n := min(len(c.A), len(c.B))
		c.Paired.compare(t, Paired(c.A[:n], c.B[:n]))
		c.Welch.compare(t, Welch(c.A, c.B))
	}
	for _, c := range want.McNemar {
		near(t, "McNemar", McNemar(c.X, c.Y), c.P, 1e-9)
	}
	for _, c := range want.Holm {
		for i, p := range Holm(c.P) {
			near(t, "Holm", p, c.Holm[i], 1e-12)
		}
	}
	for _, c := range want.Bootstrap {
		clusters := make([]Cluster, len(c.Sums))
		for i := range clusters {
			clusters[i] = Cluster{c.Sums[i], c.Sizes[i]}
		}
		got := Bootstrap(clusters, 50_000, 7)
		near(t, "estimate", got.Estimate, c.Estimate, 1e-12)
		if width := c.High - c.Low; abs(got.Low-c.Low) > 0.03*width || abs(got.High-c.High) > 0.03*width { // other random numbers
			t.Errorf("bootstrap: got [%v, %v], want [%v, %v]", got.Low, got.High, c.Low, c.High)
		}
	}
	if len(want.T) < 20 || len(want.McNemar) < 10 || len(want.Holm) < 4 || len(want.Bootstrap) < 3 {
		t.Errorf("the file lacks cases: %d, %d, %d, %d", len(want.T), len(want.McNemar), len(want.Holm), len(want.Bootstrap))
	}
}

func abs(v float64) float64 { return max(v, -v) }
