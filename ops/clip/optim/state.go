package optim

import (
	"fmt"
	"slices"

	"react/ops/clip"
	"react/ops/clip/graph"
)

// State is what a trainer needs to go on later beside a checkpoint.
type State struct {
	Step    int           // steps taken
	Moments *clip.Weights // by the parameters' names after "m:" and "v:"
}

// State copies the moments off the device.
func (t *Trainer) State() (*State, error) {
	if t.start == nil {
		return nil, fmt.Errorf("trainer: a state before Reset")
	}
	s := &State{Step: t.step, Moments: &clip.Weights{}}
	for _, name := range t.names {
		for _, prefix := range t.opts.stateful()[1:] {
			shape := t.start.At(name).Shape
			data := make([]float32, len(t.start.At(name).Data))
			if err := t.buffers[prefix+name].ToFlatData(data); err != nil {
				return nil, fmt.Errorf("moment %q: %w", prefix+name, err)
			}
			s.Moments.Put(prefix+name, shape, data)
		}
	}
	return s, nil
}

// SetState goes on where a State was taken; Reset with its checkpoint comes first.
func (t *Trainer) SetState(s *State) error {
	if t.start == nil {
		return fmt.Errorf("trainer: a state before Reset")
	}
	for _, name := range t.names {
		for _, prefix := range t.opts.stateful()[1:] {
			m := s.Moments.At(prefix + name)
			if m == nil || !slices.Equal(m.Shape, t.start.At(name).Shape) {
				return fmt.Errorf("trainer: the state has no %q of shape %v", prefix+name, t.start.At(name).Shape)
			}
			b, err := graph.UploadTensor(t.eng, m)
			if err != nil {
				return err
			}
			_ = t.buffers[prefix+name].Finalize()
			t.buffers[prefix+name] = b
		}
	}
	t.step = s.Step
	return nil
}
