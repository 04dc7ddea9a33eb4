package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"react/data/wholefile"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/spec/bounded"
)

func newVet() *cobra.Command {
	var sets []string
	cmd := &cobra.Command{
		Use:   "vet FILE...",
		Short: "Check experiment files",
		Long: `vet checks experiment files against the schema and prints every mistake it finds,
one a line: file:line:col: path: what is wrong (what would be right).
Tables are checked against the trials that there will be. Fields that no trial reads
are warned of. It looks at no store, and of input data only whether a pool's
metadata, where it is there, has labels, and a folder of weights any.

Here as in every command, evaluating a file may take 60 seconds and 1 GiB of
memory; RUNNER_SPEC_SECONDS and RUNNER_SPEC_MIB (1024) allow more.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			var errs []error // of all files: mistakes are seen at once
			for _, file := range files {
				warnings, err := experiment.Vet(cmd.Context(), file, sets)
				if cmd.Context().Err() != nil {
					return cmd.Context().Err()
				}
				if err != nil {
					errs = append(errs, err)
					continue
				}
				for _, text := range warnings {
					fmt.Fprintln(cmd.ErrOrStderr(), "warning:", text)
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", file)
			}
			return errors.Join(errs...)
		},
	}
	cli.SetFlag(cmd, &sets)
	return cmd
}

// fmtOptions are the flags of fmt.
type fmtOptions struct {
	diff, check, update bool
}

func newFmt() *cobra.Command {
	var o fmtOptions
	cmd := &cobra.Command{
		Use:   "fmt FILE...",
		Short: "Format experiment files",
		Long: `fmt writes CUE files in the standard form, as cue fmt does, in place, and prints
the names of those that it changed. Comments are kept. "-" reads stdin and writes
stdout. A file that is no CUE is left as it is.

--update gives files of apiVersion "runner/v1" the names of "runner/v2" too, in
sections, sweeps and tables. A place that it cannot change safely, such as a name
that is computed, is an error, and nothing is written.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error { return o.run(cmd, files) },
	}
	cmd.Flags().BoolVarP(&o.diff, "diff", "d", false, "print the changes and write nothing")
	cmd.Flags().BoolVar(&o.update, "update", false, "rewrite files of an older apiVersion")
	cmd.Flags().BoolVar(&o.check, "check", false, "print the names of files that would change, write nothing, and exit with 6 if there are any")
	return cmd
}

// run goes on after a bad file, so that the others are formatted.
func (o fmtOptions) run(cmd *cobra.Command, files []string) error {
	var errs []error
	changes := false
	for _, file := range files {
		changed, err := o.format(cmd, file)
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		changes = changes || changed
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if o.check && changes {
		return cli.ErrWork
	}
	return nil
}

func (o fmtOptions) format(cmd *cobra.Command, file string) (changed bool, err error) {
	write, what := bounded.Format, " (formatted)"
	if o.update {
		write, what = bounded.Update, " (updated)"
	}
	text, formatted, err := write(cmd.Context(), file)
	if err != nil {
		return false, err
	}
	w := cmd.OutOrStdout()
	changed = !bytes.Equal(text, formatted)
	if changed && o.diff {
		w.Write(diff.Diff(file, text, file+what, formatted))
	}
	switch {
	case o.diff, o.check:
		if changed && !o.diff {
			fmt.Fprintln(w, file)
		}
		return changed, nil
	case file == "-":
		_, err := w.Write(formatted)
		return changed, err
	case !changed:
		return false, nil
	}
	fmt.Fprintln(w, file)
	return true, replaceFile(file, formatted)
}

// replaceFile puts new content under a name, whole or not at all; a link keeps leading to the file.
func replaceFile(file string, data []byte) error {
	path, err := filepath.EvalSymlinks(file)
	if err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return wholefile.WriteMode(path, data, info.Mode().Perm())
}
