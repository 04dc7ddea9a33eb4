package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"react/data/lost"
	"react/data/pool"
	"react/data/words"
	"react/runner/cli"
	"react/runner/curves"
	"react/runner/experiment"
	"react/runner/scan"
)

func newPool() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "pool",
		Short: "Look at pools: what their filters leave, manifests, differences",
		Args:  cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.Usage(fmt.Errorf("pool what? There are: runner pool show FILE, pool pin FILE --to DIR, pool diff A B"))
		},
	}
	cmd.AddCommand(newPoolShow(), newPoolPin(), newPoolDiff())
	return cmd
}

// poolOptions are the flags of show and pin.
type poolOptions struct {
	scan.Options
	json bool
}

func newPoolShow() *cobra.Command {
	var o poolOptions
	cmd := &cobra.Command{
		Use:   "show FILE",
		Short: "Count a pool's rows: what its filter leaves, what it drops and why",
		Long: `show reads the metadata of the pools of an experiment (FILE.cue) and counts what
their filters leave and drop, by cause, each row by the first condition that it
fails; then the rows without an image: their download failed, no tar holds their
shard, their key is in no tar or stands for several images; with --decode also
images that do not decode, for which every image is read. Of a generated pool that
has a filter it says what the sweep's filter stage left. FILE may be a manifest (a
folder that pool pin wrote, or its pool.json).

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if filepath.Ext(given[0]) != ".cue" {
				man, err := pool.Read(given[0])
				if err != nil {
					return err
				}
				return o.print(cmd.OutOrStdout(), given[0], man)
			}
			return o.printEach(cmd, given[0])
		},
	}
	o.flags(cmd)
	cli.StoreFlag(cmd, &o.Store)
	cmd.Flags().BoolVar(&o.Decode, "decode", false, "decode every image, and count those that do not")
	cmd.Flags().BoolVar(&o.json, "json", false, "print the manifest as JSON (schema runner.pool/v1)")
	return cmd
}

func newPoolPin() *cobra.Command {
	var o poolOptions
	cmd := &cobra.Command{
		Use:   "pin FILE --to DIR",
		Short: "Write a pool's manifest: files, row hashes, what its filter leaves",
		Long: `pin writes pool.json and rows.parquet (each row's hash, and why it was
dropped) of a pool of an experiment into DIR. The row hash is LAION's: murmur3
of url+caption. With it pools of different dates are compared (pool diff) and a
trial runs on what they share (pool: NAME: filter: within: ["DIR"]).

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			if o.To == "" {
				return cli.Usage(fmt.Errorf("pool pin needs --to DIR"))
			}
			if entries, err := os.ReadDir(o.To); err == nil && len(entries) > 0 {
				return cli.Usage(fmt.Errorf("--to %s: the folder is not empty", o.To))
			}
			return o.printEach(cmd, given[0])
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.To, "to", "", "`directory` to fill")
	return cmd
}

