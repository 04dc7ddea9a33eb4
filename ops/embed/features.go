package embed

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"react/data/datasets"
	"react/data/datasets/catalogue"
	"react/data/lost"
	"react/data/npy"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/clip"
	"react/ops/op"
	"react/ops/probe"
)

// FeaturesParams are the params of features.
type FeaturesParams struct {
	// evaluation set of a generated pool; empty: the outside folder
	Set   string `json:"set,omitempty"`
	Split string `json:"split,omitempty"` // train, val or test; empty: test
	// entry of the catalogue; empty: a set of one's own
	Benchmark string `json:"benchmark,omitempty"`
	// digest of that entry, so that a changed one is another stage
	Catalogue string `json:"catalogue,omitempty"`

	Precision string `json:"precision,omitempty"` // "" is f32

	MaxBadShare float64 `json:"maxBadShare"` // of the images that may be lost
}

// FeatureItem is a row of items.parquet; row r belongs to row r of image.npy.
type FeatureItem struct {
	Key    string  `parquet:"key"`
	Labels []int32 `parquet:"labels,list"` // one, but in a multi-label set
	SHA256 string  `parquet:"sha256"`      // of the image's bytes
}

// FeatureSet is set.json: what is known of the labels.
type FeatureSet struct {
	// its last step: where it lies is no part of the result
	Dir       string            `json:"dir"`
	Benchmark string            `json:"benchmark,omitempty"`
	Metric    string            `json:"metric,omitempty"` // the benchmark's own
	Classes   []string          `json:"classes"`          // for tables
	Names     []catalogue.Names `json:"names"`            // for prompts
	Templates []string          `json:"templates,omitempty"`
	Many      bool              `json:"many,omitempty"` // images may have several classes
}

const (
	FeaturesFile    = "image.npy"
	featureItemFile = "items.parquet"
	FeatureSetFile  = "set.json"
)

// FeaturesOp embeds the images of a labelled set once, for all that is computed on them. In:
// "checkpoint", "dataset"; with the file "list" only the images that it names. Out: image.npy
// [images, dim], f32, before they are scaled to length 1; items.parquet; set.json.
//
//	1: first
//	2: embeddings that are not finite are an error
//	3: lists that were not known made a set one class; hidden files were images
//	4: images that cannot be read are left out, up to maxBadShare
//	5: crops of Hugging Face's checkpoints are its own; JPEGs of odd subsampling read
//	6: a part of a set in tars has its own images, not those of other items
var FeaturesOp = op.ImagesOnly(op.OnEngine(op.Define(6, "features", runFeatures,
	op.Says[FeaturesParams](FeaturesParams.work, op.SameParams, FeaturesParams.memory, FeaturesParams.check))))

// work is a set's images through the image tower.
func (p FeaturesParams) work(at op.Known) op.Work {
	if at.Model == nil {
		return op.Work{}
	}
	n, _, ok := at.ImagesOf(p.Benchmark, cmp.Or(p.Split, "test"))
	if !ok {
		return op.Work{}
	}
	return op.Work{Samples: n, FLOPs: n * at.Model.FLOPs().Image, Bytes: n * (float64(at.Model.Dim())*op.FullBytes + op.MetaBytes)}
}

func (p FeaturesParams) memory(at op.Place) (clip.Memory, error) {
	return backbone.Memory(at, p.Precision)
}

func (p FeaturesParams) check(look op.Inspector) { look.Labelled(look.Images(op.Own)) }

func runFeatures(ctx context.Context, run *op.Run, p FeaturesParams) error {
	set, err := OpenLabelled(run, "dataset", p)
	if err != nil {
		return err
	}
	defer set.Close()
	WarnOfCodes(run, set)
	if f, ok := run.Files["list"]; ok {
		if err := set.Keep(f.Paths[0]); err != nil {
			return err
		}
	}
	b, err := backbone.Open(run, p.Precision)
	if err != nil {
		return err
	}
	defer b.Close()
	items, err := writeFeatures(ctx, b, run, set, p.MaxBadShare)
	if err != nil {
		return err
	}
	if err := parquet.WriteFile(run.Path(featureItemFile), items); err != nil {
		return err
	}
	return run.WriteJSON(FeatureSetFile, aboutSet(set, p))
}

