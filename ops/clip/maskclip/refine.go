// Package maskclip turns cosines of a picture's places with texts into a label of each pixel, as
// MaskCLIP does: prompt denoising, key smoothing, resizing, the best class.
//
// Words: logits are cosines [places, classes], places in rows from the top left; a class is one
// text.
//
// Not here: the places' embeddings and keys (ops/clip/graph), the texts.
package maskclip

import (
	"math"
	"slices"

	"react/ops/blas"
)

// scale multiplies cosines before a softmax.
const scale = 100

// absent is the logit of a class that is nowhere in a picture.
const absent = -100

// Denoise is prompt denoising: a class whose probability is below the threshold at every place is
// taken out of the picture.
func Denoise(logits blas.Matrix, threshold float64) {
	most := make([]float32, logits.Cols)
	p := make([]float32, logits.Cols)
	for i := range logits.Rows {
		softmax(p, logits.Row(i))
		for c, v := range p {
			most[c] = max(most[c], v)
		}
	}
	for i := range logits.Values {
		if float64(most[i%logits.Cols]) < threshold {
			logits.Values[i] = absent
		}
	}
}

// softmax writes the probabilities of a place's logits, which may be in the same memory.
func softmax(p, logits []float32) {
	best := slices.Max(logits)
	sum := float32(0)
	for c, v := range logits {
		p[c] = float32(math.Exp(scale * float64(v-best)))
		sum += p[c]
	}
	for c := range p {
		p[c] /= sum
	}
}

// The ways of making lengths of keys equal before they are compared.
const (
	OverPlaces   = "released" // each channel has length 1 over the places: the released code
	OverChannels = "paper"    // each place's key has length 1: the cosine that the paper speaks of
)

// Smooth is key smoothing: logits become probabilities, and those of a place the sum of those of all
// places, weighed by how alike their keys [places, width] are. A place whose best probability
// reaches the threshold keeps its own. The keys are changed too.
func Smooth(logits, keys blas.Matrix, threshold float64, over string) {
	if over == OverPlaces {
		unitColumns(keys)
	} else {
		for i := range keys.Rows {
			blas.Normalize(keys.Row(i))
		}
	}
	for i := range logits.Rows {
		softmax(logits.Row(i), logits.Row(i))
	}
	// keys·(keysᵀ·logits): the weights of all places with all are never made
	inner := blas.New(logits.Cols, keys.Cols)
	blas.Gradient(inner, 1, logits, keys, 0)
	smooth := blas.New(logits.Rows, logits.Cols)
	blas.Times(smooth, 1, keys, inner, 0)
	for i := range logits.Rows {
		if float64(slices.Max(logits.Row(i))) < threshold {
			copy(logits.Row(i), smooth.Row(i))
		}
	}
}

// unitColumns gives every column length 1.
func unitColumns(m blas.Matrix) {
	sums := make([]float64, m.Cols)
	for i, v := range m.Values {
		sums[i%m.Cols] += float64(v) * float64(v)
	}
	for i := range m.Values {
		m.Values[i] = float32(float64(m.Values[i]) / max(math.Sqrt(sums[i%m.Cols]), 1e-12))
	}
}
