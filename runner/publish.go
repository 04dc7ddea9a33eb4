package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"react/data/words"
	"react/runner/cli"
	"react/runner/record"
	"react/runner/report"
)

func newReport() *cobra.Command {
	var o report.Options
	var sets []string
	var storeDir string
	cmd := &cobra.Command{
		Use:   "report FILE|SWEEP",
		Short: "Write a self-contained HTML page about an experiment",
		Long: `report writes one HTML page that loads nothing: question and spec, tables that
sort, figures, losses, what was retrieved, which classes gained and lost, time and
cost by stage, and where every number is from; beside it the tables and figures as
files. It takes a .cue file or the name of a sweep in the store (NAME or NAME/HASH,
the newest where there are several), and runs nothing: what is not done is shown as
such.

With --plain it leaves out what differs from machine to machine (times, host,
build), so that the same rows give the same bytes.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := report.CheckGallery(o.Gallery); err != nil {
				return err
			}
			e, err := record.Open(cmd.Context(), names[0], sets, storeDir)
			if err != nil {
				return err
			}
			defer e.Store.Close()
			page, err := report.Write(cmd.Context(), e, o)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "written to %s\n", cli.ShownPath(page))
			return nil
		},
	}
	cli.SetFlag(cmd, &sets)
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().StringVarP(&o.Out, "output", "o", "", "write into this `directory` (default: report/ in the sweep's records)")
	cmd.Flags().StringVar(&o.Gallery, "gallery", "all", "`images` of retrieved pairs: all; world, those of pools that runner made; none")
	cmd.Flags().BoolVar(&o.Plain, "plain", false, "leave out times, host and build")
	return cmd
}

// publishOptions are the flags of publish.
type publishOptions struct {
	sets    []string
	store   string
	gallery string
	check   bool
	refresh bool
}

func newPublish() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "publish FILE|SWEEP DIR",
		Short: "Write the folder that a paper's supplement needs; --check verifies one, --refresh makes it again",
		Long: `publish writes results as a folder that stands alone: page, tables, figures and
statistics, the spec, the resolved trials, the stages with the digests of what they
made, the rows and predictions that all numbers follow from, and notes on whose data
it was. It runs nothing, and leaves out hosts, times and, unless --gallery all is
given, images that runner did not make.

  runner publish --check DIR

verifies such a folder from itself: digests, keys of stages, accuracies of the
predictions, and that tables, figures and page follow from the rows, byte for byte.
It exits with 1 where they do not.

  runner publish --refresh DIR

makes tables, figures and page of such a folder again from its own rows and
predictions, by the statistics of this program. It needs no store.

` + cli.ExitHelp,
		Args: cli.Args(cobra.RangeArgs(1, 2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if o.check || o.refresh {
				if len(given) != 1 || o.check && o.refresh {
					return cli.Usage(fmt.Errorf("--check and --refresh take the folder alone, one of them at a time"))
				}
				if o.refresh {
					return o.again(cmd, given[0])
				}
				return o.verify(cmd, given[0])
			}
			if len(given) != 2 {
				return cli.Usage(fmt.Errorf("publish takes a FILE or SWEEP and the DIR to write, --check DIR, or --refresh DIR"))
			}
			return o.publish(cmd, given[0], given[1])
		},
	}
	cli.SetFlag(cmd, &o.sets)
	cli.StoreFlag(cmd, &o.store)
	cmd.Flags().StringVar(&o.gallery, "gallery", "world", "`images` of retrieved pairs: all; world, those of pools that runner made; none")
	cmd.Flags().BoolVar(&o.check, "check", false, "verify a folder that publish wrote")
	cmd.Flags().BoolVar(&o.refresh, "refresh", false, "make tables, figures and page of such a folder again from its own data")
	return cmd
}

func (o publishOptions) publish(cmd *cobra.Command, name, dir string) error {
	if err := report.CheckGallery(o.gallery); err != nil {
		return err
	}
	e, err := record.Open(cmd.Context(), name, o.sets, o.store)
	if err != nil {
		return err
	}
	defer e.Store.Close()
	summary, err := report.Publish(cmd.Context(), e, o.gallery, dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "written to %s: %s\n", cli.ShownPath(dir), summary)
	return nil
}

func (o publishOptions) again(cmd *cobra.Command, dir string) error {
	summary, err := report.Refresh(cmd.Context(), dir)
	if err != nil {
		return err
	}
	fmt.Fprintf(cmd.OutOrStdout(), "made again in %s: %s\n", cli.ShownPath(dir), summary)
	return nil
}

func (o publishOptions) verify(cmd *cobra.Command, dir string) error {
	c, err := report.Check(cmd.Context(), dir)
	if err != nil {
		return err
	}
	for _, fault := range c.Faults {
		fmt.Fprintf(cmd.OutOrStdout(), "%s: %s\n", cli.ShownPath(dir), fault)
	}
	if len(c.Faults) > 0 {
		return fmt.Errorf("%s: %s", cli.ShownPath(dir), words.Plural(len(c.Faults), "fault"))
	}
	if c.Unbound > 0 {
		fmt.Fprintf(cmd.ErrOrStderr(), "warning: %s: %s read an approximate index by a key without the depth of the search: what they hold may depend on the largest K of the sweep (publish it again from a new sweep)\n",
			cli.ShownPath(dir), words.Plural(c.Unbound, "stage"))
	}
	fmt.Fprintf(cmd.OutOrStdout(), "%s: %s: as its digests, keys and rows say\n", cli.ShownPath(dir), c.Summary)
	return nil
}