// WarnOfCodes says where classes are called by codes: kept with the stage, it is said of every
// sweep that uses it.
func WarnOfCodes(run *op.Run, set *datasets.Set) {
	if text := set.CodesWarning(); text != "" {
		run.Warn("%s", text)
	}
}

// OpenLabelled opens the labelled images of a role, which p names within it.
func OpenLabelled(run *op.Run, role string, p FeaturesParams) (*datasets.Set, error) {
	dir, o, err := p.within(run, role)
	if err != nil {
		return nil, err
	}
	return datasets.OpenSplit(dir, o)
}

// OpenCaptioned opens the images with captions of a role, likewise.
func OpenCaptioned(run *op.Run, role string, p FeaturesParams) (*datasets.Captions, error) {
	dir, o, err := p.within(run, role)
	if err != nil {
		return nil, err
	}
	return datasets.OpenCaptions(dir, o)
}

// within is where a set lies in a role, and how it is read.
func (p FeaturesParams) within(run *op.Run, role string) (dir string, o datasets.Options, err error) {
	if dir, err = run.Input(role); err != nil {
		return "", o, err
	}
	if p.Set != "" {
		dir = filepath.Join(dir, "sets", p.Set)
	}
	o = datasets.Options{Split: p.Split, MaxBadShare: p.MaxBadShare}
	if p.Benchmark != "" {
		o.Entry, err = catalogue.Find(p.Benchmark)
	}
	return dir, o, err
}

func aboutSet(set *datasets.Set, p FeaturesParams) FeatureSet {
	about := FeatureSet{Dir: filepath.Base(set.Dir), Benchmark: p.Benchmark, Classes: set.Classes, Names: set.Names, Templates: set.Templates, Many: set.Many != nil}
	if set.Entry != nil {
		about.Metric = set.Entry.Metric
	}
	return about
}

// DropUnread leaves out the images of a set that cannot be read, for stages that come back to each;
// it decodes every one.
func DropUnread(ctx context.Context, run *op.Run, set *datasets.Set, maxShare float64) error {
	reader := backbone.Reader{N: len(set.Items), Dir: set.Dir, Lost: set.Lost}
	c := reader.Counted()
	src := backbone.NewSetSource(set, backbone.IndicesTo(len(set.Items)))
	bad, errs, err := src.Check(ctx, run.Workers)
	if err != nil {
		return err
	}
	for _, err := range errs {
		c.Add(cmp.Or(datasets.LostCause(err), lost.Undecodable), err.Error())
	}
	if err := run.Lose(c, maxShare); err != nil || len(bad) == 0 {
		return err
	}
	return set.Drop(bad)
}

// writeFeatures embeds the images of a set into image.npy and describes each.
func writeFeatures(ctx context.Context, b *backbone.Backbone, run *op.Run, set *datasets.Set, maxShare float64) ([]FeatureItem, error) {
	out, err := npy.Create(run.Path(FeaturesFile), "<f4", b.Checkpoint.Config.Dim())
	if err != nil {
		return nil, err
	}
	items := make([]FeatureItem, len(set.Items))
	source := SetReader(set, maxShare)
	source.Seen = func(i int, raw []byte) {
		digest := sha256.Sum256(raw)
		items[i] = FeatureItem{Key: set.Items[i].Key, SHA256: hex.EncodeToString(digest[:])}
		for _, l := range set.Labels(i) {
			items[i].Labels = append(items[i].Labels, int32(l))
		}
	}
	kept, err := b.EmbedImages(ctx, run, source, func(_ []int, u []float32) error { return out.Append(u) })
	if err == nil {
		err = EveryClass(set, kept)
	}
	if err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return backbone.Kept(items, kept), out.Close()
}

