package plan

import (
	"context"
	"errors"
	"maps"
	"math"
	"slices"
	"strings"

	"react/data/glob"
	"react/data/laion"
	"react/data/lost"
	"react/data/pool"
	"react/data/shards"
	"react/ops/op"
	"react/ops/pools"
)

// columns looks at the metadata that a filter reads: those of a pool, or of a folder of embeddings.
func (c *inputCheck) columns(s *Stage, required []string) {
	opts := laion.Options{Required: required, Columns: append([]string{"key", "label", "truth"}, required...)}
	files := s.Files["pool.laion"]
	if folder := s.Files["embeddings"]; len(folder.Paths) > 0 {
		opts.NoURL = true
		files = folder
		// the stage says what cannot be read
		files.Paths, _ = glob.In(folder.Root, "metadata/*.parquet")
	}
	c.metadata(s, files, opts)
}

// metadata opens the footers of a pool's parquet files, once for each op: columns that are not
// there or of another type are told before hours of work, and columns that are passed over are
// warned of.
func (c *inputCheck) metadata(s *Stage, files op.Files, opts laion.Options) {
	if len(files.Paths) > maxFileLines || !c.once("metadata of "+s.Op, files) {
		return
	}
	reader, err := laion.Open(files.Paths, opts)
	if err != nil {
		c.fault(c.poolField(files), err)
		return
	}
	for _, note := range reader.Notes() {
		c.warn(note)
	}
	c.fault(c.poolField(files), reader.Close())
}

// lacking counts the rows of the metadata files beside which no tar stands, where the names of both
// tell: a pool that was not copied whole. Rows whose own status says that there is no image are not
// missed.
func (c *inputCheck) lacking(ctx context.Context, s *Stage, maxBad int, maxBadShare float64) {
	meta, tars := s.Files["pool.laion"], s.Files["pool.shards"]
	files := shards.Lacking(meta.Paths, tars.Paths)
	if len(files) == 0 || !c.once("shards of "+s.Op, meta) {
		return
	}
	count, err := countLacking(ctx, meta.Paths, files)
	if err != nil {
		c.fault(c.poolField(meta), err)
		return
	}
	field := strings.TrimSuffix(c.poolField(meta), ".laion") + ".shards"
	err = count.Check(maxBadShare)
	// addresses may lead to other tars: look as the stage will
	if err != nil && s.In["filter"] == nil {
		run := &op.Run{Warn: func(string, ...any) {}}
		found, failed := pools.CountLost(ctx, pool.Source{Metadata: meta.Paths, Images: tars.Paths, MaxBad: maxBad}, false, run)
		if failed == nil {
			failed = found.Check(maxBadShare)
		}
		if failed != nil {
			c.fault(field, failed)
			return
		}
		count, err = found, nil
	}
	switch {
	case err != nil: // the filter may drop those rows
		c.warnOf(field, "%v", err)
	case count.Faults() > 0:
		c.warnOf(field, "%v", &count)
	}
}

func countLacking(ctx context.Context, all, lacking []string) (lost.Count, error) {
	whole, err := laion.Open(all, laion.Options{})
	if err != nil {
		return lost.Count{}, nil // said of the metadata
	}
	count := lost.Count{Of: whole.NumRows()}
	some, err := laion.Open(lacking, laion.Options{Columns: []string{"status"}, MaxBad: math.MaxInt})
	if err = errors.Join(err, whole.Close()); err != nil {
		return count, err
	}
	defer some.Close()
	for row, err := range some.All() {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return count, err
		}
		if row.Downloaded() {
			count.Add(lost.NoShard, "those of "+lacking[0])
		} else {
			count.Add(lost.NotDownloaded, "")
		}
	}
	return count, nil
}

// warn notes what is no fault, once.
func (c *inputCheck) warn(text string) {
	if !slices.Contains(c.plan.Warnings, text) {
		c.plan.Warnings = append(c.plan.Warnings, text)
	}
}

// poolField is the field that names a pool's metadata.
func (c *inputCheck) poolField(f op.Files) string {
	pools := c.plan.Experiment.Params.Pool
	for _, name := range slices.Sorted(maps.Keys(pools)) {
		if found, err := globFiles(pools[name].LAION); err == nil && slices.Equal(found.Paths, f.Paths) {
			return "pool." + name + ".laion"
		}
		if isPath(pools[name].Embeddings, f) {
			return "pool." + name + ".embeddings"
		}
	}
	return "pool"
}
