package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"react/ops/backbone"
	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/layout"
	"react/ops/engine"
	"react/runner/cli"
)

func newConvert() *cobra.Command {
	var o layout.OpenOptions
	var naming string
	cmd := &cobra.Command{
		Use:   "convert WEIGHTS DIR --to " + strings.Join(layout.Namings(), "|"),
		Short: "Write a checkpoint as safetensors in the files and names of open_clip or Hugging Face",
		Long: `convert reads a checkpoint of any layout that inspect takes and writes the folder
DIR, which must not exist or be empty: the weights as float32 safetensors, the
config and the tokenizer. It then loads what it wrote, embeds two fixed images and
captions with both on the Go engine, and says done only if the embeddings agree;
until then nothing has the name DIR.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if !slices.Contains(layout.Namings(), naming) {
				return cli.Usage(fmt.Errorf("--to %s: one of %s", naming, strings.Join(layout.Namings(), ", ")))
			}
			return convert(cmd, given[0], filepath.Clean(given[1]), naming, o)
		},
	}
	weightsFlags(cmd, &o)
	cmd.Flags().StringVar(&naming, "to", layout.OpenCLIP, "`naming` of the files and parameters: "+strings.Join(layout.Namings(), " or "))
	return cmd
}

// convert fills a folder beside dir and renames it when all is well.
func convert(cmd *cobra.Command, from, dir, naming string, o layout.OpenOptions) error {
	if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
		return cli.Usage(fmt.Errorf("%s is there and not an empty folder", dir))
	}
	source, err := layout.Open(from, o)
	if err != nil {
		return err
	}
	defer source.Close()
	old, err := source.Checkpoint()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o777); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	if err := writeConverted(cmd.ErrOrStderr(), from, temporary, naming, old); err != nil {
		return err
	}
	image, text, err := checkParity(old, temporary)
	if err != nil {
		return err
	}
	if err := os.Chmod(temporary, 0o755); err != nil {
		return err
	}
	if err := os.Rename(temporary, dir); err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "done: %s, %s names, %s\nembeddings on the go engine, old against new, largest difference: image %.2g, text %.2g\n",
		dir, naming, old.Config.Describe(), image, text)
	return nil
}

// writeConverted writes the checkpoint and, where there is one, the tokenizer.
func writeConverted(stderr io.Writer, from, dir, naming string, c *clip.Checkpoint) error {
	tok, err := backbone.Tokenizer(from, c.Config)
	if err != nil {
		fmt.Fprintf(stderr, "warning: the new folder has no tokenizer, and experiments need one: %v\n", err)
		return layout.Save(c, dir, naming)
	}
	// open_clip takes its own vocabulary of 49,408 unless the config names another.
	if text := &c.Config.Model.Text; text.HFTokenizer == "" && !tok.IsCLIP() {
		text.HFTokenizer = ownTokenizer
	}
	if err := layout.Save(c, dir, naming); err != nil {
		return err
	}
	if naming == layout.HF && int(tok.SOT()) != c.Config.VocabSize()-2 {
		fmt.Fprintf(stderr, "warning: the tokenizer's start of text is token %d, and config.json's bos_token_id is %d, the last but one\n", tok.SOT(), c.Config.VocabSize()-2)
	}
	return tok.SaveFor(dir)
}

// ownTokenizer makes open_clip read the tokenizer's files of a folder that it opens
// as local-dir:FOLDER; for one on a hub it must be the repository's name.
const ownTokenizer = "."

// parityBound is far under what a wrong map of names would give, and far over
// rounding: the weights are the same bits.
const parityBound = 1e-5

func checkParity(old *clip.Checkpoint, dir string) (image, text float64, err error) {
	written, err := layout.Load(dir)
	if err != nil {
		return 0, 0, fmt.Errorf("what was written does not load: %w", err)
	}
	defer written.Close()
	e, err := engine.Open("go")
	if err != nil {
		return 0, 0, err
	}
	image, text, err = encode.Parity(e, old, written)
	if err != nil {
		return 0, 0, err
	}
	if !(image <= parityBound && text <= parityBound) {
		return 0, 0, fmt.Errorf("what was written gives other embeddings: they differ by %g (image) and %g (text), over %g; nothing was kept", image, text, parityBound)
	}
	return image, text, nil
}
