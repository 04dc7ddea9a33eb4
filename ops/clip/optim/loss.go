package optim

import (
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip/graph"
)

// lossOf is the loss of features of the whole batch; v is nil where the step
// classifies.
func (t *Trainer) lossOf(tape *graph.Tape, u, v *Node) graph.Loss {
	batch, dim := t.opts.Batch, t.cfg.Dim()
	if t.opts.Head.Classes > 0 {
		return tape.HeadLoss(t.opts.Head, u, graph.RowsInput(tape.Graph, graph.TargetsInput, batch, t.opts.Head.Classes))
	}
	if t.opts.Classes > 0 {
		return tape.Classification(u, graph.Input(tape.Graph, graph.HeadInput, t.opts.Classes, dim), tape.At("logit_scale"), graph.RowsInput(tape.Graph, graph.TargetsInput, batch, t.opts.Classes))
	}
	if t.opts.GammaOff {
		return tape.Contrastive(u, v, tape.At("logit_scale"), graph.OwnPairs(tape.Graph, batch))
	}
	base := v
	if t.opts.PositivesFixed {
		base = graph.RowsInput(tape.Graph, graph.BaseInput, batch, dim)
	}
	return tape.Contrastive(u, v, tape.At("logit_scale"), graph.Positives(base, graph.Input(tape.Graph, graph.GammaInput, 1, 1)))
}

// giveTargets puts what the loss reads beside features.
func (t *Trainer) giveTargets(given *graph.Given, b Batch) {
	if t.opts.PositivesFixed {
		given.PutRows(graph.BaseInput, b.BaseText, t.opts.Batch, t.cfg.Dim())
	}
	if n := t.opts.Head.Classes; n > 0 {
		given.PutRows(graph.TargetsInput, b.Targets, t.opts.Batch, n)
	}
	if t.opts.Classes > 0 {
		given.Put(graph.HeadInput, b.Head, t.opts.Classes, t.cfg.Dim())
		given.PutRows(graph.TargetsInput, b.Targets, t.opts.Batch, t.opts.Classes)
	}
}
