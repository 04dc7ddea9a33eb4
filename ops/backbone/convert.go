package backbone

import (
	"fmt"
	"os"
	"path/filepath"

	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/layout"
	"react/ops/engine"
)

// Conversion is what Convert made.
type Conversion struct {
	Model       string   // in words
	Image, Text float64  // the largest difference of an embedding, old against new
	Warnings    []string // of what the new folder lacks, also where Convert fails
}

// Convert writes a checkpoint in the files and names of naming into a folder beside dir, which gets
// its name when what was written gives the same embeddings.
func Convert(from, dir, naming string, o layout.OpenOptions) (c Conversion, err error) {
	source, err := layout.Open(from, o)
	if err != nil {
		return c, err
	}
	defer source.Close()
	old, err := source.Checkpoint()
	if err != nil {
		return c, err
	}
	c.Model = old.Config.Describe()
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return c, err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*")
	if err != nil {
		return c, err
	}
	defer os.RemoveAll(temporary)
	if err := c.write(from, temporary, naming, old); err != nil {
		return c, err
	}
	if err := c.compare(old, temporary); err != nil {
		return c, err
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return c, err
	}
	return c, os.Rename(temporary, dir)
}

// write writes the checkpoint and, where there is one, the tokenizer.
func (c *Conversion) write(from, dir, naming string, checkpoint *clip.Checkpoint) error {
	tok, err := Tokenizer(from, checkpoint.Config)
	if err != nil {
		c.warn("the new folder has no tokenizer, and experiments need one: %v", err)
		return layout.Save(checkpoint, dir, naming)
	}
	// open_clip takes its own vocabulary of 49,408 unless the config names another.
	if text := &checkpoint.Config.Model.Text; text.HFTokenizer == "" && !tok.IsCLIP() {
		text.HFTokenizer = ownTokenizer
	}
	if err := layout.Save(checkpoint, dir, naming); err != nil {
		return err
	}
	if last := checkpoint.Config.VocabSize() - 2; naming == layout.HF && int(tok.SOT()) != last {
		c.warn("the tokenizer's start of text is token %d, and config.json's bos_token_id is %d, the last but one", tok.SOT(), last)
	}
	return tok.SaveFor(dir)
}

func (c *Conversion) warn(format string, args ...any) {
	c.Warnings = append(c.Warnings, fmt.Sprintf(format, args...))
}

// ownTokenizer makes open_clip read the tokenizer's files of a folder that it opens
// as local-dir:FOLDER; for one on a hub it must be the repository's name.
const ownTokenizer = "."

// parityBound is far under what a wrong map of names would give, and far over
// rounding: the weights are the same bits.
const parityBound = 1e-5

// compare embeds the same input with what was read and what was written.
func (c *Conversion) compare(old *clip.Checkpoint, dir string) error {
	written, err := layout.Load(dir)
	if err != nil {
		return fmt.Errorf("what was written does not load: %w", err)
	}
	defer written.Close()
	e, err := engine.Open("go")
	if err != nil {
		return err
	}
	if c.Image, c.Text, err = encode.Parity(e, old, written); err != nil {
		return err
	}
	if !(c.Image <= parityBound && c.Text <= parityBound) {
		return fmt.Errorf("what was written gives other embeddings: they differ by %g (image) and %g (text), over %g; nothing was kept", c.Image, c.Text, parityBound)
	}
	return nil
}
