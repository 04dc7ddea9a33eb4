package resample

import "math"

// Align is RoIAlign as torchvision does it. Sampling is bilinear at the points of a regular grid, so
// it is the product of weights of rows and weights of columns.
type Align struct {
	Scale    float32 // of boxes to places of the map: 1 over the map's stride
	Sampling int     // points in a bin along an axis; 0: as many as a bin has places, rounded up
	Aligned  bool    // boxes are moved by half a place, so that a place's centre is its point
}

// Adaptive is the RoIAlign of detectors on a map of a stride.
func Adaptive(stride int) Align { return Align{Scale: 1 / float32(stride), Aligned: true} }

// Weights are those of an axis of a box from low to high: [bins, places], and each bin is the mean
// of its points. A point farther than a place outside counts as 0, as do all of a box without
// extent. The number of points follows from float32, as torchvision's does.
func (a Align) Weights(low, high float32, bins, places int) []float32 {
	offset := float32(0)
	if a.Aligned {
		offset = 0.5
	}
	start := low*a.Scale - offset
	size := high*a.Scale - offset - start
	if !a.Aligned {
		size = max(size, 1)
	}
	points := a.Sampling
	if points == 0 {
		points = int(math.Ceil(float64(size / float32(bins))))
	}
	out := make([]float32, bins*places)
	bin := float64(size) / float64(bins)
	for b := range bins {
		row := make([]float64, places)
		for p := range points {
			at := float64(start) + bin*(float64(b)+(float64(p)+0.5)/float64(points))
			if at < -1 || at > float64(places) {
				continue
			}
			tap := between(places, at)
			for k, weight := range tap.Weights {
				row[tap.First+k] += weight / float64(points)
			}
		}
		for i, weight := range row {
			out[b*places+i] = float32(weight)
		}
	}
	return out
}

// MeanWeights are the weights of an axis for the mean over all bins: [places].
func (a Align) MeanWeights(low, high float32, bins, places int) []float32 {
	mean := make([]float32, places)
	for i, weight := range a.Weights(low, high, bins, places) {
		mean[i%places] += weight / float32(bins)
	}
	return mean
}
