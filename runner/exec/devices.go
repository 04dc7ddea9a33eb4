package exec

import (
	"fmt"

	"github.com/spf13/pflag"

	"react/ops/clip"
	"react/ops/engine"
)

// Devices is the value of --devices: how many devices of the engine there are to compute on; 0 is
// all that this machine has. What is computed is the same but for rounding, so that it is in no
// key; the manifest keeps it.
type Devices int

// String is the value as it is given.
func (d *Devices) String() string { return countText(int(*d), "all") }

// Set reads a number or "all".
func (d *Devices) Set(text string) error {
	n, err := readCount(text, "all", "devices")
	*d = Devices(n)
	return err
}

// Type is what usage lines call it.
func (d *Devices) Type() string { return "N|all" }

// Flag adds the flag.
func (d *Devices) Flag(flags *pflag.FlagSet) {
	*d = 1
	flags.Var(d, "devices", "compute on this many devices of XLA, or all: stages that run at a time share them out, so that with -j 1 each training is spread over all, and with as many stages as devices each stage has one")
}

// Check says why an engine has no such number of devices.
func (d Devices) Check(spec string) error {
	if d <= 1 {
		return nil
	}
	if !engine.Apart(spec) {
		return fmt.Errorf("--devices %d: the engine %s computes on one; xla:cuda takes several GPUs, and xla:cpu as many parts of the processor", d, spec)
	}
	if has := engine.GPUs(spec); has > 0 && int(d) > has {
		return fmt.Errorf("--devices %d: there are %d GPUs", d, has)
	}
	return nil
}

// Share is how the engine's devices are shared out among the stages that run at a time: each gets
// as many as the others. Stages that are more than devices share them.
type Share struct {
	Devices int
	Stages  int
}

// Share gives stages that run at a time their devices; with "auto" each gets one.
func (d Devices) Share(spec string, jobs Jobs) Share {
	s := Share{Devices: int(d), Stages: int(jobs)}
	if d == 0 {
		s.Devices = max(1, engine.GPUs(spec))
	}
	if jobs == 0 {
		s.Stages = s.Devices
	}
	return s
}

// Each is how many devices a stage gets.
func (s Share) Each() int { return max(1, s.Devices/max(1, s.Stages)) }

// spec is the engine of the stage in a place, counted from 0.
func (s Share) spec(engineSpec string, place int) string {
	return engine.WithDevices(engineSpec, place*s.Each()%max(1, s.Devices), s.Each())
}

// atOnce is how many stages compute on an engine at a time; 0 for as many as run.
func (s Share) atOnce(engineName string, jobs Jobs) int {
	if clip.Accelerator(engineName) || jobs == 0 {
		return max(1, s.Devices/s.Each())
	}
	return 0
}
