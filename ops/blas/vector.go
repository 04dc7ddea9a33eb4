package blas

import "math"

// Normalize scales a vector to length 1; false where it has no direction, and it stays: zeros.
func Normalize(v []float32) bool {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return false
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= scale
	}
	return true
}

// Inner is the inner product in a fixed order of float64 sums.
func Inner(a, b []float32) float64 {
	sum := 0.0
	for d, v := range a {
		sum += float64(v) * float64(b[d])
	}
	return sum
}
