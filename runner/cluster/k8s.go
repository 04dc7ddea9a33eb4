package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"react/data/words"
	"react/runner/cli"
	"react/runner/k8s"
	"react/runner/launch"
	"react/runner/slurm"
)

// k8sFolder is where the arrays of Kubernetes' jobs are, in the sweep's folder.
const k8sFolder = "k8s"

// PrintK8s writes the task files of what is left to run and prints the jobs that run
// them. It submits nothing: run again after they ended, it prints what is left then,
// or the sweep's tables are there for runner table.
func (l *Launcher) PrintK8s(w io.Writer) error {
	stages, _, err := l.choose(nil, launch.Policy{Fresh: true})
	if err != nil {
		return err
	}
	if len(stages) == 0 {
		fmt.Fprintln(l.stderr, "everything is done: runner table "+l.File)
		return nil
	}
	for _, s := range stages {
		l.size(&s.Task.Resources)
	}
	opts, err := l.k8sOptions()
	if err != nil {
		return err
	}
	list := k8s.List{APIVersion: "v1", Kind: "List"}
	levels := launch.Levels(stages)
	for level, arrays := range levels {
		for _, a := range arrays {
			r, err := l.k8sRecord(level, a)
			if err != nil {
				return err
			}
			list.Items = append(list.Items, opts.New(r, level))
		}
	}
	l.explain(list, len(levels))
	return cli.PrintJSON(w, list)
}

// size gives a class the resources that the user asks for.
func (l *Launcher) size(r *launch.Resources) {
	site := l.site.Class(r.Class)
	r.CPUs = max(r.CPUs, site.CPUs)
	r.Memory = slurm.Bytes(site.Mem, r.Memory)
	r.GPUs = max(r.GPUs, gpusOf(site.GRES))
}

func (l *Launcher) k8sOptions() (*k8s.Options, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	o := &k8s.Options{Sweep: l.Name + "/" + l.folder.Hash, Image: l.options.image, Store: l.Store.Root(), WorkDir: dir,
		Args:     l.settings.Args(),
		Throttle: l.options.throttle, Retries: l.options.Retries}
	for _, text := range l.options.volumes {
		v, err := k8s.ParseVolume(text)
		if err != nil {
			return nil, cli.Usage(err)
		}
		o.Volumes = append(o.Volumes, v)
	}
	if o.Program, err = keepProgram(l.folder.Path(k8sFolder + "/bin")); err != nil {
		return nil, err
	}
	if err := o.Check(); err != nil {
		return nil, cli.Usage(err)
	}
	return o, nil
}

// k8sRecord writes the folder of an array. Its name is made of the keys, so
// that what is printed twice is the same job.
func (l *Launcher) k8sRecord(level int, a *launch.Array) (*launch.Record, error) {
	sum := sha256.New()
	for _, t := range a.Tasks {
		fmt.Fprintln(sum, t.Key, t.Resources)
	}
	name := fmt.Sprintf("%s-%d-%s", hex.EncodeToString(sum.Sum(nil)[:4]), level, a.Resources.Class)
	r, err := launch.NewRecord(filepath.Join(l.folder.Path(k8sFolder), name), fmt.Sprintf("rn-%.30s-%s", l.Name, name), a)
	if err != nil {
		return nil, err
	}
	return r, r.Save()
}

// explain tells how the levels follow each other.
func (l *Launcher) explain(list k8s.List, levels int) {
	fmt.Fprintf(l.stderr, "%s of %s: the first runs at once, each of the others when the one before is through:\n",
		words.Plural(len(list.Items), "job"), words.Plural(levels, "level"))
	for level := 1; level < levels; level++ {
		fmt.Fprintf(l.stderr, "\tkubectl wait --for=condition=complete --timeout=-1s %s\n\tfor job in %s; do kubectl patch $job -p '{\"spec\":{\"suspend\":false}}'; done\n",
			jobsOf(list, level-1), jobsOf(list, level))
	}
	fmt.Fprintln(l.stderr, "after a failure: the same command prints what is left; in the end: runner table "+l.File)
}

// jobsOf names the jobs of a level, as kubectl takes them.
func jobsOf(list k8s.List, level int) string {
	var names []string
	for _, job := range list.Items {
		if job.Metadata.Labels["runner/level"] == strconv.Itoa(level) {
			names = append(names, "job/"+job.Metadata.Name)
		}
	}
	return strings.Join(names, " ")
}
