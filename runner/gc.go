package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/exec"
	"react/runner/gc"
	"react/runner/store"
)

func newRM() *cobra.Command {
	var storeDir string
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "rm SWEEP...",
		Short: "Delete the records of sweeps, so that gc may free what they alone use",
		Long: `rm deletes the records of sweeps: spec, plan, provenance, trials and tables. Stage
outputs stay until runner gc, which frees those that no other sweep names.

SWEEP is a name, which stands for all sweeps of that name, or NAME/HASH, or the
beginning of one. A sweep that is running is not deleted.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			s, err := store.OpenExisting(storeDir)
			if err != nil {
				return err
			}
			defer s.Close()
			return gc.Forget(cmd.OutOrStdout(), s, names, dryRun)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().BoolVarP(&dryRun, "dry-run", "n", false, "only say what would be deleted")
	return cmd
}

// gcOptions are the flags of gc.
type gcOptions struct {
	gc.Options
	olderThan string
	maxSize   string
}

func newGC() *cobra.Command {
	var o gcOptions
	var storeDir string
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Free disk space: what no sweep names, what was not used for long",
		Long: `gc removes from the store the outputs that no sweep's records name (runner rm
deletes records), damaged outputs that were set aside, what killed processes left,
and logs of stages that no sweep names.

With --older-than or --max-size it also takes the large files (over 1 MiB: weights,
embeddings, indexes) out of outputs that sweeps name, those not used for longest
first: first the checkpoints of finished trials, then the rest of what finished
trials need, last what unfinished ones will read. Programs that XLA compiled go before
them. Rows, reports and curves stay, so tables stay too; what is missing is made again
when something needs it.

What a running sweep uses is left alone. gc does not ask; --dry-run shows first.

` + cli.ExitHelp,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.parse(); err != nil {
				return err
			}
			s, err := store.OpenExisting(storeDir)
			if err != nil {
				return err
			}
			defer s.Close()
			return gc.Collect(cmd.OutOrStdout(), s, o.Options)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	flags := cmd.Flags()
	flags.BoolVarP(&o.DryRun, "dry-run", "n", false, "only say what would be freed")
	flags.StringVar(&o.olderThan, "older-than", "", "also free what was not used for this `time`, such as 30d or 12h")
	flags.StringVar(&o.maxSize, "max-size", "", "free more, until the outputs take at most this `size`, such as 200GiB")
	flags.StringSliceVar(&o.Keep, "keep", []string{"evaluate"}, "`ops` that --older-than and --max-size leave whole, or none")
	return cmd
}

func (o *gcOptions) parse() (err error) {
	for _, op := range o.Keep {
		if err := exec.CheckOp("--keep", op); err != nil && op != "none" {
			return cli.Usage(err)
		}
	}
	o.Size = -1
	if o.olderThan != "" {
		o.OlderThan = o.olderThan
		if o.Age, err = cli.ParseAge(o.olderThan); err != nil {
			return cli.Usage(fmt.Errorf("--older-than %s: %w", o.olderThan, err))
		}
	}
	if o.maxSize != "" {
		o.MaxSize = o.maxSize
		if o.Size, err = cli.ParseBytes(o.maxSize); err != nil {
			return cli.Usage(fmt.Errorf("--max-size %s: %w", o.maxSize, err))
		}
	}
	return nil
}