// SetReader reads the images of a labelled set.
func SetReader(set *datasets.Set, maxShare float64) backbone.Reader {
	return backbone.Reader{N: len(set.Items), Dir: set.Dir, Key: func(i int) string { return set.Items[i].Key }, Read: set.Read, Lost: set.Lost, MaxShare: maxShare}
}

// EveryClass refuses a set that has lost all images of a class.
func EveryClass(set *datasets.Set, kept []int) error {
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

// Labelled is a features stage in memory.
type Labelled struct {
	FeatureSet
	Items []FeatureItem
	X     blas.Matrix // [images, dim], not normalised
}

// Labels are the first class of each image.
func (l *Labelled) Labels() []int {
	out := make([]int, len(l.Items))
	for i, item := range l.Items {
		out[i] = -1
		if len(item.Labels) > 0 {
			out[i] = int(item.Labels[0])
		}
	}
	return out
}

// All are the classes of each image.
func (l *Labelled) All() [][]int {
	out := make([][]int, len(l.Items))
	for i, item := range l.Items {
		for _, c := range item.Labels {
			out[i] = append(out[i], int(c))
		}
	}
	return out
}

// Fits refuses features that are not of a backbone's dimension.
func (l *Labelled) Fits(b *backbone.Backbone) error {
	if dim := b.Checkpoint.Config.Dim(); dim != l.X.Cols {
		return fmt.Errorf("features have %d values, the model's embeddings %d", l.X.Cols, dim)
	}
	return nil
}

// Normalized are the features, each of length 1.
func (l *Labelled) Normalized() blas.Matrix {
	x := blas.Matrix{Rows: l.X.Rows, Cols: l.X.Cols, Values: slices.Clone(l.X.Values)}
	for i := range x.Rows {
		blas.Normalize(x.Row(i))
	}
	return x
}

// ReadFeatures reads a finished features stage by role.
func ReadFeatures(run *op.Run, role string) (*Labelled, error) {
	dir, ok := run.In[role]
	if !ok {
		return nil, fmt.Errorf("no input for role %q", role)
	}
	l := &Labelled{}
	err := op.ReadJSON(filepath.Join(dir, FeatureSetFile), &l.FeatureSet)
	if err != nil {
		return nil, err
	}
	if l.Items, err = op.ReadTable[FeatureItem](filepath.Join(dir, featureItemFile)); err != nil {
		return nil, err
	}
	l.X, err = ReadVectors(dir, len(l.Items))
	return l, err
}

// ReadVectors reads the features of so many images.
func ReadVectors(dir string, images int) (blas.Matrix, error) {
	name := filepath.Join(dir, FeaturesFile)
	x, err := op.ReadMatrix(name)
	if err == nil && x.Rows != images {
		err = fmt.Errorf("%s: %d rows for %d images", name, x.Rows, images)
	}
	return x, err
}

// LabelsOf are a set's labels, for scores and draws.
func LabelsOf(set *datasets.Set, p FeaturesParams) *Labelled {
	out := &Labelled{FeatureSet: aboutSet(set, p)}
	for i, item := range set.Items {
		l := FeatureItem{Key: item.Key}
		for _, c := range set.Labels(i) {
			l.Labels = append(l.Labels, int32(c))
		}
		out.Items = append(out.Items, l)
	}
	return out
}

// ShotsOf are the places of some images of each class, or of all.
func ShotsOf(set *Labelled, shots int, seed int64) ([]int, error) {
	if shots == 0 {
		return backbone.IndicesTo(len(set.Items)), nil
	}
	at, err := probe.FewShot(set.All(), len(set.Classes), shots, seed)
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", set.Dir, err)
	}
	return at, nil
}
