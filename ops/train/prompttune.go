package train

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"

	"react/data/datasets/catalogue"
	"react/data/tokenizer"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/clip/optim"
	"react/ops/embed"
	"react/ops/engine"
	"react/ops/op"
	"react/results/stat"
)

// PromptTuneParams are the params of prompt-tune.
type PromptTuneParams struct {
	Contexts string `json:"contexts"`       // shared, class (CoOp), image (CoCoOp)
	Length   int    `json:"length"`         // context vectors
	Position string `json:"position"`       // of the class name: end, middle, front
	Init     string `json:"init,omitempty"` // words that the context starts from; "" draws it
	Bare     bool   `json:"bare,omitempty"` // no full stop behind the prompt
	// images of each class, ELEVATER's draw of the seed; 0 is all
	Shots  int     `json:"shots"`
	Steps  int     `json:"steps"`
	Batch  int     `json:"batch"`
	LR     float64 `json:"lr"` // peak
	Warmup int     `json:"warmup"`
	Seed   int64   `json:"seed"` // context, shots and order
}

// LearnedPrompt is prompt.json, beside prompt.safetensors.
type LearnedPrompt struct {
	Contexts string   `json:"contexts"`
	Length   int      `json:"length"`
	Position string   `json:"position"`
	Bare     bool     `json:"bare,omitempty"` // no full stop behind it
	Classes  []string `json:"classes"`        // that it was learned with
	Images   int      `json:"images"`         // learned from

	Weights *clip.Weights `json:"-"`
}

// PromptFile holds a LearnedPrompt.
const PromptFile = "prompt.json"

// LearnedPromptFile holds what a prompt-tune stage learned: context vectors, and CoCoOp's network.
const LearnedPromptFile = "prompt.safetensors"

// PromptTuneOp learns the context of prompts on labelled images with everything else frozen (CoOp,
// CoCoOp). Its images' features are made once, so there is no augmentation, where CoOp crops and
// flips. In: "checkpoint", "train" (a features stage of it). Out: prompt.json, prompt.safetensors,
// metrics.jsonl, rows.jsonl.
//
//	1: first
//	2: captions are cleaned as ftfy does (same ids for printable ASCII)
//	3: gradients are found by a sweep over the graph, which rounds otherwise than those written by
//	   hand
var PromptTuneOp = op.Costs(op.OnEngine(op.Define(3, "prompt-tune", runPromptTune,
	op.Says[PromptTuneParams](op.NoWork, PromptTuneParams.pace, op.NoMemory, PromptTuneParams.check))),
	2, 3e-3)

func (p PromptTuneParams) pace(op.Known) op.Pace { return trainingPace(p.Steps, p.Batch, p.Contexts) }

func (p PromptTuneParams) check(look op.Inspector) {
	look.Training(look.Images("train"), op.Images{}, p.Shots)
}

func runPromptTune(ctx context.Context, run *op.Run, p PromptTuneParams) error {
	train, err := embed.ReadFeatures(run, "train")
	if err != nil {
		return err
	}
	b, err := backbone.Open(run, "")
	if err != nil {
		return err
	}
	defer b.Close()
	t, err := newPromptTuning(b, train, p)
	if err != nil {
		return err
	}
	defer t.trainer.Close()
	losses, err := t.run(ctx, run)
	if err != nil {
		return err
	}
	if err := layout.WriteSafetensors(run.Path(LearnedPromptFile), t.trainer.Weights()); err != nil {
		return err
	}
	if err := run.WriteJSON(PromptFile, t.prompt); err != nil {
		return err
	}
	tenth := max(1, len(losses)/10)
	return run.WriteRows([]op.MetricRow{
		{Metric: "loss", Value: stat.Mean(losses[len(losses)-tenth:]), N: tenth},
		{Metric: "epochs", Value: float64(p.Steps*p.Batch) / float64(len(t.images)), N: len(t.images)},
		{Metric: "train-images", Value: float64(len(t.images)), N: len(t.images)},
	})
}

// promptTuning is one run of prompt-tune.
type promptTuning struct {
	PromptTuneParams
	engine  *engine.Engine
	prompt  LearnedPrompt
	trainer *optim.PromptTrainer
	x       blas.Matrix // of all images, each of length 1
	labels  [][]int
	images  []int // those that are learned from
	classes int
}

