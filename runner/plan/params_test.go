package plan

import (
	"encoding/json"
	"fmt"
	"testing"

	"react/ops/pairs"
	"react/ops/train"
)

// only is the params of the one stage of an op.
func only[P any](t *testing.T, p *Plan, op string) P {
	t.Helper()
	var found []json.RawMessage
	for _, s := range p.Stages {
		if s.Op == op {
			found = append(found, s.Params)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d stages of %s, want 1", len(found), op)
	}
	var params P
	if err := json.Unmarshal(found[0], &params); err != nil {
		t.Fatal(err)
	}
	return params
}

// TestValuesOfTheSpecReachTheOps: a value that is dropped on the way leaves the op's own zero, and
// every table keeps looking as if it had been used.
func TestValuesOfTheSpecReachTheOps(t *testing.T) {
	p := load(t, `retrieve: {k: 3, overfetch: 5}
pairs: dedup: true
tune: {mode: "gated-image", gamma: 0.75, lr: 0.0625, weightDecay: 0.375, gradClip: 0.5, gatedDepth: 1, alphaLRScale: 7, precision: "f32"}
sweep: seeds: 1`)
	tune := only[train.TuneParams](t, p, "tune")
	want := train.TuneParams{Mode: "gated-image", Gamma: 0.75, Steps: 5, Batch: 8, LR: 0.0625, Warmup: 1, WeightDecay: 0.375, GradClip: 0.5,
		GatedDepth: 1, AlphaLRScale: 7, Precision: "f32", Augment: tune.Augment, MaxBad: tune.MaxBad}
	if got, want := fmt.Sprintf("%+v", tune), fmt.Sprintf("%+v", want); got != want {
		t.Errorf("tune gets\n%s\nwant\n%s", got, want)
	}
	if pairs := only[pairs.Params](t, p, "pairs"); pairs.K != 3 || pairs.Overfetch != 5 || !pairs.Dedup {
		t.Errorf("pairs gets %+v", pairs)
	}
}

// TestGammaOffIsNoThreshold: "off" is plain InfoNCE, and its zero value would take every caption
// for a positive.
func TestGammaOffIsNoThreshold(t *testing.T) {
	p := load(t, `tune: {mode: "full", gamma: "off"}
sweep: seeds: 1`)
	if tune := only[train.TuneParams](t, p, "tune"); tune.Gamma != train.GammaOff {
		t.Errorf("gamma \"off\" is %v for the op, want %v", tune.Gamma, train.GammaOff)
	}
}

// TestSeedsAreTheTunings: each seed is one tuning, with that seed.
func TestSeedsAreTheTunings(t *testing.T) {
	p := load(t, `tune: mode: "full"
sweep: seeds: 3`)
	seen := map[int64]bool{}
	for _, s := range p.Stages {
		if s.Op != "tune" {
			continue
		}
		var params train.TuneParams
		if err := json.Unmarshal(s.Params, &params); err != nil {
			t.Fatal(err)
		}
		seen[params.Seed] = true
	}
	if len(seen) != 3 {
		t.Errorf("the tunings of 3 seeds have the seeds %v", seen)
	}
}

// TestGuardsAreInKeys: pairs that leave an evaluation's images out are another list than pairs that
// leave out none, or those of another evaluation.
func TestGuardsAreInKeys(t *testing.T) {
	two := `evaluate: others: {kind: "zeroshot", dataset: "pool:w/others"}
tune: mode: "full"
sweep: seeds: 1
`
	lists := map[string]string{}
	for name, more := range map[string]string{
		"none": two,
		"both": two + `pairs: leaks: "drop"`,
		"one":  "tune: mode: \"full\"\nsweep: seeds: 1\npairs: leaks: \"drop\"",
	} {
		for key := range keys(load(t, more), "pairs") {
			if other, ok := lists[key]; ok {
				t.Errorf("with guards %s and %s the pairs have one key", name, other)
			}
			lists[key] = name
		}
	}
	if len(lists) != 3 {
		t.Errorf("%d lists of pairs, want 3", len(lists))
	}
}
