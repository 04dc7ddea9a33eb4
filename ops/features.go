package ops

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"react/data/datasets"
	"react/data/image"
	"react/data/npy"
	"react/ops/blas"
)

// FeaturesParams are the params of features.
type FeaturesParams struct {
	Set       string `json:"set,omitempty"`       // evaluation set of a generated pool; empty: the outside folder
	Split     string `json:"split,omitempty"`     // train, val or test; empty: test
	Benchmark string `json:"benchmark,omitempty"` // entry of the catalogue; empty: a set of one's own
	Catalogue string `json:"catalogue,omitempty"` // digest of that entry, so that a changed one is another stage

	Precision string `json:"precision,omitempty"` // "" is f32
}

// featureItem is a row of items.parquet; row r belongs to row r of image.npy.
type featureItem struct {
	Key    string  `parquet:"key"`
	Labels []int32 `parquet:"labels,list"` // one, but in a multi-label set
	SHA256 string  `parquet:"sha256"`      // of the image's bytes
}

// featureSet is set.json: what is known of the labels.
type featureSet struct {
	Dir       string           `json:"dir"` // its last step: where it lies is no part of the result
	Benchmark string           `json:"benchmark,omitempty"`
	Metric    string           `json:"metric,omitempty"` // the benchmark's own
	Classes   []string         `json:"classes"`          // for tables
	Names     []datasets.Names `json:"names"`            // for prompts
	Templates []string         `json:"templates,omitempty"`
	Many      bool             `json:"many,omitempty"` // images may have several classes
}

const (
	featuresFile    = "image.npy"
	featureItemFile = "items.parquet"
	featureSetFile  = "set.json"
)

// features embeds the images of a labelled set once, for all that is computed on them. In: "checkpoint", "dataset"; with the file "list" only the
// images that it names. Out: image.npy [images, dim],
// f32, before they are scaled to length 1; items.parquet; set.json.
//
//	1: first
//	2: embeddings that are not finite are an error
//	3: lists that were not known made a set one class; hidden files were images
var features = onEngine(define(3, "features", runFeatures))

func runFeatures(ctx context.Context, run *Run, p FeaturesParams) error {
	set, err := run.labelledSet("dataset", p)
	if err != nil {
		return err
	}
	defer set.Close()
	if f, ok := run.Files["list"]; ok {
		if err := set.Keep(f.Paths[0]); err != nil {
			return err
		}
	}
	b, err := run.backboneIn(p.Precision)
	if err != nil {
		return err
	}
	defer b.close()
	items, err := b.writeFeatures(ctx, run, set)
	if err != nil {
		return err
	}
	if err := parquet.WriteFile(run.path(featureItemFile), items); err != nil {
		return err
	}
	return run.writeJSON(featureSetFile, aboutSet(set, p))
}

// labelledSet opens the labelled images of a role, which p names within it.
func (r *Run) labelledSet(role string, p FeaturesParams) (*datasets.Set, error) {
	dir, err := r.input(role)
	if err != nil {
		return nil, err
	}
	if p.Set != "" {
		dir = filepath.Join(dir, "sets", p.Set)
	}
	o := datasets.Options{Split: p.Split}
	if p.Benchmark != "" {
		if o.Entry, err = datasets.Find(p.Benchmark); err != nil {
			return nil, err
		}
	}
	return datasets.OpenSplit(dir, o)
}

func aboutSet(set *datasets.Set, p FeaturesParams) featureSet {
	about := featureSet{Dir: filepath.Base(set.Dir), Benchmark: p.Benchmark, Classes: set.Classes, Names: set.Names, Templates: set.Templates, Many: set.Many != nil}
	if set.Entry != nil {
		about.Metric = set.Entry.Metric
	}
	return about
}

// imageReader gives the images of a set by position.
type imageReader struct {
	n    int
	dir  string // for errors
	key  func(i int) string
	read func(i int) ([]byte, error)
	seen func(i int, raw []byte) // called once for each, from several goroutines; may be nil
}

