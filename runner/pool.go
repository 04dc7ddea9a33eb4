package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"react/data/laion"
	"react/data/lost"
	"react/data/pool"
	"react/data/words"
	"react/ops/op"
	"react/ops/pools"
	"react/runner/cli"
	"react/runner/plan"
	"react/runner/spec"
	"react/runner/spec/bounded"
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
	sets   []string
	name   string
	to     string
	json   bool
	decode bool
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
images that do not decode, for which every image is read. FILE may be a manifest (a folder that pool pin wrote, or its pool.json).

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
			return o.each(cmd.Context(), given[0], cmd.ErrOrStderr(), func(name string, man *pool.Manifest) error {
				return o.print(cmd.OutOrStdout(), "pool "+name, man)
			})
		},
	}
	o.flags(cmd)
	cmd.Flags().BoolVar(&o.decode, "decode", false, "decode every image, and count those that do not")
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
			if o.to == "" {
				return cli.Usage(fmt.Errorf("pool pin needs --to DIR"))
			}
			if entries, err := os.ReadDir(o.to); err == nil && len(entries) > 0 {
				return cli.Usage(fmt.Errorf("--to %s: the folder is not empty", o.to))
			}
			return o.each(cmd.Context(), given[0], cmd.ErrOrStderr(), func(name string, man *pool.Manifest) error {
				return o.print(cmd.OutOrStdout(), "pool "+name, man)
			})
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&o.to, "to", "", "`directory` to fill")
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
	cli.SetFlag(cmd, &o.sets)
	cmd.Flags().StringVar(&o.name, "pool", "", "only the pool of this `name`")
}

// each scans the pools of an experiment, one after the other.
func (o *poolOptions) each(ctx context.Context, file string, stderr io.Writer, fn func(string, *pool.Manifest) error) error {
	exp, err := bounded.Load(ctx, file, o.sets)
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(exp.Params.Pool))
	if o.name != "" {
		if !slices.Contains(names, o.name) {
			return cli.Usage(fmt.Errorf("--pool %s: there is %s", o.name, strings.Join(names, ", ")))
		}
		names = []string{o.name}
	}
	if o.to != "" && len(names) > 1 {
		return cli.Usage(fmt.Errorf("--pool NAME: which of %s?", strings.Join(names, ", ")))
	}
	for _, name := range names {
		man, err := o.scan(ctx, name, exp.Params.Pool[name], stderr)
		if err != nil {
			return fmt.Errorf("pool.%s: %w", name, err)
		}
		if err := fn(name, man); err != nil {
			return err
		}
	}
	return nil
}

func (o *poolOptions) scan(ctx context.Context, name string, p spec.Pool, stderr io.Writer) (*pool.Manifest, error) {
	src, lists, err := plan.PoolMetadata(p)
	if err != nil {
		return nil, err
	}
	matcher, err := pool.NewMatcher(plan.FilterParams(p).Filter, lists)
	if err != nil {
		return nil, err
	}
	notes, err := laion.Notes(src.Metadata, src.Folder)
	if err != nil {
		return nil, err
	}
	for _, note := range notes {
		fmt.Fprintln(stderr, "warning:", note)
	}
	if o.to == "" {
		man, err := pool.Write(ctx, "", src, matcher, nil)
		if err == nil && p.Shards != "" {
			man.Lost, err = o.countImages(ctx, src, p, stderr)
		}
		return man, err
	}
	return writeManifest(ctx, o.to, src, matcher)
}

// countImages says which rows have no image; more of them than a sweep would bear
// are said so.
func (o *poolOptions) countImages(ctx context.Context, src pool.Source, p spec.Pool, stderr io.Writer) (*lost.Count, error) {
	var err error
	if src.Images, err = plan.PoolShards(p); err != nil {
		return nil, err
	}
	run := &op.Run{Workers: runtime.GOMAXPROCS(0), Warn: func(format string, args ...any) { fmt.Fprintf(stderr, "warning: "+format+"\n", args...) }}
	c, err := pools.CountLost(ctx, src, o.decode, run)
	if err != nil {
		return nil, err
	}
	if err := c.Check(p.MaxBadShare); err != nil {
		fmt.Fprintf(stderr, "warning: %v: a sweep would stop here\n", err)
	}
	return &c, nil
}

// writeManifest writes a manifest beside its place and renames it: a folder that is there is whole.
func writeManifest(ctx context.Context, dir string, src pool.Source, m *pool.Matcher) (*pool.Manifest, error) {
	if err := os.MkdirAll(filepath.Dir(filepath.Clean(dir)), 0o777); err != nil {
		return nil, err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(dir)), ".pin-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(tmp)
	man, err := pool.Write(ctx, tmp, src, m, nil)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return nil, err
	}
	return man, os.Rename(tmp, dir) // over an empty folder too
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
