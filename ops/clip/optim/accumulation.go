package optim

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip/graph"
	"react/ops/engine"
)

// accumulation is a step whose batch does not fit the memory at once. The loss
// stays the contrastive loss of the whole batch: its features are computed
// first, one micro-batch after the other; the loss and its gradients to the
// features are of all of them; then each micro-batch goes through the towers
// again and back from its part of those gradients, which adds to the sums that
// one update uses (as GradCache does, arXiv 2101.06983). The same as the whole
// step but for rounding, at the cost of one more forward pass. Summing the
// losses of micro-batches, as accumulation usually means, would leave each pair
// only the negatives of its own micro-batch.
type accumulation struct {
	// of a micro-batch, both of length 1: u [m, E], v [m, E] unless cached
	features *engine.Program
	// of u, v [B, E]: statistics, dL/du, dL/dv where they are needed, dL/d log scale
	loss      *engine.Program
	gradients *engine.Program // of a micro-batch and dL/du, dL/dv [m, E]: the sums
	// of the sums: statistics, then new values and moments, as a whole step
	update *engine.Program
}

func (t *Trainer) newAccumulation() (*accumulation, error) {
	a := &accumulation{}
	for _, p := range []struct {
		into   **engine.Program
		kind   string
		renews func(name string) bool
		build  func(g *Graph) []*Node
	}{
		{&a.features, "train features", nothing, t.buildFeatures},
		{&a.loss, "train loss", t.isStatistic, t.buildPartedLoss},
		{&a.gradients, "train gradients", isSum, t.buildGradients},
		{&a.update, "train update", t.renewed, t.buildUpdate},
	} {
		var err error
		if *p.into, err = t.compile(p.kind, p.renews, p.build); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (t *Trainer) trainsImage() bool { return t.opts.mode().TrainsImage() }

func (t *Trainer) trainsText() bool { return t.opts.mode().Text }

func (t *Trainer) buildFeatures(g *Graph) []*Node {
	tape := t.tape(g)
	u := t.buildImage(tape)
	if t.opts.textGiven() {
		return []*Node{u}
	}
	return []*Node{u, t.buildText(tape)}
}

// buildPartedLoss gives the loss and the mean size of P(i) [1, 2], the gradients
// of what no tower has (the logit scale's logarithm, or a head), the running
// statistics, then the gradients to the features that train.
func (t *Trainer) buildPartedLoss(g *Graph) []*Node {
	tape := t.tape(g)
	batch, dim := t.opts.Batch, t.cfg.Dim()
	u := graph.RowsInput(g, graph.ImageFeaturesInput, batch, dim)
	var v *Node
	if !t.opts.classifies() {
		v = graph.RowsInput(g, graph.TextFeaturesInput, batch, dim)
	}
	l := t.lossOf(tape, u, v)
	var of []*Node
	for _, name := range t.opts.direct() {
		of = append(of, tape.At(name))
	}
	direct := len(of)
	if t.trainsImage() {
		of = append(of, u)
	}
	if t.trainsText() {
		of = append(of, v)
	}
	grads := tape.Gradients([]*Node{l.Loss}, []*Node{OnesLike(l.Loss)}, of)
	outputs := append([]*Node{Concatenate([]*Node{l.Loss, l.Positives}, 1)}, grads[:direct]...)
	return slices.Concat(outputs, l.Statistics, grads[direct:])
}

// towerNames are the parameters that train through a tower.
func (t *Trainer) towerNames() []string {
	var names []string
	for _, name := range t.names {
		if !slices.Contains(t.opts.direct(), name) {
			names = append(names, name)
		}
	}
	return names
}

// buildGradients gives the sums of gradients: carry times what they were, plus
// those of a micro-batch. carry is 0 for the first one of a step and 1 after it.
func (t *Trainer) buildGradients(g *Graph) []*Node {
	sums, _ := t.buildSums(g)
	return sums
}

func (t *Trainer) buildSums(g *Graph) (sums, grads []*Node) {
	names := t.towerNames()
	tape := t.tape(g)
	var features, of []*Node
	if t.trainsImage() {
		features, of = append(features, t.buildImage(tape)), append(of, graph.RowsInput(g, graph.DImageInput, t.opts.rows(), t.cfg.Dim()))
	}
	if t.trainsText() {
		features, of = append(features, t.buildText(tape)), append(of, graph.RowsInput(g, graph.DTextInput, t.opts.rows(), t.cfg.Dim()))
	}
	grads = tape.ParameterGradients(features, of, names)
	carry := graph.Input(g, graph.CarryInput, 1, 1)
	for i, name := range names {
		sum := graph.Input(g, gradPrefix+name, tape.Shape[name]...)
		sums = append(sums, Add(Mul(sum, carry), grads[i]))
	}
	return sums, grads
}

func (t *Trainer) buildUpdate(g *Graph) []*Node {
	tape := t.tape(g)
	loss := graph.Input(g, graph.LossInput, 1, 2)
	at := func(i int) *Node { return Slice(loss, AxisRange(), AxisRange(i, i+1)) }
	grads := make([]*Node, len(t.names))
	for i, name := range t.names {
		grads[i] = graph.Input(g, gradPrefix+name, tape.Shape[name]...)
	}
	return t.updates(tape, grads, graph.Loss{Loss: at(0), Positives: at(1)})
}

// partedStep runs a step's programs. Its outputs are those of the whole step.
func (t *Trainer) partedStep(given *graph.Given, b Batch) ([]compute.Buffer, error) {
	u, v, err := t.partedFeatures(given, b)
	if err != nil {
		return nil, err
	}
	batch, dim := t.opts.Batch, t.cfg.Dim()
	given.PutRows(graph.ImageFeaturesInput, u, batch, dim)
	if !t.opts.classifies() {
		given.PutRows(graph.TextFeaturesInput, v, batch, dim)
	}
	t.giveTargets(given, b)
	outputs, err := t.run(t.parts.loss, given)
	if err != nil {
		return nil, err
	}
	given.Buffers[graph.LossInput], outputs = outputs[0], outputs[1:]
	for _, name := range t.opts.direct() {
		given.Buffers[gradPrefix+name], outputs = outputs[0], outputs[1:]
	}
	statistics := outputs[:len(t.opts.Head.Statistics())]
	d, err := t.featureGradients(outputs[len(statistics):])
	if err != nil {
		return nil, err
	}
	if err := t.sumGradients(given, b, d); err != nil {
		return nil, err
	}
	outputs, err = t.run(t.parts.update, given)
	return append(outputs, statistics...), err
}

func nothing(string) bool { return false }

// isStatistic says whether an input is a running statistic, which the loss renews.
func (t *Trainer) isStatistic(name string) bool {
	kind, parameter, _ := splitInput(name)
	return kind == graph.ParamPrefix && slices.Contains(t.opts.Head.Statistics(), parameter)
}

// partedFeatures are the features [B, E] of the batch. The text's are those of
// the batch where they are cached.
func (t *Trainer) partedFeatures(given *graph.Given, b Batch) (u, v []float32, err error) {
	size := t.opts.Batch * t.cfg.Dim()
	u, v = make([]float32, size), b.TextFeatures
	into := [][]float32{u}
	if !t.opts.textGiven() {
		v = make([]float32, size)
		into = append(into, v)
	}
	padded := make([]float32, t.opts.rows()*t.cfg.Dim())
	for i := range t.opts.parts() {
		t.givePairs(given, t.parts.features, t.part(b, i))
		outputs, err := t.run(t.parts.features, given)
		if err != nil {
			return nil, nil, err
		}
		for j, o := range outputs {
			if err := o.ToFlatData(padded); err != nil {
				return nil, nil, err
			}
			copy(into[j][i*len(padded):], padded)
			_ = o.Finalize()
		}
	}
	return u, v, nil
}

// featureGradients are dL/du and dL/dv [B, E]; nil where a tower is locked.
type featureGradients struct{ image, text []float32 }

func (t *Trainer) featureGradients(outputs []compute.Buffer) (d featureGradients, err error) {
	read := func() []float32 {
		x := make([]float32, t.opts.Batch*t.cfg.Dim())
		if readErr := outputs[0].ToFlatData(x); err == nil {
			err = readErr
		}
		_ = outputs[0].Finalize()
		outputs = outputs[1:]
		return x
	}
	if t.trainsImage() {
		d.image = read()
	}
	if t.trainsText() {
		d.text = read()
	}
	return d, err
}

// sumGradients takes every micro-batch through the towers and back.
func (t *Trainer) sumGradients(given *graph.Given, b Batch, d featureGradients) error {
	names := t.towerNames()
	rows, dim := t.opts.rows(), t.cfg.Dim()
	for i := range t.opts.parts() {
		t.givePairs(given, t.parts.gradients, t.part(b, i))
		given.Put(graph.CarryInput, []float32{float32(min(i, 1))}, 1, 1)
		if d.image != nil {
			given.PutRows(graph.DImageInput, graph.PartOf(d.image, i, rows*dim), rows, dim)
		}
		if d.text != nil {
			given.PutRows(graph.DTextInput, graph.PartOf(d.text, i, rows*dim), rows, dim)
		}
		sums, err := t.run(t.parts.gradients, given)
		if err != nil {
			return fmt.Errorf("micro-batch %d: %w", i+1, err)
		}
		for j, name := range names {
			t.buffers[gradPrefix+name] = sums[j]
		}
	}
	return nil
}

func isSum(name string) bool {
	kind, _, _ := splitInput(name)
	return kind == gradPrefix
}

// part is a micro-batch of pixels and tokens. The last one is filled up with
// zeros: no gradient comes to their features, so they add nothing.
func (t *Trainer) part(b Batch, i int) Batch {
	rows, side := t.opts.rows(), t.cfg.ImageSize()
	out := Batch{Pixels: graph.PartOf(b.Pixels, i, rows*3*side*side)}
	if !t.opts.textGiven() {
		out.Tokens = graph.PartOf(b.Tokens, i, rows*t.cfg.ContextLength())
	}
	return out
}
