package cluster

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"react/runner/cli"
	"react/runner/k8s"
	"react/runner/slurm"
)

// Options are the flags of sweep that only a launcher of a cluster reads.
type Options struct {
	asked       slurm.Site
	detach      bool
	throttle    int
	Retries     int  // of a stage, also here, after what may pass
	RetryFailed bool // stages that failed are made again; no flag

	print   bool
	image   string
	volumes []string
}

// Flags of one launcher, and of clusters.
var (
	slurmFlags   = []string{"partition", "account", "qos", "time", "sbatch", "detach"}
	k8sFlags     = []string{"print", "image", "volume"}
	clusterFlags = []string{"gres", "cpus", "mem", "throttle"}
)

// Flags adds the flags.
func (o *Options) Flags(f *pflag.FlagSet) {
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
	f.BoolVar(&o.print, "print", false, "with --launcher k8s: print the jobs for kubectl, and submit nothing")
	f.StringVar(&o.image, "image", "", "with --launcher k8s: the pods' `image`; it needs glibc, the program is on a volume")
	f.StringArrayVar(&o.volumes, "volume", nil, "with --launcher k8s: mount a persistent volume claim, `CLAIM=/path`; may be repeated")
	f.IntVar(&o.Retries, "retries", 3, "try a stage again this `often` after what may pass: a disk or a network that failed; on a cluster a time limit, a failed node or a worker that vanished")
}

// Check finds flags that the launcher does not read.
func (o *Options) Check(launcher string, given *pflag.FlagSet) error {
	if o.Retries < 0 {
		return fmt.Errorf("--retries %d: at least 0", o.Retries)
	}
	if o.throttle < 0 || o.asked.CPUs < 0 {
		return errors.New("--throttle and --cpus are at least 0")
	}
	if o.asked.Mem != "" && slurm.Bytes(o.asked.Mem, 0) <= 0 {
		return fmt.Errorf("--mem %s: not a size such as 500M or 16G", o.asked.Mem)
	}
	var foreign []string // flags that this launcher does not read
	switch launcher {
	case "slurm":
		foreign = append([]string{"jobs", "fail-fast"}, k8sFlags...)
	case "k8s":
		foreign = append([]string{"jobs", "fail-fast"}, slurmFlags...)
		if !o.print {
			return errors.New("--launcher k8s submits nothing by itself: add --print, and give what it prints to kubectl apply -f -")
		}
	case "local":
		foreign = slices.Concat(slurmFlags, k8sFlags, clusterFlags)
	default:
		return fmt.Errorf("--launcher %s: there are local, slurm and k8s", launcher)
	}
	for _, text := range o.volumes {
		if _, err := k8s.ParseVolume(text); err != nil {
			return err
		}
	}
	for _, name := range foreign {
		if given.Changed(name) {
			return fmt.Errorf("--%s has no meaning with --launcher %s", name, launcher)
		}
	}
	return nil
}

// site is what the user's file says with the flags over it.
func (o *Options) site() (slurm.Site, error) {
	site, err := slurm.ReadSite(slurm.SiteFile())
	if err != nil {
		return site, cli.Usage(err)
	}
	site = site.Over(o.asked)
	for name, class := range site.Classes { // flags go before classes too
		site.Classes[name] = class.Over(slurm.Site{Partition: o.asked.Partition, Account: o.asked.Account, QOS: o.asked.QOS,
			Time: o.asked.Time, GRES: o.asked.GRES, CPUs: o.asked.CPUs, Mem: o.asked.Mem})
	}
	return site, nil
}

// withDevices asks for the GPUs of --devices, for the stages that compute on them. What the site or
// a flag asks for must be as many.
func withDevices(site slurm.Site, devices int, engineSpec string) (slurm.Site, error) {
	if devices <= 1 || strings.HasPrefix(engineSpec, "xla:cpu") {
		return site, nil
	}
	class := site.Class("engine")
	if n := gpusOf(class.GRES); n > 0 && n != devices {
		return site, cli.Usage(fmt.Errorf("--devices %d: a stage on the engine asks for %s", devices, class.GRES))
	} else if n > 0 {
		return site, nil
	}
	own := site.Classes["engine"]
	own.GRES = strings.Trim(class.GRES+fmt.Sprintf(",gpu:%d", devices), ",")
	site.Classes = maps.Clone(site.Classes)
	if site.Classes == nil {
		site.Classes = map[string]slurm.Site{}
	}
	site.Classes["engine"] = own
	return site, nil
}

// gpusOf is how many GPUs generic resources name, as gpu:2 or gpu:a100:2 among others; 0 without.
func gpusOf(gres string) int {
	for _, one := range strings.Split(gres, ",") {
		parts := strings.Split(one, ":")
		if n, err := strconv.Atoi(parts[len(parts)-1]); parts[0] == "gpu" && err == nil {
			return n
		}
	}
	return 0
}
