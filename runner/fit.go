package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"react/ops"
	"react/ops/clip"
	"react/ops/op"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
)

// fitOptions are the flags that say how trainings are made to fit the memory.
type fitOptions struct {
	batch     string
	recompute bool
	memory    string
}

func (o *fitOptions) flags(flags *pflag.FlagSet) {
	flags.StringVar(&o.batch, "batch", "whole", "pairs of a training's batch that go through the towers at a time: whole, auto for as many as fit the memory, or a `number`; the loss is always of the whole batch")
	flags.BoolVar(&o.recompute, "recompute", false, "make activations again in the backward pass instead of keeping them (gradient checkpointing): less memory, a third more time")
	flags.StringVar(&o.memory, "memory", "auto", "memory that a stage may take: auto for what this machine has, a `size` such as 24GiB, or none for no limit")
}

// args are the flags as a worker is given them.
func (o *fitOptions) args() []string {
	args := []string{"--batch", o.batch, "--memory", o.memory}
	if o.recompute {
		args = append(args, "--recompute")
	}
	return args
}

// check says what is wrong with the flags.
func (o *fitOptions) check() error {
	if _, err := o.microBatch(); err != nil {
		return err
	}
	if o.memory == "auto" || o.memory == "none" {
		return nil
	}
	if n, err := cli.ParseBytes(o.memory); err != nil || n == 0 {
		return fmt.Errorf("--memory %s: auto, none, or a size such as 24GiB", o.memory)
	}
	return nil
}

func (o *fitOptions) microBatch() (int, error) {
	switch o.batch {
	case "whole":
		return 0, nil
	case "auto":
		return op.AutoBatch, nil
	}
	n, err := strconv.Atoi(o.batch)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("--batch %s: whole, auto, or a number of pairs from 1", o.batch)
	}
	return n, nil
}

// fit is what ops are told; check has passed.
func (o *fitOptions) fit(engineName string) op.Fit {
	n, _ := o.microBatch()
	return op.Fit{MicroBatch: n, Recompute: o.recompute, Memory: o.limit(engineName)}
}

// limit is in bytes; 0 is none, or not known.
func (o *fitOptions) limit(engineName string) int64 {
	switch {
	case o.memory == "none":
		return 0
	case o.memory != "auto":
		n, _ := cli.ParseBytes(o.memory)
		return n
	case clip.Accelerator(engineName):
		return gpuBytes()
	}
	return record.ReadSystem().AvailableBytes
}

// gpuBytes is the memory of the first NVIDIA GPU that the driver's tool lists; 0
// where there is none.
func gpuBytes() int64 {
	out, err := exec.Command("nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits").Output()
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(out), "\n")
	mib, err := strconv.ParseInt(strings.TrimSpace(first), 10, 64)
	if err != nil {
		return 0
	}
	return mib << 20
}

// checkFit refuses, before anything runs, stages that would not fit the memory,
// or that the engine does not compute in the precision asked for. The error has a
// line for each kind of stage.
func checkFit(e *experiment.Experiment, survey *schedule.Survey, machine *plan.Machine, overcommit bool) error {
	var errs []error
	seen := map[string]bool{}
	for i, stage := range e.Plan.Stages {
		if survey.Status[i] != schedule.ToRun {
			continue
		}
		found := []error{checkPrecision(stage, machine.Engine)}
		if !overcommit {
			found = append(found, checkMemory(stage, machine))
		}
		for _, err := range found {
			if err != nil && !seen[err.Error()] {
				seen[err.Error()] = true
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

func checkPrecision(stage *plan.Stage, engineName string) error {
	var p struct{ Precision string }
	if !ops.All[stage.Op].UsesEngine || json.Unmarshal(stage.Params, &p) != nil || p.Precision == "" {
		return nil
	}
	if err := clip.CheckPrecision(engineName, p.Precision); err != nil {
		return fmt.Errorf("%s: %w", stage.Op, err)
	}
	return nil
}

func checkMemory(stage *plan.Stage, machine *plan.Machine) error {
	m, err := machine.Memory(stage)
	if err != nil {
		return fmt.Errorf("%s: %w", stage.Op, err)
	}
	needs, limit := m.On(machine.Engine), machine.Fit.Memory
	if limit == 0 || needs <= limit {
		return nil
	}
	return &errMisfit{hints: true, what: []string{fmt.Sprintf("%s needs about %s of memory, and there are %s (%v); %s", stage.Op, clip.FormatBytes(needs),
		clip.FormatBytes(limit), m, waysOut(stage, machine))}}
}

// hostBytes is what a stage takes of the machine's own memory; 0 where it is not
// known.
func hostBytes(stage *plan.Stage, machine *plan.Machine) int64 {
	m, err := machine.Memory(stage)
	switch {
	case err != nil:
		return 0
	case clip.Accelerator(machine.Engine):
		return m.Host
	}
	return m.Total()
}

// waysOut says which flags would make a stage fit, as far as that is known.
func waysOut(stage *plan.Stage, machine *plan.Machine) string {
	var ways []string
	fit := machine.Fit
	try := func(flags string, other op.Fit) {
		if m, err := machine.With(stage, other); err == nil && m.On(machine.Engine) <= fit.Memory {
			ways = append(ways, fmt.Sprintf("%s takes %s", flags, clip.FormatBytes(m.On(machine.Engine))))
		}
	}
	if stage.Op == "tune" || stage.Op == "pretrain" || stage.Op == "fine-tune" {
		auto := op.Fit{MicroBatch: op.AutoBatch, Recompute: fit.Recompute, Memory: fit.Memory}
		try("--batch auto", auto)
		auto.Recompute = true
		if len(ways) == 0 {
			try("--batch auto --recompute", auto)
		}
		try("--recompute", op.Fit{MicroBatch: fit.MicroBatch, Recompute: true, Memory: fit.Memory})
	}
	return strings.Join(append(ways, "--overcommit runs it all the same"), "; ")
}
