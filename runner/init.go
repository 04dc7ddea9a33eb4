package main

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/starter"
)

func newInit() *cobra.Command {
	var o starter.Options
	cmd := &cobra.Command{
		Use:   "init [FILE]",
		Short: "Write a commented experiment that runs as it stands",
		Long: `init writes an experiment with comments to FILE (experiment.cue where none is
given, stdout for "-"). Without flags it needs no data: runner draws a pool and
trains a small base. With them it is about your pool, model and task, whose files
must be there: it looks at them for what it writes. A common.cue in the same folder
holds for the experiment too. A file that exists is never overwritten.

  runner init first.cue
  runner init birds.cue --laion 'meta/*.parquet' --shards 'shards/*.tar' \
      --weights ViT-B-32 --classes birds.txt --dataset birds/test

` + cli.ExitHelp,
		Args: cli.Args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			file := "experiment.cue"
			if len(given) == 1 {
				file = given[0]
			}
			if err := o.Check(); err != nil {
				return cli.Usage(err)
			}
			text, err := o.Spec(file)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if file == "-" {
				_, err := w.Write(text)
				return err
			}
			err = starter.Create(file, text)
			if errors.Is(err, fs.ErrExist) {
				return cli.Usage(fmt.Errorf("%s is there already; give another name, or remove it", file))
			}
			if err != nil {
				return err
			}
			if _, err := experiment.Vet(cmd.Context(), file, nil); err != nil { // common.cue has its say
				fmt.Fprintf(w, "%s\nit does not hold yet with what stands in its folder; change one or the other:\n%v\n", file, err)
				return nil
			}
			fmt.Fprintf(w, "%s\nnow: runner plan %s, runner sweep %s\n", file, cli.Quote(file), cli.Quote(file))
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.LAION, "laion", "", "`glob` of parquet files with LAION's columns (needs --shards, --classes and --dataset)")
	flags.StringVar(&o.Shards, "shards", "", "`glob` of the webdataset tars with the images")
	flags.StringVar(&o.Weights, "weights", "", "`folder` or file of the base model's checkpoint")
	flags.StringVar(&o.Classes, "classes", "", "`file` of class names, one a line, or a .json list")
	flags.StringVar(&o.Dataset, "dataset", "", "`folder` of labelled images to evaluate on")
	return cmd
}
