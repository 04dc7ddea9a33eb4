package train

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"react/data/image"
	"react/data/lost"
	"react/data/pool"
	"react/data/shards"
	"react/data/tokenizer"
	"react/ops/backbone"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/clip/optim"
	"react/ops/op"
	"react/ops/pools"
	"react/results/stat"
)

// PretrainParams are the params of pretrain.
type PretrainParams struct {
	Model clip.Config `json:"model"` // vocab_size is set from the tokenizer
	Steps int         `json:"steps"`
	// steps between the checkpoints kept in snapshots/; 0 keeps none
	CheckpointEvery int           `json:"checkpointEvery,omitempty"`
	Batch           int           `json:"batch"`
	LR              float64       `json:"lr"` // peak
	Warmup          int           `json:"warmup"`
	WeightDecay     float64       `json:"weightDecay"`
	GradClip        float64       `json:"gradClip"`
	Vocab           int           `json:"vocab"`
	Seed            int64         `json:"seed"`
	Precision       string        `json:"precision"`       // f32, bf16
	AdamW           *optim.AdamW  `json:"adamw,omitempty"` // nil is a ViT's
	Augment         image.Augment `json:"augment"`
	MaxBad          int           `json:"maxBad"`
	MaxBadShare     float64       `json:"maxBadShare"`
}

// PretrainOp trains a CLIP model from random weights on a pool with plain InfoNCE: a base for
// experiments that no released checkpoint fits. In: "pool"; with a filter, "filter". Out:
// open_clip_model.safetensors, open_clip_config.json, tokenizer.json (BPE trained on the pool's
// captions), metrics.jsonl, curve.json, and snapshots/NNNNNN/ with a checkpoint after every
// CheckpointEvery steps. Same bytes on one engine but for the speeds in metrics.jsonl.
//
//	1: first
//	2: as embed's
//	3: captions are cleaned as ftfy does (same ids for printable ASCII);
//	   JPEGs of odd subsampling are read
//	4: gradients are found by a sweep over the graph, which rounds otherwise than those written by
//	   hand
var PretrainOp = op.Costs(op.OnEngine(op.Define(4, "pretrain", runPretrain,
	op.Says[PretrainParams](PretrainParams.work, PretrainParams.pace, PretrainParams.memory, PretrainParams.check))),
	2, 0)

func (p PretrainParams) work(at op.Known) op.Work {
	return trainingWork(at, clip.Full, p.Steps, p.Batch)
}

func (p PretrainParams) pace(op.Known) op.Pace {
	out := trainingPace(p.Steps, p.Batch, p.Precision)
	if p.CheckpointEvery > 0 {
		out.Volume += float64(p.Steps) / float64(p.CheckpointEvery)
	}
	return out
}

func (p PretrainParams) memory(at op.Place) (clip.Memory, error) {
	return Memory(at, p.Model.WithVocab(p.Vocab), p.options())
}

func (p PretrainParams) check(look op.Inspector) { look.Shards(p.MaxBad, p.MaxBadShare) }

// curve is the summary of a training's loss.
type curve struct {
	First     float64 `json:"first"`     // mean loss of the first tenth of the steps
	Before    float64 `json:"before"`    // of the last tenth but one
	Last      float64 `json:"last"`      // of the last tenth
	Levelled  bool    `json:"levelled"`  // the last tenth fell by less than 2 % of the whole fall
	Captions  int     `json:"captions"`  // pairs trained on
	Epochs    float64 `json:"epochs"`    // passes over them
	VocabSize int     `json:"vocabSize"` // of the tokenizer
}

func runPretrain(ctx context.Context, run *op.Run, p PretrainParams) error {
	data, err := readTrainingPool(ctx, run, p.MaxBad, p.MaxBadShare)
	if err != nil {
		return err
	}
	defer data.set.Close()
	context := p.Model.ContextLength()
	tok, err := tokenizer.Train(slices.Values(data.captions), p.Vocab, context)
	if err != nil {
		return err
	}
	cfg := p.Model.WithVocab(tok.VocabSize())
	eng, err := run.OpenEngine()
	if err != nil {
		return err
	}
	t := &Training{Images: backbone.NewSource(data.set, data.samples), Norm: backbone.NormalizationOf(cfg), Dim: cfg.Dim(), context: context,
		tokens: backbone.EncodeAll(tok, data.captions), Steps: p.Steps, Batch: p.Batch, Warmup: p.Warmup, LR: p.LR, WeightDecay: p.WeightDecay,
		alphaLRScale: 1, Augment: p.Augment, Seed: uint64(p.Seed), PositivesWarned: true}
	if err := t.NewTrainer(run, eng, cfg, p.options()); err != nil {
		return err
	}
	trainer := t.Trainer
	defer trainer.Close()
	if err := trainer.Reset(&clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, uint64(p.Seed))}); err != nil {
		return err
	}
	if p.CheckpointEvery > 0 {
		t.After = map[int]func() error{}
		for step := p.CheckpointEvery; step <= p.Steps; step += p.CheckpointEvery {
			t.After[step] = func() error {
				return saveTrained(filepath.Join(run.Dir, snapshotDir(step)), trainer, tok)
			}
		}
	}
	sum, err := t.Run(ctx, run, eng)
	if err != nil {
		return err
	}
	return savePretrained(run, trainer, tok, sum, t)
}

