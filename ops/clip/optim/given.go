package optim

import (
	"fmt"
	"slices"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/engine"
)

// Input is a batch that was given to the device for one step.
type Input struct {
	given *graph.Given
	batch Batch // of a step in micro-batches, which go to the device one after the other
}

// Free frees a batch that no step takes.
func (in *Input) Free() { in.given.Free() }

// Put gives a batch to the device for one step; it may run beside another step. A batch of a step in
// micro-batches is only checked, and must stay as it is until its step is taken.
func (t *Trainer) Put(b Batch) (*Input, error) {
	in := &Input{given: graph.NewGiven(t.eng)}
	err := t.checkBatch(b)
	switch {
	case err != nil:
	case t.parts != nil:
		in.batch = b
	default:
		t.giveWhole(in.given, b)
		err = in.given.Err
	}
	if err != nil {
		in.Free()
		return nil, fmt.Errorf("trainer: %w", err)
	}
	return in, nil
}

// giveWhole puts a batch that goes through a step as one.
func (t *Trainer) giveWhole(given *graph.Given, b Batch) {
	t.giveTargets(given, b)
	if t.opts.CachedText {
		given.PutRows(graph.TextFeaturesInput, b.TextFeatures, t.opts.Batch, t.cfg.Dim())
	}
	t.givePairs(given, t.program, b)
}

// giveHyper puts the numbers of the next step.
func (t *Trainer) giveHyper(given *graph.Given, p StepParams) {
	o, step := t.opts, t.step+1
	values := hyperValues(p, o.AdamW, o.GradClip, step)
	if o.Head.Classes > 0 {
		values = headHyperValues(p, o, step)
	}
	given.Put(graph.HyperInput, values, 1, len(values))
	if !o.GammaOff && !o.classifies() {
		given.Put(graph.GammaInput, []float32{float32(p.Gamma)}, 1, 1)
	}
}

// checkBatch holds a batch to the sizes that the options say.
func (t *Trainer) checkBatch(b Batch) error {
	o, side, dim := t.opts, t.cfg.ImageSize(), t.cfg.Dim()
	for _, f := range []struct {
		name      string
		got, want int
		used      bool
	}{
		{graph.PixelsInput, len(b.Pixels), o.Batch * 3 * side * side, true},
		{graph.TextFeaturesInput, len(b.TextFeatures), o.Batch * dim, o.CachedText},
		{graph.BaseInput, len(b.BaseText), o.Batch * dim, o.PositivesFixed},
		{graph.HeadInput, len(b.Head), o.Classes * dim, o.Classes > 0},
		{graph.TargetsInput, len(b.Targets), o.Batch * max(o.Classes, o.Head.Classes), o.classifies()},
	} {
		if f.used && f.got != f.want {
			return fmt.Errorf("%s: %d values, a batch of %d has %d", f.name, f.got, o.Batch, f.want)
		}
	}
	if o.textGiven() {
		return nil
	}
	return clip.CheckTokens(t.cfg, b.Tokens, o.Batch)
}

// givePairs puts the pixels and tokens of rows() pairs, as far as the program
// reads them.
func (t *Trainer) givePairs(given *graph.Given, p *engine.Program, b Batch) {
	rows, side, context := t.opts.rows(), t.cfg.ImageSize(), t.cfg.ContextLength()
	inputs := p.Inputs()
	if slices.Contains(inputs, graph.PixelsInput) {
		given.PutRows(graph.PixelsInput, b.Pixels, rows, 3, side, side)
	}
	if !slices.Contains(inputs, graph.TokensInput) {
		return
	}
	ids := graph.WideIDs(b.Tokens)
	given.PutRows(graph.TokensInput, ids, rows, context)
	if slices.Contains(inputs, graph.DistinctInput) {
		distinct, slot := graph.DistinctIDs(ids, t.cfg.VocabSize())
		given.Put(graph.DistinctInput, distinct, len(distinct), 1)
		given.Put(graph.SlotInput, slot, len(slot))
	}
}
