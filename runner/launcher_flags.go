package main

import (
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"react/runner/slurm"
)

// clusterOptions are the flags of sweep that only a cluster's launcher reads.
type clusterOptions struct {
	asked       slurm.Site
	detach      bool
	throttle    int
	retries     int
	retryFailed bool // set by the command retry
}

// clusterFlags are the names of the flags below, less those that local sweeps
// have too.
var clusterFlags = []string{"partition", "account", "qos", "time", "gres", "cpus", "mem", "sbatch", "detach", "throttle"}

func (o *clusterOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&o.asked.Partition, "partition", "", "Slurm `partition`; this and what follows may stand in the file that RUNNER_SLURM names, or in runner/slurm.json of your folder of configuration")
	f.StringVar(&o.asked.Account, "account", "", "Slurm `account`")
	f.StringVar(&o.asked.QOS, "qos", "", "Slurm quality of `service`")
	f.StringVar(&o.asked.Time, "time", "", "time `limit` of a stage as Slurm takes it, such as 4:00:00; a stage that can be checkpointed goes on after it")
	f.StringVar(&o.asked.GRES, "gres", "", "generic `resources`, such as gpu:1")
	f.IntVar(&o.asked.CPUs, "cpus", 0, "`processors` a stage")
	f.StringVar(&o.asked.Mem, "mem", "", "`memory` a stage, such as 16G")
	f.StringArrayVar(&o.asked.Options, "sbatch", nil, "a further `option` for sbatch, such as --constraint=a100; may be repeated")
	f.BoolVar(&o.detach, "detach", false, "submit and leave; the same command without it follows")
	f.IntVar(&o.throttle, "throttle", 0, "at most this `many` elements of a job array at a time")
	f.IntVar(&o.retries, "retries", 3, "try a stage again this `often` after what may pass: a disk or a network that failed; on a cluster a time limit, a failed node or a worker that vanished")
}

// check finds flags that the launcher does not read.
func (o *clusterOptions) check(launcher string, given *pflag.FlagSet) error {
	if o.retries < 0 {
		return fmt.Errorf("--retries %d: at least 0", o.retries)
	}
	switch launcher {
	case "slurm":
		if o.throttle < 0 || o.asked.CPUs < 0 {
			return errors.New("--throttle and --cpus are at least 0")
		}
		if o.asked.Mem != "" && slurm.Bytes(o.asked.Mem, 0) <= 0 {
			return fmt.Errorf("--mem %s: not a size such as 500M or 16G", o.asked.Mem)
		}
		if given.Changed("jobs") {
			return errors.New("--jobs is for local sweeps; --throttle bounds what a cluster runs at a time")
		}
		return nil
	case "local":
		for _, name := range clusterFlags {
			if given.Changed(name) {
				return fmt.Errorf("--%s is for --launcher slurm", name)
			}
		}
		return nil
	}
	return fmt.Errorf("--launcher %s: there are local and slurm", launcher)
}

// site is what the user's file says with the flags over it.
func (o *clusterOptions) site() (slurm.Site, error) {
	site, err := slurm.ReadSite(slurm.SiteFile())
	if err != nil {
		return site, usageError{err}
	}
	site = site.Over(o.asked)
	for name, class := range site.Classes { // flags go before classes too
		site.Classes[name] = class.Over(slurm.Site{Partition: o.asked.Partition, Account: o.asked.Account, QOS: o.asked.QOS,
			Time: o.asked.Time, GRES: o.asked.GRES, CPUs: o.asked.CPUs, Mem: o.asked.Mem})
	}
	return site, nil
}
