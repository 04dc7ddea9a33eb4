package train

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"react/data/image"
	"react/data/shards"
	"react/ops/backbone"
	"react/ops/clip"
	"react/ops/clip/optim"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/pools"
	"react/results/stat"
)

// GammaOff stands in the params of tune for plain InfoNCE: what a spec calls gamma "off"
// (spec.Gamma) and the loss OwnPairs.
const GammaOff = 2

// TuneParams are the params of tune.
type TuneParams struct {
	Mode          string        `json:"mode"`  // a name of clip.Modes
	Gamma         float64       `json:"gamma"` // or GammaOff
	PositivesFrom string        `json:"positivesFrom,omitempty"`
	Steps         int           `json:"steps"`
	Batch         int           `json:"batch"`
	LR            float64       `json:"lr"` // peak
	Warmup        int           `json:"warmup"`
	WeightDecay   float64       `json:"weightDecay"`
	GradClip      float64       `json:"gradClip"`
	GatedDepth    int           `json:"gatedDepth,omitempty"`   // gated-image only
	AlphaLRScale  float64       `json:"alphaLRScale,omitempty"` // gated-image only
	Precision     string        `json:"precision"`              // f32, bf16
	AdamW         *optim.AdamW  `json:"adamw,omitempty"`        // nil is a ViT's
	Augment       image.Augment `json:"augment"`
	// one: an epoch takes each image once, with one of its captions; "": every pair
	Captions string `json:"captions,omitempty"`
	// gate initialisation, order, augmentation
	Seed   int64 `json:"seed"`
	MaxBad int   `json:"maxBad"`
}

// TuneOp customizes a checkpoint on pairs with the contrastive loss of REACT eq. 4-6. In:
// "checkpoint", "pairs", "pool". Out: a checkpoint (weights, config, tokenizer), metrics.jsonl,
// rows.jsonl. Same bytes on one engine but for the speeds in metrics.jsonl.
//
// With the text tower locked, captions are encoded once, before the first step. With "labels", a
// pseudo-label stage, only the pairs that have one are used, and the loss is the cross entropy of
// their classes against the text classifier, in place of their captions (self-training).
//
//	1: first
//	2: captions are cleaned as ftfy does (same ids for printable ASCII);
//	   crops of Hugging Face's checkpoints are its own; JPEGs of odd subsampling read
//	3: gradients are found by a sweep over the graph, which rounds otherwise than those written by
//	   hand
var TuneOp = op.Costs(op.OnEngine(op.Define(3, "tune", runTune,
	op.Says[TuneParams](TuneParams.work, TuneParams.pace, TuneParams.memory, op.NoCheck))), 1, 0)

func (p TuneParams) work(at op.Known) op.Work { return trainingWork(at, p.Mode, p.Steps, p.Batch) }

func (p TuneParams) pace(op.Known) op.Pace {
	return trainingPace(p.Steps, p.Batch, op.Without(p, "gamma", "steps", "batch", "lr", "warmup", "weightDecay", "gradClip", "alphaLRScale",
		"seed", "maxBad", "augment"))
}

// memory adds the text tower that encoded the captions, which stays on the device.
func (p TuneParams) memory(at op.Place) (clip.Memory, error) {
	if at.Model == nil {
		return clip.Memory{}, nil
	}
	o := p.options()
	m, err := Memory(at, *at.Model, o)
	if err != nil || !o.CachedText && !o.PositivesFixed {
		return m, err
	}
	m.Parameters += clip.TextBytes(*at.Model)
	return m, nil
}

func runTune(ctx context.Context, run *op.Run, p TuneParams) error {
	b, err := backbone.Open(run, p.Precision)
	if err != nil {
		return err
	}
	defer b.Close()
	set, rows, err := tuningPairs(ctx, run, p.MaxBad)
	if err != nil {
		return err
	}
	defer set.Close()
	t, err := newTuning(ctx, run, b, p, set, rows)
	if err != nil {
		return err
	}
	defer t.Trainer.Close()
	sum, err := t.Run(ctx, run, b.Engine)
	if err != nil {
		return err
	}
	if err := saveTrained(run.Dir, t.Trainer, b.Tokenizer); err != nil {
		return err
	}
	run.Fact("imagesPerSecond", sum.ImagesPerSecond)
	return run.WriteRows(tuneRows(t, sum))
}

