package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/op"
	"react/runner/plan"
)

func TestPrecisionIsCheckedBeforeStagesRun(t *testing.T) {
	stage := &plan.Stage{Op: "tune", Params: json.RawMessage(`{"precision":"bf16"}`)}
	if err := checkPrecision(stage, "onnx"); err == nil || !strings.Contains(err.Error(), "tune: precision bf16: the engine onnx would compute in f32") {
		t.Errorf("bf16 on onnx: %v", err)
	}
	for _, name := range []string{"go", "xla:cuda"} {
		if err := checkPrecision(stage, name); err != nil {
			t.Error(err)
		}
	}
	if err := checkPrecision(&plan.Stage{Op: "embed", Params: json.RawMessage(`{"maxBad":0}`)}, "onnx"); err != nil {
		t.Error(err)
	}
}

func TestFitFlags(t *testing.T) {
	for _, c := range []struct {
		given fitOptions
		want  op.Fit
	}{
		{fitOptions{batch: "whole", memory: "none"}, op.Fit{}},
		{fitOptions{batch: "auto", memory: "2GiB", recompute: true}, op.Fit{MicroBatch: op.AutoBatch, Memory: 2 << 30, Recompute: true}},
		{fitOptions{batch: "64", memory: "none"}, op.Fit{MicroBatch: 64}},
	} {
		if err := c.given.check(); err != nil {
			t.Fatal(err)
		}
		if got := c.given.fit("go"); got != c.want {
			t.Errorf("%+v: %+v, want %+v", c.given, got, c.want)
		}
	}
	auto := fitOptions{batch: "whole", memory: "auto"}
	if got := auto.limit("go"); got != 0 && got < 1<<20 { // 0 where the system does not say
		t.Errorf("this machine has %d bytes", got)
	}
	o := fitOptions{batch: "auto", memory: "none", recompute: true}
	if got := o.args(); !slices.Equal(got, []string{"--batch", "auto", "--memory", "none", "--recompute"}) {
		t.Errorf("a worker is given %v", got)
	}
}

// TestResNetsAreNamedSo holds what the rule for gated-image goes by.
func TestResNetsAreNamedSo(t *testing.T) {
	for _, name := range clip.Archs() {
		cfg, err := clip.Arch(name)
		if err != nil {
			t.Fatal(err)
		}
		if cfg.ResNet() != strings.HasPrefix(name, "RN") {
			t.Errorf("%s: the names of ResNets, and only theirs, begin with RN (runner/spec's rule goes by it)", name)
		}
	}
}
