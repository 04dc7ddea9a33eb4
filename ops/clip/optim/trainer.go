package optim

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/engine"
)

// Options are what a compiled step depends on, and GradClip, which it does not.
type Options struct {
	Mode  string
	Batch int
	// pairs that go through the towers at a time (see accumulation); 0 for the whole batch
	MicroBatch int
	// make the activations of each block again in the backward pass (see recomputed)
	Recompute bool
	Precision string // F32 or BF16; "" is F32
	AdamW     AdamW  // the zero value: as for a ViT
	// a step gets text features instead of tokens; only where the text tower is locked
	CachedText bool
	// plain InfoNCE: each pair is its own only positive, and no captions are compared
	GammaOff bool
	// P(i) is of BaseText, given with each batch, and not of the current text features
	PositivesFixed bool
	// over 0: cross entropy against Head with Targets, given with each batch, in place of captions;
	// only where the text tower is locked
	Classes  int
	GradClip float64 // largest global norm of the gradient; 0 for no clipping
	Head     clip.HeadOptions
}

// mode is the mode of a step; New refuses a name that there is not.
func (o Options) mode() clip.Mode {
	m, _ := clip.ModeOf(o.Mode)
	return m
}

// parts is the number of micro-batches of a step.
func (o Options) parts() int {
	if o.MicroBatch == 0 {
		return 1
	}
	return (o.Batch + o.MicroBatch - 1) / o.MicroBatch
}

// rows is the number of pairs that go through the towers at a time.
func (o Options) rows() int {
	if o.parts() == 1 {
		return o.Batch
	}
	return o.MicroBatch
}

// Batch is what a step trains on; B is Options.Batch.
type Batch struct {
	Pixels       []float32 // [B, 3, S, S], normalised
	Tokens       []int32   // [B, context]; not with CachedText
	TextFeatures []float32 // [B, E] of length 1; with CachedText
	BaseText     []float32 // [B, E] of length 1; with PositivesFixed
	Head         []float32 // [Classes, E] of length 1; with Classes
	// [B, Classes], shares of each image that add up to 1, with Classes; [B, Head.Classes], where
	// several may be 1, with Head
	Targets []float32
}

// StepParams are the numbers of a step.
type StepParams struct {
	LR          float64
	WeightDecay float64 // of matrices
	// cosine of captions from which another pair is a positive; not with GammaOff
	Gamma        float64
	AlphaLRScale float64 // multiplies LR for the gates' alphas; 0 is 1
	TowerLRScale float64 // with Head: multiplies LR for the tower; 0 is 1
}

// StepStats are a step's numbers, of the weights before its update.
type StepStats struct {
	Loss, GradNorm float64   // the norm before clipping
	LogitScale     float64   // the multiplier, not its logarithm
	MeanPositives  float64   // mean size of P(i); with Head, the share that is right (see headLoss)
	TanhAlpha      []float64 // of the gates, in order
}

// Trainer trains one model at a time. Parameters and moments stay on the device
// between steps; only what trains has moments. Not for concurrent use, but for Put.
type Trainer struct {
	eng     *engine.Engine
	cfg     clip.Config
	opts    Options
	program *engine.Program // of a whole step, or nil
	parts   *accumulation   // of a step in micro-batches, or nil
	dtype   dtypes.DType    // of activations
	names   []string        // trainable, in order
	alphas  []string

	start   *clip.Weights // of the last Reset
	step    int
	buffers map[string]compute.Buffer // by input name: parameters, moments and summed gradients
}

// The names of the inputs of moments and of summed gradients are these before
// the parameter's name.
const (
	meanPrefix   = "m:"
	squarePrefix = "v:"
	gradPrefix   = "g:"
)

