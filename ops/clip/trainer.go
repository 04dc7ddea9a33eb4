package clip

import (
	"fmt"
	"slices"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/engine"
)

// TrainOptions are what a compiled step depends on, and Clip, which it does not.
type TrainOptions struct {
	Mode           string
	Batch          int
	CachedText     bool    // a step gets text features instead of tokens; only where the text tower is locked
	PositivesFixed bool    // P(i) is of BaseText, given with each batch, and not of the current text features
	Clip           float64 // largest global norm of the gradient; 0 for no clipping
}

// Batch is what a step trains on; B is TrainOptions.Batch.
type Batch struct {
	Pixels       []float32 // [B, 3, S, S], normalised
	Tokens       []int32   // [B, context]; not with CachedText
	TextFeatures []float32 // [B, E] of length 1; with CachedText
	BaseText     []float32 // [B, E] of length 1; with PositivesFixed
}

// StepParams are the numbers of a step.
type StepParams struct {
	LR          float64
	WeightDecay float64 // of matrices
	Gamma       float64 // over 1: plain InfoNCE
	AlphaLR     float64 // multiplies LR for the gates' alphas; 0 is 1
}

// StepStats are a step's numbers, of the weights before its update.
type StepStats struct {
	Loss, GradNorm float64   // the norm before clipping
	LogitScale     float64   // the multiplier, not its logarithm
	MeanPositives  float64   // mean size of P(i)
	TanhAlpha      []float64 // of the gates, in order
}

// Trainer trains one model at a time. Parameters and moments stay on the device
// between steps; only what trains has moments. Not for concurrent use.
type Trainer struct {
	eng     *engine.Engine
	cfg     Config
	opts    TrainOptions
	program *engine.Program
	names   []string // trainable, in order
	alphas  []string

	start   *Weights // of the last Reset
	step    int
	buffers map[string]compute.Buffer // by input name: parameters and moments
}

// The names of the moments' inputs are these before the parameter's name.
const (
	meanPrefix   = "m:"
	squarePrefix = "v:"
)

// NewTrainer compiles the step of a mode, once for each engine, config and
// options. Reset must follow. The BatchNorms of a ResNet use their running
// statistics, which stay as they are, as is usual in tuning on small batches;
// their gains and biases train. A ResNet from random weights thus trains with a
// mean of 0 and a variance of 1 for all, that is without normalisation.
func NewTrainer(e *engine.Engine, cfg Config, opts TrainOptions) (*Trainer, error) {
	names, err := Trainable(cfg, opts.Mode)
	if err != nil {
		return nil, err
	}
	if opts.Batch < 1 {
		return nil, fmt.Errorf("trainer: batch %d", opts.Batch)
	}
	if opts.CachedText && !textLocked(opts.Mode) {
		return nil, fmt.Errorf("trainer: cached text features in mode %s, which trains the text tower", opts.Mode)
	}
	t := &Trainer{eng: e, cfg: cfg, opts: opts, names: names, buffers: map[string]compute.Buffer{}}
	for _, name := range names {
		if isAlpha(name) {
			t.alphas = append(t.alphas, name)
		}
	}
	key, err := programKey("train", cfg, opts.Mode, fmt.Sprint(opts.Batch, opts.CachedText, opts.PositivesFixed))
	if err != nil {
		return nil, err
	}
	t.program, err = e.Program(key, t.build)
	return t, err
}

// build is the graph of a step. Its outputs are the statistics, then for each
// trainable parameter its new value and moments.
func (t *Trainer) build(g *Graph) []*Node {
	h := newHyper(g)
	tape := newTape(g, t.cfg, t.names)
	l := t.buildLoss(tape, h.gamma)
	grads := make([]*Node, len(t.names))
	for i, name := range t.names {
		grads[i] = tape.grads[name]
	}
	norm := globalNorm(grads)
	by := h.gradientWeights(norm)
	stats := []*Node{l.loss, norm, Exp(tape.at("logit_scale")), l.positives}
	for _, name := range t.alphas {
		stats = append(stats, Tanh(tape.at(name)))
	}
	outputs := []*Node{Concatenate(stats, 1)}
	for i, p := range t.trainable() {
		dims := deviceShape(p.shape)
		m := moments{input(g, meanPrefix+p.name, dims...), input(g, squarePrefix+p.name, dims...)}
		w, m := h.update(p, tape.at(p.name), grads[i], by, m)
		outputs = append(outputs, w, m.mean, m.square)
	}
	return outputs
}

