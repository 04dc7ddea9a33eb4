package evaluate

import (
	"context"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"react/data/labelmap"
	"react/ops/backbone"
	"react/ops/metric/segmentation"
	"react/ops/op"
	"react/ops/places"
	"react/results"
	"react/results/dense"
)

// SegmentationParams are the params of kind segmentation.
type SegmentationParams struct {
	places.Reading
	Denoise float64 `json:"denoise,omitempty"`
	Smooth  float64 `json:"smooth,omitempty"`
	Keys    string  `json:"keys,omitempty"` // released, paper
}

// Files of an evaluation of pixels: the labels of each picture, and how many of them are right.
const (
	labelsFolder = "labels"
	pixelsFile   = "pixels.parquet"
)

// segment labels the pixels of pictures. In: "checkpoint", "dataset" (see places.OpenMaps), optional
// "base". Out: rows.jsonl with mIoU, mAcc and aAcc, and of each class; labels/, a PNG for each
// picture; pixels.parquet, from which figures can be accumulated over other draws of the pictures.
func segment(ctx context.Context, run *op.Run, p Params) error {
	entry, err := benchmarkOf(p.Benchmark)
	if err != nil {
		return err
	}
	set, err := places.OpenMaps(run, p.Set, entry)
	if err != nil {
		return err
	}
	text, err := placeHead(ctx, run, p, set.Names, entry)
	if err != nil {
		return err
	}
	b, err := backbone.Open(run, p.Precision)
	if err != nil {
		return err
	}
	defer b.Close()
	how := p.Segmentation
	reader, err := places.NewReader(b, how.Reading, p.Precision)
	if err != nil {
		return err
	}
	defer reader.Close()
	if err := os.Mkdir(run.Path(labelsFolder), 0o777); err != nil {
		return err
	}
	counter := segmentation.NewCounter(set.Classes, labelmap.Ignored)
	var rows []results.Pixels
	labelling := places.Labelling{Denoise: how.Denoise, Smooth: how.Smooth, Keys: how.Keys}
	err = reader.Label(ctx, run, set, text, labelling, p.MaxBadShare, func(at int, labels *labelmap.Map) error {
		truth, err := set.Truth(at)
		if err != nil {
			return err
		}
		of, err := segmentation.Count(counter, set.Keys[at], labels.Labels, truth.Labels)
		if err != nil {
			return err
		}
		rows = append(rows, of...)
		return labelmap.Write(run.Path(labelsFolder, set.Keys[at]+".png"), labels, set.Scheme)
	})
	if err != nil {
		return err
	}
	if err := writeOne(run.Path(pixelsFile), func(w io.Writer) error {
		return results.WritePixelsByStage(w, map[string][]results.Pixels{"": rows})
	}); err != nil {
		return err
	}
	return run.WriteRows(pixelRows(dense.NewSegmentation(rows)))
}

// pixelRows are the figures, then the overlap and the accuracy of each class.
func pixelRows(s *dense.Segmentation) (out []op.MetricRow) {
	add := func(name, class string, value float64) {
		if !math.IsNaN(value) {
			out = append(out, op.MetricRow{Metric: name, Value: value, N: len(s.Images()), Class: class})
		}
	}
	for _, name := range []string{"mIoU", "mAcc", "aAcc"} {
		add(name, "", s.Value(name, nil))
	}
	byClass := s.ByClass()
	for _, class := range slices.Sorted(maps.Keys(byClass)) {
		add("mIoU", class, byClass[class].IoU)
		add("mAcc", class, byClass[class].Acc)
	}
	return out
}

// ReadPixels reads what a finished evaluate stage of kind segmentation counted.
func ReadPixels(dir string) ([]results.Pixels, error) {
	all, err := results.ReadPixelsByStage(filepath.Join(dir, pixelsFile))
	return all[""], err
}
