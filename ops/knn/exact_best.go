package knn

import (
	"cmp"
	"math"
	"slices"

	"react/ops/blas"
)

// exactHit is laid out as C's fused_hit.
type exactHit struct {
	row   int64
	score float32
}

// compareHits puts the better first.
func compareHits(x, y exactHit) int {
	return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(x.row, y.row))
}

func (x exactHit) before(y exactHit) bool {
	return x.score > y.score || x.score == y.score && x.row < y.row
}

// best keeps the k best hits of a query: it collects more and then throws the worse away.
type best struct {
	k     int
	floor float32 // the k-th best score seen, once there are k
	found []exactHit
}

var lowest = float32(math.Inf(-1))

// trim keeps k, in any order.
func (b *best) trim() {
	if len(b.found) < b.k {
		return
	}
	selectBest(b.found, b.k)
	b.found = b.found[:b.k]
	b.floor = b.found[b.k-1].score
}

// selectBest moves the k best to the front, the k-th to its place: Hoare's selection.
func selectBest(hits []exactHit, k int) {
	for low, high := 0, len(hits)-1; low < high; {
		mid := int(uint(low+high) / 2)
		if hits[mid].before(hits[low]) {
			hits[mid], hits[low] = hits[low], hits[mid]
		}
		if hits[high].before(hits[low]) {
			hits[high], hits[low] = hits[low], hits[high]
		}
		if hits[high].before(hits[mid]) {
			hits[high], hits[mid] = hits[mid], hits[high]
		}
		pivot, i, j := hits[mid], low, high
		for i <= j {
			for hits[i].before(pivot) {
				i++
			}
			for pivot.before(hits[j]) {
				j--
			}
			if i <= j {
				hits[i], hits[j] = hits[j], hits[i]
				i, j = i+1, j-1
			}
		}
		switch {
		case k-1 <= j:
			high = j
		case k-1 >= i:
			low = i
		default:
			return
		}
	}
}

// gather cuts each query's hits at k, best first.
func gather(all []best, k int) Hits {
	out := Hits{K: k, Rows: make([]int64, len(all)*k), Scores: make([]float32, len(all)*k)}
	blas.Share(len(all), func(start, end int) {
		for i := start; i < end; i++ {
			all[i].trim()
			found := all[i].found
			slices.SortFunc(found, compareHits)
			for j := range k {
				if j < len(found) {
					out.Rows[i*k+j], out.Scores[i*k+j] = found[j].row, found[j].score
				} else {
					out.Rows[i*k+j] = -1
				}
			}
		}
	})
	return out
}