func newPromptTuning(b *backbone.Backbone, train *embed.Labelled, p PromptTuneParams) (*promptTuning, error) {
	if train.Many {
		return nil, fmt.Errorf("set %s: images have several classes, and a prompt is learned by the softmax over one", train.Dir)
	}
	if err := train.Fits(b); err != nil {
		return nil, err
	}
	t := &promptTuning{PromptTuneParams: p, engine: b.Engine, x: train.Normalized(), labels: train.All(), classes: len(train.Classes)}
	var err error
	if t.images, err = embed.ShotsOf(train, p.Shots, p.Seed); err != nil {
		return nil, err
	}
	words, err := contextWords(b.Tokenizer, p)
	if err != nil {
		return nil, err
	}
	t.prompt = LearnedPrompt{Contexts: p.Contexts, Length: p.Length, Position: p.Position, Bare: p.Bare, Classes: train.Classes, Images: len(t.images)}
	w, err := clip.InitPrompt(b.Checkpoint, clip.PromptShape{Contexts: p.Contexts, Length: p.Length, Classes: t.classes}, words, uint64(p.Seed))
	if err != nil {
		return nil, err
	}
	layout, err := t.prompt.Layout(b.Tokenizer, FirstNames(train.Names))
	if err != nil {
		return nil, err
	}
	t.trainer, err = optim.NewPromptTrainer(b.Engine, b.Checkpoint, w, p.Contexts, layout, p.Batch)
	return t, err
}

// contextWords are the tokens that a context starts from, nil for none.
func contextWords(tok *tokenizer.Tokenizer, p PromptTuneParams) ([]int32, error) {
	if p.Init == "" {
		return nil, nil
	}
	words := wordsOf(tok, p.Init)
	if len(words) != p.Length {
		return nil, fmt.Errorf("contextInit %q is %d tokens, the context is %d long (tune.context)", p.Init, len(words), p.Length)
	}
	return words, nil
}

// wordsOf are the tokens of a text without start and end.
func wordsOf(tok *tokenizer.Tokenizer, text string) []int32 {
	row := make([]int32, tok.Context())
	return slices.Clone(row[1 : tok.Encode(text, row)-1])
}

// FirstNames are the names that prompts are learned with.
func FirstNames(names []catalogue.Names) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = n[0]
	}
	return out
}

// Layout places context vectors, the class names and, unless it is bare, a full stop, as CoOp does.
// A name that is too long is cut.
func (p *LearnedPrompt) Layout(tok *tokenizer.Tokenizer, names []string) (clip.PromptLayout, error) {
	context := tok.Context()
	var stop []int32
	if !p.Bare {
		stop = wordsOf(tok, ".")
	}
	room := context - 2 - p.Length - len(stop)
	if room < 1 {
		return clip.PromptLayout{}, fmt.Errorf("a context of %d leaves no room for a class name in the text tower's %d tokens (at most %d)", p.Length, context, p.Length+room-1)
	}
	l := clip.PromptLayout{Classes: len(names), Length: p.Length}
	before := map[string]int{"end": p.Length, "middle": p.Length / 2, "front": 0}[p.Position]
	for _, name := range names {
		words := wordsOf(tok, name)
		words = words[:min(len(words), room)]
		row, slots := []int32{tok.SOT()}, []int32{-1}
		put := func(ids ...int32) {
			for _, id := range ids {
				row, slots = append(row, id), append(slots, -1)
			}
		}
		for s := range p.Length + 1 {
			if s == before {
				put(words...)
			}
			if s < p.Length {
				row, slots = append(row, 0), append(slots, int32(s))
			}
		}
		put(stop...)
		put(tok.EOT())
		for len(row) < context {
			put(0)
		}
		l.Tokens, l.Slots = append(l.Tokens, row...), append(l.Slots, slots...)
	}
	return l, nil
}

// promptStep is a line of metrics.jsonl.
type promptStep struct {
	Step int     `json:"step"` // 1-based
	Loss float64 `json:"loss"`
	LR   float64 `json:"lr"`
}

// run takes the steps and writes metrics.jsonl.
func (t *promptTuning) run(ctx context.Context, run *op.Run) ([]float64, error) {
	var log bytes.Buffer
	lines := json.NewEncoder(&log)
	order := newSampler(len(t.images), uint64(t.Seed))
	features, targets := make([]float32, t.Batch*t.x.Cols), make([]float32, t.Batch*t.classes)
	at := make([]int, t.Batch)
	var losses []float64
	for step := range t.Steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		order.batch(step*t.Batch, at)
		clear(targets)
		for i, place := range at {
			image := t.images[place]
			copy(features[i*t.x.Cols:], t.x.Row(image))
			targets[i*t.classes+t.labels[image][0]] = 1
		}
		lr := learningRate(t.LR, step, t.Warmup, t.Steps)
		loss, err := t.trainer.Step(features, targets, lr)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", step+1, err)
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return nil, fmt.Errorf("step %d: the loss is %v (lr %g is too high?)", step+1, loss, t.LR)
		}
		losses = append(losses, loss)
		before := log.Len()
		if err := lines.Encode(promptStep{Step: step + 1, Loss: loss, LR: lr}); err != nil {
			return nil, err
		}
		run.Logged(log.Bytes()[before:], false)
		run.Progress(op.Progress{Done: step + 1, Total: t.Steps, Note: fmt.Sprintf("loss %.3f", loss)})
	}
	return losses, os.WriteFile(run.Path(MetricsFile), log.Bytes(), 0o666)
}
