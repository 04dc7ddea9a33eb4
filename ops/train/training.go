// Package train holds the ops that train: the loop with its data, saved state and fit to memory
// (training.go, partial.go, fit.go), pretraining, tuning, learned prompts, and the pseudo-labels
// that tuning may read.
//
// Not here: steps, losses and optimizers (ops/clip); fine-tuning on labels, which scores as it goes
// (ops/evaluate).
package train

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"time"

	"react/data/caught"
	"react/data/image"
	"react/ops/backbone"
	"react/ops/clip/optim"
	"react/ops/engine"
	"react/ops/op"
)

// MetricsFile holds one line a step of every training. All of it but imagesPerSecond is the same
// from run to run.
const MetricsFile = "metrics.jsonl"

// warmSteps are left out of the speed: the first steps compile and fill caches.
const warmSteps = 5

// Training is one run of steps of a trainer over a fixed list of pairs.
type Training struct {
	Trainer *optim.Trainer
	fitted  string // how its steps are made to fit the memory; "" for not at all
	Images  *backbone.Source
	Norm    backbone.Normalization
	Dim     int // of an embedding
	context int // tokens of a caption

	tokens       []int32       // [pairs, context]; nil when textFeatures are given
	textFeatures []float32     // [pairs, dim], of a locked text tower
	baseText     []float32     // [pairs, dim], of the base, when the positives are fixed by it
	targets      *targets      // in place of captions; its labels are those of the pairs, in order
	captions     captionGroups // where an image is taken once an epoch; nil for every pair

	Steps, Batch, Warmup                 int
	LR, WeightDecay, gamma, alphaLRScale float64
	Labels                               []float32 // [images, classes] for a head, in place of captions
	TowerLRScale                         float64   // with labels: multiplies lr for the tower
	Constant                             bool      // the learning rate stays at its peak
	Augment                              image.Augment
	Seed                                 uint64
	PositivesWarned                      bool
	// called after a step, counted from 1, with the trainer as the step left it
	After map[int]func() error
}

// stepMetrics is one line of metrics.jsonl.
type stepMetrics struct {
	Step       int       `json:"step"` // 1-based
	Loss       float64   `json:"loss"`
	LR         float64   `json:"lr"`
	GradNorm   float64   `json:"gradNorm"`
	LogitScale float64   `json:"logitScale"`
	Positives  float64   `json:"positives"`           // mean size of P(i)
	TanhAlpha  []float64 `json:"tanhAlpha,omitempty"` // attn, dense of each gated block
	Accuracy   float64   `json:"accuracy,omitempty"`  // of the batch, with labels
	// since the fifth step of the attempt
	ImagesPerSecond float64 `json:"imagesPerSecond,omitempty"`
}

// trainingSummary is what a table or a warning needs of a run.
type trainingSummary struct {
	Losses          []float64
	Positives       float64 // mean over the steps
	ImagesPerSecond float64
	Last            stepMetrics
}

// batchData is one batch in the host's memory; its buffers are used again two batches later.
type batchData struct {
	step  int
	batch optim.Batch
}

// prepared is a batch on the device, or why there is none.
type prepared struct {
	input *optim.Input
	err   error
}

func (p prepared) free() {
	if p.input != nil {
		p.input.Free()
	}
}

// learningRate is linear warm-up to the peak over warmup steps, then a cosine to 0 at the last
// step, without restarts; step is 0-based. The first step has peak/warmup, as in open_clip.
func learningRate(peak float64, step, warmup, steps int) float64 {
	if step < warmup {
		return peak * float64(step+1) / float64(warmup)
	}
	return 0.5 * peak * (1 + math.Cos(math.Pi*float64(step-warmup)/float64(max(1, steps-warmup))))
}

// Run takes all the steps and writes metrics.jsonl. It goes on where an attempt before it was
// stopped, to the same result. A loss that is not finite stops it.
func (t *Training) Run(ctx context.Context, run *op.Run, eng *engine.Engine) (trainingSummary, error) {
	ahead := 0
	if eng.RunsAhead() {
		ahead = 1
	}
	return t.run(ctx, run, eng, ahead)
}

