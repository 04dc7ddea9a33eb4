package retrieve

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"react/data/embeddings"
	"react/data/pool"
	"react/data/shards"
	"react/ops/backbone"
	"react/ops/clip/encode"
	"react/ops/knn"
	"react/ops/modality"
	"react/ops/op"
	"react/ops/pools"
)

// Finder answers texts with the nearest rows of a pool, for people who look at an index. It is no
// stage and writes nothing. Its methods may be called concurrently.
type Finder struct {
	backbone *backbone.Backbone
	encode   *encode.Encoder // of one text at a time
	folder   *embeddings.Folder
	alive    *pool.Rows // nil is all
	indexes  map[string]knn.Searcher
	hasMeta  bool
	set      *shards.Set // nil where the pool has no images here
}

// FinderParams say how to search. Sides are t2t and t2i; one without an index is searched by an
// exact pass.
type FinderParams struct {
	By        []string
	Precision string // of the queries; "" is f32
}

// Nearest is one row that a Finder found.
type Nearest struct {
	Row   int64 // of the embeddings folder
	Rank  int   // 1-based
	Score float32
	Meta  embeddings.Meta
}

// OpenFinder opens what a search by text reads. In: "checkpoint" and "embeddings" as embed and
// queries have them, "pool" for images; "index.t2t" and "index.t2i", "tuned.t2t" and "tuned.t2i",
// and "filter", each where there is one.
func OpenFinder(ctx context.Context, run *op.Run, p FinderParams) (_ *Finder, err error) {
	f := &Finder{indexes: map[string]knn.Searcher{}}
	defer func() {
		if err != nil {
			f.Close()
		}
	}()
	if f.folder, err = run.Embeddings(); err != nil {
		return nil, err
	}
	f.folder.MaxBad = int(f.folder.Rows()) // stages counted them
	if f.alive, err = pools.AliveIn(ctx, run, f.folder); err != nil {
		return nil, err
	}
	for _, by := range p.By {
		if err := f.openSide(run, by); err != nil {
			return nil, err
		}
	}
	if files, err := pools.FilesOf(run); err == nil && len(files.Shards) > 0 {
		if f.set, err = shards.Index(ctx, files.Shards, int(f.folder.Rows())); err != nil {
			return nil, err
		}
	}
	if meta, err := f.folder.Meta(ctx); err == nil {
		f.hasMeta = true
		meta.Close()
	}
	return f, f.openEncoder(run, p.Precision)
}

func (f *Finder) openSide(run *op.Run, by string) error {
	name := modality.Of(by).Side
	if name == "" {
		return fmt.Errorf("retriever %q searches no embeddings", by)
	}
	if _, err := side(f.folder, name); err != nil {
		return err
	}
	dir, ok := run.In["index."+by]
	if !ok {
		f.indexes[by] = nil
		return nil
	}
	x, err := knn.OpenAny(dir, name, knn.Params{})
	if err != nil {
		return err
	}
	f.indexes[by] = x
	if x.Dim() != f.folder.Dim() || int64(x.Len()) != f.folder.Rows() {
		return fmt.Errorf("the %s index in %s holds %d vectors of %d, the embeddings %d of %d", name, dir, x.Len(), x.Dim(), f.folder.Rows(), f.folder.Dim())
	}
	tuned, ok := run.In["tuned."+by]
	if !ok {
		return nil
	}
	curve, err := ReadIndexCurve(tuned)
	if err == nil && curve.Chosen > 0 {
		err = x.SetSearch(curve.Chosen)
	}
	return err
}

func (f *Finder) openEncoder(run *op.Run, precision string) (err error) {
	if f.backbone, err = backbone.Open(run, precision); err != nil {
		return err
	}
	if dim := f.backbone.Checkpoint.Config.Dim(); dim != f.folder.Dim() {
		return fmt.Errorf("the model embeds in %d dimensions, the pool's embeddings have %d: they come from another model", dim, f.folder.Dim())
	}
	f.encode, err = encode.NewIn(f.backbone.Engine, f.backbone.Checkpoint, 1, precision)
	return err
}

