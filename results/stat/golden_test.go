package stat

import (
	"encoding/json"
	"os"
	"testing"
)

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
		}
		McNemar []struct {
			X, Y int
			P    float64
		}
		Holm []struct {
			P, Holm []float64
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
	}
	for _, c := range want.McNemar {
		near(t, "McNemar", McNemar(c.X, c.Y), c.P, 1e-9)
	}
	for _, c := range want.Holm {
		for i, p := range first(Holm(c.P, 0.05)) {
			near(t, "Holm", p, c.Holm[i], 1e-12)
		}
	}
	if len(want.T) < 20 || len(want.McNemar) < 10 || len(want.Holm) < 4 {
		t.Errorf("the file lacks cases: %d, %d, %d", len(want.T), len(want.McNemar), len(want.Holm))
	}
}

func first(adjusted, _ []float64) []float64 { return adjusted }
