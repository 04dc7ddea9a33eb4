package pairs

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"react/data/embeddings"
	"react/ops/retrieve"
)

// TestAClassShowsItsBestClaim: over all lists of a class the highest score and the smallest rank
// count.
func TestAClassShowsItsBestClaim(t *testing.T) {
	hit := func(score float32) candidate { return candidate{Hit: retrieve.Hit{Row: 3, Score: score}} }
	other := candidate{Hit: retrieve.Hit{Row: 4, Score: 0.1}}
	s := &settlement{m: &maker{images: &ImageProbe{ids: map[string]string{}}, leaders: map[string]string{}}, claims: map[classImage]claim{},
		meta: map[int64]embeddings.Meta{3: {Key: "3", URL: "3"}, 4: {Key: "4", URL: "4"}}}
	if err := s.collect(t.Context(), []hitList{{hits: []candidate{other, hit(0.9)}}, {hits: []candidate{hit(0.2)}}, {hits: []candidate{other, hit(0.5)}}}); err != nil {
		t.Fatal(err)
	}
	id, err := s.m.images.Identity(s.meta[3])
	if got := s.claims[classImage{0, id}]; err != nil || got != (claim{0.9, 0}) {
		t.Errorf("got %+v, %v, want score 0.9 and rank 0", got, err)
	}
}

// TestSettlementIsStable: whatever the order of the lists, the same classes have the same images;
// and no class would rather have an image that would rather have it.
func TestSettlementIsStable(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for round := range 40 {
		const classes, images, k = 5, 30, 4
		score := func(c, i int) float32 { return float32((c*7919+i*104729+round*31)%1000) / 1000 }
		build := func(order []int) []hitList {
			var lists []hitList
			for _, c := range order {
				l := hitList{class: int32(c)}
				for i := range images {
					l.hits = append(l.hits, candidate{Hit: retrieve.Hit{Row: int64(i), Class: int32(c), Score: score(c, i)}})
				}
				slices.SortFunc(l.hits, byScore)
				lists = append(lists, l)
			}
			return lists
		}
		settle := func(order []int, policy string) map[int][]int64 {
			meta := map[int64]embeddings.Meta{}
			for i := range int64(images) {
				meta[i] = embeddings.Meta{Key: fmt.Sprint(i), URL: fmt.Sprint(i)}
			}
			m := &maker{p: Params{K: k, Overfetch: 100, Dedup: true, Collisions: policy}, classes: []string{"a", "b", "c", "d", "e"},
				images: &ImageProbe{ids: map[string]string{}}, leaders: map[string]string{}, passed: map[int64]Passed{}}
			lists := build(order)
			if err := m.settle(t.Context(), lists, meta); err != nil {
				t.Fatal(err)
			}
			out := map[int][]int64{}
			for _, l := range lists {
				for _, h := range l.hits {
					out[int(l.class)] = append(out[int(l.class)], h.Row)
				}
			}
			return out
		}
		for _, policy := range []string{"best", "first", "drop"} {
			want := settle([]int{0, 1, 2, 3, 4}, policy)
			if got := settle(rng.Perm(classes), policy); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%s: got %v, in another order %v", policy, want, got)
			}
			owner := map[int64]int{}
			for c, rows := range want {
				for _, row := range rows {
					if of, taken := owner[row]; taken {
						t.Fatalf("%s: image %d is of classes %d and %d", policy, row, of, c)
					}
					owner[row] = c
				}
			}
			if policy != "best" {
				continue
			}
			for c, rows := range want {
				worst := score(c, int(rows[len(rows)-1]))
				for i := range images {
					of, taken := owner[int64(i)]
					if of != c && score(c, i) > worst && (!taken || score(c, i) > score(of, i)) {
						t.Fatalf("class %d would rather have image %d, and it class %d", c, i, c)
					}
				}
			}
		}
	}
}
