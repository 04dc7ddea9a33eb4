package evaluate

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"react/data/datasets/catalogue"
	"react/data/jsonfile"
	"react/data/npy"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/metric"
	"react/ops/op"
)

// Protocols of zero-shot classification. All average the normalised text embeddings of every prompt
// and name of a class and normalise the mean; they differ in what follows.
const (
	openAI = "openai" // the model's own logit scale; 11-point mAP of VOC 2007
	// scale 100; softmax before scoring; vision-evaluation's 11-point mAP
	elevater      = "elevater"
	clipBenchmark = "clip_benchmark" // scale 100; average precision is the area
)

// confusionRows is the number of most frequent confusions that become rows.
const confusionRows = 20

// zeroShot scores features by a protocol. In: "features", "checkpoint" for the text tower, optional
// "base", "prompt" (prompt-tune), and "prompts" (knowledge, or a file). Out: rows.jsonl, for sets
// of one label predictions.parquet, and scores.npy [1, images, classes] where asked.
func zeroShot(ctx context.Context, run *op.Run, p Params) error {
	set, err := embed.ReadFeatures(run, "features")
	if err != nil {
		return err
	}
	scores, scale, err := textScores(ctx, run, set, p)
	if err == nil {
		err = scores.Check()
	}
	if err != nil {
		return err
	}
	if p.Protocol != openAI {
		scale = 100
	}
	if p.Scores {
		all := probabilities(blas.Matrix{Rows: scores.Images(), Cols: scores.Classes, Values: scores.Values}, scale)
		if err := npy.Write(run.Path(ScoresFile), []int{1, scores.Images(), scores.Classes}, all, "<f4"); err != nil {
			return err
		}
	}
	report := &scoreReport{protocol: p.Protocol, set: set, scale: scale, workers: run.Workers}
	rows, predictions, err := report.rows(scores)
	if err != nil {
		return err
	}
	if predictions != nil {
		if err := parquet.WriteFile(run.Path(predictionsFile), predictions); err != nil {
			return err
		}
		if base, ok := run.In["base"]; ok {
			against, err := againstBase(predictions, base, set.Classes)
			if err != nil {
				return err
			}
			rows = append(rows, against...)
		}
	}
	return run.WriteRows(rows)
}

// textScores are cosines of images with classes, and the model's logit scale: by a learned prompt
// where role "prompt" gives one, else by prompts of words.
func textScores(ctx context.Context, run *op.Run, set *embed.Labelled, p Params) (metric.Scores, float64, error) {
	learned, err := readPrompt(run)
	if err != nil {
		return metric.Scores{}, 0, err
	}
	if learned != nil {
		return promptScores(run, learned, set)
	}
	head, scale, err := textHead(ctx, run, set, p)
	if err != nil {
		return metric.Scores{}, 0, err
	}
	return metric.ScoresOf(set.Normalized(), head), scale, nil
}

// textHead is the classifier made of text, [classes, dim], and the model's logit scale.
func textHead(ctx context.Context, run *op.Run, set *embed.Labelled, p Params) (blas.Matrix, float64, error) {
	prompts, err := classPrompts(run, set, p.Prompts)
	if err != nil {
		return blas.Matrix{}, 0, err
	}
	b, err := backbone.OpenPrompts(run, p.Precision, p.Truncate)
	if err != nil {
		return blas.Matrix{}, 0, err
	}
	defer b.Close()
	if err := set.Fits(b); err != nil {
		return blas.Matrix{}, 0, err
	}
	head, err := cachedHead(ctx, run, b, prompts)
	return head, b.LogitScale(), err
}

// classPrompts are the texts of each class: of the file "prompts" where it is given, else every
// name in every template.
func classPrompts(run *op.Run, set *embed.Labelled, templates []string) ([][]string, error) {
	if dir, ok := run.In["prompts"]; ok {
		return ReadPrompts(filepath.Join(dir, promptsFile), set.Classes, set.Names)
	}
	if f, ok := run.Files["prompts"]; ok {
		return ReadPrompts(f.Paths[0], set.Classes, set.Names)
	}
	if len(templates) == 0 {
		templates = set.Templates
	}
	if len(templates) == 0 {
		return nil, fmt.Errorf("set %s has no prompts of its own (evaluate.NAME.prompts, or the name of a benchmark)", set.Dir)
	}
	return backbone.Prompts(set.Names, templates), nil
}

// ReadPrompts reads {"class": ["a prompt", ...]}, as CuPL's files are. Every class must be there,
// under the name of tables or one of its own names.
func ReadPrompts(path string, classes []string, names []catalogue.Names) ([][]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var file map[string][]string
	if err := jsonfile.Unmarshal(raw, &file); err != nil {
		return nil, fmt.Errorf("file %s: %w", path, jsonfile.Named(err, "{\"class\": [\"a prompt\"]}"))
	}
	out := make([][]string, len(classes))
	used := 0
	for c, class := range classes {
		for _, name := range append(catalogue.Names{class}, names[c]...) {
			if list, ok := file[name]; ok && out[c] == nil {
				out[c] = list
				used++
			}
		}
		if len(out[c]) == 0 {
			return nil, fmt.Errorf("file %s: no prompts for class %q", path, class)
		}
		if slices.Contains(out[c], "") {
			return nil, fmt.Errorf("file %s: class %q: an empty prompt", path, class)
		}
	}
	if used < len(file) {
		return nil, fmt.Errorf("file %s: %d of its %d classes are none of the set's (the first of the set is %q)", path, len(file)-used, len(file), classes[0])
	}
	return out, nil
}