func newTuning(ctx context.Context, run *op.Run, b *backbone.Backbone, p TuneParams, set *shards.Set, rows []pairs.Pair) (*Training, error) {
	targets, err := readTargets(run)
	if err != nil {
		return nil, err
	}
	if targets != nil {
		rows = targets.of(rows)
	}
	images, err := pairImages(set, rows)
	if err != nil {
		return nil, err
	}
	start, err := gated(b, p)
	if err != nil {
		return nil, err
	}
	t := &Training{Images: images, targets: targets, Norm: backbone.NormalizationOf(start.Config), Dim: start.Config.Dim(), context: start.Config.ContextLength(),
		Steps: p.Steps, Batch: p.Batch, Warmup: p.Warmup, LR: p.LR, WeightDecay: p.WeightDecay, gamma: p.Gamma, alphaLRScale: p.AlphaLRScale,
		Augment: p.Augment, Seed: uint64(p.Seed)}
	options := p.options()
	if targets != nil {
		options.CachedText, options.Classes, t.PositivesWarned = false, targets.head.Rows, true
	} else if err := t.giveCaptions(ctx, b, p, captionsOf(rows)); err != nil {
		return nil, err
	}
	if p.Captions == "one" {
		t.captions = byImage(rows)
	}
	if err := t.NewTrainer(run, b.Engine, start.Config, options); err != nil {
		return nil, err
	}
	return t, t.Trainer.Reset(start)
}

// gated is the checkpoint that training starts from: with closed gates in a mode that trains gates,
// unless it was tuned so before.
func gated(b *backbone.Backbone, p TuneParams) (*clip.Checkpoint, error) {
	if p.mode().Gates {
		return b.Checkpoint.WithGates(p.GatedDepth, uint64(p.Seed))
	}
	return &clip.Checkpoint{Config: b.Checkpoint.Config, Weights: b.Checkpoint.Weights}, nil
}

func captionsOf(rows []pairs.Pair) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = row.Caption
	}
	return out
}

// giveCaptions sets what each step reads of the captions: features encoded once when the text tower
// is locked, else tokens.
func (t *Training) giveCaptions(ctx context.Context, b *backbone.Backbone, p TuneParams, captions []string) error {
	locked := p.textLocked()
	if !locked && p.PositivesFrom != "base" {
		t.tokens = backbone.EncodeAll(b.Tokenizer, captions)
		return nil
	}
	features, err := b.Texts(ctx, captions)
	if err != nil {
		return err
	}
	if locked {
		t.textFeatures = features
		return nil
	}
	t.baseText, t.tokens = features, backbone.EncodeAll(b.Tokenizer, captions)
	return nil
}

func tuneRows(t *Training, sum trainingSummary) []op.MetricRow {
	tenth := max(1, len(sum.Losses)/10)
	rows := []op.MetricRow{
		{Metric: "loss", Value: stat.Mean(sum.Losses[len(sum.Losses)-tenth:]), N: tenth},
		{Metric: "positives", Value: sum.Positives, N: t.Steps},
		{Metric: "epochs", Value: float64(t.Steps*t.Batch) / float64(t.examples()), N: t.examples()},
		{Metric: "logitScale", Value: sum.Last.LogitScale, N: 1},
	}
	if n := len(sum.Last.TanhAlpha); n > 0 {
		rows = append(rows, op.MetricRow{Metric: "tanhAlpha", Value: meanAbs(sum.Last.TanhAlpha), N: n})
	}
	return rows
}

func meanAbs(x []float64) float64 {
	sum := 0.0
	for _, v := range x {
		sum += max(v, -v)
	}
	return sum / float64(len(x))
}

// tuningPairs reads role "pairs" and indexes the shards that its images are in.
func tuningPairs(ctx context.Context, run *op.Run, maxBad int) (*shards.Set, []pairs.Pair, error) {
	dir, err := run.Input("pairs")
	if err != nil {
		return nil, nil, err
	}
	rows, err := pairs.Read(dir)
	if err != nil {
		return nil, nil, err
	}
	if len(rows) == 0 {
		return nil, nil, fmt.Errorf("%s: no pairs to train on", filepath.Join(dir, pairs.PairsFile))
	}
	files, err := pools.FilesOf(run)
	if err != nil {
		return nil, nil, err
	}
	if len(files.Shards) == 0 {
		return nil, nil, errors.New("the pool gives no images (pool.shards); tuning needs them")
	}
	set, err := shards.Index(ctx, files.Shards, maxBad)
	return set, rows, err
}
