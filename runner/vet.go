package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/spec"
	"react/runner/spec/bounded"
)

func newVet() *cobra.Command {
	var sets []string
	cmd := &cobra.Command{
		Use:   "vet FILE...",
		Short: "Check experiment files",
		Long: `vet checks experiment files against the schema and prints every mistake it finds,
one a line: file:line:col: path: what is wrong (what would be right).
Tables are checked against the trials that there will be. It looks at no input
data and at no store.

Here as in every command, evaluating a file may take 60 seconds and 1 GiB of
memory; RUNNER_SPEC_SECONDS and RUNNER_SPEC_MIB (1024) allow more.

` + cli.ExitHelp,
		Args: cli.Args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			return vet(cmd, files, sets)
		},
	}
	cli.SetFlag(cmd, &sets)
	return cmd
}

// vet goes on after a bad file, so that all mistakes are seen at once.
func vet(cmd *cobra.Command, files, sets []string) error {
	var errs []error
	for _, file := range files {
		exp, err := bounded.Load(cmd.Context(), file, sets)
		if err == nil {
			err = vetTables(exp)
		}
		if cmd.Context().Err() != nil {
			return cmd.Context().Err()
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, text := range experiment.WarningTexts(exp) {
			fmt.Fprintln(cmd.ErrOrStderr(), "warning:", text)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", file)
	}
	return errors.Join(errs...)
}

// vetTables finds what is wrong with tables by the trials that there will be.
func vetTables(exp *spec.Experiment) error {
	p, err := plan.New(exp, plan.Options{Unseen: true})
	if err == nil {
		return experiment.CheckTables(exp, p.Trials, true)
	}
	if !cli.IsSpecError(err) {
		err = fmt.Errorf("%s: %w", exp.File, err)
	}
	return err
}