// New compiles the step of a mode, once for each engine, config and
// options. Reset must follow. The BatchNorms of a ResNet use their running
// statistics, which stay as they are, as is usual in tuning on small batches;
// their gains and biases train. A ResNet from random weights thus trains with a
// mean of 0 and a variance of 1 for all, that is without normalisation.
func New(e *engine.Engine, cfg clip.Config, opts Options) (*Trainer, error) {
	names, err := opts.trainable(cfg)
	if err != nil {
		return nil, err
	}
	if opts.Batch < 1 {
		return nil, fmt.Errorf("trainer: batch %d", opts.Batch)
	}
	if opts.MicroBatch < 0 || opts.MicroBatch > opts.Batch {
		return nil, fmt.Errorf("trainer: a micro-batch of %d of a batch of %d", opts.MicroBatch, opts.Batch)
	}
	if opts.CachedText && opts.mode().Text {
		return nil, fmt.Errorf("trainer: cached text features in mode %s, which trains the text tower", opts.Mode)
	}
	if err := errors.Join(opts.checkClasses(), opts.checkHead()); err != nil {
		return nil, err
	}
	if err := errors.Join(graph.CheckPrecision(e.Name(), opts.Precision), CheckDevices(opts.Batch, opts.MicroBatch, e.Devices())); err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	t := &Trainer{eng: e, cfg: cfg, opts: opts, names: names, buffers: map[string]compute.Buffer{}}
	t.dtype, _ = graph.DType(opts.Precision) // CheckPrecision knows it
	for _, name := range names {
		if clip.IsAlpha(name) {
			t.alphas = append(t.alphas, name)
		}
	}
	if opts.parts() > 1 {
		t.parts, err = t.newAccumulation()
		return t, err
	}
	t.program, err = t.compile("train", t.renewed, t.build)
	return t, err
}

// compile gives a program of the trainer's, by all that its graph depends on. renews says which of
// the state it gives new values.
func (t *Trainer) compile(kind string, renews func(name string) bool,
	build func(g *Graph) []*Node) (*engine.Program, error) {
	o := t.opts
	key, err := graph.ProgramKey(kind, t.cfg, o.Mode, fmt.Sprint(o.Batch, o.rows(), o.CachedText, o.GammaOff, o.PositivesFixed, o.Classes, o.Recompute, t.dtype, o.AdamW, o.Head))
	if err != nil {
		return nil, err
	}
	return t.eng.Renewing(key, renews, build)
}

// tape is a graph's, with the parameters of a head.
func (t *Trainer) tape(g *Graph) *graph.Tape {
	tape := graph.New(g, t.cfg)
	tape.DType, tape.Recompute, tape.Flash = t.dtype, t.opts.Recompute, t.eng.FlashAttention()
	for _, p := range t.opts.Head.Parameters(t.cfg.Dim()) {
		tape.Shape[p.Name] = graph.DeviceShape(p.Shape)
	}
	return tape
}

// programs are those of a step, in the order in which they run.
func (t *Trainer) programs() []*engine.Program {
	if t.parts != nil {
		return []*engine.Program{t.parts.features, t.parts.loss, t.parts.gradients, t.parts.update}
	}
	return []*engine.Program{t.program}
}

// build is the graph of a step. Its outputs are the statistics, then for each
// trainable parameter its new value and moments.
func (t *Trainer) build(g *Graph) []*Node {
	outputs, _ := t.buildStep(g)
	return outputs
}

func (t *Trainer) buildStep(g *Graph) (outputs, grads []*Node) {
	tape := t.tape(g)
	l := t.lossOf(tape, t.buildImage(tape), t.buildText(tape))
	grads = tape.LossGradients(l.Loss, t.names)
	return append(t.updates(tape, grads, l), l.Statistics...), grads
}

// updates are the statistics of a step and the new values and moments.
func (t *Trainer) updates(tape *graph.Tape, grads []*Node, l graph.Loss) []*Node {
	if t.opts.Head.Classes > 0 {
		return t.headUpdates(tape, grads, l)
	}
	h := newHyper(tape.Graph, t.opts.AdamW)
	norm := globalNorm(grads)
	by := h.gradientWeights(norm)
	outputs := []*Node{t.statsOf(tape, norm, l)}
	for i, p := range t.trainable() {
		dims := graph.DeviceShape(p.Shape)
		m := moments{graph.Input(tape.Graph, meanPrefix+p.Name, dims...), graph.Input(tape.Graph, squarePrefix+p.Name, dims...)}
		w, m := h.update(p, tape.At(p.Name), grads[i], by, m)
		outputs = append(outputs, w, m.mean, m.square)
	}
	return outputs
}

