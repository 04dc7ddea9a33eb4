package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"react/ops/clip"
	"react/ops/engine"
	"react/ops/speed"
	"react/runner/cli"
	"react/runner/machine"
	"react/runner/record"
)

func newDoctor() *cobra.Command {
	var asJSON, yes bool
	var fix []string
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say which engines are there, which one auto takes, and what is missing",
		Long: `doctor loads each engine's library in a process of its own, so that one that
crashes is a line of the report, and prints what it found: the engines with the
paths and versions of their libraries, the command that installs what is missing,
which engine --engine auto takes and why, the processor, the memory, and the
libraries inside the program. It downloads nothing and changes nothing.

With --fix it prints the commands alone that install what this machine lacks:
ONNX Runtime, and XLA's CUDA plugin where there is a GPU; with --fix=xla:cuda and
the like those of the engines named, also for another machine that shares this
folder. --yes runs them, which downloads; no other command installs anything.

` + cli.ExitHelp,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(fix) > 0 && asJSON || len(fix) == 0 && yes {
				return cli.Usage(errors.New("--yes goes with --fix, and --json with neither"))
			}
			if len(fix) > 0 {
				fixes, err := machine.Fixes(fix)
				if err != nil || !yes {
					return cmp.Or(err, fixes.Print(cmd.OutOrStdout()))
				}
				if err := fixes.Run(cmd.Context(), cmd.ErrOrStderr()); err != nil {
					return err
				}
			}
			report := machine.Examine()
			if err := report.Print(cmd.OutOrStdout(), asJSON); err != nil {
				return err
			}
			if report.Auto == "" {
				return errors.New("no engine opens: " + report.Why)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringSliceVar(&fix, "fix", nil, "print the commands that install missing engines, or those of `ENGINE,...`")
	cmd.Flags().Lookup("fix").NoOptDefVal = machine.FixAuto
	cmd.Flags().BoolVar(&yes, "yes", false, "with --fix: run the commands, which download")
	return cmd
}

func newBench() *cobra.Command {
	var o machine.BenchOptions
	var asJSON, details bool
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure how fast this machine embeds and tunes with an architecture",
		Long: `bench makes a model of random weights on the spot and times the embedding of
images and the training step of each tuning mode, each in a process of its own:
images a second by the median round, the most memory that the process held (on a
GPU, that was in use after a round), and the share of what the engine reaches in
large matrix products. Modes that lock the text tower get encoded captions, as
tuning gives them. Nothing is read, written or downloaded.

` + cli.ExitHelp,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.Check(); err != nil {
				return cli.Usage(err)
			}
			speeds, err := machine.Bench(cmd.Context(), o, cmd.ErrOrStderr())
			if err != nil {
				return err
			}
			if asJSON {
				err = cli.PrintJSON(cmd.OutOrStdout(), speeds)
			} else {
				err = speeds.Print(cmd.OutOrStdout(), details)
			}
			return cmp.Or(err, speeds.Err())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Arch, "arch", "ViT-B-32", "the `architecture`: "+strings.Join(clip.Archs(), ", "))
	flags.StringSliceVar(&o.Works, "work", speed.Works(), "what to measure: `WORK,...`")
	flags.IntVar(&o.Measure.Batch, "batch", 32, "`images` in a batch")
	flags.StringVar(&o.Measure.Precision, "precision", clip.F32, "`f32` or bf16, which only xla computes fast")
	flags.IntVar(&o.Measure.MicroBatch, "micro-batch", 0, "`pairs` that go through the towers at a time in a step; 0 is the whole batch")
	flags.BoolVar(&o.Measure.Recompute, "recompute", false, "make the activations of each block again in the backward pass")
	flags.IntVar(&o.Measure.Gates, "gates", 2, "gated `blocks` of gated-image")
	flags.IntVar(&o.Measure.Rounds, "rounds", 10, "timed `rounds` of each work, after two that are not")
	flags.DurationVar(&o.Measure.Limit, "limit", time.Minute, "begin no round of a work after this `time`; 0 is no limit")
	flags.StringVar(&o.Engine, "engine", "auto", "`engine` that computes: "+engine.Choices)
	flags.IntVar(&o.Matrix, "matrix", 1024, "`side` of the matrices of the peak, 8192 on a GPU; 0: no peak")
	flags.BoolVar(&asJSON, "json", false, "print JSON, with every round")
	flags.BoolVarP(&details, "verbose", "v", false, "print the memory after each round")
	return cmd
}

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print release, commit, engines that are there, and the build: Go, SIMD, libraries",
		Args:  cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := cmd.OutOrStdout()
			facts := record.BuildFacts()
			release, commit := record.SourceOf(facts)
			fmt.Fprintf(w, "release %s\ncommit %s\nengines %s\n\n", release, commit, machine.UsableEngines())
			for _, name := range slices.Sorted(maps.Keys(facts)) {
				if name != "release" && !strings.HasPrefix(name, "vcs") {
					fmt.Fprintf(w, "%s %s\n", name, facts[name])
				}
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

func newCompletion() *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print a script that completes commands, flags and values in a shell",
		Long: `completion prints a script for a shell. With it, TAB completes commands and
flags, and the values that are there: experiments, sweeps, trials and their
stages, engines, and the fields and choices of --set.

  bash   runner completion bash > ~/.local/share/bash-completion/completions/runner
         (the package bash-completion has to be there)
  zsh    runner completion zsh > "${fpath[1]}/_runner"
  fish   runner completion fish > ~/.config/fish/completions/runner.fish

` + cli.ExitHelp,
		Args:      cli.Args(cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs)),
		ValidArgs: shells,
		RunE: func(cmd *cobra.Command, given []string) error {
			w := cmd.OutOrStdout()
			switch given[0] {
			case "bash":
				return cmd.Root().GenBashCompletionV2(w, true)
			case "zsh":
				return cmd.Root().GenZshCompletion(w)
			}
			return cmd.Root().GenFishCompletion(w, true)
		},
	}
}
