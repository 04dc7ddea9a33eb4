package ops

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"react/data/image"
	"react/data/shards"
	"react/ops/clip"
	"react/ops/clip/train"
	"react/ops/op"
)

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
	Clip          float64       `json:"clip"`
	GatedDepth    int           `json:"gatedDepth,omitempty"` // gated-image only
	AlphaLR       float64       `json:"alphaLR,omitempty"`    // gated-image only
	Precision     string        `json:"precision"`            // f32, bf16
	AdamW         *train.AdamW  `json:"adamw,omitempty"`      // nil is a ViT's
	Augment       image.Augment `json:"augment"`
	Captions      string        `json:"captions,omitempty"` // one: an epoch takes each image once, with one of its captions; "": every pair
	Seed          int64         `json:"seed"`               // gate initialisation, order, augmentation
	MaxBad        int           `json:"maxBad"`
}

// tune customizes a checkpoint on pairs with the contrastive loss of REACT eq. 4-6. In: "checkpoint", "pairs", "pool". Out: a checkpoint
// (weights, config, tokenizer), metrics.jsonl, rows.jsonl. Same bytes on one engine but for the speeds in metrics.jsonl.
//
// With the text tower locked, captions are encoded once, before the first step. With "labels", a pseudo-label stage, only the pairs that have one are
// used, and the loss is the cross entropy of their classes against the text classifier, in place of their captions (self-training).
//
//	1: first
//	2: captions are cleaned as ftfy does (same ids for printable ASCII);
//	   crops of Hugging Face's checkpoints are its own; JPEGs of odd subsampling read
var tune = op.OnEngine(op.Define(2, "tune", runTune,
	op.Says[TuneParams](TuneParams.work, TuneParams.pace, TuneParams.memory, op.NoCheck)))

func (p TuneParams) work(at op.Known) op.Work { return trainingWork(at, p.Mode, p.Steps, p.Batch) }

func (p TuneParams) pace(op.Known) op.Pace {
	return trainingPace(p.Steps, p.Batch, op.Without(p, "gamma", "steps", "batch", "lr", "warmup", "weightDecay", "clip", "alphaLR",
		"seed", "maxBad", "augment"))
}

// memory adds the text tower that encoded the captions, which stays on the device.
func (p TuneParams) memory(at op.Place) (clip.Memory, error) {
	if at.Model == nil {
		return clip.Memory{}, nil
	}
	o := p.options()
	m, err := trainingMemory(at, *at.Model, o)
	if err != nil || !o.CachedText && !o.PositivesFixed {
		return m, err
	}
	m.Parameters += clip.TextBytes(*at.Model)
	return m, nil
}

func runTune(ctx context.Context, run *op.Run, p TuneParams) error {
	b, err := openBackbone(run, p.Precision)
	if err != nil {
		return err
	}
	defer b.close()
	set, rows, err := tuningPairs(ctx, run, p.MaxBad)
	if err != nil {
		return err
	}
	defer set.Close()
	t, err := newTuning(ctx, run, b, p, set, rows)
	if err != nil {
		return err
	}
	defer t.trainer.Close()
	sum, err := t.run(ctx, run, b.engine)
	if err != nil {
		return err
	}
	if err := saveTrained(run.Dir, t.trainer, b.tokenizer); err != nil {
		return err
	}
	run.Fact("imagesPerSecond", sum.ImagesPerSecond)
	return run.WriteRows(tuneRows(t, sum))
}

func newTuning(ctx context.Context, run *op.Run, b *backbone, p TuneParams, set *shards.Set, rows []Pair) (*training, error) {
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
	t := &training{images: images, targets: targets, norm: normalizationOf(start.Config), dim: start.Config.Dim(), context: start.Config.ContextLength(),
		steps: p.Steps, batch: p.Batch, warmup: p.Warmup, lr: p.LR, weightDecay: p.WeightDecay, gamma: p.Gamma, alphaLR: p.AlphaLR,
		augment: p.Augment, seed: uint64(p.Seed)}
	options := p.options()
	if targets != nil {
		options.CachedText, options.Classes, t.positivesWarned = false, targets.head.Rows, true
	} else if err := t.giveCaptions(ctx, b, p, captionsOf(rows)); err != nil {
		return nil, err
	}
	if p.Captions == "one" {
		t.captions = byImage(rows)
	}
	if err := t.newTrainer(run, b.engine, start.Config, options); err != nil {
		return nil, err
	}
	return t, t.trainer.Reset(start)
}

// gated is the checkpoint that training starts from: with closed gates in a mode that trains gates, unless it was tuned so before.
func gated(b *backbone, p TuneParams) (*clip.Checkpoint, error) {
	if p.mode().Gates {
		return b.checkpoint.WithGates(p.GatedDepth, uint64(p.Seed))
	}
	return &clip.Checkpoint{Config: b.checkpoint.Config, Weights: b.checkpoint.Weights}, nil
}

func captionsOf(rows []Pair) []string {
	out := make([]string, len(rows))
	for i, row := range rows {
		out[i] = row.Caption
	}
	return out
}

// giveCaptions sets what each step reads of the captions: features encoded once when the text tower is locked, else tokens.
func (t *training) giveCaptions(ctx context.Context, b *backbone, p TuneParams, captions []string) error {
	locked := p.textLocked()
	if !locked && p.PositivesFrom != "base" {
		t.tokens = encodeAll(b.tokenizer, captions)
		return nil
	}
	features, err := b.texts(ctx, captions)
	if err != nil {
		return err
	}
	if locked {
		t.textFeatures = features
		return nil
	}
	t.baseText, t.tokens = features, encodeAll(b.tokenizer, captions)
	return nil
}

func tuneRows(t *training, sum trainingSummary) []op.MetricRow {
	tenth := max(1, len(sum.Losses)/10)
	rows := []op.MetricRow{
		{Metric: "loss", Value: mean(sum.Losses[len(sum.Losses)-tenth:]), N: tenth},
		{Metric: "positives", Value: sum.Positives, N: t.steps},
		{Metric: "epochs", Value: float64(t.steps*t.batch) / float64(t.examples()), N: t.examples()},
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
func tuningPairs(ctx context.Context, run *op.Run, maxBad int) (*shards.Set, []Pair, error) {
	dir, err := run.Input("pairs")
	if err != nil {
		return nil, nil, err
	}
	name := filepath.Join(dir, pairsFile)
	rows, err := parquet.ReadFile[Pair](name)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(rows) == 0 {
		return nil, nil, fmt.Errorf("%s: no pairs to train on", name)
	}
	files, err := poolOf(run)
	if err != nil {
		return nil, nil, err
	}
	if len(files.shards) == 0 {
		return nil, nil, errors.New("the pool gives no images (pool.shards); tuning needs them")
	}
	set, err := shards.Index(ctx, files.shards, maxBad)
	return set, rows, err
}