func newPoolDiff() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two manifests: rows of both, of each alone, dropped by what",
		Long: `diff compares two folders that pool pin, or a filter stage, wrote: how many
different rows (by row hash) stand in both and in each alone, how many are left in
both, and what dropped those that are left in one only.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			for i := range given {
				given[i] = strings.TrimSuffix(given[i], "/"+pool.ManifestFile)
			}
			d, err := pool.Diff(given[0], given[1])
			if err != nil {
				return err
			}
			if asJSON {
				return cli.PrintJSON(cmd.OutOrStdout(), d)
			}
			return printDifference(cmd.OutOrStdout(), given, d)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (o *poolOptions) flags(cmd *cobra.Command) {
	cli.SetFlag(cmd, &o.Sets)
	cmd.Flags().StringVar(&o.Pool, "pool", "", "only the pool of this `name`")
}

// printEach scans the pools of an experiment and prints what was found.
func (o *poolOptions) printEach(cmd *cobra.Command, file string) error {
	return scan.Each(cmd.Context(), file, o.Options, cmd.ErrOrStderr(), func(name string, man *pool.Manifest) error {
		return o.print(cmd.OutOrStdout(), "pool "+name, man)
	})
}

func (o *poolOptions) print(w io.Writer, title string, man *pool.Manifest) error {
	if o.json {
		return cli.PrintJSON(w, man)
	}
	fmt.Fprintf(w, "%s: %s rows in %s", title, cli.Thousands(int(man.Rows)), words.Plural(len(man.Metadata), "metadata file"))
	if len(man.Images) > 0 {
		fmt.Fprintf(w, ", %s", words.Plural(len(man.Images), "tar"))
	}
	fmt.Fprintf(w, "\n")
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	share := func(n int64) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(man.Rows)) }
	fmt.Fprintf(table, "  alive\t%s\t%s\n", cli.Thousands(int(man.Alive)), share(man.Alive))
	for _, cause := range slices.Sorted(maps.Keys(man.Dropped)) {
		n := man.Dropped[cause]
		fmt.Fprintf(table, "  dropped: %s\t%s\t%s\tfirst: %s\n", cause, cli.Thousands(int(n)), share(n), man.Example[cause])
	}
	if man.BadValues > 0 {
		fmt.Fprintf(table, "  similarity out of [-1, 1]\t%s\t\ttaken as unknown\n", cli.Thousands(int(man.BadValues)))
	}
	if man.Lost != nil {
		man.Lost.Each(func(cause lost.Cause, text string, n int64) {
			fmt.Fprintf(table, "  lost: %s\t%s\t%s\tfirst: %s\n", text, cli.Thousands(int(n)), share(n), man.Lost.First[cause])
		})
	}
	fmt.Fprintf(table, "  digest\t%.16s\n", man.Digest)
	return table.Flush()
}

func printDifference(w io.Writer, names []string, d *pool.Difference) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(what string, n int64) { fmt.Fprintf(table, "%s\t%s\n", what, cli.Thousands(int(n))) }
	if d.SameDigest {
		fmt.Fprintln(w, "the same rows in the same order, kept and dropped alike")
	}
	for i, name := range names {
		fmt.Fprintf(table, "%c\t%s\n", 'A'+i, name)
	}
	row("different rows in A", d.Distinct[0])
	row("different rows in B", d.Distinct[1])
	row("in both", d.Both)
	row("in A alone", d.Only[0])
	row("in B alone", d.Only[1])
	row("alive in A", d.Alive[0])
	row("alive in B", d.Alive[1])
	row("alive in both", d.AliveBoth)
	for i := range names {
		for _, cause := range slices.Sorted(maps.Keys(d.DroppedIn[i])) {
			row(fmt.Sprintf("alive in %c, dropped in %c: %s", 'B'-i, 'A'+i, cause), d.DroppedIn[i][cause])
		}
		if files := d.Files[i]; len(files) > 0 {
			fmt.Fprintf(table, "files of %c alone\t%s (%s)\n", 'A'+i, cli.Thousands(len(files)), cli.ShortList(files))
		}
	}
	return table.Flush()
}

func newIndex() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "index",
		Short: "Look at indexes: what they find of the exact hits",
		Args:  cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cli.Usage(fmt.Errorf("index what? There is: runner index tune FILE"))
		},
	}
	cmd.AddCommand(newIndexTune())
	return cmd
}

func newIndexTune() *cobra.Command {
	var sets []string
	var storeDir, to string
	var k int
	cmd := &cobra.Command{
		Use:   "tune FILE",
		Short: "Print recall of the indexes of an experiment against nprobe or efSearch",
		Long: `tune asks each approximate index of an experiment the experiment's own queries,
with one value of nprobe or efSearch after the other, and prints what share of the
exact K best hits it finds: over all queries, and for the class that fares worst.
The truth is a pass over all embeddings; captions that are equal count as equal.
The index and what it is made from must be in the store (runner sweep FILE).

In the spec, index: recall: 0.95 takes the smallest value that reaches 0.95.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if k < 1 {
				return cli.Usage(fmt.Errorf("-k %d: at least 1", k))
			}
			e, err := experiment.Load(cmd.Context(), files[0], sets, storeDir)
			if err != nil {
				return err
			}
			found, err := curves.Measure(cmd.Context(), e, k, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if err := curves.Print(cmd.OutOrStdout(), found); err != nil || to == "" {
				return err
			}
			return curves.Write(to, found)
		},
	}
	cli.SetFlag(cmd, &sets)
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().IntVarP(&k, "k", "k", 100, "recall of the `K` best hits")
	cmd.Flags().StringVar(&to, "to", "", "write recall.json, recall.csv and recall.svg into this `directory`")
	return cmd
}
