package pyrandom

import (
	"encoding/json"
	"os"
	"slices"
	"testing"
)

// TestPython compares with what Python draws for ten seeds (testdata/make.py).
func TestPython(t *testing.T) {
	raw, err := os.ReadFile("testdata/golden.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Cases []struct {
			Seed                         int64
			Bits                         []uint32
			Shuffle, Small, Large, Below []int
		}
	}
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) != 10 {
		t.Fatalf("%d cases", len(golden.Cases))
	}
	for _, c := range golden.Cases {
		r := New(c.Seed)
		for i, want := range c.Bits {
			if got := r.source.Uint32(); got != want {
				t.Errorf("seed %d: bits %d: got %d, want %d", c.Seed, i, got, want)
			}
		}
		order := make([]int, len(c.Shuffle))
		for i := range order {
			order[i] = i
		}
		New(c.Seed).Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		if !slices.Equal(order, c.Shuffle) {
			t.Errorf("seed %d: shuffles differ", c.Seed)
		}
		if got := New(c.Seed).Sample(30, 12); !slices.Equal(got, c.Small) {
			t.Errorf("seed %d: sample of 30: got %v, want %v", c.Seed, got, c.Small)
		}
		if got := New(c.Seed).Sample(100000, 40); !slices.Equal(got, c.Large) {
			t.Errorf("seed %d: sample of 100000: got %v, want %v", c.Seed, got, c.Large)
		}
		r = New(c.Seed)
		for i, want := range c.Below {
			if got := r.Below(7); got != want {
				t.Errorf("seed %d: randrange %d: got %d, want %d", c.Seed, i, got, want)
			}
		}
	}
}
