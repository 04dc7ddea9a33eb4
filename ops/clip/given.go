package clip

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"

	"react/ops/engine"
)

// given are the inputs of one run that are not of a trainer's state. The first
// error of an upload stays; the program then does not run.
type given struct {
	eng     *engine.Engine
	buffers map[string]compute.Buffer
	err     error
}

func newGiven(e *engine.Engine) *given {
	return &given{eng: e, buffers: map[string]compute.Buffer{}}
}

// put uploads values, in the place of what was there under the name.
func (g *given) put(name string, values any, dims ...int) {
	if g.err != nil {
		return
	}
	b, err := g.eng.Upload(values, dims...)
	if err != nil {
		g.err = fmt.Errorf("%s: %w", name, err)
		return
	}
	if old := g.buffers[name]; old != nil {
		_ = old.Finalize()
	}
	g.buffers[name] = b
}

// giveHyper puts the numbers of a step, counted from 1.
func giveHyper(g *given, p StepParams, o TrainOptions, step int) {
	values := hyperValues(p, o.AdamW, o.Clip, step)
	if o.Head.Classes > 0 {
		values = headHyperValues(p, o, step)
	}
	g.put(hyperInput, values, 1, len(values))
}

func (g *given) free() {
	finalize(g.buffers)
	g.buffers = map[string]compute.Buffer{}
}

// checkBatch holds a batch to the sizes that the options say.
func (t *Trainer) checkBatch(b Batch) error {
	o, side, dim := t.opts, t.cfg.ImageSize(), t.cfg.Dim()
	for _, f := range []struct {
		name      string
		got, want int
		used      bool
	}{
		{pixelsInput, len(b.Pixels), o.Batch * 3 * side * side, true},
		{featuresInput, len(b.TextFeatures), o.Batch * dim, o.CachedText},
		{baseInput, len(b.BaseText), o.Batch * dim, o.PositivesFixed},
		{headInput, len(b.Head), o.Classes * dim, o.Classes > 0},
		{targetsInput, len(b.Targets), o.Batch * max(o.Classes, o.Head.Classes), o.classifies()},
	} {
		if f.used && f.got != f.want {
			return fmt.Errorf("%s: %d values, a batch of %d has %d", f.name, f.got, o.Batch, f.want)
		}
	}
	if o.textGiven() {
		return nil
	}
	return checkTokens(t.cfg, b.Tokens, o.Batch)
}

// givePairs puts the pixels and tokens of rows() pairs, as far as the program
// reads them.
func (t *Trainer) givePairs(given *given, p *engine.Program, b Batch) {
	rows, side, context := t.opts.rows(), t.cfg.ImageSize(), t.cfg.ContextLength()
	inputs := p.Inputs()
	if slices.Contains(inputs, pixelsInput) {
		given.put(pixelsInput, b.Pixels, rows, 3, side, side)
	}
	if !slices.Contains(inputs, tokensInput) {
		return
	}
	ids := wideIDs(b.Tokens)
	given.put(tokensInput, ids, rows, context)
	if slices.Contains(inputs, distinctInput) {
		distinct, slot := distinctIDs(ids, t.cfg.VocabSize())
		given.put(distinctInput, distinct, len(distinct), 1)
		given.put(slotInput, slot, len(slot))
	}
}

// numSlots is the number of distinct ids that a graph has room for.
func numSlots(vocab, ids int) int { return min(vocab, ids) }

// distinctIDs numbers the distinct ids of a batch: distinct[slot[i]] == ids[i].
// The slots left over name ids that the batch lacks, each once, so that a
// scatter by distinct never adds to a row twice.
func distinctIDs(ids []int64, vocab int) (distinct, slot []int64) {
	place := make([]int64, vocab)
	slot = make([]int64, len(ids))
	for i, id := range ids {
		if place[id] == 0 {
			distinct = append(distinct, id)
			place[id] = int64(len(distinct))
		}
		slot[i] = place[id] - 1
	}
	for id := int64(0); len(distinct) < numSlots(vocab, len(ids)); id++ {
		if place[id] == 0 {
			distinct = append(distinct, id)
		}
	}
	return distinct, slot
}
