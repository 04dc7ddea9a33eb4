package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"react/data/glob"
	"react/data/laion"
	"react/data/shards"
)

// poolFiles are the outside or generated files of a pool.
type poolFiles struct {
	laion  []string // parquet, sorted by name
	shards []string // tars, sorted by name
}

// pool finds the files of role "pool": a finished world stage, or the outside files "pool.laion" and "pool.shards".
func (r *Run) pool() (poolFiles, error) {
	if dir, ok := r.In["pool"]; ok {
		return globPool(filepath.Join(dir, "pool"))
	}
	return poolFiles{laion: r.Files["pool.laion"].Paths, shards: r.Files["pool.shards"].Paths}, nil
}

func globPool(dir string) (poolFiles, error) {
	var p poolFiles
	for pattern, into := range map[string]*[]string{"*.parquet": &p.laion, "*.tar": &p.shards} {
		names, err := glob.In(dir, pattern)
		if err != nil {
			return p, err
		}
		*into = names
	}
	if len(p.laion) == 0 {
		return p, fmt.Errorf("%s has no parquet file", dir)
	}
	return p, nil
}

// poolRow is a readable row of a pool with its image's place in the shards.
type poolRow struct {
	laion.Row
	sample   shards.Sample
	hasImage bool
}

// poolStats counts what was found and what was left out.
type poolStats struct {
	Rows    int64 `json:"rows"`    // rows of the metadata
	Bad     int64 `json:"bad"`     // unreadable rows, skipped
	NoImage int64 `json:"noImage"` // rows whose image is in no shard
}

// poolReader joins metadata rows with shard samples, by key where the metadata has one, else by (url, caption). The metadata are
// streamed; the index of the shards (names and offsets) is in memory.
type poolReader struct {
	set    *shards.Set // nil when the pool has no shards
	files  poolFiles
	maxBad int
	total  int64 // rows of the metadata, known when each has begun
}

func openPool(ctx context.Context, files poolFiles, maxBad int) (*poolReader, error) {
	p := &poolReader{files: files, maxBad: maxBad}
	if len(files.laion) == 0 {
		return nil, errors.New("the pool has no metadata (pool.laion)")
	}
	if len(files.shards) == 0 {
		return p, nil
	}
	var err error
	p.set, err = shards.Index(ctx, files.shards, maxBad)
	return p, err
}

// each calls fn for every readable row, in row order.
func (p *poolReader) each(ctx context.Context, fn func(poolRow) error) (poolStats, error) {
	var stats poolStats
	reader, err := laion.Open(p.files.laion, laion.Options{MaxBad: p.maxBad})
	if err != nil {
		return stats, err
	}
	defer reader.Close()
	p.total = reader.NumRows()
	if stats.Rows = p.total; stats.Rows == 0 {
		return stats, fmt.Errorf("the pool is empty: no row in %d parquet files", len(p.files.laion))
	}
	for {
		batch, err := reader.Next()
		if errors.Is(err, io.EOF) {
			stats.Bad = int64(len(reader.Bad()))
			return stats, nil
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return stats, err
		}
		for i := range batch.Rows {
			if batch.Rows[i].Bad {
				continue
			}
			row := poolRow{Row: batch.Rows[i]}
			row.sample, row.hasImage = findSample(p.set, row.Row)
			if !row.hasImage {
				stats.NoImage++
			}
			if err := fn(row); err != nil {
				return stats, err
			}
		}
	}
}

func findSample(set *shards.Set, row laion.Row) (shards.Sample, bool) {
	if set == nil {
		return shards.Sample{}, false
	}
	return set.Match(row.Key, row.URL, row.Text)
}