// statsOf are the numbers of a step, in the order in which stats reads them.
func (t *Trainer) statsOf(tape *graph.Tape, norm *Node, l graph.Loss) *Node {
	stats := []*Node{l.Loss, norm, Exp(tape.At("logit_scale")), l.Positives}
	for _, name := range t.alphas {
		stats = append(stats, Tanh(tape.At(name)))
	}
	return Concatenate(stats, 1)
}

func (t *Trainer) trainable() []clip.Parameter {
	return slices.DeleteFunc(t.opts.allParameters(t.cfg), func(p clip.Parameter) bool { return !slices.Contains(t.names, p.Name) })
}

// buildImage gives image features: of length 1, or as they are for a head.
func (t *Trainer) buildImage(tape *graph.Tape) *Node {
	side := t.cfg.ImageSize()
	image := tape.ImageTower(graph.RowsInput(tape.Graph, graph.PixelsInput, t.opts.rows(), 3, side, side))
	if t.opts.Head.Classes > 0 {
		return image
	}
	return tape.Normalize(image)
}

// buildText gives text features of length 1, given or computed; none where the
// step classifies.
func (t *Trainer) buildText(tape *graph.Tape) *Node {
	if t.opts.classifies() {
		return nil
	}
	if t.opts.CachedText {
		return graph.RowsInput(tape.Graph, graph.TextFeaturesInput, t.opts.rows(), t.cfg.Dim())
	}
	ids := graph.RowsIDs(tape.Graph, graph.TokensInput, t.opts.rows(), t.cfg.ContextLength())
	return tape.Normalize(tape.TextTower(ids))
}

