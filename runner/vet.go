package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"react/runner/spec"
)

func newVet() *cobra.Command {
	var sets []string
	cmd := &cobra.Command{
		Use:   "vet FILE...",
		Short: "Check experiment files",
		Long: `vet checks experiment files against the schema and prints every mistake it finds,
one a line: file:line:col: path: what is wrong (what would be right).
It looks at no input data and at no store.

` + exitHelp,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			return vet(cmd, files, sets)
		},
	}
	setFlag(cmd, &sets)
	return cmd
}

// vet goes on after a bad file, so that all mistakes are seen at once.
func vet(cmd *cobra.Command, files, sets []string) error {
	var errs []error
	for _, file := range files {
		_, err := spec.Load(file, sets)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s: ok\n", file)
	}
	return errors.Join(errs...)
}
