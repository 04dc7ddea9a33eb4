// Package speed measures how fast an engine of this machine embeds and tunes
// with an architecture: random weights and pixels, since only their shapes
// count. It is what runner bench prints; nothing else depends on it.
//
// Words: a work is embedding or the training step of a mode; a round is one run
// of its graph on one batch; the peak is what the engine's largest matrix
// products reach, measured in the same process.
package speed

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/optim"
	"react/ops/engine"
)

// embed is the work of the image tower alone; the others are clip.Modes.
const embed = "embed"

// Works lists what Measure knows. Where the text tower is locked, captions are
// encoded once, so a step has none: as tuning does it.
func Works() []string { return append([]string{embed}, clip.ModeNames()...) }

// Options say what to measure.
type Options struct {
	Config    clip.Config `json:"-"`
	Work      string
	Batch     int
	Precision string // clip.F32 or clip.BF16; "" is F32
	// pairs that go through the towers at a time in a step; 0 for the whole batch
	MicroBatch int
	Recompute  bool          // make the activations of each block again in the backward pass
	Gates      int           // gated blocks that a mode adds where it needs them
	Rounds     int           // timed, after two that are not
	Limit      time.Duration // no round begins after it; 0 is none
	InUse      func() int64  `json:"-"` // bytes in use now, asked after each round; may be nil
}

// Result is what a work took.
type Result struct {
	Work    string          `json:"work"`
	Batch   int             `json:"batch"`
	Compile time.Duration   `json:"compile"` // the first round, compilation included
	Rounds  []time.Duration `json:"rounds"`
	// bytes after each round, the untimed ones first
	Memory    []int64 `json:"memory,omitempty"`
	PerSecond float64 `json:"imagesPerSecond"` // by the median round
	// matrix operations a second, of the work's own count
	FLOPS float64 `json:"flops"`
}

// warmRounds are not timed: the first compiles, the second fills caches.
const warmRounds = 2

// Measure runs a work. It stops early, with the rounds it has, when ctx ends or
// the limit is reached, but not before one round is timed.
func Measure(ctx context.Context, e *engine.Engine, o Options) (Result, error) {
	run, stop, err := o.prepare(e) // gives the config its gates
	r := Result{Work: o.Work, Batch: o.Batch}
	if err != nil {
		return r, err
	}
	defer stop()
	start := time.Now()
	for i := range warmRounds + max(1, o.Rounds) {
		if i > warmRounds && (ctx.Err() != nil || o.Limit > 0 && time.Since(start) > o.Limit) {
			break
		}
		began := time.Now()
		if err := run(); err != nil {
			return r, fmt.Errorf("%s, batch %d: %w", o.Work, o.Batch, err)
		}
		r.add(i, time.Since(began), o.InUse)
	}
	median := Median(r.Rounds).Seconds()
	r.PerSecond = float64(o.Batch) / median
	r.FLOPS = o.operations() / median
	return r, ctx.Err()
}

func (r *Result) add(i int, took time.Duration, memory func() int64) {
	if i == 0 {
		r.Compile = took
	}
	if i >= warmRounds {
		r.Rounds = append(r.Rounds, took)
	}
	if memory != nil {
		r.Memory = append(r.Memory, memory())
	}
}

// Median of durations, of which there is at least one.
func Median(d []time.Duration) time.Duration {
	d = slices.Sorted(slices.Values(d))
	return (d[(len(d)-1)/2] + d[len(d)/2]) / 2
}

// operations of a round.
func (o Options) operations() float64 {
	n := float64(o.Batch)
	if o.Work == embed {
		return n * o.Config.FLOPs().Image
	}
	return n * o.mode().FLOPs(o.Config)
}

// mode is that of a work other than embed; prepare refuses unknown ones.
func (o Options) mode() clip.Mode {
	m, _ := clip.ModeOf(o.Work)
	return m
}

// prepare gives the function of a round.
func (o *Options) prepare(e *engine.Engine) (run func() error, stop func(), err error) {
	if !slices.Contains(Works(), o.Work) {
		return nil, nil, fmt.Errorf("unknown work %q: one of %v", o.Work, Works())
	}
	c := &clip.Checkpoint{Config: o.Config, Weights: clip.Init(o.Config, 1)}
	if o.Work == embed {
		return o.embedder(e, c)
	}
	if o.mode().Gates {
		if c, err = c.WithGates(o.Gates, 2); err != nil {
			return nil, nil, err
		}
		o.Config = c.Config
	}
	return o.trainer(e, c)
}

func (o Options) embedder(e *engine.Engine, c *clip.Checkpoint) (func() error, func(), error) {
	enc, err := encode.NewIn(e, c, o.Batch, o.Precision)
	if err != nil {
		return nil, nil, err
	}
	pixels := o.pixels()
	return func() error {
		_, err := enc.Images(pixels, o.Batch)
		return err
	}, enc.Close, nil
}

func (o Options) trainer(e *engine.Engine, c *clip.Checkpoint) (func() error, func(), error) {
	cached := o.mode().TextLocked()
	tr, err := optim.New(e, c.Config, optim.Options{Mode: o.Work, Batch: o.Batch, CachedText: cached, GradClip: 1,
		MicroBatch: o.MicroBatch, Recompute: o.Recompute, Precision: o.Precision})
	if err != nil {
		return nil, nil, err
	}
	if err := tr.Reset(c); err != nil {
		return nil, nil, err
	}
	batch := optim.Batch{Pixels: o.pixels()}
	if cached {
		batch.TextFeatures = o.features()
	} else {
		batch.Tokens = o.tokens()
	}
	return func() error {
		_, err := tr.Step(batch, optim.StepParams{LR: 1e-5, WeightDecay: 0.1, Gamma: 0.9})
		return err
	}, tr.Close, nil
}

func (o Options) pixels() []float32 {
	side := o.Config.ImageSize()
	return normals(o.Batch * 3 * side * side)
}

// features are rows of length 1.
func (o Options) features() []float32 {
	x, dim := normals(o.Batch*o.Config.Dim()), o.Config.Dim()
	for i := range o.Batch {
		row, sum := x[i*dim:(i+1)*dim], 0.0
		for _, v := range row {
			sum += float64(v) * float64(v)
		}
		for j := range row {
			row[j] /= float32(math.Sqrt(sum))
		}
	}
	return x
}

// tokens are captions that fill the context.
func (o Options) tokens() []int32 {
	n, vocab := o.Config.ContextLength(), o.Config.VocabSize()
	rng := rand.New(rand.NewPCG(5, 0))
	ids := make([]int32, o.Batch*n)
	for i := range ids {
		ids[i] = int32(1 + rng.IntN(vocab-2))
		if i%n == n-1 {
			ids[i] = int32(vocab - 1)
		}
	}
	return ids
}

func normals(n int) []float32 {
	rng := rand.New(rand.NewPCG(3, 0))
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(rng.NormFloat64())
	}
	return x
}
