package exec

import (
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"react/ops/clip"
	"react/ops/op"
	"react/runner/cli"
	"react/runner/record"
)

// Fit are the flags that say how trainings are made to fit the memory. The zero
// value is whole batches, and no limit.
type Fit struct {
	batch     string
	recompute bool
	memory    string
}

// Flags adds the flags.
func (f *Fit) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&f.batch, "batch", "whole", "pairs of a training's batch that go through the towers at a time: whole, auto for as many as fit the memory, or a `number`; the loss is always of the whole batch")
	flags.BoolVar(&f.recompute, "recompute", false, "make activations again in the backward pass instead of keeping them (gradient checkpointing): less memory, a third more time")
	flags.StringVar(&f.memory, "memory", "auto", "memory that a stage may take: auto for what this machine has, a `size` such as 24GiB, or none for no limit")
}

// args are the flags as a worker is given them.
func (f *Fit) args() []string {
	args := []string{"--batch", f.batch, "--memory", f.memory}
	if f.recompute {
		args = append(args, "--recompute")
	}
	return args
}

// Check says what is wrong with the flags.
func (f *Fit) Check() error {
	if _, err := f.microBatch(); err != nil {
		return err
	}
	if f.memory == "auto" || f.memory == "none" {
		return nil
	}
	if n, err := cli.ParseBytes(f.memory); err != nil || n == 0 {
		return fmt.Errorf("--memory %s: auto, none, or a size such as 24GiB", f.memory)
	}
	return nil
}

func (f *Fit) microBatch() (int, error) {
	switch f.batch {
	case "whole":
		return 0, nil
	case "auto":
		return op.AutoBatch, nil
	}
	n, err := strconv.Atoi(f.batch)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("--batch %s: whole, auto, or a number of pairs from 1", f.batch)
	}
	return n, nil
}

// On is what ops are told on an engine; Check has passed.
func (f *Fit) On(engineName string) op.Fit {
	n, _ := f.microBatch()
	return op.Fit{MicroBatch: n, Recompute: f.recompute, Memory: f.limit(engineName)}
}

// limit is in bytes; 0 is none, or not known.
func (f *Fit) limit(engineName string) int64 {
	switch {
	case f.memory == "none":
		return 0
	case f.memory != "auto":
		n, _ := cli.ParseBytes(f.memory)
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
