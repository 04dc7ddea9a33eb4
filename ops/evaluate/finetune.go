package evaluate

import (
	"context"
	"fmt"
	"math"

	"react/data/datasets"
	"react/data/datasets/catalogue"
	"react/data/image"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/optim"
	"react/ops/embed"
	"react/ops/op"
	"react/ops/probe"
	"react/ops/train"
)

// FineTuneParams are the params of fine-tune. Epochs are passes over the training images; batches
// cross them, so that each is whole.
type FineTuneParams struct {
	Test  embed.FeaturesParams `json:"test"`  // the images that the score is of
	Train embed.FeaturesParams `json:"train"` // those trained on
	// images of each class, ELEVATER's draw of the seed; 0 is all
	Shots int   `json:"shots"`
	Seed  int64 `json:"seed"` // shots, order, augmentation, random head
	// last: the last epoch's score; test: the best epoch's on the test set
	Best string `json:"best"`

	Init string `json:"init"` // of the head: language or random
	// language: templates with one {}; none: the set's own
	Prompts  []string `json:"prompts,omitempty"`
	Truncate string   `json:"truncate,omitempty"` // of prompts: see EvaluateParams

	// sgd: momentum 0.9, constant rate, all decays; adamw: cosine decay, matrices decay
	Optimizer string `json:"optimizer"`
	// peaks; the best is searched where there are several
	LR []float64 `json:"lr"`
	// likewise; none: ELEVATER's search over 97 values
	WeightDecay  []float64 `json:"weightDecay,omitempty"`
	Epochs       int       `json:"epochs"`
	SearchEpochs int       `json:"searchEpochs,omitempty"` // of a run of the search
	// at most as many as there are training images
	Batch         int     `json:"batch"`
	Warmup        float64 `json:"warmup,omitempty"` // epochs
	TowerLRScale  float64 `json:"towerLRScale"`     // multiplies the rate for the tower
	Normalization string  `json:"normalization"`    // of features: batch, length, none
	// largest global norm of the gradient
	GradClip  float64 `json:"gradClip,omitempty"`
	Precision string  `json:"precision"` // of the steps
	// without crop, images are seen as they are tested
	Augment   image.Augment `json:"augment"`
	Embedding string        `json:"embedding,omitempty"` // precision of embedding; "" is f32
	Scores    bool          `json:"scores,omitempty"`    // write scores.npy
}

const fineTuneFile = "finetune.json"

// FineTuneOp trains the image tower and a linear head on labelled images, gates as part of the
// tower: ELEVATER's fine-tuning, or AdamW's as usual in low-shot ImageNet. Learning rate and weight
// decay are chosen on the first fifth of each class, held back, then all images are trained on. In:
// "checkpoint", "train" and "test" (sets; stages or folders), file "list" (names of the training
// images that are used), "prompts" where the head starts from text. Out: rows.jsonl, finetune.json,
// metrics.jsonl of the last training, predictions.parquet for sets of one label, scores.npy [1,
// images, classes] where asked. Same bytes on one engine but for the speeds in metrics.jsonl.
//
//	1: first
//	2: lists that were not known made a set one class; hidden files were images
//	3: images that cannot be read are left out, up to maxBadShare
//	4: captions are cleaned as ftfy does (same ids for printable ASCII);
//	   crops of Hugging Face's checkpoints are its own; JPEGs of odd subsampling read
//	5: gradients are found by a sweep over the graph, which rounds otherwise than those written by
//	   hand
//	6: a part of a set in tars has its own images, not those of other items
var FineTuneOp = op.Costs(op.OnEngine(op.Define(6, "fine-tune", runFineTune,
	op.Says[FineTuneParams](FineTuneParams.work, op.SameParams, FineTuneParams.memory, FineTuneParams.check))),
	30, 0)

// searchRuns is the most that ELEVATER's search tries of weight decay at one learning rate.
const searchRuns = 15

// work is a search on four fifths of the training images, at its longest, and the training on all;
// the images are known of a benchmark.
func (p FineTuneParams) work(at op.Known) op.Work {
	if at.Model == nil {
		return op.Work{}
	}
	images, e, ok := at.ImagesOf(p.Train.Benchmark, "train")
	if !ok {
		return op.Work{}
	}
	if p.Shots > 0 {
		images = float64(p.Shots * len(e.Classes))
	}
	decays := len(p.WeightDecay)
	if decays == 0 {
		decays = searchRuns
	}
	passes := float64(p.Epochs)
	if p.SearchEpochs > 0 {
		passes += 0.8 * float64(len(p.LR)*decays*p.SearchEpochs)
	}
	samples := images * passes
	return op.Work{Steps: int(samples / float64(p.Batch)), Samples: samples, FLOPs: samples * 3 * at.Model.FLOPs().Image,
		Bytes: float64(e.Splits["test"].Images) * op.MetaBytes}
}