// run is Run with so many steps given to the device before the numbers of one are read.
func (t *Training) run(ctx context.Context, run *op.Run, eng *engine.Engine, ahead int) (trainingSummary, error) {
	file, err := os.Create(run.Path(MetricsFile))
	if err != nil {
		return trainingSummary{}, err
	}
	defer file.Close()
	w := bufio.NewWriter(file)
	s := newSaver(t, run, eng)
	s.metrics = w.Flush
	lines, from, err := s.restore()
	if err != nil {
		return trainingSummary{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	batches := t.prefetch(ctx, run.Workers, from)
	steps := steps{Training: t, run: run, saver: s, out: w, from: from, ahead: ahead}
	defer func() {
		cancel()
		for b := range batches { // the producer has returned when the channel is closed
			b.free()
		}
		for _, open := range steps.open {
			open.taken.Free()
		}
	}()
	if err := steps.replay(lines); err != nil {
		return steps.sum, err
	}
	if err := steps.take(ctx, batches); err != nil {
		return steps.sum, err
	}
	if err := w.Flush(); err != nil {
		return steps.sum, err
	}
	return steps.sum, file.Close()
}

// steps is the state of one call of run.
type steps struct {
	*Training
	run     *op.Run
	saver   *saver
	out     io.Writer
	from    int // steps of attempts before
	ahead   int // steps that the device may be given beside the one that it computes
	open    []openStep
	intact  bool // the trainer is as the last step left it
	started time.Time
	sum     trainingSummary
}

// openStep is a step whose numbers were not read yet.
type openStep struct {
	step  int // from 0
	lr    float64
	taken *optim.Taken
}

// replay adds up the lines of the steps that an attempt before took.
func (s *steps) replay(lines []byte) error {
	s.run.Logged(lines, true)
	if s.from > 0 {
		s.run.Progress(op.Progress{Done: s.from, Total: s.Steps, Note: resumedFrom(s.from)})
	}
	for raw := range bytes.Lines(lines) {
		var line stepMetrics
		if err := json.Unmarshal(raw, &line); err != nil {
			return fmt.Errorf("%s: %w", MetricsFile, err)
		}
		if _, err := s.out.Write(raw); err != nil {
			return err
		}
		s.add(line)
	}
	return nil
}

func (s *steps) add(line stepMetrics) {
	s.warnPositives(s.run, line)
	s.sum.Losses = append(s.sum.Losses, line.Loss)
	s.sum.Positives += line.Positives / float64(s.Steps)
	s.sum.Last = line
	if line.ImagesPerSecond > 0 {
		s.sum.ImagesPerSecond = line.ImagesPerSecond
	}
}

// take takes the steps. Where the device computes ahead, the numbers of a step are read once it has
// been given the next one, so that it never waits; what needs the trainer as a step left it waits
// for the step.
func (s *steps) take(ctx context.Context, batches <-chan prepared) error {
	for step := s.from; step < s.Steps; step++ {
		b, ok := <-batches
		if err := ctx.Err(); err != nil || !ok {
			b.free()
			if err := s.settle(0); err != nil {
				return err
			}
			s.saver.now(step)
			return err
		}
		if b.err != nil {
			return cmp.Or(s.settle(0), b.err)
		}
		err := s.step(step, b.input)
		if err != nil {
			return cmp.Or(s.settle(0), fmt.Errorf("step %d: %w", step+1, err))
		}
		most := s.ahead
		if s.After[step+1] != nil || s.saver.due(step+1) {
			most = 0
		}
		if err := s.settle(most); err != nil {
			return err
		}
	}
	return s.settle(0)
}

// settle reads the numbers of the steps that are open, in their order, until no more than most are.
func (s *steps) settle(most int) error {
	for len(s.open) > most {
		first := s.open[0]
		s.open = s.open[1:]
		if err := s.finish(first); err != nil {
			return err
		}
	}
	return nil
}

// finish writes the line of a step, and does what comes after it.
func (s *steps) finish(of openStep) error {
	line, err := s.line(of)
	if err != nil {
		return fmt.Errorf("step %d: %w", of.step+1, err)
	}
	raw, err := json.Marshal(line)
	raw = append(raw, '\n')
	if err == nil {
		_, err = s.out.Write(raw)
	}
	if err != nil {
		return err
	}
	s.run.Logged(raw, false)
	s.add(line)
	if len(s.open) == 0 && s.intact { // the trainer is as this step left it
		if after := s.After[of.step+1]; after != nil {
			if err := after(); err != nil {
				return err
			}
		}
		if s.saver.due(of.step + 1) {
			s.saver.now(of.step + 1)
		}
	}
	s.run.Progress(op.Progress{Done: of.step + 1, Total: s.Steps, Note: s.note(line)})
	return nil
}

// note is what is shown of a step.
func (s *steps) note(line stepMetrics) string {
	note := fmt.Sprintf("loss %.3f", line.Loss)
	if line.ImagesPerSecond > 0 {
		note += fmt.Sprintf(", %.0f images/s", line.ImagesPerSecond)
	}
	if s.from > 0 {
		note += ", " + resumedFrom(s.from)
	}
	return note
}

func resumedFrom(step int) string { return fmt.Sprintf("resumed from step %d", step) }

// step gives the device a step, counted from 0.
func (s *steps) step(step int, in *optim.Input) error {
	lr := learningRate(s.LR, step, s.Warmup, s.Steps)
	if s.Constant && step >= s.Warmup {
		lr = s.LR
	}
	s.intact = false
	taken, err := s.Trainer.Take(in, optim.StepParams{LR: lr, WeightDecay: s.WeightDecay, Gamma: s.gamma, AlphaLRScale: s.alphaLRScale, TowerLRScale: s.TowerLRScale})
	if err == nil {
		s.open, s.intact = append(s.open, openStep{step, lr, taken}), true
	}
	return err
}

// line waits for the end of a step and says its numbers.
func (s *steps) line(of openStep) (stepMetrics, error) {
	step := of.step
	stats, err := of.taken.Stats()
	if err != nil {
		return stepMetrics{}, err
	}
	if math.IsNaN(stats.Loss) || math.IsInf(stats.Loss, 0) {
		return stepMetrics{}, DivergedError{Err: fmt.Errorf("the loss is %v (lr %g is too high?)", stats.Loss, s.LR)}
	}
	line := stepMetrics{Step: step + 1, Loss: stats.Loss, LR: of.lr, GradNorm: stats.GradNorm, LogitScale: stats.LogitScale, Positives: stats.MeanPositives, TanhAlpha: stats.TanhAlpha}
	if s.Labels != nil {
		line.Positives, line.Accuracy = 0, stats.MeanPositives
	}
	if warm := s.from + warmSteps; step+1 == warm {
		s.started = time.Now()
	} else if step+1 > warm {
		line.ImagesPerSecond = math.Round(float64((step+1-warm)*s.Batch) / time.Since(s.started).Seconds())
	}
	return line, nil
}

// DivergedError is of a training whose numbers are not finite any more.
type DivergedError struct{ Err error }

// Error is the reason.
func (e DivergedError) Error() string { return e.Err.Error() }

// warnPositives says once when the threshold takes most of the batch for positives: small text
// towers crowd their captions together, and the loss then pulls everything to one point.
func (t *Training) warnPositives(run *op.Run, line stepMetrics) {
	if t.PositivesWarned || line.Positives <= float64(t.Batch)/2 {
		return
	}
	t.PositivesWarned = true
	run.Warn("gamma %g takes %.0f of %d captions of a batch for positives (step %d): captions of this text tower lie close together; raise gamma or use \"off\"",
		t.gamma, line.Positives, t.Batch, line.Step)
}

// prefetch prepares batches from a step on and gives them to the device, one ahead of the step that
// uses them, and closes the channel when it is done or ctx is.
func (t *Training) prefetch(ctx context.Context, workers, from int) <-chan prepared {
	out := make(chan prepared)
	go func() {
		defer close(out)
		order := newSampler(t.examples(), t.Seed)
		buffers := [2]*batchData{t.newBatch(), t.newBatch()}
		for step := from; step < t.Steps; step++ {
			b := buffers[step%len(buffers)]
			b.step = step
			var p prepared
			p.err = caught.Do("", func() (err error) {
				p.input, err = t.prepare(ctx, workers, order, b)
				return err
			})
			select {
			case out <- p:
			case <-ctx.Done():
				p.free()
				return
			}
			if p.err != nil {
				return
			}
		}
	}()
	return out
}

// prepare fills a batch and gives it to the device.
func (t *Training) prepare(ctx context.Context, workers int, order *sampler, b *batchData) (*optim.Input, error) {
	if err := t.fill(ctx, workers, order, b); err != nil {
		return nil, err
	}
	in, err := t.Trainer.Put(b.batch)
	if err != nil {
		return nil, fmt.Errorf("step %d: %w", b.step+1, err)
	}
	return in, nil
}

// pairs is the number of pairs trained on.
func (t *Training) pairs() int { return t.Images.N }

// examples are what an epoch takes once each.
func (t *Training) examples() int {
	if t.captions != nil {
		return len(t.captions)
	}
	return t.pairs()
}

// classes are those of labels.
func (t *Training) classes() int { return len(t.Labels) / t.pairs() }

func (t *Training) newBatch() *batchData {
	b := &batchData{batch: optim.Batch{Pixels: make([]float32, t.Batch*3*t.Norm.Size*t.Norm.Size)}}
	if t.Labels != nil {
		b.batch.Targets = make([]float32, t.Batch*t.classes())
	} else if t.targets != nil {
		b.batch.Head, b.batch.Targets = t.targets.head.Values, make([]float32, t.Batch*t.targets.head.Rows)
	} else if t.textFeatures != nil {
		b.batch.TextFeatures = make([]float32, t.Batch*t.Dim)
	} else {
		b.batch.Tokens = make([]int32, t.Batch*t.context)
	}
	if t.baseText != nil {
		b.batch.BaseText = make([]float32, t.Batch*t.Dim)
	}
	return b
}

func (t *Training) fill(ctx context.Context, workers int, order *sampler, b *batchData) error {
	indices := make([]int, t.Batch)
	first := b.step * t.Batch
	order.batch(first, indices)
	t.captions.choose(first, indices, t.Seed)
	gather(b.batch.Tokens, t.tokens, indices, t.context)
	gather(b.batch.TextFeatures, t.textFeatures, indices, t.Dim)
	gather(b.batch.BaseText, t.baseText, indices, t.Dim)
	if t.Labels != nil {
		gather(b.batch.Targets, t.Labels, indices, t.classes())
	} else if t.targets != nil {
		t.targets.fill(indices, b.batch.Targets)
	}
	view := backbone.View{Augment: t.Augment, Seed: t.Seed ^ 0xA06, First: first}
	return t.Images.Augmented(ctx, workers, indices, t.Norm, view, b.batch.Pixels)
}

// gather copies rows of width w by index; both nil is nothing to do.
func gather[T any](dst, src []T, indices []int, w int) {
	if src == nil {
		return
	}
	for i, at := range indices {
		copy(dst[i*w:(i+1)*w], src[at*w:(at+1)*w])
	}
}

// TimedFile names the one file of outputs that holds times. Two outputs are the same when their
// other files are, and this file is but for its times (SameButTimes).
const TimedFile = MetricsFile

// SameButTimes reports whether two files named TimedFile say the same of a training, its speed left
// out.
func SameButTimes(a, b []byte) bool {
	return bytes.Equal(withoutTimes(a), withoutTimes(b))
}

func withoutTimes(lines []byte) []byte { return timeField.ReplaceAll(lines, nil) }

// timeField is the field as step writes it: never the first of a line.
var timeField = regexp.MustCompile(`,"imagesPerSecond":[0-9.e+-]+`)
