package exec

import (
	"fmt"
	"runtime"
	"strconv"

	"react/ops"
	"react/ops/clip"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
)

// Jobs is the value of --jobs: how many stages run at a time; 0 is as many as
// cores, memory and devices allow.
type Jobs int

// String is the value as it is given.
func (j *Jobs) String() string {
	if *j == 0 {
		return "auto"
	}
	return strconv.Itoa(int(*j))
}

// Set reads a number or "auto".
func (j *Jobs) Set(text string) error {
	if text == "auto" {
		*j = 0
		return nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return fmt.Errorf(`a number of stages from 1, or "auto"`)
	}
	*j = Jobs(n)
	return nil
}

// Type is what usage lines call it.
func (j *Jobs) Type() string { return "N|auto" }

// AtOnce is the most stages at a time, whatever they use.
func (j Jobs) AtOnce() int {
	if j == 0 {
		return 2 * runtime.GOMAXPROCS(0)
	}
	return int(j)
}

// Assumed is how many stages at a time estimates count with. With "auto" most of
// the time is the engine's, which runs one at a time.
func (j Jobs) Assumed() int { return max(int(j), 1) }

// Uses is what a stage takes of the machine. With a number of stages each has
// its share of the cores; with "auto" each has what it uses well, and others
// run beside it on what is left.
func (j Jobs) Uses(stage *plan.Stage) schedule.Resources {
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

// Limits are those of this machine. An accelerator is one stage's at a time. On
// the processor, a number of stages is taken at its word.
func (j Jobs) Limits(engine string) schedule.Limits {
	l := schedule.Limits{Memory: record.ReadSystem().AvailableBytes}
	if clip.Accelerator(engine) || j == 0 {
		l.Devices = 1
	}
	if j == 0 {
		l.Cores = runtime.GOMAXPROCS(0)
	}
	return l
}