// Close frees what was opened.
func (f *Finder) Close() error {
	var errs []error
	if f.encode != nil {
		f.encode.Close()
	}
	if f.backbone != nil {
		f.backbone.Close()
	}
	for _, x := range f.indexes {
		if x != nil {
			errs = append(errs, x.Close())
		}
	}
	if f.set != nil {
		errs = append(errs, f.set.Close())
	}
	if f.folder != nil {
		errs = append(errs, f.folder.Close())
	}
	return errors.Join(errs...)
}

// Rows is the number of rows that can be found.
func (f *Finder) Rows() int64 {
	if f.alive != nil {
		return f.alive.Count()
	}
	return f.folder.Rows()
}

// By lists the sides that are searched.
func (f *Finder) By() []string {
	var names []string
	for _, by := range []string{modality.T2I, modality.T2T} {
		if _, ok := f.indexes[by]; ok {
			names = append(names, by)
		}
	}
	return names
}

// How says how a side is searched: "ivf-flat, nprobe 16", "exact".
func (f *Finder) How(by string) string {
	x := f.indexes[by]
	if x == nil {
		return "exact"
	}
	if name, value := x.Params().SearchParam(); name != "" {
		return fmt.Sprintf("%s, %s %d", x.Params().Kind, name, value)
	}
	return x.Params().Kind
}

// Encode embeds a text as the pool's captions were: [dim], of length 1.
func (f *Finder) Encode(text string) ([]float32, error) {
	return f.encode.Texts(backbone.EncodeAll(f.backbone.Tokenizer, []string{text}), 1)
}

// Find gives the k nearest rows of one side, best first; fewer where there are fewer.
func (f *Finder) Find(ctx context.Context, query []float32, by string, k int) ([]Nearest, error) {
	if k < 1 {
		return nil, fmt.Errorf("k %d: at least 1", k)
	}
	if _, ok := f.indexes[by]; !ok {
		return nil, fmt.Errorf("%s is not searched here", by)
	}
	rows := int(f.folder.Rows())
	for ask := min(k, rows); ; ask = min(2*ask, rows) {
		hits, err := f.search(ctx, query, by, ask)
		if err != nil {
			return nil, err
		}
		var list []Nearest
		for i, row := range hits.Rows {
			if row >= 0 && f.alive.Has(row) {
				list = append(list, Nearest{Row: row, Score: hits.Scores[i]})
			}
		}
		if len(list) < k && ask < rows && !slices.Contains(hits.Rows, -1) {
			continue
		}
		slices.SortFunc(list, func(a, b Nearest) int { return cmp.Or(cmp.Compare(b.Score, a.Score), cmp.Compare(a.Row, b.Row)) })
		list = list[:min(k, len(list))]
		return list, f.describe(list)
	}
}

func (f *Finder) search(ctx context.Context, query []float32, by string, k int) (knn.Hits, error) {
	if x := f.indexes[by]; x != nil {
		return x.Search(ctx, query, k)
	}
	matrix, err := side(f.folder, modality.Of(by).Side)
	if err != nil {
		return knn.Hits{}, err
	}
	exact := knn.Exact{Source: matrix}
	if f.alive != nil {
		exact.Subset = f.alive
	}
	return exact.Search(ctx, query, k)
}

// describe fills in ranks and what the metadata say.
func (f *Finder) describe(list []Nearest) error {
	rows := make([]int64, len(list))
	for i := range list {
		rows[i], list[i].Rank = list[i].Row, i+1
	}
	meta, err := f.Describe(rows)
	for i := range meta {
		list[i].Meta = meta[i]
	}
	return err
}

// Describe gives what the metadata say of rows of the embeddings folder, in their order; without
// metadata the rows' numbers alone.
func (f *Finder) Describe(rows []int64) ([]embeddings.Meta, error) {
	out, order := make([]embeddings.Meta, len(rows)), make([]int, len(rows))
	for i, row := range rows {
		out[i].Row, order[i] = row, i
	}
	if !f.hasMeta {
		return out, nil
	}
	meta, err := f.folder.Meta(context.Background())
	if err != nil {
		return nil, err
	}
	defer meta.Close()
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(rows[a], rows[b]) })
	for _, i := range order {
		if out[i], err = meta.At(rows[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Images gives the pool's images by key; nil where there are none.
func (f *Finder) Images() *shards.Set { return f.set }
