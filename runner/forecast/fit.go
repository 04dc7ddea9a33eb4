package forecast

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"react/ops"
	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/op"
	"react/runner/cli"
	"react/runner/plan"
	"react/runner/schedule"
)

// CheckFit refuses, before anything runs, stages that would not fit the memory,
// or that the engine does not compute in the precision asked for. The error has a
// line for each kind of stage.
func CheckFit(stages []*plan.Stage, survey *schedule.Survey, machine *plan.Machine, overcommit bool) error {
	var errs []error
	seen := map[string]bool{}
	for i, stage := range stages {
		if survey.Status[i] != schedule.ToRun {
			continue
		}
		found := []error{checkPrecision(stage, machine.Engine), checkMemory(stage, machine, overcommit)}
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
	if err := graph.CheckPrecision(engineName, p.Precision); err != nil {
		return fmt.Errorf("%s: %w", stage.Op, err)
	}
	return nil
}

// checkMemory refuses a stage that cannot be made to fit; one that does not fit as it is, unless
// that is asked for.
func checkMemory(stage *plan.Stage, machine *plan.Machine, overcommit bool) error {
	m, err := machine.Memory(stage)
	if err != nil {
		return fmt.Errorf("%s: %w", stage.Op, err)
	}
	needs, limit := m.On(machine.Engine), machine.Fit.Memory
	if overcommit || limit == 0 || needs <= limit {
		return nil
	}
	return cli.NoRoom(fmt.Errorf("%s needs about %s of memory, and there are %s (%v); %s", stage.Op, clip.FormatBytes(needs),
		clip.FormatBytes(limit), m, waysOut(stage, machine)))
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
		auto, recomputed := fit, fit
		auto.MicroBatch, recomputed.Recompute = op.AutoBatch, true
		try("--batch auto", auto)
		auto.Recompute = true
		if len(ways) == 0 {
			try("--batch auto --recompute", auto)
		}
		try("--recompute", recomputed)
	}
	return strings.Join(append(ways, "--overcommit runs it all the same"), "; ")
}