// Reset starts from a checkpoint with fresh moments. Its config must be the
// trainer's; the weights are copied.
func (t *Trainer) Reset(c *clip.Checkpoint) error {
	w, err := c.Weights.Ordered(t.opts.allParameters(t.cfg))
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	t.Close()
	t.start, t.step = w, 0
	for _, program := range t.programs() {
		for _, name := range program.Inputs() {
			if err := t.initialize(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// initialize uploads what an input starts with, where it is of the state: a
// parameter's values, or zeros for a moment or a sum of gradients.
func (t *Trainer) initialize(name string) (err error) {
	kind, parameter, ok := splitInput(name)
	if !ok || t.buffers[name] != nil {
		return nil
	}
	tensor := t.start.At(parameter)
	if kind != graph.ParamPrefix {
		tensor = &clip.Tensor{Shape: tensor.Shape, Data: make([]float32, len(tensor.Data))}
	}
	t.buffers[name], err = graph.UploadTensor(t.eng, tensor)
	return err
}

// splitInput takes the prefix off the name of an input of the state.
func splitInput(name string) (kind, parameter string, ok bool) {
	if len(name) > 2 && slices.Contains([]string{graph.ParamPrefix, meanPrefix, squarePrefix, gradPrefix}, name[:2]) {
		return name[:2], name[2:], true
	}
	return "", "", false
}

// Close frees what is on the device; Reset starts anew.
func (t *Trainer) Close() {
	graph.Finalize(t.buffers)
	t.buffers = map[string]compute.Buffer{}
}

// Step takes one optimizer step and waits for its end. After an error Reset must follow.
func (t *Trainer) Step(b Batch, p StepParams) (StepStats, error) {
	in, err := t.Put(b)
	if err != nil {
		return StepStats{}, err
	}
	taken, err := t.Take(in, p)
	if err != nil {
		return StepStats{}, err
	}
	return taken.Stats()
}

// Taken is a step that was taken, or that the device still computes.
type Taken struct {
	trainer *Trainer
	stats   compute.Buffer
}

// Take takes one optimizer step with a batch, which it frees. Where the engine runs ahead it does
// not wait for the step's end, and the next may be taken at once. After an error Reset must follow.
func (t *Trainer) Take(in *Input, p StepParams) (*Taken, error) {
	defer in.Free()
	if t.start == nil {
		return nil, fmt.Errorf("trainer: a step before Reset")
	}
	t.giveHyper(in.given, p)
	var outputs []compute.Buffer
	var err error
	if t.parts != nil {
		outputs, err = t.partedStep(in.given, in.batch)
	} else {
		outputs, err = t.run(t.program, in.given)
	}
	if err != nil {
		return nil, fmt.Errorf("trainer: %w", err)
	}
	t.step++
	at := 1
	for _, name := range t.names {
		for _, kind := range t.opts.stateful() {
			t.buffers[kind+name] = outputs[at]
			at++
		}
	}
	for i, name := range t.opts.Head.Statistics() {
		t.buffers[graph.ParamPrefix+name] = outputs[at+i]
	}
	return &Taken{t, outputs[0]}, nil
}

// renewed says whether the update gives an input a new value.
func (t *Trainer) renewed(name string) bool {
	kind, parameter, _ := splitInput(name)
	return kind != gradPrefix && slices.Contains(t.Changing(), parameter)
}

// run gives up the state that the program renews: donated to the run, or
// finalized after it.
func (t *Trainer) run(p *engine.Program, given *graph.Given) ([]compute.Buffer, error) {
	if given.Err != nil {
		return nil, given.Err
	}
	names := p.Inputs()
	inputs, donate := make([]compute.Buffer, len(names)), make([]bool, len(names))
	var old []compute.Buffer
	for i, name := range names {
		if inputs[i] = given.Buffers[name]; inputs[i] != nil {
			continue
		}
		if inputs[i] = t.buffers[name]; inputs[i] == nil {
			return nil, fmt.Errorf("input %s is not given", name)
		}
		if p.Renewed()[i] {
			donate[i] = t.eng.Donates()
			old = append(old, inputs[i])
			delete(t.buffers, name)
		}
	}
	outputs, err := p.Run(inputs, donate)
	if t.eng.Donates() {
		return outputs, err
	}
	for _, b := range old {
		if freed := b.Finalize(); err == nil {
			err = freed
		}
	}
	return outputs, err
}

// Free is for a step whose numbers nobody wants.
func (s *Taken) Free() { _ = s.stats.Finalize() }

// Stats waits for the step's end and gives its numbers, once.
func (s *Taken) Stats() (StepStats, error) {
	defer s.Free()
	values := make([]float32, 4+len(s.trainer.alphas))
	if err := s.stats.ToFlatData(values); err != nil {
		return StepStats{}, err
	}
	stats := StepStats{Loss: float64(values[0]), GradNorm: float64(values[1]), LogitScale: float64(values[2]), MeanPositives: float64(values[3])}
	for _, a := range values[4:] {
		stats.TanhAlpha = append(stats.TanhAlpha, float64(a))
	}
	return stats, nil
}

// Checkpoint copies the current weights off the device.
func (t *Trainer) Checkpoint() (*clip.Checkpoint, error) {
	if t.start == nil {
		return nil, fmt.Errorf("trainer: a checkpoint before Reset")
	}
	w := t.start.Clone()
	for _, name := range t.Changing() {
		if err := t.buffers[graph.ParamPrefix+name].ToFlatData(w.At(name).Data); err != nil {
			return nil, fmt.Errorf("parameter %q: %w", name, err)
		}
	}
	return &clip.Checkpoint{Config: t.cfg, Weights: w}, nil
}

// Changing lists the parameters that a step gives new values: what trains, and the
// running statistics of a head.
func (t *Trainer) Changing() []string {
	return append(slices.Clone(t.names), t.opts.Head.Statistics()...)
}
