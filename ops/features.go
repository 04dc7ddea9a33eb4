package ops

import (
	"cmp"
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
	"react/data/lost"
	"react/data/npy"
	"react/ops/blas"
	"react/ops/clip"
)

// FeaturesParams are the params of features.
type FeaturesParams struct {
	Set       string `json:"set,omitempty"`       // evaluation set of a generated pool; empty: the outside folder
	Split     string `json:"split,omitempty"`     // train, val or test; empty: test
	Benchmark string `json:"benchmark,omitempty"` // entry of the catalogue; empty: a set of one's own
	Catalogue string `json:"catalogue,omitempty"` // digest of that entry, so that a changed one is another stage

	Precision string `json:"precision,omitempty"` // "" is f32

	MaxBadShare float64 `json:"maxBadShare"` // of the images that may be lost
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
//	4: images that cannot be read are left out, up to maxBadShare
//	5: crops of Hugging Face's checkpoints are its own; JPEGs of odd subsampling read
var features = imagesOnly(onEngine(define(5, "features", runFeatures,
	says[FeaturesParams](FeaturesParams.work, sameParams, FeaturesParams.memory, FeaturesParams.check))))

// work is a set's images through the image tower.
func (p FeaturesParams) work(at Known) Work {
	if at.Model == nil {
		return Work{}
	}
	n, _, ok := at.imagesOf(p.Benchmark, cmp.Or(p.Split, "test"))
	if !ok {
		return Work{}
	}
	return Work{Samples: n, FLOPs: n * at.Model.FLOPs().Image, Bytes: n * (float64(at.Model.Dim())*fullBytes + metaBytes)}
}

func (p FeaturesParams) memory(at Place) (clip.Memory, error) { return at.encoding(p.Precision) }

func (p FeaturesParams) check(look Inspector) { look.Labelled(look.Images(own)) }

func runFeatures(ctx context.Context, run *Run, p FeaturesParams) error {
	set, err := run.labelledSet("dataset", p)
	if err != nil {
		return err
	}
	defer set.Close()
	run.warnOfCodes(set)
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
	items, err := b.writeFeatures(ctx, run, set, p.MaxBadShare)
	if err != nil {
		return err
	}
	if err := parquet.WriteFile(run.path(featureItemFile), items); err != nil {
		return err
	}
	return run.writeJSON(featureSetFile, aboutSet(set, p))
}

// warnOfCodes says where classes are called by codes: kept with the stage, it is said of every sweep
// that uses it.
func (r *Run) warnOfCodes(set *datasets.Set) {
	if text := set.CodesWarning(); text != "" {
		r.Warn("%s", text)
	}
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
	o := datasets.Options{Split: p.Split, MaxBadShare: p.MaxBadShare}
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

	lost     lost.Count                                       // before any was read
	maxShare float64                                          // of the images that may be lost
	encode   func(pixels []float32, n int) ([]float32, error) // nil: features before they are scaled to length 1
}

// embedImages gives the features of a set's images to out, block by block in their order, and returns the places of those that it gave. Images that
// cannot be read are left out; more than maxShare are an error, for a test set with holes is another test set.
func (b *backbone) embedImages(ctx context.Context, run *Run, r imageReader, out func(at []int, features []float32) error) (kept []int, err error) {
	if r.encode == nil {
		r.encode = b.encoder.ImageFeatures
	}
	norm := normalizationOf(b.checkpoint.Config)
	stride := 3 * norm.Size * norm.Size
	pixels := make([]float32, encodeBatch*stride)
	c := r.counted()
	for start := 0; start < r.n; start += encodeBatch {
		n := min(encodeBatch, r.n-start)
		unread, err := r.fill(ctx, run.Workers, start, n, norm, pixels)
		if err != nil {
			return nil, err
		}
		at := compact(start, n, unread, pixels, stride)
		for _, e := range unread {
			if e != nil {
				c.Add(e.cause, e.Error())
			}
		}
		if len(at) > 0 && c.Check(r.maxShare) == nil { // else only the count is still wanted
			u, err := r.encode(pixels[:len(at)*stride], len(at))
			if err != nil {
				return nil, named(err, func(i int) string { return fmt.Sprintf("%s: key %s", r.dir, r.key(at[i])) })
			}
			if err := out(at, u); err != nil {
				return nil, err
			}
		}
		kept = append(kept, at...)
		run.Progress(Progress{Done: start + n, Total: r.n, Note: "images"})
	}
	return kept, run.lose(c, r.maxShare)
}

// counted is the count of what is lost before any image was read.
func (r *imageReader) counted() lost.Count {
	c := lost.Count{Of: max(r.lost.Of, int64(r.n)), What: "set " + filepath.Base(r.dir)}
	for cause, n := range r.lost.By {
		c.AddN(cause, n, r.lost.First[cause])
	}
	return c
}

// unreadImage is one that is left out, and why.
type unreadImage struct {
	error
	cause lost.Cause
}

// fill reads n images from start on into pixels; the answer has those that cannot be read.
func (r *imageReader) fill(ctx context.Context, workers, start, n int, norm normalization, pixels []float32) ([]*unreadImage, error) {
	unread := make([]*unreadImage, n)
	stride := 3 * norm.Size * norm.Size
	err := forEach(ctx, workers, n, func(i int) error {
		raw, err := r.read(start + i)
		if cause := datasets.LostCause(err); cause != "" {
			unread[i] = &unreadImage{fmt.Errorf("%s: key %s: %w", r.dir, r.key(start+i), err), cause}
			return nil
		}
		if err != nil {
			return err
		}
		if err := preprocess(raw, norm, pixels[i*stride:(i+1)*stride], r.dir, r.key(start+i)); err != nil {
			unread[i] = &unreadImage{err, lost.Undecodable}
			return nil
		}
		if r.seen != nil {
			r.seen(start+i, raw)
		}
		return nil
	})
	return unread, err
}

// compact moves the images that were read together, and gives their places.
func compact(start, n int, unread []*unreadImage, pixels []float32, stride int) (at []int) {
	for i := range n {
		if unread[i] != nil {
			continue
		}
		if len(at) != i {
			copy(pixels[len(at)*stride:(len(at)+1)*stride], pixels[i*stride:(i+1)*stride])
		}
		at = append(at, start+i)
	}
	return at
}

// dropUnread leaves out the images of a set that cannot be read, for stages that come back to each; it decodes every one.
func (r *Run) dropUnread(ctx context.Context, set *datasets.Set, maxShare float64) error {
	reader := imageReader{n: len(set.Items), dir: set.Dir, lost: set.Lost}
	c := reader.counted()
	src := newSetSource(set, indicesTo(len(set.Items)))
	bad, errs, err := src.check(ctx, r.Workers)
	if err != nil {
		return err
	}
	for _, err := range errs {
		c.Add(cmp.Or(datasets.LostCause(err), lost.Undecodable), err.Error())
	}
	if err := r.lose(c, maxShare); err != nil || len(bad) == 0 {
		return err
	}
	return set.Drop(bad)
}

// chosen are the values at some places.
func chosen[T any](all []T, at []int) []T {
	out := make([]T, len(at))
	for i, place := range at {
		out[i] = all[place]
	}
	return out
}

// writeFeatures embeds the images of a set into image.npy and describes each.
func (b *backbone) writeFeatures(ctx context.Context, run *Run, set *datasets.Set, maxShare float64) ([]featureItem, error) {
	out, err := npy.Create(run.path(featuresFile), "<f4", b.checkpoint.Config.Dim())
	if err != nil {
		return nil, err
	}
	items := make([]featureItem, len(set.Items))
	source := setReader(set, maxShare)
	source.seen = func(i int, raw []byte) {
		digest := sha256.Sum256(raw)
		items[i] = featureItem{Key: set.Items[i].Key, SHA256: hex.EncodeToString(digest[:])}
		for _, l := range set.Labels(i) {
			items[i].Labels = append(items[i].Labels, int32(l))
		}
	}
	kept, err := b.embedImages(ctx, run, source, func(_ []int, u []float32) error { return out.Append(u) })
	if err == nil {
		err = everyClass(set, kept)
	}
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return chosen(items, kept), out.Close()
}

// setReader reads the images of a labelled set.
func setReader(set *datasets.Set, maxShare float64) imageReader {
	return imageReader{n: len(set.Items), dir: set.Dir, key: func(i int) string { return set.Items[i].Key }, read: set.Read, lost: set.Lost, maxShare: maxShare}
}

// everyClass refuses a set that has lost all images of a class.
func everyClass(set *datasets.Set, kept []int) error {
	has := make([]bool, len(set.Classes))
	for _, i := range kept {
		for _, l := range set.Labels(i) {
			has[l] = true
		}
	}
	if c := slices.Index(has, false); c >= 0 {
		return fmt.Errorf("set %s: class %d (%q) has no image that can be read", set.Dir, c, set.Classes[c])
	}
	return nil
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
