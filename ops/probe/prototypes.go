package probe

import (
	"fmt"
	"math"

	"react/ops/blas"
)

// Prototypes are the classes' means of features of length 1, of length 1 again: [classes, dim], a
// head for cosines. An image of several classes counts for each of them. A class without images is
// an error.
func Prototypes(data Data, classes int) (blas.Matrix, error) {
	sums := make([]float64, classes*data.X.Cols)
	seen := make([]bool, classes)
	for i, labels := range data.Labels {
		row := data.X.Row(i)
		length := norm(row)
		for _, c := range labels {
			seen[c] = true
			for d, v := range row {
				sums[c*data.X.Cols+d] += float64(v) / length
			}
		}
	}
	head := blas.New(classes, data.X.Cols)
	for c := range classes {
		if !seen[c] {
			return head, fmt.Errorf("class %d has no image to make a prototype of", c)
		}
		for d := range head.Cols {
			head.Row(c)[d] = float32(sums[c*head.Cols+d])
		}
		length := norm(head.Row(c))
		for d := range head.Cols {
			head.Row(c)[d] = float32(sums[c*head.Cols+d] / length)
		}
	}
	return head, nil
}

// norm is the length of a vector; 1 of a zero, which stays one.
func norm(x []float32) float64 {
	sum := 0.0
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	if sum == 0 {
		return 1
	}
	return math.Sqrt(sum)
}
