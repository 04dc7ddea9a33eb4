package evaluate

import (
	"fmt"
	"strings"
	"testing"

	"react/ops/blas"
	"react/ops/embed"
	"react/ops/op"
	"react/ops/probe"
)

// TestFinalThatDiverges: what the search chose may diverge in the final training. The next best
// settings are taken then, and said so; where all diverge there is no figure.
func TestFinalThatDiverges(t *testing.T) {
	x := blas.New(40, 2)
	data := probe.Data{X: x}
	test := &embed.Labelled{FeatureSet: embed.FeatureSet{Classes: []string{"left", "right"}}, X: x}
	for i := range x.Rows {
		class := i % 2
		x.Row(i)[0], x.Row(i)[1] = float32(2*class-1), float32(i)/40
		data.Labels = append(data.Labels, []int{class})
		test.Items = append(test.Items, embed.FeatureItem{Labels: []int32{int32(class)}})
	}
	wild := probe.Scored{Settings: probe.Settings{LR: 1e30, WeightDecay: 1e30}, Score: 1}
	calm := probe.Scored{Settings: probe.Settings{LR: 0.1}, Score: 0.9}
	for _, best := range []string{"last", "test"} {
		warned := ""
		run := &op.Run{Warn: func(format string, args ...any) { warned += fmt.Sprintf(format, args...) + "\n" }}
		pr := &prober{run: run, train: test, test: test, p: ProbeParams{Method: "sgd", Best: best}, start: probe.Start{Classes: 2}}
		out := probeSample{Seed: 3}
		err := pr.firstFinite(&out, data, []probe.Scored{wild, wild, calm, wild})
		if err != nil || out.Passed != 2 || out.LR != 0.1 || out.WeightDecay != 0 || out.Validation != 0.9 || out.Score != 1 {
			t.Errorf("best %s: %+v, %v", best, out, err)
		}
		if strings.Count(warned, "search of sample 3 chose, 1e+30 and 1e+30") != 1 {
			t.Errorf("best %s: warned %q", best, warned)
		}
		if err := pr.firstFinite(&out, data, []probe.Scored{wild}); err == nil || !strings.Contains(err.Error(), "diverges with each of the 1 settings") {
			t.Errorf("best %s: %v", best, err)
		}
	}
}
