package cli

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Args makes cobra's check of arguments a usage error. An empty argument is one too, and so is an
// empty path of a flag: a variable of the shell that is not set would else stand for the current
// directory, or for any trial.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		err := check(cmd, given)
		if i := slices.Index(given, ""); err == nil && i >= 0 {
			err = fmt.Errorf("argument %d is empty (a variable that is not set?)", i+1)
		}
		if err != nil {
			return Usage(fmt.Errorf("%w\nusage: %s", err, cmd.UseLine()))
		}
		return emptyFlag(cmd.Flags())
	}
}

// emptyFlag is a mistake where a flag that takes a path was given an empty one. Of others, such as
// Slurm's, an empty text may be meant.
func emptyFlag(flags *pflag.FlagSet) (err error) {
	paths := []string{"directory", "file", "folder", "glob"}
	flags.Visit(func(f *pflag.Flag) {
		takes, _ := pflag.UnquoteUsage(f)
		if err == nil && f.Value.String() == "" && slices.Contains(paths, takes) {
			err = Usage(fmt.Errorf("--%s is empty (a variable that is not set?)", f.Name))
		}
	})
	return err
}

// PlainFlag says what a flag takes, where the library says which of Go's functions did not read it.
func PlainFlag(err error) error {
	for _, of := range []struct{ from, takes string }{
		{": strconv.ParseInt:", "a whole number"}, {": strconv.ParseUint:", "a whole number from 0"},
		{": strconv.ParseFloat:", "a number"}, {": strconv.ParseBool:", "true or false"},
		{": time: ", "a time with its unit, such as 30s, 5m or 1h30m"},
	} {
		if before, _, found := strings.Cut(err.Error(), of.from); found {
			return fmt.Errorf("%s: %s", before, of.takes)
		}
	}
	return err
}

// StoreFlag adds --store.
func StoreFlag(cmd *cobra.Command, dir *string) {
	standard := os.Getenv("RUNNER_STORE")
	if standard == "" {
		standard = ".runner"
	}
	cmd.Flags().StringVar(dir, "store", standard, "`directory` of stage outputs and records (default also from RUNNER_STORE)")
}

// strictEnv is the variable that stands for --strict.
const strictEnv = "RUNNER_STRICT"

// IsStrict reports whether outside files are read whole, however large.
func IsStrict() bool { return os.Getenv(strictEnv) != "" }

// SetFlag adds the flags of commands that read an experiment's file: --set,
// whose values may hold commas, as CUE lists do, and --strict.
func SetFlag(cmd *cobra.Command, sets *[]string) {
	cmd.Flags().StringArrayVar(sets, "set", nil, "override a `path=value` of the file, such as tune.gamma=0.8; may be repeated")
	cmd.Flags().BoolFunc("strict", "read outside files of 256 MiB and more whole, where keys else name a sample of them (default also from "+strictEnv+")", func(text string) error {
		on, err := strconv.ParseBool(text)
		if err != nil || !on {
			return errors.Join(err, os.Unsetenv(strictEnv))
		}
		return os.Setenv(strictEnv, "1")
	})
}

// OvercommitFlag adds --overcommit.
func OvercommitFlag(flags *pflag.FlagSet, overcommit *bool) {
	flags.BoolVar(overcommit, "overcommit", false, "go on although disk or memory are estimated not to suffice")
}
