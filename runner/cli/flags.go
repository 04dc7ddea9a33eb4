package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Args makes cobra's check of arguments a usage error.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return Usage(fmt.Errorf("%w\nusage: %s", err, cmd.UseLine()))
		}
		return nil
	}
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
