// Command runner runs experiments on retrieval-augmented customization of CLIP
// models: it expands a .cue file into trials (runner/spec), turns those into
// stages with keys (runner/plan), makes each stage once (runner/schedule,
// runner/store, ops) and prints the tables that the file asks for (results).
//
// Each command is a constructor in this package, newNAME: flags, one call, printing; what it
// does is in the packages below. Those that belong together share a file (commandGroups has
// them all). Flags say where and how; what is computed stands in the .cue file. Commands write
// to the writers they are given, so that tests run the real command in process.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"react/ops/engine"
	"react/ops/knn"
	"react/runner/cli"
	"react/runner/complete"
	"react/runner/plan"
)

func main() {
	restart()
	stderr := cli.NewScreen(os.Stderr)
	ctx, stop := cli.Stoppable(stopNotice(os.Args, stderr))
	err := run(ctx, os.Args[1:], os.Stdout, stderr)
	stop()
	stderr.Show("")
	os.Exit(printError(cli.WhyStopped(ctx, err), stderr))
}

// isCompletion is a TAB in a shell: nothing is computed, and it has to be quick.
func isCompletion(args []string) bool {
	return len(args) > 1 && strings.HasPrefix(args[1], cobra.ShellCompRequestCmd)
}

// restarted marks a process that restart has started.
const restarted = "RUNNER_RESTARTED"

// restart starts the program once more, in this process, with the settings
// that BLAS, OpenMP and, for XLA, the loader and the allocator read only when a
// program starts. Where that cannot be done, search and XLA are slower, and a
// plugin that does not find NVIDIA's libraries says so.
func restart() {
	if os.Getenv(restarted) != "" || isCompletion(os.Args) {
		return
	}
	env := append(knn.StartupEnv(), engine.StartupEnv(os.Args[1:])...)
	if len(env) == 0 {
		return
	}
	program, err := os.Executable()
	if err != nil {
		return
	}
	for _, setting := range append(env, restarted+"=1") {
		if name, value, _ := strings.Cut(setting, "="); os.Setenv(name, value) != nil {
			return
		}
	}
	syscall.Exec(program, os.Args, os.Environ())
}

// stopNotice is where a first signal is answered: a command that only watches
// has nothing to save.
func stopNotice(args []string, stderr io.Writer) io.Writer {
	if len(args) > 1 && (args[1] == "status" || args[1] == "serve") {
		return io.Discard
	}
	return stderr
}

// run is the whole program. Results go to stdout, everything else to stderr.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err != nil && strings.HasPrefix(err.Error(), "unknown command") { // cobra has no type for it
		return cli.Usage(errors.New(strings.TrimSpace(err.Error())))
	}
	return err
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "runner",
		Short: "Declarative experiments on retrieval-augmented customization of CLIP models",
		Long: `runner expands an experiment (a .cue file) into trials, runs the stages that
they share once each, and prints result tables.

  runner sweep experiments/quickstart.cue    run it, or resume it
  runner plan  experiments/quickstart.cue    what would run, and what is cached
  runner vet   experiments/*.cue             check the files

` + cli.ExitHelp,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return cli.Usage(cli.PlainFlag(err)) })
	for _, g := range commandGroups() {
		root.AddGroup(&cobra.Group{ID: g.title, Title: g.title + ":"})
		for _, cmd := range g.commands {
			cmd.GroupID = g.title
			root.AddCommand(cmd)
		}
	}
	root.SetHelpCommandGroupID(root.Groups()[len(root.Groups())-1].ID)
	complete.Register(root)
	return root
}

// commandGroup is what help lists under one title.
type commandGroup struct {
	title    string
	commands []*cobra.Command
}

// commandGroups are all commands, in the order of help.
func commandGroups() []commandGroup {
	return []commandGroup{
		{"Experiments", []*cobra.Command{
			newInit(),
			newExplain(),
			newVet(),
			newFmt(),
			newPlan(),
			newSweep(),
			newEvaluate(),
			newList(),
			newStatus(),
			newLogs(),
			newCancel(),
			newRetry(),
			newScale(),
		}},
		{"Results", []*cobra.Command{
			newTable(),
			newReport(),
			newCompare(),
			newPublish(),
			newExport(),
			newServe(),
			newBrowse(),
			newShow(),
			newDiff(),
			newWhy(),
			newReproduce(),
		}},
		{"Models and data", []*cobra.Command{
			newInspect(),
			newConvert(),
			newImport(),
			newFetch(),
			newPool(),
			newIndex(),
			newData(),
		}},
		{"Store and machine", []*cobra.Command{
			newVerify(),
			newRM(),
			newGC(),
			newDoctor(),
			newBench(),
			newCompletion(),
			newWorker(),
			newVersion(),
		}},
	}
}

// printError prints an error for people and returns the exit code. Spec errors and
// faults of data that a spec names are lines that start with their position,
// which editors look for.
func printError(err error, stderr io.Writer) int {
	code := cli.ExitCode(err)
	faults := plan.Faults(nil)
	switch {
	case code == 0, code == 6:
	case code == 3:
		fmt.Fprintln(stderr, err)
	case errors.As(err, &faults):
		fmt.Fprintln(stderr, faults)
	case code == 130 && errors.Is(err, cli.ErrInterrupted):
		fmt.Fprintf(stderr, "runner: %v\n", cli.ErrInterrupted)
	case code == 130:
		fmt.Fprintln(stderr, "runner: interrupted")
	default:
		fmt.Fprintf(stderr, "runner: %v\n", err)
	}
	return code
}
