package embed

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"time"

	"react/data/npy"
	"react/ops/op"
)

// blockWorth is the least time that a block must have taken to be kept, unless Run saves more
// often: the blocks of small pools are not.
const blockWorth = time.Second

// embeddedBlock is what was computed for one block of rows. Its vectors are kept as the output has
// them, in half precision.
type embeddedBlock struct {
	// positions in the block of the rows whose image decodes; all without images
	keep          []int
	images, texts []float32      // [len(keep), dim]; images nil without images
	causes        map[string]int // of images that do not decode
}

// blockFile is what a kept block's directory holds beside its vectors; it is written last.
type blockFile struct {
	Format int               `json:"format"`
	Engine map[string]string `json:"engine"`
	Rows   int               `json:"rows"` // of the pool, read for the block
	Keep   []int             `json:"keep"`
	Causes map[string]int    `json:"causes,omitempty"`
	Files  map[string]string `json:"files"` // name → sha256
	Sum    string            `json:"sum"`   // of all of this, see sumOf
}

// embedFormat is the version of a kept block.
//
//	1: block.json, image.npy, text.npy
//	2: a digest of block.json itself: a row number that a disk changed was believed
const embedFormat = 2

// blocks keeps an embedding's blocks in Run.Partial, each in a directory of its own.
type blocks struct {
	run    *op.Run
	engine map[string]string
	cost   time.Duration // of keeping one
	told   bool          // that some are of no use
	before map[int]bool  // those that were there when the attempt began
}

func (b *blocks) dir(i int) string { return filepath.Join(b.run.Partial, fmt.Sprintf("%06d", i)) }

// put keeps a block when that costs little beside what computing it took. One that cannot be
// written is computed again if need be.
func (b *blocks) put(i, rows int, block embeddedBlock, took time.Duration) {
	worth := blockWorth
	if b.run.SaveEvery > 0 {
		worth = min(worth, b.run.SaveEvery)
	}
	if b.run.Partial == "" || took < max(worth, op.SaveShare*b.cost) {
		return
	}
	start := time.Now()
	if err := b.write(i, rows, block); err != nil {
		fmt.Fprintf(b.run.Log, "block %d was not kept: %v\n", i, err)
	}
	b.cost = time.Since(start)
}

// write keeps a block. It appears whole, by rename.
func (b *blocks) write(i, rows int, block embeddedBlock) error {
	dir, err := os.MkdirTemp(b.run.Partial, "writing-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := b.fill(dir, rows, block); err != nil {
		return err
	}
	if err := errors.Join(os.Chmod(dir, 0o777), os.RemoveAll(b.dir(i))); err != nil {
		return err
	}
	return os.Rename(dir, b.dir(i))
}

func (b *blocks) fill(dir string, rows int, block embeddedBlock) error {
	state := blockFile{Format: embedFormat, Engine: b.engine, Rows: rows, Keep: block.keep, Causes: block.causes, Files: map[string]string{}}
	for name, vectors := range map[string][]float32{"image.npy": block.images, "text.npy": block.texts} {
		if vectors == nil {
			continue
		}
		path := filepath.Join(dir, name)
		err := npy.Write(path, []int{len(block.keep), len(vectors) / max(1, len(block.keep))}, vectors, "<f2")
		if err == nil {
			state.Files[name], err = op.SyncedDigest(path)
		}
		if err != nil {
			return err
		}
	}
	var err error
	if state.Sum, err = op.SumOf(state); err != nil {
		return err
	}
	data, err := json.Marshal(state)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "block.json"), data, 0o666)
}

// get returns a block that an attempt before, or another process, kept. One that is damaged, or of
// another engine, is embedded again; the first is told of.
func (b *blocks) get(i, rows int) (embeddedBlock, bool) {
	if b.run.Partial == "" {
		return embeddedBlock{}, false
	}
	block, err := b.read(b.dir(i), rows)
	if err == nil {
		return block, true
	}
	if !errors.Is(err, fs.ErrNotExist) && !b.told {
		b.told = true
		b.run.Warn("block %d of an attempt before is not used, it is embedded again: %v", i, err)
	}
	return embeddedBlock{}, false
}

func (b *blocks) read(dir string, rows int) (embeddedBlock, error) {
	var block embeddedBlock
	data, err := os.ReadFile(filepath.Join(dir, "block.json"))
	if err != nil {
		return block, err
	}
	var state blockFile
	if err := json.Unmarshal(data, &state); err != nil {
		return block, err
	}
	if state.Format != embedFormat || state.Rows != rows || !maps.Equal(state.Engine, b.engine) {
		return block, fmt.Errorf("format %d, %d rows, engine %v; wanted %d, %d, %v", state.Format, state.Rows, state.Engine, embedFormat, rows, b.engine)
	}
	sum := state.Sum
	state.Sum = ""
	if now, err := op.SumOf(state); err != nil || now != sum {
		return block, errors.Join(errors.New("block.json was changed: it does not have the digest in it"), err)
	}
	block.keep, block.causes = state.Keep, state.Causes
	for name, vectors := range map[string]*[]float32{"image.npy": &block.images, "text.npy": &block.texts} {
		want, there := state.Files[name]
		if !there {
			continue
		}
		sum, err := op.SyncedDigest(filepath.Join(dir, name))
		if err != nil {
			return block, fmt.Errorf("damaged: %v", err)
		}
		if sum != want {
			return block, fmt.Errorf("%s: sha256 is %s, not %s", name, sum, want)
		}
		if _, *vectors, err = npy.Read(filepath.Join(dir, name)); err != nil {
			return block, err
		}
	}
	return block, nil
}
