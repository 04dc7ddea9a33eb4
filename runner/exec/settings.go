package exec

import (
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"react/ops/engine"
)

// Settings are what flags say of how stages are made, here and by a worker.
type Settings struct {
	Engine    string // as --engine names it
	Devices   Devices
	SaveEvery time.Duration
	Fit       Fit
	// where TensorBoard's files are written while stages are made; "" for nowhere
	TensorBoard string
}

// Flags adds the flags.
func (s *Settings) Flags(flags *pflag.FlagSet) {
	flags.StringVar(&s.Engine, "engine", "auto", "`engine` that computes: "+engine.Choices)
	s.Devices.Flag(flags)
	flags.DurationVar(&s.SaveEvery, "save-every", 30*time.Second, "`time` between two saves of a training that runs, from which it goes on after a kill")
	s.Fit.Flags(flags)
	flags.StringVar(&s.TensorBoard, "tensorboard", "", "write TensorBoard's files into this `directory` while stages are made: a run for each training, and one for each trial with its results")
}

// Check says what is wrong with the flags.
func (s *Settings) Check() error {
	if s.SaveEvery <= 0 {
		return fmt.Errorf("--save-every %s: more than 0", s.SaveEvery)
	}
	if err := CheckEngine(s.Engine); err != nil {
		return err
	}
	if err := s.Devices.Check(s.Engine); err != nil {
		return err
	}
	return s.Fit.Check()
}

// Args are the flags as a worker is given them.
func (s *Settings) Args() []string {
	args := []string{"--engine", s.Engine, "--save-every", s.SaveEvery.String()}
	if s.Devices != 1 {
		args = append(args, "--devices", s.Devices.String())
	}
	if s.TensorBoard != "" {
		args = append(args, "--tensorboard", s.TensorBoard)
	}
	return append(args, s.Fit.args()...)
}