func savePretrained(run *op.Run, trainer *optim.Trainer, tok *tokenizer.Tokenizer, sum trainingSummary, t *Training) error {
	if err := saveTrained(run.Dir, trainer, tok); err != nil {
		return err
	}
	c := curveOf(sum.Losses)
	c.Captions, c.Epochs, c.VocabSize = t.pairs(), float64(t.Steps*t.Batch)/float64(t.pairs()), tok.VocabSize()
	if !c.Levelled {
		run.Warn("the base has not levelled off: its loss still fell from %.3f to %.3f over the last tenth of %d steps (more pretrain.steps?)", c.Before, c.Last, t.Steps)
	}
	run.Fact("imagesPerSecond", sum.ImagesPerSecond)
	return run.WriteJSON("curve.json", c)
}

// snapshotDir is where pretraining keeps the checkpoint after a step, under its own folder.
func snapshotDir(step int) string { return filepath.Join(snapshotsDir, fmt.Sprintf("%06d", step)) }

const snapshotsDir = "snapshots"

// saveTrained writes what a trainer holds now.
func saveTrained(dir string, trainer *optim.Trainer, tok *tokenizer.Tokenizer) error {
	checkpoint, err := trainer.Checkpoint()
	if err != nil {
		return err
	}
	return saveCheckpoint(dir, checkpoint, tok)
}

// saveCheckpoint writes weights, config and tokenizer to a folder, which is made.
func saveCheckpoint(dir string, checkpoint *clip.Checkpoint, tok *tokenizer.Tokenizer) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	return errors.Join(layout.Save(checkpoint, dir, layout.OpenCLIP), tok.Save(dir))
}

// curveOf compares the last two tenths of the losses with the whole fall.
func curveOf(losses []float64) curve {
	tenth := max(1, len(losses)/10)
	end := len(losses)
	c := curve{First: stat.Mean(losses[:tenth]), Last: stat.Mean(losses[end-tenth:]), Before: stat.Mean(losses[max(0, end-2*tenth):max(1, end-tenth)])}
	c.Levelled = c.Before-c.Last < 0.02*(c.First-c.Last)
	return c
}

// trainingPool is the readable part of a pool: captions with their images.
type trainingPool struct {
	set      *shards.Set
	samples  []shards.Sample
	captions []string
}

// readTrainingPool reads a pool whose rows have images, checks that each decodes, and drops and
// counts those that do not, up to maxBad.
func readTrainingPool(ctx context.Context, run *op.Run, maxBad int, maxShare float64) (*trainingPool, error) {
	files, err := pools.FilesOf(run)
	if err != nil {
		return nil, err
	}
	reader, err := pools.Open(ctx, run, files, maxBad)
	if err != nil {
		return nil, err
	}
	alive, _, err := pools.Alive(run)
	if err != nil {
		return nil, err
	}
	reader.Alive = alive
	data := trainingPool{set: reader.Set}
	stats, err := reader.Each(ctx, func(row pools.Row) error {
		if row.HasImage && alive.Has(row.Index) {
			data.samples = append(data.samples, row.Sample)
			data.captions = append(data.captions, row.Text)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(data.samples) == 0 {
		return nil, fmt.Errorf("none of the pool's %d rows%s has an image in its shards", stats.Rows, leftBy(alive))
	}
	bad, errs, err := backbone.NewSource(data.set, data.samples).Check(ctx, run.Workers)
	if err != nil {
		return nil, err
	}
	if len(bad) > maxBad {
		return nil, fmt.Errorf("%d images do not decode, more than maxBad %d: %w", len(bad), maxBad, errs[0])
	}
	if len(bad) > 0 {
		stats.Lost.AddN(lost.Undecodable, int64(len(bad)), errs[0].Error())
		data.drop(bad)
	}
	run.Fact("pool", stats)
	return &data, run.Lose(stats.Lost, maxShare)
}

// leftBy tells of a filter, in a message about the rows of a pool.
func leftBy(alive *pool.Rows) string {
	if alive == nil {
		return ""
	}
	return fmt.Sprintf(" (the filter leaves %d)", alive.Count())
}

// drop removes the given positions, which are sorted.
func (d *trainingPool) drop(bad []int) {
	keep := 0
	for i := range d.samples {
		if len(bad) > 0 && bad[0] == i {
			bad = bad[1:]
			continue
		}
		d.samples[keep], d.captions[keep] = d.samples[i], d.captions[i]
		keep++
	}
	d.samples, d.captions = d.samples[:keep], d.captions[:keep]
}