// fineTuneClasses stands for the number of classes where it is not known before the images are
// read: a head is small beside its tower.
const fineTuneClasses = 100

// memory is the training's, and that of what embeds images to score it, which is there at the same
// time.
func (p FineTuneParams) memory(at op.Place) (clip.Memory, error) {
	if at.Model == nil {
		return clip.Memory{}, nil
	}
	classes := fineTuneClasses
	if e, err := catalogue.Find(p.Test.Benchmark); err == nil {
		classes = len(e.Classes)
	}
	m, err := train.Memory(at, *at.Model, p.options(p.Batch, classes, false, *at.Model))
	if err != nil {
		return m, err
	}
	scoring, err := backbone.Memory(at, p.Embedding)
	m.Parameters += scoring.Parameters
	m.Activations = max(m.Activations, scoring.Activations)
	m.Inputs += scoring.Inputs
	return m, err
}

func (p FineTuneParams) check(look op.Inspector) {
	test := op.Images{Split: p.Test.Split, Benchmark: p.Test.Benchmark, MaxBadShare: p.Test.MaxBadShare, Files: look.Files("test")}
	learned := op.Images{Split: p.Train.Split, Benchmark: p.Train.Benchmark, MaxBadShare: p.Train.MaxBadShare, Files: look.Files("train"),
		List: look.Files("list"), Learned: true}
	look.Training(learned, test, p.Shots)
	look.Prompts(test)
}

func runFineTune(ctx context.Context, run *op.Run, p FineTuneParams) error {
	f, err := newFineTuner(ctx, run, p)
	if err != nil {
		return err
	}
	defer f.close()
	sample, logits, err := f.sample(ctx)
	if err != nil {
		return err
	}
	pr := &prober{run: run, test: f.known, tested: len(f.known.Items), file: fineTuneFile, keepScores: p.Scores}
	pr.report = probeReport{Shots: p.Shots, Images: len(f.images), Tested: pr.tested}
	if err := pr.keep(&sample, logits); err != nil {
		return err
	}
	pr.report.Runs = []probeSample{sample}
	return pr.write()
}

// fineTuner is what one fine-tune stage reads.
type fineTuner struct {
	FineTuneParams
	run         *op.Run
	backbone    *backbone.Backbone
	train, test *datasets.Set
	known       *embed.Labelled // the test images' labels
	images      []int           // of train, that are trained on
	start       *clip.Checkpoint
	journal     *fineTuneJournal
}

func newFineTuner(ctx context.Context, run *op.Run, p FineTuneParams) (f *fineTuner, err error) {
	f = &fineTuner{FineTuneParams: p, run: run}
	defer func() {
		if err != nil {
			f.close()
		}
	}()
	if f.test, err = embed.OpenLabelled(run, "test", p.Test); err != nil {
		return f, err
	}
	if f.train, err = embed.OpenLabelled(run, "train", p.Train); err != nil {
		return f, err
	}
	if list, ok := run.Files["list"]; ok {
		if err := f.train.Keep(list.Paths[0]); err != nil {
			return f, err
		}
	}
	if err := embed.DropUnread(ctx, run, f.train, p.Train.MaxBadShare); err != nil {
		return f, err
	}
	if err := embed.DropUnread(ctx, run, f.test, p.Test.MaxBadShare); err != nil {
		return f, err
	}
	if err := f.sameTask(); err != nil {
		return f, err
	}
	f.known = embed.LabelsOf(f.test, p.Test)
	if f.images, err = embed.ShotsOf(embed.LabelsOf(f.train, p.Train), p.Shots, p.Seed); err != nil {
		return f, err
	}
	if f.backbone, err = backbone.OpenPrompts(run, p.Embedding, p.Truncate); err != nil {
		return f, err
	}
	if f.start, err = f.startCheckpoint(ctx); err != nil {
		return f, err
	}
	f.journal, err = openJournal(run, f.backbone.Engine)
	return f, err
}

func (f *fineTuner) close() {
	for _, set := range []*datasets.Set{f.train, f.test} {
		if set != nil {
			_ = set.Close() // read only
		}
	}
	if f.backbone != nil {
		f.backbone.Close()
	}
}

