package ops

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"react/data/embeddings"
	"react/data/glob"
	"react/data/pool"
)

// FilterParams are the params of filter.
type FilterParams struct {
	pool.Filter
	MaxBad int `json:"maxBad,omitempty"` // unreadable rows
}

// filter says which rows of a pool are used, and pins what the pool was. In: "pool", or "embeddings" for a pool that is only such a folder;
// outside files "blocklist" and "within" (manifests). Out: pool.json, rows.parquet (see data/pool).
//
// Nothing is renumbered: what reads a pool reads all of its rows and passes over those that are not alive, so that embeddings and indexes
// serve every filter.
//
//	1: first
//	2: decimals and dates of the metadata are no numbers
var filter = define(2, "filter", runFilter,
	says[FilterParams](noWork, sameParams, noMemory, FilterParams.check))

func (p FilterParams) check(look Inspector) { look.Metadata(p.Columns()) }

func runFilter(ctx context.Context, run *Run, p FilterParams) error {
	src, err := run.metadata()
	if err != nil {
		return err
	}
	src.MaxBad = p.MaxBad
	matcher, err := pool.NewMatcher(p.Filter, pool.Lists{Block: run.Files["blocklist"].Paths, Within: rowsFiles(run.Files["within"].Paths)})
	if err != nil {
		return err
	}
	man, err := pool.Write(ctx, run.Dir, src, matcher, func(done, total int64) {
		run.Progress(Progress{Done: int(done), Total: int(total), Note: "rows"})
	})
	if err != nil {
		return err
	}
	run.Fact("pool", map[string]any{"rows": man.Rows, "alive": man.Alive, "dropped": man.Dropped, "digest": man.Digest})
	if man.BlockList > 0 && man.Dropped[pool.OnBlocklist] == 0 {
		run.Warn("filter.blocklist: none of its %d hashes is of a row of this pool", man.BlockList)
	}
	if man.Rows-man.Alive == man.Dropped[pool.Unreadable] {
		run.Warn("filter: none of the pool's %d rows is dropped", man.Rows)
	}
	if man.Alive == 0 {
		return fmt.Errorf("no row of %d is left: dropped by %s", man.Rows, countsOf(man.Dropped))
	}
	return nil
}

// rowsFiles leaves out the pool.json that stands beside each rows.parquet.
func rowsFiles(paths []string) []string {
	var out []string
	for _, path := range paths {
		if filepath.Base(path) == pool.RowsFile {
			out = append(out, path)
		}
	}
	return out
}

// metadata are the parquet files that say what a pool's rows are.
func (r *Run) metadata() (pool.Source, error) {
	if f, ok := r.Files["embeddings"]; ok {
		names, err := glob.In(f.Root, "metadata/*.parquet")
		if err == nil && len(names) == 0 {
			err = fmt.Errorf("folder %s: no metadata/*.parquet to filter by", f.Root)
		}
		return pool.Source{Metadata: names, Folder: true}, err
	}
	files, err := r.pool()
	return pool.Source{Metadata: files.laion, Images: files.shards}, err
}

// alive is the rows that the filter leaves, and whether they are numbered as the embeddings are; nil without a filter.
func (r *Run) alive() (rows *pool.Rows, ofFolder bool, err error) {
	dir, ok := r.In["filter"]
	if !ok {
		return nil, false, nil
	}
	man, err := pool.Read(dir)
	if err != nil {
		return nil, false, err
	}
	rows, err = pool.ReadAlive(dir)
	return rows, man.Numbering == "embeddings", err
}

// aliveIn is the rows of a folder of embeddings that the filter leaves; nil without a filter.
func (r *Run) aliveIn(ctx context.Context, folder *embeddings.Folder) (*pool.Rows, error) {
	rows, ofFolder, err := r.alive()
	if err != nil || rows == nil {
		return nil, err
	}
	if ofFolder {
		if rows.Len() != folder.Rows() {
			return nil, fmt.Errorf("the filter saw %d rows, the folder of embeddings has %d", rows.Len(), folder.Rows())
		}
		return rows, nil
	}
	out := pool.NewRows(folder.Rows())
	err = eachMeta(ctx, folder, func(i int64, meta embeddings.Meta) error {
		if meta.Row < 0 || meta.Row >= rows.Len() {
			return fmt.Errorf("embedding %d is of row %d of the pool, the filter saw %d rows", i, meta.Row, rows.Len())
		}
		if rows.Has(meta.Row) {
			out.Add(i)
		}
		return nil
	})
	if err == nil && out.Count() == 0 {
		err = fmt.Errorf("no row that the filter leaves (%d of %d) has an embedding", rows.Count(), rows.Len())
	}
	return out, err
}

// countsOf is "nsfw 3, similarity 12".
func countsOf(counts map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
