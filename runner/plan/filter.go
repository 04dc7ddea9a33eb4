package plan

import (
	"fmt"
	"path/filepath"
	"slices"

	"react/data/glob"
	"react/data/pool"
	"react/ops/op"
	"react/ops/pools"
	"react/runner/spec"
)

// filter gives the stage that says which rows of a pool are used; no source where the pool has no
// filter.
func (c *composer) filter(name string, from, emb source) (source, error) {
	rows, _ := c.p.Pool(name)
	f := rows.Filter()
	if f == nil {
		return source{}, nil
	}
	in := newInputs()
	if rows.Embeddings() != "" { // a folder's own metadata say what its rows are
		from = emb
	}
	in.give("pool", from)
	for role, find := range map[string]func() (op.Files, error){
		"blocklist": func() (op.Files, error) { return globs(f.Blocklist) },
		"within":    func() (op.Files, error) { return manifests(f.Within) },
	} {
		if c.opts.Unseen {
			continue
		}
		files, err := find()
		if err != nil {
			return source{}, fmt.Errorf("pool.%s.filter.%s: %w", name, role, err)
		}
		if len(files.Paths) > 0 {
			in.files[role] = files
		}
	}
	stage, err := c.add("filter", FilterParams(spec.Pool{Filter: f, MaxBad: rows.MaxBad()}), in.in, in.files)
	if err == nil && stage.Field == "" {
		stage.Field = "pool." + name
	}
	return source{stage: stage}, err
}

// FilterParams are the params of a pool's filter; a pool without one has the filter that lets every
// row through.
func FilterParams(p spec.Pool) pools.FilterParams {
	out := pools.FilterParams{MaxBad: p.MaxBad}
	if f := p.Filter; f != nil {
		out.Filter = pool.Filter{MinSimilarity: f.MinSimilarity, MaxSimilarity: f.MaxSimilarity, MinSide: f.MinSide, MaxAspect: f.MaxAspect, NSFW: f.NSFW,
			MaxUnsafe: f.MaxUnsafe, MaxWatermark: f.MaxWatermark, MinAesthetic: f.MinAesthetic, Language: f.Language, License: f.License,
			MinWords: f.MinWords, MinChars: f.MinChars, MaxChars: f.MaxChars, Fraction: f.Fraction, Seed: f.Seed, Unknown: f.Unknown}
	}
	return out
}

// globs finds the files of several patterns, sorted, each once.
func globs(patterns []string) (op.Files, error) {
	var names []string
	for _, pattern := range patterns {
		f, err := globFiles(pattern)
		if err != nil {
			return op.Files{}, err
		}
		names = append(names, f.Paths...)
	}
	return rooted(names), nil
}

// manifests finds what pool pin wrote into some folders.
func manifests(dirs []string) (op.Files, error) {
	var names []string
	for _, dir := range dirs {
		for _, name := range []string{pool.ManifestFile, pool.RowsFile} {
			f, err := oneFile(filepath.Join(dir, name))
			if err != nil {
				return op.Files{}, fmt.Errorf("%w; a manifest is written by: runner pool pin", err)
			}
			names = append(names, f.Paths...)
		}
	}
	return rooted(names), nil
}

// rooted makes role files of absolute names from any folders; the root is the longest folder that
// has them all, so that keys name no more of the paths than tells them apart.
func rooted(names []string) op.Files {
	if len(names) == 0 {
		return op.Files{}
	}
	slices.Sort(names)
	names = slices.Compact(names)
	root := filepath.Dir(names[0])
	for _, name := range names {
		for !isBelow(name, root) {
			root = filepath.Dir(root)
		}
	}
	return op.Files{Root: root, Paths: names}
}

func isBelow(name, root string) bool {
	rel, err := filepath.Rel(root, name)
	return err == nil && filepath.IsLocal(rel)
}

// PoolShards are the tars of a pool, or the members of folders.
func PoolShards(p spec.Pool) ([]string, error) {
	f, err := shardFiles(p.Shards)
	return f.Paths, err
}

// PoolMetadata finds the metadata of a pool of outside files, and the lists of its filter, as the
// filter stage would read them.
func PoolMetadata(p spec.Pool) (pool.Source, pool.Lists, error) {
	src, lists := pool.Source{MaxBad: p.MaxBad}, pool.Lists{}
	find := func(pattern string, into *[]string, files func(string) (op.Files, error)) error {
		if pattern == "" {
			return nil
		}
		f, err := files(pattern)
		*into = f.Paths
		return err
	}
	if p.World != nil {
		return src, lists, fmt.Errorf("a generated pool: its metadata are in the output of its stage, world, not in outside files")
	}
	if p.Embeddings != "" {
		src.Folder = true
		names, err := glob.In(p.Embeddings, "metadata/*.parquet")
		if err == nil && len(names) == 0 {
			err = missingError(fmt.Sprintf("%q has no metadata/*.parquet%s", p.Embeddings, fetchHint(p.Embeddings)))
		}
		if src.Metadata = names; err != nil {
			return src, lists, err
		}
	}
	if err := find(p.LAION, &src.Metadata, globFiles); err != nil {
		return src, lists, err
	}
	if err := find(p.Shards, &src.Images, patternFiles); err != nil {
		return src, lists, err
	}
	if p.Filter == nil {
		return src, lists, nil
	}
	block, err := globs(p.Filter.Blocklist)
	if err != nil {
		return src, lists, err
	}
	within, err := manifests(p.Filter.Within)
	lists.Block = block.Paths
	for _, name := range within.Paths {
		if filepath.Base(name) == pool.RowsFile {
			lists.Within = append(lists.Within, name)
		}
	}
	return src, lists, err
}