// scoreReport turns scores into rows, as a protocol defines them.
type scoreReport struct {
	protocol string
	set      *embed.Labelled
	scale    float64
	workers  int
}

// rows are the figures of a set; predictions are nil where an image may have several classes.
func (r *scoreReport) rows(s metric.Scores) ([]op.MetricRow, []Prediction, error) {
	if err := s.Check(); err != nil {
		return nil, nil, err
	}
	if r.set.Many {
		rows, err := r.manyRows(s)
		return rows, nil, err
	}
	labels := r.set.Labels()
	n := len(labels)
	predictions := make([]Prediction, n)
	predicted := make([]int, n)
	confidence, correct := make([]float64, n), make([]bool, n)
	positive := make([]float64, n) // the second of two classes
	err := op.ForEach(context.Background(), r.workers, n, func(i int) error {
		row, l := s.Row(i), labels[i]
		best := metric.Best(row)
		predicted[i], correct[i] = best, best == l
		predictions[i] = Prediction{Key: r.set.Items[i].Key, Label: int32(l), Predicted: int32(best), Score: row[best], Rank: int32(metric.Rank(row, l))}
		confidence[i] = metric.Confidence(row, best, r.scale)
		if len(row) == 2 {
			positive[i] = metric.Confidence(row, 1, r.scale)
		}
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	rows := zeroShotRows(predictions, r.set.Classes)
	rows = append(rows, op.MetricRow{Metric: "ece", Value: metric.ECE(confidence, correct), N: n})
	if s.Classes == 2 {
		auc, err := metric.ROCAUC(positive, isClass(labels, 1))
		if err != nil {
			return nil, nil, err
		}
		rows = append(rows, op.MetricRow{Metric: "roc-auc", Value: auc, N: n})
	}
	for _, pair := range metric.Confusions(labels, predicted, confusionRows) {
		rows = append(rows, op.MetricRow{Metric: "confusion", Value: float64(pair.Count) / float64(count(labels, pair.True)), N: count(labels, pair.True),
			Class: r.set.Classes[pair.True] + " → " + r.set.Classes[pair.Predicted]})
	}
	return r.withScore(rows), predictions, nil
}

func isClass(labels []int, class int) []bool {
	out := make([]bool, len(labels))
	for i, l := range labels {
		out[i] = l == class
	}
	return out
}

func count(labels []int, class int) int {
	n := 0
	for _, l := range labels {
		if l == class {
			n++
		}
	}
	return n
}

// manyRows are the figures of a set whose images have several classes: mean average precision, of
// each class too.
func (r *scoreReport) manyRows(s metric.Scores) ([]op.MetricRow, error) {
	kind := map[string]metric.AP{openAI: metric.VOC11, elevater: metric.Elevater11, clipBenchmark: metric.Area}[r.protocol]
	if r.protocol == elevater {
		for i := range s.Images() {
			for c, v := range metric.Softmax(s.Row(i), r.scale, nil) {
				s.Values[i*s.Classes+c] = float32(v)
			}
		}
	}
	all := r.set.All()
	mean, err := metric.MeanAveragePrecision(s, all, kind)
	if err != nil {
		return nil, err
	}
	rows := []op.MetricRow{{Metric: "mAP", Value: mean, N: len(all)}}
	return r.withScore(rows), nil
}

// ownMetric is the row that a benchmark's metric is.
var ownMetric = map[string]string{"accuracy": "acc@1", "mean-per-class": "mean-per-class", "roc-auc": "roc-auc", "mAP-elevater": "mAP"}

// withScore adds "score": the figure that the benchmark is published with, so that one column holds
// sets with different metrics.
func (r *scoreReport) withScore(rows []op.MetricRow) []op.MetricRow {
	name := ownMetric[r.set.Metric]
	if name == "" {
		name = "acc@1"
		if r.set.Many {
			name = "mAP"
		}
	}
	for _, row := range rows {
		if row.Metric == name && row.Class == "" {
			return append([]op.MetricRow{{Metric: "score", Value: row.Value, N: row.N}}, rows...)
		}
	}
	return rows
}

// againstBase compares with the base's predictions of the same images: agreement, and for each
// class what its accuracy gained or lost. What a tuning made a model forget is negative.
func againstBase(predictions []Prediction, baseDir string, classes []string) ([]op.MetricRow, error) {
	same, err := agreement(predictions, baseDir)
	if err != nil {
		return nil, err
	}
	base, err := ReadPredictions(baseDir)
	if err != nil {
		return nil, err
	}
	gain, n := make([]int, len(classes)), make([]int, len(classes))
	total := 0
	for i, p := range predictions {
		n[p.Label]++
		if p.Rank == 1 {
			gain[p.Label]++
			total++
		}
		if base[i].Rank == 1 {
			gain[p.Label]--
			total--
		}
	}
	rows := []op.MetricRow{same, {Metric: "delta", Value: float64(total) / float64(len(predictions)), N: len(predictions)}}
	for c, class := range classes {
		if n[c] > 0 {
			rows = append(rows, op.MetricRow{Metric: "delta", Value: float64(gain[c]) / float64(n[c]), N: n[c], Class: class})
		}
	}
	return rows, nil
}