func (t *Trainer) trainable() []parameter {
	return slices.DeleteFunc(parameters(t.cfg), func(p parameter) bool { return !slices.Contains(t.names, p.name) })
}

// buildLoss runs both towers forward and back.
func (t *Trainer) buildLoss(tape *tape, gamma *Node) lossGraph {
	g, batch, side := tape.g, t.opts.Batch, t.cfg.ImageSize()
	image, pullImage := tape.imageTower(input(g, pixelsInput, batch, 3, side, side))
	u, pullU := normalize(image)
	v, pullText := t.buildText(tape)
	base := v
	if t.opts.PositivesFixed {
		base = input(g, baseInput, batch, t.cfg.Dim())
	}
	l := contrastive(u, v, tape.at("logit_scale"), gamma, base)
	if tape.anyTrains(isVisual) {
		pullImage(pullU(l.dImage(), true))
	}
	if tape.anyTrains(isText) {
		pullText(l.dText())
	}
	tape.give("logit_scale", func() *Node { return l.dScaleLog })
	return l
}

// buildText gives text features of length 1, given or computed.
func (t *Trainer) buildText(tape *tape) (*Node, func(dv *Node)) {
	if t.opts.CachedText {
		return input(tape.g, featuresInput, t.opts.Batch, t.cfg.Dim()), nil
	}
	ids := Parameter(tape.g, tokensInput, shapes.Make(dtypes.Int64, t.opts.Batch, t.cfg.ContextLength()))
	text, pullTower := tape.textTower(ids)
	v, pullV := normalize(text)
	return v, func(dv *Node) { pullTower(pullV(dv, true)) }
}

// Reset starts from a checkpoint with fresh moments. Its config must be the
// trainer's; the weights are copied.
func (t *Trainer) Reset(c *Checkpoint) error {
	w, err := c.Weights.check(t.cfg)
	if err != nil {
		return fmt.Errorf("trainer: %w", err)
	}
	t.Close()
	t.start, t.step = w, 0
	for _, name := range t.program.Inputs() {
		kind, parameter, ok := splitInput(name)
		if !ok {
			continue
		}
		tensor := w.At(parameter)
		if kind != paramPrefix {
			tensor = &Tensor{Shape: tensor.Shape, Data: make([]float32, len(tensor.Data))}
		}
		if t.buffers[name], err = uploadTensor(t.eng, tensor); err != nil {
			return err
		}
	}
	return nil
}

// splitInput takes the prefix off the name of a parameter's or moment's input.
func splitInput(name string) (kind, parameter string, ok bool) {
	if len(name) > 2 && slices.Contains([]string{paramPrefix, meanPrefix, squarePrefix}, name[:2]) {
		return name[:2], name[2:], true
	}
	return "", "", false
}

// Close frees what is on the device; Reset starts anew.
func (t *Trainer) Close() {
	finalize(t.buffers)
	t.buffers = map[string]compute.Buffer{}
}

// Step takes one optimizer step. After an error Reset must follow.
func (t *Trainer) Step(b Batch, p StepParams) (StepStats, error) {
	if t.start == nil {
		return StepStats{}, fmt.Errorf("trainer: a step before Reset")
	}
	given, err := t.upload(b, p)
	defer finalize(given)
	if err != nil {
		return StepStats{}, fmt.Errorf("trainer: %w", err)
	}
	outputs, err := t.run(given)
	if err != nil {
		return StepStats{}, fmt.Errorf("trainer: %w", err)
	}
	t.step++
	defer outputs[0].Finalize()
	for i, name := range t.names {
		t.buffers[paramPrefix+name] = outputs[1+3*i]
		t.buffers[meanPrefix+name] = outputs[2+3*i]
		t.buffers[squarePrefix+name] = outputs[3+3*i]
	}
	return t.stats(outputs[0])
}

