// Package evaluate holds the ops that score a model: zero-shot classification, image-text
// retrieval, linear probes, fine-tuning, and the prompts of knowledge that classification may read.
//
// Words: a protocol is how a published benchmark scores; a sample is one draw of few-shot images.
//
// Not here: figures (ops/metric), linear probes themselves (ops/probe).
package evaluate

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go"

	"react/data/datasets"
	"react/ops/backbone"
	"react/ops/clip"
	"react/ops/embed"
	"react/ops/metric"
	"react/ops/op"
	"react/ops/places"
	"react/results/evaluation"
)

// Params are the params of evaluate.
type Params struct {
	Kind string `json:"kind"` // of scorers
	// evaluation set of a generated pool; empty: the outside folder
	Set     string   `json:"set,omitempty"`
	Prompts []string `json:"prompts"` // templates with one {}; none: the set's own

	Split     string `json:"split,omitempty"`     // retrieval: of the captions; empty: test
	Benchmark string `json:"benchmark,omitempty"` // retrieval: entry of the catalogue
	Catalogue string `json:"catalogue,omitempty"` // and its digest
	// retrieval: write recall.parquet, as is always done now
	Queries bool         `json:"queries,omitempty"`
	Probe   *ProbeParams `json:"probe,omitempty"` // kind probe

	// zeroshot on features: openai, elevater, clip_benchmark; empty: on the folder, as version 1
	// always did
	Protocol string `json:"protocol,omitempty"`

	Precision string `json:"precision,omitempty"` // of embedding; "" is f32
	// zeroshot by a protocol, finetune: write scores.npy
	Scores bool `json:"scores,omitempty"`
	// of the images that may be lost, where this stage reads them
	MaxBadShare float64 `json:"maxBadShare,omitempty"`

	// of prompts that are too long: keep-eot, elevater-compat, error; "" is the first
	Truncate string `json:"truncate,omitempty"`

	Detection    *DetectionParams    `json:"detection,omitempty"`    // kind detection
	Segmentation *SegmentationParams `json:"segmentation,omitempty"` // kind segmentation
}

// Prediction is one row of predictions.parquet, in the order of the set.
type Prediction struct {
	Key       string  `parquet:"key"`
	Label     int32   `parquet:"label"`
	Predicted int32   `parquet:"predicted"` // ties go to the lower class
	Score     float32 `parquet:"score"`     // cosine with the predicted class
	Rank      int32   `parquet:"rank"`      // of the true class, 1-based
}

const predictionsFile = "predictions.parquet"

// Op scores a checkpoint on a labelled set by zero-shot classification: class embeddings are the
// renormalised mean over prompts of normalised text embeddings (OpenAI's prompt ensembling). In:
// "checkpoint", "dataset", optional "base" (the base's evaluate stage on the same set). Out:
// rows.jsonl (acc@1, acc@5, mean-per-class, agreement with the base, acc@1 for each class),
// predictions.parquet. With a protocol the images come from a features stage and there are more
// rows: see zeroShot.
//
//	1: first
//	2: embeddings that are not finite are an error, and no more rank 1
//	3: lists that were not known made a set one class; hidden files were images
//	4: images that cannot be read are left out, up to maxBadShare
//	5: captions are cleaned as ftfy does (same ids for printable ASCII);
//	   crops of Hugging Face's checkpoints are its own; JPEGs of odd subsampling read
var Op = op.OnEngine(op.Define(5, "evaluate", runEvaluate,
	op.Says[Params](Params.work, Params.pace, Params.memory, Params.check)))

// work is the images and captions of a test split through the towers; other kinds
// compute next to nothing.
func (p Params) work(at op.Known) op.Work {
	if at.Model == nil || !evaluation.Of(p.Kind).Captions {
		return op.Work{}
	}
	images, e, ok := at.ImagesOf(p.Benchmark, "test")
	if !ok {
		return op.Work{}
	}
	f := at.Model.FLOPs()
	return op.Work{Samples: images, FLOPs: images*f.Image + float64(e.Splits["test"].Captions)*f.Text}
}

func (p Params) pace(at op.Known) op.Pace {
	images := float64(at.Images.N())
	return op.Pace{Work: images, Volume: images, Model: true, Kind: p.Kind + p.Set}
}

func (p Params) memory(at op.Place) (clip.Memory, error) {
	return backbone.Memory(at, p.Precision)
}

func (p Params) check(look op.Inspector) {
	kind, tested := evaluation.Of(p.Kind), look.Images("features")
	switch {
	case kind.Captions:
		look.Captioned(look.Images(op.Own))
	case p.Probe != nil:
		look.Training(look.Images("train"), tested, p.Probe.Shots)
	case p.Protocol != "":
		look.Prompt(tested)
	case kind.Protocols:
		look.Labelled(look.Images(op.Own))
	case p.Detection != nil:
		look.Look(p.Detection.Objectness, "proposals", p.Detection.checkScores)
	case p.Segmentation != nil:
		images := look.Files("images")
		look.Look("maps of "+p.Benchmark, "dataset", func(f op.Files) error {
			entry, err := benchmarkOf(p.Benchmark)
			if err != nil {
				return err
			}
			return places.CheckMaps(f, images, entry)
		})
	}
	look.Prompts(tested)
}

