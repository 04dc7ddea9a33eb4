package record

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"react/ops/evaluate"
	"react/ops/pairs"
	"react/ops/retrieve"
	"react/ops/train"
)

// TestFormerParams: the params of stages of runner/v1 are those of the ops of today, field for
// field, and the lines of their keys stay as they were.
func TestFormerParams(t *testing.T) {
	raw, err := os.ReadFile("../testdata/v1/store/sweeps/old/22b29652/plan.json")
	if err != nil {
		t.Fatal(err)
	}
	var p Plan
	if err := json.Unmarshal(raw, &p); err != nil {
		t.Fatal(err)
	}
	into := map[string]any{"pretrain": &train.PretrainParams{}, "tune": &train.TuneParams{}, "pairs": &pairs.Params{},
		"index": &retrieve.IndexParams{}, "retrieve": &retrieve.Params{}, "evaluate": &evaluate.Params{}}
	seen := 0
	for _, s := range p.Stages {
		to, ok := into[s.Op]
		if !ok {
			continue
		}
		seen++
		dec := json.NewDecoder(bytes.NewReader(s.Params))
		dec.DisallowUnknownFields()
		if err := dec.Decode(to); err != nil {
			t.Errorf("%s: %v: %s", s.Op, err, s.Params)
		}
		if s.Op == "tune" && !strings.Contains(s.Lines[2], `"alphaLR":3`) {
			t.Errorf("the lines of its key are others: %s", s.Lines[2])
		}
	}
	tune, of := into["tune"].(*train.TuneParams), into["pairs"].(*pairs.Params)
	if tune.AlphaLRScale != 3 || tune.GradClip != 0.5 || of.Source == "" || of.Source == "none" || seen < 8 {
		t.Errorf("%d stages; %+v, %+v", seen, tune, of)
	}
	for _, trial := range p.Trials {
		if strings.Contains(trial.Name, "control") || trial.Params["tune.clip"] != nil {
			t.Errorf("an old name: %s, %v", trial.Name, trial.Params)
		}
	}
}
