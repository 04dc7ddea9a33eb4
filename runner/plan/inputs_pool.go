package plan

import (
	"encoding/json"
	"maps"
	"slices"

	"react/data/glob"
	"react/data/laion"
	"react/ops"
)

// metadata opens the footers of a pool's parquet files: columns that are not there or of
// another type are told before hours of work, and columns that are passed over are warned of.
func (c *inputCheck) metadata(s *Stage) {
	files, opts := s.Files["pool.laion"], laion.Options{}
	folder := s.Files["embeddings"]
	if s.Op == "filter" {
		var p ops.FilterParams
		if json.Unmarshal(s.Params, &p) != nil {
			return
		}
		opts.Required = p.Columns()
		opts.Columns = append([]string{"key", "label", "truth"}, opts.Required...)
		if opts.NoURL = len(folder.Paths) > 0; opts.NoURL {
			files = folder
			files.Paths, _ = glob.In(folder.Root, "metadata/*.parquet") // the stage says what cannot be read
		}
	}
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

// warn notes what is no fault, once.
func (c *inputCheck) warn(text string) {
	if !slices.Contains(c.plan.Warnings, text) {
		c.plan.Warnings = append(c.plan.Warnings, text)
	}
}

// poolField is the field that names a pool's metadata.
func (c *inputCheck) poolField(f ops.Files) string {
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
