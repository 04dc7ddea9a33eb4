package knn

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"react/ops/blas"
)

// repeated gives n unit vectors around centres, as embeddings lie; each third row nearly repeats
// one before it.
func repeated(seed uint64, n, dim int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 9))
	centres := units(seed, max(2, n/200), dim)
	out := make([]float32, n*dim)
	for i := range n {
		v := out[i*dim : (i+1)*dim]
		from, noise := centres[rng.IntN(len(centres)/dim)*dim:], 1.2
		if i%3 == 2 {
			from, noise = out[rng.IntN(i)*dim:], 0.05+0.3*rng.Float64()
		}
		for d := range v {
			v[d] = from[d] + float32(noise*rng.NormFloat64()/math.Sqrt(float64(dim)))
		}
		blas.Normalize(v)
	}
	return out
}

// naive compares all with all.
func naive(vectors []float32, dim int, threshold float32) map[[2]int32]float32 {
	out := map[[2]int32]float32{}
	for a := range len(vectors) / dim {
		for b := a + 1; b < len(vectors)/dim; b++ {
			sum := 0.0
			for d := range dim {
				sum += float64(vectors[a*dim+d]) * float64(vectors[b*dim+d])
			}
			if float32(sum) >= threshold {
				out[[2]int32{int32(a), int32(b)}] = float32(sum)
			}
		}
	}
	return out
}

func TestNearPairsAreThoseOfALoop(t *testing.T) {
	const n, dim = 2300, 24 // more than two blocks
	vectors := repeated(1, n, dim)
	want := naive(vectors, dim, 0.9)
	for name, x := range map[string]Near{"all": {Threshold: 0.9}, "every cell": {Threshold: 0.9, Cells: 7, Probes: 7}} {
		x.Source = memory{vectors: vectors, dim: dim}
		got, err := x.Pairs(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) || len(want) < 300 {
			t.Errorf("%s: %d pairs, want %d", name, len(got), len(want))
		}
		for i, p := range got {
			score, ok := want[[2]int32{p.A, p.B}]
			if p.A >= p.B || !ok || math.Abs(float64(score-p.Score)) > 1e-5 {
				t.Fatalf("%s: pair %+v, want score %v, %v", name, p, score, ok)
			}
			if i > 0 && (p.A < got[i-1].A || p.A == got[i-1].A && p.B <= got[i-1].B) {
				t.Fatalf("%s: pair %+v after %+v", name, p, got[i-1])
			}
		}
	}
}

func TestNearErrors(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	good := memory{vectors: units(1, 100, 4), dim: 4}
	if _, err := (Near{Source: good, Threshold: 0.9}).Pairs(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	nan := slices.Clone(good.vectors)
	nan[41] = float32(math.NaN())
	for name, c := range map[string]struct {
		x    Near
		want string
	}{
		"NaN":             {Near{Source: memory{vectors: nan, dim: 4}, Threshold: 0.9}, "vector 10: component 1 is NaN"},
		"no probes":       {Near{Source: good, Cells: 4}, "4 cells and 0 probes"},
		"too many cells":  {Near{Source: good, Cells: 101, Probes: 1}, "101 cells"},
		"unreadable rows": {Near{Source: memory{vectors: good.vectors, dim: 4, err: errors.New("disk")}}, "disk"},
	} {
		if _, err := c.x.Pairs(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

// TestNearRecall holds the inverted file to 0.99 of the exact pairs, with the parameters that a
// million rows get. NEAR_ROWS and NEAR_DIM make it as large as wanted; pairs are then compared on a
// sample of 100,000 rows.
func TestNearRecall(t *testing.T) {
	n, dim := 12_000, 64
	if text := os.Getenv("NEAR_ROWS"); text != "" {
		n, _ = strconv.Atoi(text)
		dim = 512
		if d, err := strconv.Atoi(os.Getenv("NEAR_DIM")); err == nil {
			dim = d
		}
	} else if testing.Short() {
		t.Skip("a minute with the race detector")
	}
	vectors := repeated(3, n, dim)
	x := NearDuplicates(memory{vectors: vectors, dim: dim}, 0.95)
	x.Cells, x.Probes = int(4*math.Sqrt(float64(n))), 8
	start := time.Now()
	found, err := x.Pairs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	sample := min(n, 100_000)
	start = time.Now()
	exact, err := Near{Source: memory{vectors: vectors[:sample*dim], dim: dim}, Threshold: 0.95}.Pairs(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	have := map[[2]int32]bool{}
	for _, p := range found {
		have[[2]int32{p.A, p.B}] = true
	}
	hit := 0
	for _, p := range exact {
		if have[[2]int32{p.A, p.B}] {
			hit++
		}
	}
	recall := float64(hit) / float64(len(exact))
	t.Logf("%d rows of %d: %d pairs in %v with %d cells and %d probes; recall %.4f of %d exact pairs among %d rows (%v)", n, dim, len(found), took, x.Cells, x.Probes, recall, len(exact), sample, time.Since(start))
	if recall < 0.99 || len(exact) < 100 {
		t.Errorf("recall %.4f of %d pairs, want 0.99", recall, len(exact))
	}
}
