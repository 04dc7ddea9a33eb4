package evaluate

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"react/data/datasets"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/metric"
	"react/ops/op"
)

// recallAt are the k of recall@k in image-text retrieval.
var recallAt = []int{1, 5, 10}

// retrieval scores a checkpoint by finding captions for images and images for captions. In:
// "checkpoint", "dataset" (images with captions), optional "base". Out: rows.jsonl with
// i2t-recall@k and t2i-recall@k (a true match among the first k), i2t-set-recall@k (the share of an
// image's captions among the first k), and what recall@1 gained over the base; recall.parquet, the
// ranks that these follow from.
func retrieval(ctx context.Context, run *op.Run, p Params) error {
	set, err := embed.OpenCaptioned(run, "dataset", embed.FeaturesParams{Split: p.Split, Benchmark: p.Benchmark, MaxBadShare: p.MaxBadShare})
	if err != nil {
		return err
	}
	defer set.Close()
	b, err := backbone.OpenPrompts(run, p.Precision, p.Truncate)
	if err != nil {
		return err
	}
	defer b.Close()
	u := blas.Matrix{Rows: len(set.Keys), Cols: b.Checkpoint.Config.Dim()}
	u.Values = make([]float32, 0, u.Rows*u.Cols) // grown, it would take twice that
	source := backbone.Reader{N: len(set.Keys), Dir: set.Dir, Key: func(i int) string { return set.Keys[i] }, Read: set.Read, Lost: set.Lost, MaxShare: p.MaxBadShare}
	kept, err := b.EmbedImages(ctx, run, source, func(_ []int, rows []float32) error {
		u.Values = append(u.Values, rows...)
		return nil
	})
	if err != nil {
		return err
	}
	u.Rows = len(kept)
	set.Keys, set.Texts = backbone.Kept(set.Keys, kept), backbone.Kept(set.Texts, kept)
	texts, owners := captionTexts(b, set, p.Prompts)
	v, err := b.Texts(ctx, texts)
	if err != nil {
		return err
	}
	for i := range u.Rows {
		blas.Normalize(u.Row(i))
	}
	found := metric.TopMatches(u, blas.Matrix{Rows: len(texts), Cols: u.Cols, Values: v}, recallAt[len(recallAt)-1])
	rows := recallRows(found, owners)
	if p.Queries {
		if err := parquet.WriteFile(run.Path(recallFile), queriesOf(found, owners, set.Keys)); err != nil {
			return err
		}
	}
	if base, ok := run.In["base"]; ok {
		if rows, err = recallDeltas(rows, base); err != nil {
			return err
		}
	}
	return run.WriteRows(rows)
}

// captionTexts are the captions in order, in a template where one is given, and the image of each.
func captionTexts(b *backbone.Backbone, set *datasets.Captions, prompts []string) (texts []string, owners []int) {
	for i, list := range set.Texts {
		for _, text := range list {
			if len(prompts) > 0 {
				text = backbone.FillPrompt(prompts[0], text)
			}
			texts, owners = append(texts, text), append(owners, i)
		}
	}
	return texts, owners
}

// recallRows scores rankings of both ways; owners are the images of the texts.
func recallRows(found metric.Matches, owners []int) []op.MetricRow {
	ofImage, ofText := make([][]int, len(found.Rows)), make([][]int, len(owners))
	for text, image := range owners {
		ofImage[image] = append(ofImage[image], text)
		ofText[text] = []int{image}
	}
	var anyOf, set []op.MetricRow
	for _, k := range recallAt {
		i2t, t2i := metric.RecallAt(found.Rows, ofImage, k), metric.RecallAt(found.Cols, ofText, k)
		anyOf = append(anyOf, op.MetricRow{Metric: fmt.Sprintf("i2t-recall@%d", k), Value: i2t.Any, N: len(found.Rows)},
			op.MetricRow{Metric: fmt.Sprintf("t2i-recall@%d", k), Value: t2i.Any, N: len(owners)})
		set = append(set, op.MetricRow{Metric: fmt.Sprintf("i2t-set-recall@%d", k), Value: i2t.Set, N: len(found.Rows)})
	}
	return append(anyOf, set...)
}

// RetrievalQuery is one row of recall.parquet: a caption and its image, in the order of the set.
type RetrievalQuery struct {
	Image   string `parquet:"image,dict,zstd"` // key
	Caption int32  `parquet:"caption,zstd"`    // of the image, from 0
	// rank of the caption for the image, 1-based; 0: below the largest k
	I2T int32 `parquet:"i2t,zstd"`
	T2I int32 `parquet:"t2i,zstd"` // rank of the image for the caption, likewise
}

const recallFile = "recall.parquet"

// queriesOf says of each caption where it was found, and where it found its image.
func queriesOf(found metric.Matches, owners []int, keys []string) []RetrievalQuery {
	out := make([]RetrievalQuery, len(owners))
	for text, image := range owners {
		out[text] = RetrievalQuery{Image: keys[image], I2T: int32(slices.Index(found.Rows[image], text) + 1),
			T2I: int32(slices.Index(found.Cols[text], image) + 1)}
		if text > 0 && owners[text-1] == image {
			out[text].Caption = out[text-1].Caption + 1
		}
	}
	return out
}

// ReadQueries reads the queries of a finished evaluate stage of kind retrieval.
func ReadQueries(dir string) ([]RetrievalQuery, error) {
	return op.ReadTable[RetrievalQuery](filepath.Join(dir, recallFile))
}

// recallDeltas adds what both recalls at 1 gained over the base's.
func recallDeltas(rows []op.MetricRow, baseDir string) ([]op.MetricRow, error) {
	base, err := op.ReadRows(baseDir)
	if err != nil {
		return nil, err
	}
	for _, way := range []string{"i2t", "t2i"} {
		now, ok := findRow(rows, way+"-recall@1")
		before, had := findRow(base, way+"-recall@1")
		if !ok || !had || now.N != before.N {
			return nil, fmt.Errorf("%s: the base has no %s-recall@1 over %d queries: not the same set", baseDir, way, now.N)
		}
		rows = append(rows, op.MetricRow{Metric: way + "-delta", Value: now.Value - before.Value, N: now.N})
	}
	return rows, nil
}

func findRow(rows []op.MetricRow, name string) (op.MetricRow, bool) {
	for _, r := range rows {
		if r.Metric == name && r.Class == "" {
			return r, true
		}
	}
	return op.MetricRow{}, false
}
