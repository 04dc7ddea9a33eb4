package detection

import (
	"math"
	"runtime"
	"slices"
	"sync/atomic"

	"react/data/caught"
)

// Corners are the left, upper, right and lower end of a box, in pixels.
type Corners [4]float32

// area is computed in f32, as torchvision does: ties at a threshold depend on it.
func (b Corners) area() float32 { return float32((b[2] - b[0]) * (b[3] - b[1])) }

// overlap is the intersection over the union of two boxes of those areas.
func overlap(a, b *Corners, areaA, areaB float32) float32 {
	w := min(a[2], b[2]) - max(a[0], b[0])
	if !(w > 0) {
		return 0
	}
	h := min(a[3], b[3]) - max(a[1], b[1])
	if !(h > 0) {
		return 0
	}
	shared := float32(w * h)
	return shared / (areaA + areaB - shared)
}

// NMS are the boxes that are kept, by their scores downwards: of each pair whose overlap is over
// iou, the one with the lower score goes, unless what beats it has gone itself. Equal scores are in
// the order of the boxes. This is torchvision's nms.
func NMS(boxes []Corners, scores []float32, iou float64) []int {
	s := sorted{}
	return s.keep(boxes, scores, downwards(scores, nil), iou)
}

// NMSByClass is NMS of each class alone, of all kept boxes by their scores downwards. torchvision's
// batched_nms moves the classes apart where boxes are few, which rounds; this is its loop.
func NMSByClass(boxes []Corners, scores []float32, classes []int, iou float64) []int {
	groups := byClass(classes)
	parts := make([][]int, len(groups))
	var next atomic.Int64
	var wait caught.Group
	for range min(runtime.GOMAXPROCS(0), len(groups)) {
		wait.Go(func() {
			s := sorted{}
			for i := next.Add(1) - 1; int(i) < len(groups); i = next.Add(1) - 1 {
				parts[i] = s.keep(boxes, scores, downwards(scores, groups[i]), iou)
			}
		})
	}
	wait.Wait()
	kept := slices.Concat(parts...)
	slices.Sort(kept) // equal scores in the order of the boxes, whatever their class
	return downwards(scores, kept)
}

// byClass are the boxes of each class, classes upwards.
func byClass(classes []int) [][]int {
	of := map[int][]int{}
	var order []int
	for i, c := range classes {
		if of[c] == nil {
			order = append(order, c)
		}
		of[c] = append(of[c], i)
	}
	slices.Sort(order)
	groups := make([][]int, len(order))
	for i, c := range order {
		groups[i] = of[c]
	}
	return groups
}

// downwards sorts boxes by their scores; nil stands for all. Equal scores stay as they are.
func downwards(scores []float32, which []int) []int {
	if which == nil {
		which = make([]int, len(scores))
		for i := range which {
			which[i] = i
		}
	}
	slices.SortStableFunc(which, func(a, b int) int {
		switch {
		case scores[a] > scores[b]:
			return -1
		case scores[a] < scores[b]:
			return 1
		}
		return 0
	})
	return which
}

// sorted is room for the boxes of one class in the order of their scores.
type sorted struct {
	boxes []Corners
	areas []float32
	gone  []bool
}

// keep drops from order, in place, what is beaten by an earlier box that is kept.
func (s *sorted) keep(boxes []Corners, scores []float32, order []int, iou float64) []int {
	s.boxes, s.areas, s.gone = s.boxes[:0], s.areas[:0], s.gone[:0]
	for _, i := range order {
		s.boxes, s.areas, s.gone = append(s.boxes, boxes[i]), append(s.areas, boxes[i].area()), append(s.gone, false)
	}
	kept := order[:0]
	for i, box := range order {
		if s.gone[i] {
			continue
		}
		kept = append(kept, box)
		first, area := &s.boxes[i], s.areas[i]
		for j := i + 1; j < len(order); j++ {
			if !s.gone[j] && float64(overlap(first, &s.boxes[j], area, s.areas[j])) > iou {
				s.gone[j] = true
			}
		}
	}
	return kept
}

// Soft lowers scores where NMS drops boxes: by a Gaussian of the overlap, exp(-overlap²/Sigma), or,
// where Sigma is 0, by 1 - overlap where that is over Linear. What is not over Prune then goes.
type Soft struct {
	Sigma, Linear, Prune float64
}

// NMS are the boxes that are kept, by their lowered scores downwards, with these.
func (s Soft) NMS(boxes []Corners, scores []float32) (kept []int, lowered []float32) {
	return s.NMSByClass(boxes, scores, make([]int, len(boxes)))
}

// NMSByClass is NMS in which only boxes of one class lower each other.
func (s Soft) NMSByClass(boxes []Corners, scores []float32, classes []int) (kept []int, lowered []float32) {
	now := slices.Clone(scores)
	for _, group := range byClass(classes) {
		kept = append(kept, s.lower(boxes, now, group)...)
	}
	slices.Sort(kept)
	kept = downwards(now, kept)
	lowered = make([]float32, len(kept))
	for i, box := range kept {
		lowered[i] = now[box]
	}
	return kept, lowered
}

// lower picks the best of what is left, lowers the others, and so on; it returns what it picked.
func (s Soft) lower(boxes []Corners, scores []float32, left []int) (picked []int) {
	for len(left) > 0 {
		at := 0
		for i := range left {
			if scores[left[i]] > scores[left[at]] {
				at = i
			}
		}
		best := left[at]
		picked = append(picked, best)
		rest := left[:0]
		for _, i := range left {
			if i == best {
				continue
			}
			scores[i] *= float32(s.decay(float64(overlap(&boxes[best], &boxes[i], boxes[best].area(), boxes[i].area()))))
			if float64(scores[i]) > s.Prune {
				rest = append(rest, i)
			}
		}
		left = rest
	}
	return picked
}

func (s Soft) decay(overlap float64) float64 {
	switch {
	case s.Sigma > 0:
		return math.Exp(-overlap * overlap / s.Sigma)
	case overlap > s.Linear:
		return 1 - overlap
	}
	return 1
}
