package forecast

import (
	"slices"

	"react/runner/plan"
	"react/runner/record"
)

// Scales sums stages up by op, in the order in which they first run.
func Scales(stages []*plan.Stage, tflops float64) []record.OpScale {
	var out []record.OpScale
	for _, s := range stages {
		at := slices.IndexFunc(out, func(o record.OpScale) bool { return o.Op == s.Op })
		if at < 0 {
			at = len(out)
			out = append(out, record.OpScale{Op: s.Op})
		}
		out[at].Stages++
		out[at].Add(s.Work())
	}
	for i := range out {
		out[i].GPUHours = out[i].FLOPs / (tflops * 1e12) / 3600
	}
	return out
}
