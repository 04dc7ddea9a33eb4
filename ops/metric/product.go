package metric

import "react/ops/blas"

// scoreBlock is the number of images scored together.
const scoreBlock = 4096

// ScoresOf multiplies features with a classifier, [images, classes].
func ScoresOf(x, head blas.Matrix) Scores {
	out := blas.New(x.Rows, head.Rows)
	for start := 0; start < x.Rows; start += scoreBlock {
		end := min(start+scoreBlock, x.Rows)
		blas.Times(out.Slice(start, end), 1, x.Slice(start, end), head, 0)
	}
	return Scores{Values: out.Values, Classes: head.Rows}
}