// sameTask refuses splits that do not belong together, or that share an image, before anything is
// trained.
func (f *fineTuner) sameTask() error {
	if err := sameClasses(f.train.Classes, f.test.Classes); err != nil {
		return err
	}
	if (f.train.Many != nil) != (f.test.Many != nil) {
		return fmt.Errorf("training and test images differ: several labels %v and %v", f.train.Many != nil, f.test.Many != nil)
	}
	shared, err := datasets.Shared(f.train, f.test)
	if err != nil {
		return err
	}
	if len(shared) > 0 {
		return fmt.Errorf("%d test images are training images too (%s is %s): a model would be tested on what it was trained on (runner data check names them)",
			len(shared), f.test.Items[shared[0][1]].Key, f.train.Items[shared[0][0]].Key)
	}
	return nil
}

// startCheckpoint is the model with the head that training starts from.
func (f *fineTuner) startCheckpoint(ctx context.Context) (*clip.Checkpoint, error) {
	cfg := f.backbone.Checkpoint.Config
	classes, dim := len(f.test.Classes), cfg.Dim()
	var head clip.Head
	if f.Init == "language" {
		prompts, err := classPrompts(f.run, f.known, f.Prompts)
		if err != nil {
			return nil, err
		}
		text, err := f.backbone.Average(ctx, prompts)
		if err != nil {
			return nil, err
		}
		head = clip.Head{Weight: text.Values, Bias: make([]float32, classes)}
	} else {
		drawn := probe.RandomHead(classes, dim+1, uint64(f.Seed))
		for c := range classes {
			head.Weight = append(head.Weight, drawn.Row(c)[:dim]...)
			head.Bias = append(head.Bias, drawn.Row(c)[dim])
		}
	}
	bare := &clip.Checkpoint{Config: cfg, Weights: f.backbone.Checkpoint.Weights}
	return bare.WithHead(head, f.head(classes, f.train.Many != nil)), nil
}

func (p FineTuneParams) head(classes int, many bool) clip.HeadOptions {
	return clip.HeadOptions{Classes: classes, Many: many, Normalization: p.Normalization, SGD: p.Optimizer == "sgd"}
}

// options are what a training of so many images compiles to, before Fit.
func (p FineTuneParams) options(images, classes int, many bool, cfg clip.Config) optim.Options {
	return optim.Options{Mode: clip.LockedText, Batch: min(p.Batch, images), GradClip: p.GradClip, Precision: p.Precision, AdamW: optim.AdamWFor(cfg),
		Head: p.head(classes, many)}
}

// score gives the logits [images, classes] of a checkpoint with a head.
func (f *fineTuner) score(ctx context.Context, c *clip.Checkpoint, images *backbone.Source) (blas.Matrix, error) {
	model, head := c.SplitHead()
	enc, err := encode.NewIn(f.backbone.Engine, model, backbone.Batch, f.Embedding)
	if err != nil {
		return blas.Matrix{}, err
	}
	defer enc.Close()
	classes := len(head.Bias)
	out := blas.New(images.N, classes)
	pass := backbone.Pass{Workers: f.run.Workers, Norm: backbone.NormalizationOf(c.Config), Encoder: enc, Encode: enc.ImageFeatures}
	err = pass.Run(ctx, images, backbone.IndicesTo(images.N), func(p *backbone.Passed) error {
		x := blas.Matrix{Rows: len(p.At), Cols: c.Config.Dim(), Values: p.Features}
		scale := f.normalizeFeatures(x, head, c)
		part := out.Slice(p.At[0], p.At[0]+len(p.At))
		for i := range p.At {
			copy(part.Row(i), head.Bias)
		}
		blas.Times(part, scale, x, blas.Matrix{Rows: classes, Cols: x.Cols, Values: head.Weight}, 1)
		return nil
	})
	return out, err
}

// normalizeFeatures does to features what training did, with the running statistics, and gives what
// products are multiplied by.
func (f *fineTuner) normalizeFeatures(x blas.Matrix, head clip.Head, c *clip.Checkpoint) float32 {
	switch f.Normalization {
	case clip.ByLength:
		for i := range x.Rows {
			blas.Normalize(x.Row(i))
		}
		return float32(math.Exp(float64(c.Weights.At("logit_scale").Data[0])))
	case clip.ByBatch:
		for i := range x.Rows {
			for d, v := range x.Row(i) {
				x.Row(i)[d] = float32((float64(v) - float64(head.Mean[d])) / math.Sqrt(float64(head.Variance[d])+clip.HeadNormEpsilon))
			}
		}
	}
	return 1
}
