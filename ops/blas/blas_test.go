package blas

import (
	"math"
	"math/rand/v2"
	"testing"
)

func random(rows, cols int, seed uint64) Matrix {
	m := New(rows, cols)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range m.Values {
		m.Values[i] = rng.Float32() - 0.5
	}
	return m
}

// TestPlainLoops compares both products with loops, for odd shapes.
func TestPlainLoops(t *testing.T) {
	for _, shape := range [][3]int{{1, 1, 1}, {3, 5, 7}, {64, 33, 17}, {130, 9, 65}} {
		m, n, k := shape[0], shape[1], shape[2]
		a, b, c := random(m, k, 1), random(n, k, 2), random(m, n, 3)
		want := make([]float64, m*n)
		for i := range m {
			for j := range n {
				want[i*n+j] = 0.5 * float64(c.Values[i*n+j])
				for d := range k {
					want[i*n+j] += 2 * float64(a.Row(i)[d]) * float64(b.Row(j)[d])
				}
			}
		}
		Times(c, 2, a, b, 0.5)
		compare(t, c, want)

		g := random(k, n, 4) // sum over m of a's row times c's row
		for i := range k {
			for j := range n {
				want := float64(0)
				for r := range m {
					want += float64(a.Row(r)[i]) * float64(c.Row(r)[j])
				}
				g.Values[i*n+j] = float32(want)
			}
		}
		got := New(k, n)
		Gradient(got, 1, a, c, 0)
		for i, v := range got.Values {
			if math.Abs(float64(v-g.Values[i])) > 1e-4 {
				t.Fatalf("gradient %v: value %d is %v, want %v", shape, i, v, g.Values[i])
			}
		}
	}
}

func compare(t *testing.T, c Matrix, want []float64) {
	t.Helper()
	for i, v := range c.Values {
		if math.Abs(float64(v)-want[i]) > 1e-4 {
			t.Fatalf("%dx%d: value %d is %v, want %v", c.Rows, c.Cols, i, v, want[i])
		}
	}
}

func TestShapes(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("shapes that do not fit pass")
		}
	}()
	Times(New(2, 2), 1, New(2, 3), New(2, 4), 0)
}

func BenchmarkTimes(b *testing.B) {
	x, w, out := random(4096, 512, 1), random(1000, 512, 2), New(4096, 1000)
	for b.Loop() {
		Times(out, 1, x, w, 0)
	}
	b.ReportMetric(2*4096*512*1000*float64(b.N)/b.Elapsed().Seconds()/1e9, "GFLOP/s")
}
