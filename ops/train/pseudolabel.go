package train

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"react/data/shards"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/metric"
	"react/ops/op"
	"react/ops/pairs"
)

// PseudoLabelParams are the params of pseudo-label.
type PseudoLabelParams struct {
	// teacher: zero-shot classification; retrieval: the class whose query found the pair
	From string `json:"from"`
	// evaluation set of a generated pool whose class names are used
	Set       string   `json:"set,omitempty"`
	Prompts   []string `json:"prompts"`             // templates with one {}
	Threshold float64  `json:"threshold,omitempty"` // least probability of the best class
	// most confident pairs kept of each class; 0 is all
	PerClass int `json:"perClass,omitempty"`
	// the teacher's probabilities, not its best class
	Soft        bool    `json:"soft,omitempty"`
	Temperature float64 `json:"temperature,omitempty"` // that logits are divided by; 0 is 1
	Precision   string  `json:"precision,omitempty"`   // of embedding; "" is f32
	MaxBad      int     `json:"maxBad,omitempty"`
}

// Kinds of pseudo-labels.
const (
	fromTeacher   = "teacher"
	fromRetrieval = "retrieval"
)

// PseudoLabel is a row of labels.parquet: a pair and the shares of its classes, which add up to 1.
type PseudoLabel struct {
	Pair    int32     `parquet:"pair"` // row of pairs.parquet
	Classes []int32   `parquet:"classes,list"`
	Shares  []float32 `parquet:"shares,list"`
	// the teacher's probability of its best class; 1 from retrieval
	Confidence float32 `parquet:"confidence"`
}

const (
	labelsFile = "labels.parquet"
	labelBlock = 4096 // images that are classified together
	// softClasses and softMass bound what is kept of a soft label: the best classes up to this
	// share, rescaled.
	softClasses = 32
	softMass    = 0.999
)

// PseudoLabelOp gives retrieved pairs classes of the task without anybody's labels, for
// self-training. In: "checkpoint" (the teacher), "pairs", "pool", "classes". Out: labels.parquet,
// classifier.npy [classes, dim] (the prompts' normalised mean embeddings, which a student is
// trained against), rows.jsonl (labelled, share, confidence, and precision where the pool knows its
// labels).
//
//	1: first
//	2: embeddings that are not finite are an error, and no more below the threshold
//	3: captions are cleaned as ftfy does (same ids for printable ASCII);
//	   crops of Hugging Face's checkpoints are its own; JPEGs of odd subsampling read
var PseudoLabelOp = op.OnEngine(op.Define(3, "pseudo-label", runPseudoLabel,
	op.Says[PseudoLabelParams](op.NoWork, op.SameParams, op.NoMemory, op.NoCheck)))

func runPseudoLabel(ctx context.Context, run *op.Run, p PseudoLabelParams) error {
	classes, err := embed.Classes(run, p.Set)
	if err != nil {
		return err
	}
	b, err := backbone.Open(run, p.Precision)
	if err != nil {
		return err
	}
	defer b.Close()
	head, err := b.Average(ctx, backbone.Prompts(embed.OwnNames(classes), p.Prompts))
	if err != nil {
		return err
	}
	set, rows, err := tuningPairs(ctx, run, p.MaxBad)
	if err != nil {
		return err
	}
	defer set.Close()
	l := &labeller{PseudoLabelParams: p, run: run, backbone: b, classes: classes, head: head}
	labels, err := l.label(ctx, set, rows)
	if err != nil {
		return err
	}
	if labels = keepMost(labels, p.PerClass); len(labels) == 0 {
		return fmt.Errorf("none of %d pairs has a class of probability %g or more (tune.threshold)", len(rows), p.Threshold)
	}
	if err := parquet.WriteFile(run.Path(labelsFile), labels); err != nil {
		return err
	}
	if err := op.WriteMatrix(run.Path(backbone.ClassifierFile), l.head); err != nil {
		return err
	}
	return run.WriteRows(l.rows(labels, rows))
}

// labeller holds what one pseudo-label stage reads.
type labeller struct {
	PseudoLabelParams
	run      *op.Run
	backbone *backbone.Backbone
	classes  []string
	head     blas.Matrix // [classes, dim]
}

func (l *labeller) label(ctx context.Context, set *shards.Set, rows []pairs.Pair) ([]PseudoLabel, error) {
	switch l.From {
	case fromRetrieval:
		return l.retrieved(rows)
	case fromTeacher:
		return l.taught(ctx, set, rows)
	}
	return nil, fmt.Errorf("labels from %q (teacher or retrieval)", l.From)
}

// retrieved takes the class of the query that found a pair best; a pair that no query found, as of
// a control, is an error.
func (l *labeller) retrieved(rows []pairs.Pair) ([]PseudoLabel, error) {
	at := map[string]int32{}
	for i, c := range l.classes {
		at[c] = int32(i)
	}
	var out []PseudoLabel
	for i, row := range rows {
		if len(row.Found) == 0 {
			return nil, errors.New("a pair was found by no query (a control has none): retrieval gives it no class")
		}
		best := slices.MaxFunc(row.Found, func(a, b pairs.Found) int { return cmp.Or(cmp.Compare(b.Rank, a.Rank), cmp.Compare(a.Score, b.Score)) })
		class, ok := at[best.Class]
		if !ok {
			return nil, fmt.Errorf("pair %d: class %q is none of the task's", i, best.Class)
		}
		out = append(out, PseudoLabel{Pair: int32(i), Classes: []int32{class}, Shares: []float32{1}, Confidence: 1})
	}
	return out, nil
}

