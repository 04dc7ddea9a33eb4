package ops

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strings"

	"react/data/glob"
	"react/data/laion"
	"react/data/lost"
	"react/data/pool"
	"react/data/shards"
	"react/ops/op"
)

// poolFiles are the outside or generated files of a pool.
type poolFiles struct {
	laion  []string // parquet, sorted by name
	shards []string // tars, sorted by name
}

// poolOf finds the files of role "pool": a finished world stage, or the outside files "pool.laion" and "pool.shards".
func poolOf(run *op.Run) (poolFiles, error) {
	if dir, ok := run.In["pool"]; ok {
		return globPool(filepath.Join(dir, "pool"))
	}
	return poolFiles{laion: run.Files["pool.laion"].Paths, shards: run.Files["pool.shards"].Paths}, nil
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

	lost lost.Count
}

// poolReader joins metadata rows with shard samples (see shards.Set.Join). The metadata are streamed; the index of the shards (names and offsets) is
// in memory.
type poolReader struct {
	set    *shards.Set // nil when the pool has no shards
	files  poolFiles
	maxBad int
	total  int64      // rows of the metadata, known when each has begun
	alive  *pool.Rows // whose losses count; nil is all
	noURL  bool       // the metadata are those of a folder of embeddings
}

func openPool(ctx context.Context, run *op.Run, files poolFiles, maxBad int) (*poolReader, error) {
	p := &poolReader{files: files, maxBad: maxBad}
	if len(files.laion) == 0 {
		return nil, errors.New("the pool has no metadata (pool.laion)")
	}
	notes, err := laion.Notes(files.laion, false)
	if err != nil {
		return nil, err
	}
	for _, note := range notes {
		run.Warn("%s", note)
	}
	if len(files.shards) == 0 {
		return p, nil
	}
	return p, p.index(ctx, run)
}

// index finds the samples of the shards.
func (p *poolReader) index(ctx context.Context, run *op.Run) (err error) {
	if p.set, err = shards.Index(ctx, p.files.shards, p.maxBad); err != nil {
		return err
	}
	if bad := p.set.Bad(); len(bad) > 0 {
		run.Warn("%d faults in the tars were passed over; the first: %v", len(bad), bad[0])
	}
	return p.disown(ctx)
}

// PoolImages counts the rows of a pool of outside files that have no image, by cause; with decode also those whose image does not decode, which reads
// every image.
func PoolImages(ctx context.Context, src pool.Source, decode bool, run *op.Run) (lost.Count, error) {
	p := &poolReader{files: poolFiles{laion: src.Metadata, shards: src.Images}, maxBad: src.MaxBad, noURL: src.Folder}
	if err := p.index(ctx, run); err != nil {
		return lost.Count{}, err
	}
	defer p.set.Close()
	var samples []shards.Sample
	var undecodable lost.Count
	block := func() error {
		bad, errs, err := newImageSource(p.set, samples).check(ctx, run.Workers)
		for i := range bad {
			undecodable.Add(lost.Undecodable, errs[i].Error())
		}
		samples = samples[:0]
		return err
	}
	stats, err := p.each(ctx, func(row poolRow) error {
		if !decode || !row.hasImage {
			return nil
		}
		if samples = append(samples, row.sample); len(samples) < embedBlock {
			return nil
		}
		return block()
	})
	if err == nil && len(samples) > 0 {
		err = block()
	}
	stats.lost.What = ""
	stats.lost.AddN(lost.Undecodable, undecodable.By[lost.Undecodable], undecodable.First[lost.Undecodable])
	return stats.lost, err
}

// disown takes samples that several rows claim by key from all of them, where the shards say nothing of the sample by which it could be seen whose
// it is: the metadata of two downloads with the tars of one.
func (p *poolReader) disown(ctx context.Context) error {
	unsaid := map[string]bool{}
	for _, s := range p.set.Samples() {
		if !s.Said() {
			unsaid[s.Key] = false
		}
	}
	if len(unsaid) == 0 {
		return nil
	}
	reader, err := laion.Open(p.files.laion, laion.Options{Columns: []string{"key"}, MaxBad: math.MaxInt, NoURL: p.noURL, Reuse: true})
	if err != nil {
		return err
	}
	defer reader.Close()
	for row, err := range reader.All() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if claimed, ok := unsaid[row.Key]; claimed {
			p.set.Disown(row.Key)
		} else if ok {
			unsaid[strings.Clone(row.Key)] = true
		}
	}
	return nil
}

// survey counts what each would give, before anything is computed; too many rows that are lost are an error.
func (p *poolReader) survey(ctx context.Context, maxShare float64) error {
	if p.set == nil {
		return nil
	}
	stats, err := p.each(ctx, func(poolRow) error { return nil })
	if err != nil {
		return err
	}
	return stats.lost.Check(maxShare)
}

// each calls fn for every readable row, in row order.
func (p *poolReader) each(ctx context.Context, fn func(poolRow) error) (poolStats, error) {
	var stats poolStats
	reader, err := laion.Open(p.files.laion, laion.Options{Columns: []string{"key", "label", "truth", "status"}, MaxBad: p.maxBad, NoURL: p.noURL})
	if err != nil {
		return stats, err
	}
	defer reader.Close()
	p.total = reader.NumRows()
	stats.lost.What = "pool"
	if stats.lost.Of = p.total; p.alive != nil {
		stats.lost.Of = p.alive.Count()
	}
	if stats.Rows = p.total; stats.Rows == 0 {
		return stats, fmt.Errorf("the pool is empty: no row in %d parquet files", len(p.files.laion))
	}
	for {
		batch, err := reader.Next()
		if errors.Is(err, io.EOF) {
			stats.Bad = int64(len(reader.Bad()))
			if stats.Bad > 0 && p.alive == nil { // a filter has dropped them
				stats.lost.AddN(lost.NoCaption, stats.Bad, reader.Bad()[0].String())
			}
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
			if err := fn(p.join(batch, i, &stats)); err != nil {
				return stats, err
			}
		}
	}
}

// join finds the sample of a row, and counts one that has none.
func (p *poolReader) join(batch *laion.Batch, i int, stats *poolStats) poolRow {
	row := poolRow{Row: batch.Rows[i]}
	if p.set == nil {
		stats.NoImage++
		return row
	}
	var miss shards.Miss
	row.sample, miss = p.set.Join(shards.Row{Key: row.Key, URL: row.URL, Caption: row.Text, File: batch.File})
	if row.hasImage = miss == ""; !row.hasImage {
		stats.NoImage++
	}
	if !row.hasImage && p.alive.Has(row.Index) {
		stats.lost.Add(causeOfMiss(&row.Row, miss), fmt.Sprintf("file %s: row %d: key %q, address %q", batch.File, batch.FileRow+int64(i), row.Key, row.URL))
	}
	return row
}

// causeOfMiss is why a row has no image.
func causeOfMiss(row *laion.Row, miss shards.Miss) lost.Cause {
	if !row.Downloaded() {
		return lost.NotDownloaded
	}
	return lost.OfMiss[miss]
}
