package main

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"react/ops"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
)

// jobs is the value of --jobs: how many stages run at a time; 0 is as many as
// cores, memory and devices allow.
type jobs int

// String is the value as it is given.
func (j *jobs) String() string {
	if *j == 0 {
		return "auto"
	}
	return strconv.Itoa(int(*j))
}

// Set reads a number or "auto".
func (j *jobs) Set(text string) error {
	if text == "auto" {
		*j = 0
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return fmt.Errorf(`a number of stages from 1, or "auto"`)
	}
	*j = jobs(n)
	return nil
}

// Type is what usage lines call it.
func (j *jobs) Type() string { return "N|auto" }

// atOnce is the most stages at a time, whatever they use.
func (j jobs) atOnce() int {
	if j == 0 {
		return 2 * runtime.GOMAXPROCS(0)
	}
	return int(j)
}

// assumed is how many stages at a time estimates count with. With "auto" most of
// the time is the engine's, which runs one at a time.
func (j jobs) assumed() int { return max(int(j), 1) }

// uses is what a stage takes of the machine. With a number of stages each has
// its share of the cores; with "auto" each has what it uses well, and others
// run beside it on what is left.
func (j jobs) uses(stage *plan.Stage) schedule.Resources {
	op, procs := ops.All[stage.Op], runtime.GOMAXPROCS(0)
	share := procs
	if j > 0 {
		share = max(1, procs/int(j))
	}
	cores := share
	if op.Cores > 0 {
		cores = min(op.Cores, share)
	}
	return schedule.Resources{Cores: cores, Device: op.UsesEngine}
}

// limits are those of this machine. An accelerator is one stage's at a time. On
// the processor, a number of stages is taken at its word.
func (j jobs) limits(engine string) schedule.Limits {
	accelerator := strings.HasPrefix(engine, "xla:") && engine != "xla:cpu"
	l := schedule.Limits{Memory: record.ReadSystem().AvailableBytes}
	if accelerator || j == 0 {
		l.Devices = 1
	}
	if j == 0 {
		l.Cores = runtime.GOMAXPROCS(0)
	}
	return l
}
