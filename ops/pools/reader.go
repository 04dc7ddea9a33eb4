// Package pools makes pools, says which of their rows are used, and reads them: rows joined with
// their images.
//
// Words: a row of a pool has an index that nothing renumbers; it is alive where the filter leaves
// it.
//
// Not here: the files' formats (data/laion, data/shards, data/pool).
package pools

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
	"react/ops/backbone"
	"react/ops/op"
)

// Files are the outside or generated files of a pool.
type Files struct {
	laion  []string // parquet, sorted by name
	Shards []string // tars, sorted by name
}

// FilesOf finds the files of role "pool": a finished world stage, or the outside files "pool.laion"
// and "pool.shards".
func FilesOf(run *op.Run) (Files, error) {
	if dir, ok := run.In["pool"]; ok {
		return globPool(filepath.Join(dir, "pool"))
	}
	return Files{laion: run.Files["pool.laion"].Paths, Shards: run.Files["pool.shards"].Paths}, nil
}

func globPool(dir string) (Files, error) {
	var p Files
	for pattern, into := range map[string]*[]string{"*.parquet": &p.laion, "*.tar": &p.Shards} {
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

// Row is a readable row of a pool with its image's place in the shards.
type Row struct {
	laion.Row
	Sample   shards.Sample
	HasImage bool
}

// Stats counts what was found and what was left out.
type Stats struct {
	Rows    int64 `json:"rows"`    // rows of the metadata
	Bad     int64 `json:"bad"`     // unreadable rows, skipped
	NoImage int64 `json:"noImage"` // rows whose image is in no shard

	Lost lost.Count `json:"-"`
}

// Reader joins metadata rows with shard samples (see shards.Set.Join). The metadata are streamed;
// the index of the shards (names and offsets) is in memory.
type Reader struct {
	Set    *shards.Set // nil when the pool has no shards
	files  Files
	maxBad int
	Total  int64      // rows of the metadata, known when each has begun
	Alive  *pool.Rows // whose losses count; nil is all
	noURL  bool       // the metadata are those of a folder of embeddings
}

// Open finds a pool's samples; the caller closes the set.
func Open(ctx context.Context, run *op.Run, files Files, maxBad int) (*Reader, error) {
	p := &Reader{files: files, maxBad: maxBad}
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
	if len(files.Shards) == 0 {
		return p, nil
	}
	return p, p.index(ctx, run)
}

// index finds the samples of the shards.
func (p *Reader) index(ctx context.Context, run *op.Run) (err error) {
	if p.Set, err = shards.Index(ctx, p.files.Shards, p.maxBad); err != nil {
		return err
	}
	if bad := p.Set.Bad(); len(bad) > 0 {
		run.Warn("%d faults in the tars were passed over; the first: %v", len(bad), bad[0])
	}
	return p.disown(ctx)
}

// decodeBlock is the number of images that are decoded together, to be counted.
const decodeBlock = 4096

// CountLost counts the rows of a pool of outside files that have no image, by cause; with decode
// also those whose image does not decode, which reads every image.
func CountLost(ctx context.Context, src pool.Source, decode bool, run *op.Run) (lost.Count, error) {
	p := &Reader{files: Files{laion: src.Metadata, Shards: src.Images}, maxBad: src.MaxBad, noURL: src.Folder}
	if err := p.index(ctx, run); err != nil {
		return lost.Count{}, err
	}
	defer p.Set.Close()
	var samples []shards.Sample
	var undecodable lost.Count
	block := func() error {
		bad, errs, err := backbone.NewSource(p.Set, samples).Check(ctx, run.Workers)
		for i := range bad {
			undecodable.Add(lost.Undecodable, errs[i].Error())
		}
		samples = samples[:0]
		return err
	}
	stats, err := p.Each(ctx, func(row Row) error {
		if !decode || !row.HasImage {
			return nil
		}
		if samples = append(samples, row.Sample); len(samples) < decodeBlock {
			return nil
		}
		return block()
	})
	if err == nil && len(samples) > 0 {
		err = block()
	}
	stats.Lost.What = ""
	stats.Lost.AddN(lost.Undecodable, undecodable.By[lost.Undecodable], undecodable.First[lost.Undecodable])
	return stats.Lost, err
}

// disown takes samples that several rows claim by key from all of them, where the shards say
// nothing of the sample by which it could be seen whose it is: the metadata of two downloads with
// the tars of one.
func (p *Reader) disown(ctx context.Context) error {
	unsaid := map[string]bool{}
	for _, s := range p.Set.Samples() {
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
			p.Set.Disown(row.Key)
		} else if ok {
			unsaid[strings.Clone(row.Key)] = true
		}
	}
	return nil
}

// Survey counts what each would give, before anything is computed; too many rows that are lost are
// an error.
func (p *Reader) Survey(ctx context.Context, maxShare float64) error {
	if p.Set == nil {
		return nil
	}
	stats, err := p.Each(ctx, func(Row) error { return nil })
	if err != nil {
		return err
	}
	return stats.Lost.Check(maxShare)
}

// Each calls fn for every readable row, in row order.
func (p *Reader) Each(ctx context.Context, fn func(Row) error) (Stats, error) {
	var stats Stats
	reader, err := laion.Open(p.files.laion, laion.Options{Columns: []string{"key", "label", "truth", "status"}, MaxBad: p.maxBad, NoURL: p.noURL})
	if err != nil {
		return stats, err
	}
	defer reader.Close()
	p.Total = reader.NumRows()
	stats.Lost.What = "pool"
	if stats.Lost.Of = p.Total; p.Alive != nil {
		stats.Lost.Of = p.Alive.Count()
	}
	if stats.Rows = p.Total; stats.Rows == 0 {
		return stats, fmt.Errorf("the pool is empty: no row in %d parquet files", len(p.files.laion))
	}
	for {
		batch, err := reader.Next()
		if errors.Is(err, io.EOF) {
			stats.Bad = int64(len(reader.Bad()))
			if stats.Bad > 0 && p.Alive == nil { // a filter has dropped them
				stats.Lost.AddN(lost.NoCaption, stats.Bad, reader.Bad()[0].String())
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
func (p *Reader) join(batch *laion.Batch, i int, stats *Stats) Row {
	row := Row{Row: batch.Rows[i]}
	if p.Set == nil {
		stats.NoImage++
		return row
	}
	var miss shards.Miss
	row.Sample, miss = p.Set.Join(shards.Row{Key: row.Key, URL: row.URL, Caption: row.Text, File: batch.File})
	if row.HasImage = miss == ""; !row.HasImage {
		stats.NoImage++
	}
	if !row.HasImage && p.Alive.Has(row.Index) {
		stats.Lost.Add(causeOfMiss(&row.Row, miss), fmt.Sprintf("file %s: row %d: key %q, address %q", batch.File, batch.FileRow+int64(i), row.Key, row.URL))
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
