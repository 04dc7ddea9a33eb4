package optim

import (
	"fmt"
	"slices"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/engine"
)

// giveHyper puts the numbers of a step, counted from 1.
func giveHyper(g *graph.Given, p StepParams, o Options, step int) {
	values := hyperValues(p, o.AdamW, o.GradClip, step)
	if o.Head.Classes > 0 {
		values = headHyperValues(p, o, step)
	}
	g.Put(graph.HyperInput, values, 1, len(values))
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