func runEvaluate(ctx context.Context, run *op.Run, p Params) error {
	score := scorers[p.Kind]
	if score == nil {
		return fmt.Errorf("kind %q is none of %s", p.Kind,
			strings.Join(slices.Sorted(maps.Keys(scorers)), ", "))
	}
	return score(ctx, run, p)
}

// scorers are what the op does, by the kind of evaluation.
var scorers = map[string]func(ctx context.Context, run *op.Run, p Params) error{
	"zeroshot":  classification,
	"retrieval": retrieval,
	"probe":     linearProbe,
	"finetune":  meanOfSamples,
	"mean":      meanScore,

	"detection":    detect,
	"segmentation": segment,
}

// classification scores the images of a folder, or those of features by a protocol.
func classification(ctx context.Context, run *op.Run, p Params) error {
	if p.Protocol != "" {
		return zeroShot(ctx, run, p)
	}
	set, err := embed.OpenLabelled(run, "dataset", embed.FeaturesParams{Set: p.Set, MaxBadShare: p.MaxBadShare})
	if err != nil {
		return err
	}
	defer set.Close()
	embed.WarnOfCodes(run, set)
	b, err := backbone.OpenPrompts(run, p.Precision, p.Truncate)
	if err != nil {
		return err
	}
	defer b.Close()
	head, err := b.Average(ctx, backbone.Prompts(embed.OwnNames(set.Classes), p.Prompts))
	if err != nil {
		return err
	}
	predictions, err := predict(ctx, b, run, set, head.Values, p.MaxBadShare)
	if err != nil {
		return err
	}
	if err := parquet.WriteFile(run.Path(predictionsFile), predictions); err != nil {
		return err
	}
	rows := zeroShotRows(predictions, set.Classes)
	if base, ok := run.In["base"]; ok {
		row, err := agreement(predictions, base)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return run.WriteRows(rows)
}

// predict embeds the images of the set block by block and ranks the classes of each.
func predict(ctx context.Context, b *backbone.Backbone, run *op.Run, set *datasets.Set, head []float32, maxShare float64) ([]Prediction, error) {
	dim := b.Checkpoint.Config.Dim()
	var out []Prediction
	source := embed.SetReader(set, maxShare)
	source.Encode = b.Encoder.Images
	kept, err := b.EmbedImages(ctx, run, source, func(at []int, u []float32) error {
		for i, place := range at {
			p := rankClasses(u[i*dim:(i+1)*dim], head, set.Items[place].Label)
			p.Key = set.Items[place].Key
			out = append(out, p)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, embed.EveryClass(set, kept)
}

// rankClasses scores one image against the head; equal scores rank the lower class first.
func rankClasses(u, head []float32, label int) Prediction {
	dim := len(u)
	scores := make([]float32, len(head)/dim)
	for c := range scores {
		sum := 0.0
		for d, v := range u {
			sum += float64(v) * float64(head[c*dim+d])
		}
		scores[c] = float32(sum)
	}
	best := metric.Best(scores)
	return Prediction{Label: int32(label), Predicted: int32(best), Score: scores[best], Rank: int32(metric.Rank(scores, label))}
}

// zeroShotRows are acc@1, acc@5 and the mean of the classes' acc@1, then acc@1 for each class that
// has images.
func zeroShotRows(predictions []Prediction, classes []string) []op.MetricRow {
	n := len(predictions)
	labels, predicted, ranks := make([]int, n), make([]int, n), make([]int, n)
	for i, p := range predictions {
		labels[i], predicted[i], ranks[i] = int(p.Label), int(p.Predicted), int(p.Rank)
	}
	recall, support := metric.PerClass(labels, predicted, len(classes))
	rows := []op.MetricRow{
		{Metric: "acc@1", Value: metric.Accuracy(ranks, 1), N: n},
		{Metric: "acc@5", Value: metric.Accuracy(ranks, 5), N: n},
		{Metric: "mean-per-class", Value: metric.MeanPerClass(recall, support), N: n},
	}
	for c, name := range classes {
		if support[c] > 0 {
			rows = append(rows, op.MetricRow{Metric: "acc@1", Value: recall[c], N: support[c], Class: name})
		}
	}
	return rows
}

// agreement is the share of images for which tuned model and base predict the same class.
func agreement(predictions []Prediction, baseDir string) (op.MetricRow, error) {
	base, err := ReadPredictions(baseDir)
	if err != nil {
		return op.MetricRow{}, err
	}
	if len(base) != len(predictions) {
		return op.MetricRow{}, fmt.Errorf("the base has %d predictions, this checkpoint %d: not the same set", len(base), len(predictions))
	}
	same := 0
	for i, p := range predictions {
		if base[i].Key != p.Key {
			return op.MetricRow{}, fmt.Errorf("prediction %d: key %q is %q for the base: not the same set", i, p.Key, base[i].Key)
		}
		if base[i].Predicted == p.Predicted {
			same++
		}
	}
	return op.MetricRow{Metric: "agreement", Value: float64(same) / float64(len(base)), N: len(base)}, nil
}

// ReadPredictions reads the predictions of a finished evaluate stage.
func ReadPredictions(dir string) ([]Prediction, error) {
	name := filepath.Join(dir, predictionsFile)
	rows, err := op.ReadTable[Prediction](name)
	if err != nil {
		return nil, err
	}
	if slices.ContainsFunc(rows, func(p Prediction) bool { return p.Rank < 1 }) {
		return nil, fmt.Errorf("%s: a rank is under 1", name)
	}
	return rows, nil
}
