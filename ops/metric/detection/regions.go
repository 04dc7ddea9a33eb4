package detection

import (
	"fmt"
	"math"
	"slices"

	"react/ops/blas"
)

// Probabilities are those of each region's classes, [regions, classes]: the softmax of the cosines
// of both embeddings over the temperature, and of a background whose embedding is zero, which gets
// its share and is then left out (RegionCLIP). Rows of regions and text have length 1.
func Probabilities(regions, text blas.Matrix, temperature float64) blas.Matrix {
	out := blas.New(regions.Rows, text.Rows)
	blas.Times(out, 1, regions, text, 0)
	for i := range out.Rows {
		row := out.Row(i)
		top := 0.0 // the background's
		for _, cosine := range row {
			top = max(top, float64(cosine)/temperature)
		}
		sum := math.Exp(-top)
		for _, cosine := range row {
			sum += math.Exp(float64(cosine)/temperature - top)
		}
		for c, cosine := range row {
			row[c] = float32(math.Exp(float64(cosine)/temperature-top) / sum)
		}
	}
	return out
}

// How a proposal's own score goes into those of its classes.
const (
	NoObjectness = "none"    // not at all
	Sigmoid      = "sigmoid" // a probability p: the square root of the product
	// A logit, taken as if it were a probability, as RegionCLIP's released code does: the root of a
	// negative one is no number, so that its proposal is dropped, and scores may be over 1.
	Raw = "raw"
)

// Join puts the objectness of each row's proposal into its scores, in place; logits says that it is
// a logit where a probability is asked for.
func Join(scores blas.Matrix, objectness []float32, how string, logits bool) error {
	if how == NoObjectness {
		return nil
	}
	if how != Sigmoid && how != Raw {
		return fmt.Errorf("objectness %q, want none, sigmoid or raw", how)
	}
	if len(objectness) != scores.Rows {
		return fmt.Errorf("%d scores of proposals for %d regions", len(objectness), scores.Rows)
	}
	for i := range scores.Rows {
		o := objectness[i]
		if how == Sigmoid && logits {
			o = float32(1 / (1 + math.Exp(-float64(o))))
		}
		if how == Sigmoid && !(o >= 0 && o <= 1) {
			return fmt.Errorf("proposal %d: score %g is no probability: say that scores are logits", i, o)
		}
		row := scores.Row(i)
		for c, p := range row {
			row[c] = float32(math.Sqrt(float64(float32(p * o))))
		}
	}
	return nil
}

// Choice says which of a picture's scored boxes are its findings.
type Choice struct {
	Height, Width int     // of the picture, pixels
	Least         float64 // scores are over it
	IoU           float64 // of NMS, by class
	Soft          *Soft   // in place of NMS
	Most          int     // findings of a picture
}

// Finding is a box that was chosen.
type Finding struct {
	Box      Corners
	Score    float32
	Class    int
	Proposal int // its row
}

// Choose clips the boxes to the picture, takes those of each class whose score is high enough,
// drops what another box of the class covers, and keeps the best over all classes. One box may give
// several findings. Rows with a number that is none are left out.
func (c Choice) Choose(boxes []Corners, scores blas.Matrix) []Finding {
	var all []Finding
	for i := range scores.Rows {
		if !finite(boxes[i][:]) || !finite(scores.Row(i)) {
			continue
		}
		box := c.clip(boxes[i])
		for class, score := range scores.Row(i) {
			if float64(score) > c.Least {
				all = append(all, Finding{box, score, class, i})
			}
		}
	}
	kept := c.keep(all)
	return kept[:min(c.Most, len(kept))]
}

func (c Choice) keep(all []Finding) []Finding {
	boxes, scores, classes := make([]Corners, len(all)), make([]float32, len(all)), make([]int, len(all))
	for i, f := range all {
		boxes[i], scores[i], classes[i] = f.Box, f.Score, f.Class
	}
	var kept []int
	if c.Soft != nil {
		kept, scores = c.Soft.NMSByClass(boxes, scores, classes)
	} else {
		kept = NMSByClass(boxes, scores, classes, c.IoU)
	}
	out := make([]Finding, len(kept))
	for i, at := range kept {
		out[i] = all[at]
		if c.Soft != nil {
			out[i].Score = scores[i]
		}
	}
	return out
}

func (c Choice) clip(b Corners) Corners {
	w, h := float32(c.Width), float32(c.Height)
	return Corners{clamp(b[0], w), clamp(b[1], h), clamp(b[2], w), clamp(b[3], h)}
}

func clamp(v, most float32) float32 { return min(max(v, 0), most) }

func finite(values []float32) bool {
	return !slices.ContainsFunc(values, func(v float32) bool {
		return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)
	})
}
