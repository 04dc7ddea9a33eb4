package ops

import (
	"react/ops/blas"
	"react/ops/metric"
)

// scoreAll multiplies features with a classifier, [images, classes].
func scoreAll(x, head blas.Matrix) metric.Scores {
	out := blas.New(x.Rows, head.Rows)
	for start := 0; start < x.Rows; start += scoreBlock {
		end := min(start+scoreBlock, x.Rows)
		blas.Times(out.Slice(start, end), 1, x.Slice(start, end), head, 0)
	}
	return metric.Scores{Values: out.Values, Classes: head.Rows}
}