// taught classifies the images of the pairs by the teacher, block by block.
func (l *labeller) taught(ctx context.Context, set *shards.Set, rows []pairs.Pair) ([]PseudoLabel, error) {
	source, err := pairImages(set, rows)
	if err != nil {
		return nil, err
	}
	scale := l.backbone.LogitScale() / cmp.Or(l.Temperature, 1)
	var out []PseudoLabel
	for block := range slices.Chunk(backbone.IndicesTo(len(rows)), labelBlock) {
		u, err := l.backbone.Images(ctx, l.run, source, block, func(done int) {
			l.run.Progress(op.Progress{Done: block[0] + done, Total: len(rows), Note: "images"})
		})
		if err != nil {
			return nil, err
		}
		scores := metric.ScoresOf(blas.Matrix{Rows: len(block), Cols: l.head.Cols, Values: u}, l.head)
		for i, pair := range block {
			if label := l.of(metric.Softmax(scores.Row(i), scale, nil)); label.Confidence >= float32(l.Threshold) {
				label.Pair = int32(pair)
				out = append(out, label)
			}
		}
	}
	return out, nil
}

// of turns probabilities into a label; ties go to the lower class.
func (l *labeller) of(p []float64) PseudoLabel {
	order := make([]int32, len(p))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, func(a, b int32) int { return cmp.Compare(p[b], p[a]) })
	out := PseudoLabel{Confidence: float32(p[order[0]])}
	if !l.Soft {
		out.Classes, out.Shares = order[:1:1], []float32{1}
		return out
	}
	n, mass := 0, 0.0
	for n < min(softClasses, len(order)) && mass < softMass {
		mass += p[order[n]]
		n++
	}
	out.Classes = slices.Clone(order[:n])
	for _, c := range out.Classes {
		out.Shares = append(out.Shares, float32(p[c]/mass))
	}
	return out
}

// keepMost keeps the most confident labels of each best class, in the order of the pairs; equal
// ones of the lower pair.
func keepMost(labels []PseudoLabel, most int) []PseudoLabel {
	if most == 0 {
		return labels
	}
	order := slices.Clone(labels)
	slices.SortStableFunc(order, func(a, b PseudoLabel) int { return cmp.Compare(b.Confidence, a.Confidence) })
	count := map[int32]int{}
	var out []PseudoLabel
	for _, l := range order {
		if count[l.Classes[0]]++; count[l.Classes[0]] <= most {
			out = append(out, l)
		}
	}
	slices.SortFunc(out, func(a, b PseudoLabel) int { return cmp.Compare(a.Pair, b.Pair) })
	return out
}

func (l *labeller) rows(labels []PseudoLabel, pairs []pairs.Pair) []op.MetricRow {
	n := len(labels)
	known, right, confidence := 0, 0, 0.0
	for _, label := range labels {
		confidence += float64(label.Confidence) / float64(n)
		if of := pairs[label.Pair].Label; of != "" {
			known++
			if l.classes[label.Classes[0]] == of {
				right++
			}
		}
	}
	rows := []op.MetricRow{
		{Metric: "labelled", Value: float64(n), N: len(pairs)},
		{Metric: "share", Value: float64(n) / float64(len(pairs)), N: len(pairs)},
		{Metric: "confidence", Value: confidence, N: n},
	}
	if known > 0 {
		rows = append(rows, op.MetricRow{Metric: "precision", Value: float64(right) / float64(known), N: known})
	}
	return rows
}

// pairImages are the images of pairs, by place.
func pairImages(set *shards.Set, rows []pairs.Pair) (*backbone.Source, error) {
	samples := make([]shards.Sample, len(rows))
	for i, row := range rows {
		sample, ok := pairs.ImageOf(set, row)
		if !ok {
			return nil, fmt.Errorf("pair %d (pool row %d): key %q is in no shard", i, row.Row, row.Key)
		}
		samples[i] = sample
	}
	return backbone.NewSource(set, samples), nil
}

// targets are what a classifying training reads: the labels and the head.
type targets struct {
	labels []PseudoLabel
	head   blas.Matrix // [classes, dim]
}

// readTargets reads role "labels"; nil where the stage has none.
func readTargets(run *op.Run) (*targets, error) {
	dir, ok := run.In["labels"]
	if !ok {
		return nil, nil
	}
	t := &targets{}
	var err error
	if t.labels, err = op.ReadTable[PseudoLabel](filepath.Join(dir, labelsFile)); err != nil {
		return nil, err
	}
	t.head, err = op.ReadMatrix(filepath.Join(dir, backbone.ClassifierFile))
	return t, err
}

// of are the pairs that have a label, in the order of the labels.
func (t *targets) of(rows []pairs.Pair) []pairs.Pair {
	out := make([]pairs.Pair, len(t.labels))
	for i, l := range t.labels {
		out[i] = rows[l.Pair]
	}
	return out
}

// fill writes the targets [len(indices), classes] of labels by place.
func (t *targets) fill(indices []int, dst []float32) {
	clear(dst)
	for i, at := range indices {
		for j, c := range t.labels[at].Classes {
			dst[i*t.head.Rows+int(c)] = t.labels[at].Shares[j]
		}
	}
}