// embedImages gives the features of a set's images to out, block by block in their order, before they are scaled to length 1. An image that
// does not decode is an error: a test set with holes is another test set.
func (b *backbone) embedImages(ctx context.Context, run *Run, r imageReader, out func(features []float32) error) error {
	norm := normalizationOf(b.checkpoint.Config)
	stride := 3 * norm.Size * norm.Size
	pixels := make([]float32, encodeBatch*stride)
	for start := 0; start < r.n; start += encodeBatch {
		n := min(encodeBatch, r.n-start)
		err := forEach(ctx, run.Workers, n, func(i int) error {
			raw, err := r.read(start + i)
			if err != nil {
				return err
			}
			if r.seen != nil {
				r.seen(start+i, raw)
			}
			return preprocess(raw, norm, pixels[i*stride:(i+1)*stride], r.dir, r.key(start+i))
		})
		if err != nil {
			return err
		}
		u, err := b.encoder.ImageFeatures(pixels[:n*stride], n)
		if err != nil {
			return named(err, func(i int) string { return fmt.Sprintf("%s: key %s", r.dir, r.key(start+i)) })
		}
		if err := out(u); err != nil {
			return err
		}
		run.Progress(Progress{Done: start + n, Total: r.n, Note: "images"})
	}
	return nil
}

// writeFeatures embeds the images of a set into image.npy and describes each.
func (b *backbone) writeFeatures(ctx context.Context, run *Run, set *datasets.Set) ([]featureItem, error) {
	out, err := npy.Create(run.path(featuresFile), "<f4", b.checkpoint.Config.Dim())
	if err != nil {
		return nil, err
	}
	items := make([]featureItem, len(set.Items))
	source := imageReader{n: len(items), dir: set.Dir, key: func(i int) string { return set.Items[i].Key }, read: set.Read, seen: func(i int, raw []byte) {
		digest := sha256.Sum256(raw)
		items[i] = featureItem{Key: set.Items[i].Key, SHA256: hex.EncodeToString(digest[:])}
		for _, l := range set.Labels(i) {
			items[i].Labels = append(items[i].Labels, int32(l))
		}
	}}
	if err := b.embedImages(ctx, run, source, out.Append); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return items, out.Close()
}

// preprocess decodes an image and fills what a tower reads of it.
func preprocess(raw []byte, norm normalization, pixels []float32, dir, key string) error {
	err := image.Use(raw, true, func(img *image.RGB) error {
		norm.fill(img, pixels)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: key %s: %w", dir, key, err)
	}
	return nil
}

// labelled is a features stage in memory.
type labelled struct {
	featureSet
	items []featureItem
	x     blas.Matrix // [images, dim], not normalised
}

// labels are the first class of each image.
func (l *labelled) labels() []int {
	out := make([]int, len(l.items))
	for i, item := range l.items {
		out[i] = -1
		if len(item.Labels) > 0 {
			out[i] = int(item.Labels[0])
		}
	}
	return out
}

// all are the classes of each image.
func (l *labelled) all() [][]int {
	out := make([][]int, len(l.items))
	for i, item := range l.items {
		for _, c := range item.Labels {
			out[i] = append(out[i], int(c))
		}
	}
	return out
}

// normalized are the features, each of length 1.
func (l *labelled) normalized() blas.Matrix {
	x := blas.Matrix{Rows: l.x.Rows, Cols: l.x.Cols, Values: slices.Clone(l.x.Values)}
	for i := range x.Rows {
		normalize(x.Row(i))
	}
	return x
}

// features reads a finished features stage by role.
func (r *Run) features(role string) (*labelled, error) {
	dir, ok := r.In[role]
	if !ok {
		return nil, fmt.Errorf("no input for role %q", role)
	}
	l := &labelled{}
	raw, err := os.ReadFile(filepath.Join(dir, featureSetFile))
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(raw, &l.featureSet); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, featureSetFile), err)
	}
	if l.items, err = parquet.ReadFile[featureItem](filepath.Join(dir, featureItemFile)); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, featureItemFile), err)
	}
	shape, values, err := npy.Read(filepath.Join(dir, featuresFile))
	if err != nil {
		return nil, err
	}
	if len(shape) != 2 || shape[0] != len(l.items) {
		return nil, fmt.Errorf("%s: shape %v for %d images", filepath.Join(dir, featuresFile), shape, len(l.items))
	}
	l.x = blas.Matrix{Rows: shape[0], Cols: shape[1], Values: values}
	return l, nil
}
