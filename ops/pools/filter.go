package pools

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"react/data/pool"
	"react/ops/op"
)

// FilterParams are the params of filter.
type FilterParams struct {
	pool.Filter
	MaxBad int `json:"maxBad,omitempty"` // unreadable rows
}

// FilterOp says which rows of a pool are used, and pins what the pool was. In: "pool", or
// "embeddings" for a pool that is only such a folder; outside files "blocklist" and "within"
// (manifests). Out: pool.json, rows.parquet (see data/pool).
//
// Nothing is renumbered: what reads a pool reads all of its rows and passes over those that are not
// alive, so that embeddings and indexes serve every filter.
//
//	1: first
//	2: decimals and dates of the metadata are no numbers
var FilterOp = op.Define(2, "filter", runFilter,
	op.Says[FilterParams](op.NoWork, op.SameParams, op.NoMemory, FilterParams.check))

func (p FilterParams) check(look op.Inspector) { look.Metadata(p.Columns()) }

func runFilter(ctx context.Context, run *op.Run, p FilterParams) error {
	src, err := metadataOf(run)
	if err != nil {
		return err
	}
	src.MaxBad = p.MaxBad
	matcher, err := pool.NewMatcher(p.Filter, pool.Lists{Block: run.Files["blocklist"].Paths, Within: rowsFiles(run.Files["within"].Paths)})
	if err != nil {
		return err
	}
	man, err := pool.Write(ctx, run.Dir, src, matcher, func(done, total int64) {
		run.Progress(op.Progress{Done: int(done), Total: int(total), Note: "rows"})
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

// countsOf is "nsfw 3, similarity 12".
func countsOf(counts map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	return strings.Join(parts, ", ")
}
