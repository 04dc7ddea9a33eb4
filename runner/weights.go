package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"react/data/dtype"
	"react/ops/backbone"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/clip/optim"
	"react/runner/cli"
)

func newInspect() *cobra.Command {
	var o layout.OpenOptions
	var asJSON bool
	var gates, batch int
	cmd := &cobra.Command{
		Use:   "inspect WEIGHTS",
		Short: "Print what a checkpoint is: architecture, activation, parameters, what each mode trains",
		Long: `inspect reads the headers of a checkpoint: a folder of open_clip's or of Hugging
Face's CLIPModel, or a file (.safetensors, .pt, .bin; OpenAI's and REACT's). It
runs nothing that is in it and reads no weights but the gates'.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if gates < 1 {
				return cli.Usage(fmt.Errorf("--gates %d: at least 1", gates))
			}
			source, err := layout.Open(given[0], o)
			if err != nil {
				return err
			}
			defer source.Close()
			sum, err := source.Summary(gates)
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(cmd.OutOrStdout(), sum)
			}
			if err := printSummary(cmd.OutOrStdout(), sum); err != nil || batch == 0 {
				return err
			}
			return printMemory(cmd.OutOrStdout(), sum, batch)
		},
	}
	weightsFlags(cmd, &o)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON, with every parameter's name")
	cmd.Flags().IntVar(&gates, "gates", 2, "gated `blocks` that gated-image would add (tune.gatedDepth)")
	cmd.Flags().IntVar(&batch, "batch", 0, "print what tuning on a batch of so many `pairs` takes of memory, on each engine")
	return cmd
}

// printMemory prints what a step of each mode takes. Captions of a locked text
// tower are encoded before.
func printMemory(out io.Writer, sum layout.Summary, batch int) error {
	if batch < 0 {
		return cli.Usage(fmt.Errorf("--batch %d: at least 1", batch))
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "\nMEMORY, BATCH %d\tONNX\tGO\tXLA, OF THE DEVICE\tIN BF16\n", batch)
	for _, m := range sum.Modes {
		if m.Reason != "" {
			continue
		}
		cfg := sum.Config
		if m.NewGates > 0 {
			cfg = cfg.WithGates(m.NewGates)
		}
		row := m.Mode
		for _, at := range []struct{ engine, precision string }{{"onnx", clip.F32}, {"go", clip.F32}, {"xla:cuda", clip.F32}, {"xla:cuda", clip.BF16}} {
			o := optim.Options{Mode: m.Mode, Batch: batch, Precision: at.precision, CachedText: m.TextLocked}
			need, err := optim.EstimateTraining(cfg, o, at.engine)
			if err != nil {
				return err
			}
			row += "\t" + clip.FormatBytes(need.On(at.engine))
		}
		fmt.Fprintln(w, row)
	}
	return w.Flush()
}

// weightsFlags adds what a file without a config does not say.
func weightsFlags(cmd *cobra.Command, o *layout.OpenOptions) {
	cmd.Flags().StringVar(&o.Arch, "arch", "", "the `architecture`, in place of a config: "+strings.Join(clip.Archs(), ", "))
	cmd.Flags().StringVar(&o.Activation, "activation", "", "`quick_gelu` or gelu, where nothing says what the weights were trained with")
}

func printSummary(out io.Writer, sum layout.Summary) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("weights", "%s", strings.Join(sum.Files, ", "))
	row("format", "%s, names of %s", sum.Container, sum.Naming)
	row("config", "%s", cmp.Or(sum.ConfigFile, "deduced from the shapes"))
	row("arch", "%s", cmp.Or(sum.Arch, "none of those that ship"))
	row("model", "%s", sum.Config.Describe())
	row("pixels", "%s", sum.Config.DescribePixels())
	if sum.Activation == "" {
		row("activation", "unknown: nothing says it; --activation does")
	} else {
		row("activation", "%s (%s)", sum.Activation, sum.ActivationFrom)
	}
	row("dtype", "%s", describeTypes(sum.DTypes))
	p := sum.Parameters
	row("parameters", "%s: image %s (gates %s), text %s, logit scale 1", cli.Thousands(p.Total), cli.Thousands(p.Image), cli.Thousands(p.Gates), cli.Thousands(p.Text))
	row("logit scale", "%.4g", sum.LogitScale)
	row("gates", "%s", describeGates(sum.Gates))
	for _, m := range sum.Modes {
		describeMode(row, m)
	}
	return w.Flush()
}

func describeTypes(counts map[dtype.Type]int) string {
	var parts []string
	for _, t := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s (%s values)", t, cli.Thousands(counts[t])))
	}
	return strings.Join(parts, ", ")
}

func describeGates(gates []layout.GateSummary) string {
	if len(gates) == 0 {
		return "none"
	}
	var parts []string
	for _, g := range gates {
		parts = append(parts, fmt.Sprintf("block %d: tanh %.3g attn, %.3g dense", g.Block, g.TanhAttn, g.TanhDense))
	}
	return strings.Join(parts, "; ")
}

func describeMode(row func(name, format string, args ...any), m layout.ModeSummary) {
	if m.Reason != "" {
		row(m.Mode, "not here: %s", m.Reason)
		return
	}
	added := ""
	if m.NewGates > 0 {
		added = fmt.Sprintf(", with %d new gated blocks", m.NewGates)
	}
	row(m.Mode, "%s in %d tensors%s:", cli.Thousands(m.Parameters), len(m.Names), added)
	for _, line := range layout.GroupNames(m.Names) {
		row("", "%s", line)
	}
}

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
			dir := filepath.Clean(given[1])
			if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 || err != nil && !errors.Is(err, os.ErrNotExist) {
				return cli.Usage(fmt.Errorf("%s is there and not an empty folder", dir))
			}
			c, err := backbone.Convert(given[0], dir, naming, o)
			for _, text := range c.Warnings {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", text)
			}
			if err == nil {
				fmt.Fprintf(cmd.OutOrStdout(), "done: %s, %s names, %s\nembeddings on the go engine, old against new, largest difference: image %.2g, text %.2g\n",
					dir, naming, c.Model, c.Image, c.Text)
			}
			return err
		},
	}
	weightsFlags(cmd, &o)
	cmd.Flags().StringVar(&naming, "to", layout.OpenCLIP, "`naming` of the files and parameters: "+strings.Join(layout.Namings(), " or "))
	return cmd
}
