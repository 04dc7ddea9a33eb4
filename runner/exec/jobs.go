package exec

import (
	"fmt"
	"runtime"
	"strconv"

	"react/ops"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
)

// Jobs is the value of --jobs: how many stages run at a time; 0 is as many as
// cores, memory and devices allow.
type Jobs int

// String is the value as it is given.
func (j *Jobs) String() string { return countText(int(*j), "auto") }

// Set reads a number or "auto".
func (j *Jobs) Set(text string) error {
	n, err := readCount(text, "auto", "stages")
	*j = Jobs(n)
	return err
}

// readCount reads a number from 1, or the word for 0.
func readCount(text, word, of string) (int, error) {
	if text == word {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("a number of %s from 1, or %q", of, word)
	}
	return n, nil
}

// countText is what readCount read.
func countText(n int, word string) string {
	if n == 0 {
		return word
	}
	return strconv.Itoa(n)
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

// Limits are those of this machine. A device of an accelerator is one stage's at a time. On
// the processor, a number of stages is taken at its word.
func (j Jobs) Limits(engine string, share Share) schedule.Limits {
	l := schedule.Limits{Memory: record.ReadSystem().AvailableBytes, Devices: share.atOnce(engine, j)}
	if j == 0 {
		l.Cores = runtime.GOMAXPROCS(0)
	}
	return l
}