// run gives up the old state: donated to the run, or finalized after it.
func (t *Trainer) run(given map[string]compute.Buffer) ([]compute.Buffer, error) {
	names := t.program.Inputs()
	inputs, donate := make([]compute.Buffer, len(names)), make([]bool, len(names))
	var old []compute.Buffer
	for i, name := range names {
		if b := given[name]; b != nil {
			inputs[i] = b
			continue
		}
		inputs[i] = t.buffers[name]
		if inputs[i] == nil {
			return nil, fmt.Errorf("input %s is not given", name)
		}
		if _, parameter, _ := splitInput(name); slices.Contains(t.names, parameter) {
			donate[i] = t.eng.Donates()
			old = append(old, inputs[i])
		}
	}
	outputs, err := t.program.Run(inputs, donate)
	if err != nil || t.eng.Donates() {
		return outputs, err
	}
	for _, b := range old {
		if err := b.Finalize(); err != nil {
			return nil, err
		}
	}
	return outputs, nil
}

func (t *Trainer) upload(b Batch, p StepParams) (map[string]compute.Buffer, error) {
	batch, side, dim := t.opts.Batch, t.cfg.ImageSize(), t.cfg.Dim()
	given := map[string]compute.Buffer{}
	var err error
	put := func(name string, values any, dims ...int) {
		if err == nil {
			given[name], err = t.eng.Upload(values, dims...)
		}
		if err != nil {
			delete(given, name)
			err = fmt.Errorf("%s: %w", name, err)
		}
	}
	put(pixelsInput, b.Pixels, batch, 3, side, side)
	put(hyperInput, hyperValues(p, t.opts.Clip, t.step+1), 1, numHyper)
	if t.opts.PositivesFixed {
		put(baseInput, b.BaseText, batch, dim)
	}
	if t.opts.CachedText {
		put(featuresInput, b.TextFeatures, batch, dim)
		return given, err
	}
	ids, idErr := checkTokens(t.cfg, b.Tokens, batch)
	if err == nil && idErr != nil {
		err = idErr
	}
	if err != nil {
		return given, err
	}
	put(tokensInput, ids, batch, t.cfg.ContextLength())
	if slices.Contains(t.program.Inputs(), distinctInput) {
		distinct, slot := distinctIDs(ids, t.cfg.VocabSize())
		put(distinctInput, distinct, len(distinct), 1)
		put(slotInput, slot, len(slot))
	}
	return given, err
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

func (t *Trainer) stats(b compute.Buffer) (StepStats, error) {
	values := make([]float32, 4+len(t.alphas))
	if err := b.ToFlatData(values); err != nil {
		return StepStats{}, err
	}
	s := StepStats{Loss: float64(values[0]), GradNorm: float64(values[1]), LogitScale: float64(values[2]), MeanPositives: float64(values[3])}
	for _, a := range values[4:] {
		s.TanhAlpha = append(s.TanhAlpha, float64(a))
	}
	return s, nil
}

// Checkpoint copies the current weights off the device.
func (t *Trainer) Checkpoint() (*Checkpoint, error) {
	if t.start == nil {
		return nil, fmt.Errorf("trainer: a checkpoint before Reset")
	}
	w := t.start.Clone()
	for _, name := range t.names {
		if err := t.buffers[paramPrefix+name].ToFlatData(w.At(name).Data); err != nil {
			return nil, fmt.Errorf("parameter %q: %w", name, err)
		}
	}
	return &Checkpoint{Config: t.cfg, Weights: w}, nil
}

// State is what a trainer needs to go on later beside a checkpoint.
type State struct {
	Step    int      // steps taken
	Moments *Weights // by the parameters' names after "m:" and "v:"
}

// State copies the moments off the device.
func (t *Trainer) State() (*State, error) {
	if t.start == nil {
		return nil, fmt.Errorf("trainer: a state before Reset")
	}
	s := &State{Step: t.step, Moments: &Weights{}}
	for _, name := range t.names {
		for _, prefix := range []string{meanPrefix, squarePrefix} {
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
		for _, prefix := range []string{meanPrefix, squarePrefix} {
			m := s.Moments.At(prefix + name)
			if m == nil || !slices.Equal(m.Shape, t.start.At(name).Shape) {
				return fmt.Errorf("trainer: the state has no %q of shape %v", prefix+name, t.start.At(name).Shape)
			}
			b, err := uploadTensor(t.eng, m)
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
