package sweep

import (
	"errors"

	"github.com/spf13/pflag"

	"react/runner/cli"
	"react/runner/cluster"
	"react/runner/exec"
)

// Options are the flags of a sweep: where and how, never what.
type Options struct {
	exec.Settings
	Launcher   string // local, slurm or k8s
	Cluster    cluster.Options
	tables     string
	jobs       exec.Jobs
	failFast   bool
	keepGoing  bool // the opposite of failFast, for who is used to make's
	overcommit bool
	keepDiff   bool
}

// Flags adds the flags.
func (o *Options) Flags(flags *pflag.FlagSet) {
	o.Settings.Flags(flags)
	flags.StringVar(&o.tables, "tables", "", "write the tables into this `directory` too")
	o.jobs = 1
	flags.VarP(&o.jobs, "jobs", "j", "run this many stages at a time; auto: as many as cores, memory and devices allow")
	cli.OvercommitFlag(flags, &o.overcommit)
	flags.BoolVar(&o.failFast, "fail-fast", false, "stop everything at the first failure")
	flags.BoolVarP(&o.keepGoing, "keep-going", "k", true, "after a failure go on with what does not depend on it; the opposite of --fail-fast")
	flags.BoolVar(&o.keepDiff, "keep-diff", false, "keep in the run's record how tracked files of the experiment's git repository differ from the commit; else only that they do")
	flags.StringVar(&o.Launcher, "launcher", "local", "where stages run: local, slurm, or k8s")
	o.Cluster.Flags(flags)
}

// Check finds flags that contradict each other or are out of bounds.
func (o *Options) Check(given *pflag.FlagSet) error {
	if o.failFast && o.keepGoing && given.Changed("keep-going") {
		return errors.New("--fail-fast and --keep-going: one of them")
	}
	o.failFast = o.failFast || !o.keepGoing
	if err := o.Settings.Check(); err != nil {
		return err
	}
	return o.Cluster.Check(o.Launcher, given)
}
