package main

import (
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"react/ops/engine"
	"react/runner/cli"
	"react/runner/record"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the build: revision, Go, SIMD, libraries",
		Args:  cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			facts := record.BuildFacts()
			for _, name := range slices.Sorted(maps.Keys(facts)) {
				fmt.Fprintf(w, "%s %s\n", name, facts[name])
			}
			simd := "on"
			if !engine.SIMD {
				simd = "off: " + engine.SIMDWarning
			}
			fmt.Fprintf(w, "simd %s\n", simd)
			return nil
		},
	}
}
