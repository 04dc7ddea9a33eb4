package cluster

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"react/ops"
	"react/runner/exec"
	"react/runner/experiment"
	"react/runner/forecast"
	"react/runner/launch"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/slurm"
	"react/runner/store"
)

// slurmFolder is where a sweep's arrays are, in its folder of records.
const slurmFolder = "slurm"

// OnSlurm says whether a sweep was ever given to Slurm.
func OnSlurm(folder *store.Sweep) (bool, error) {
	records, err := launch.Load(folder.Path(slurmFolder))
	return len(records) > 0, err
}

// Launcher brings the stages of a sweep to a cluster.
type Launcher struct {
	*experiment.Experiment
	folder   *store.Sweep
	states   *states
	settings exec.Settings // of its workers
	options  Options
	site     slurm.Site
	stderr   io.Writer
}

// New reads the file of the user's site. What is told goes to stderr.
func New(e *experiment.Experiment, folder *store.Sweep, workers exec.Settings, o Options, stderr io.Writer) (*Launcher, error) {
	site, err := o.site()
	if err == nil {
		site, err = withDevices(site, int(workers.Devices), workers.Engine)
	}
	if err != nil {
		return nil, err
	}
	return &Launcher{Experiment: e, folder: folder, states: newStates(e.Store, folder), settings: workers, options: o, site: site, stderr: stderr}, nil
}

func (l *Launcher) root() string { return l.folder.Path(slurmFolder) }

// submit looks where every stage is and hands the cluster those that are to be
// made and that it does not have. One process of a sweep does so at a time. The
// survey is that of before.
func (l *Launcher) submit(policy launch.Policy) (submitted int, err error) {
	lock, err := lockFolder(l.root())
	if err != nil {
		return 0, err
	}
	defer lock.Close()
	if err := adopt(l.root()); err != nil {
		return 0, err
	}
	known, err := l.states.read(true)
	if err != nil {
		return 0, err
	}
	stages, queued, err := l.choose(known, policy)
	if err != nil || len(stages) == 0 {
		return 0, err
	}
	size, err := slurm.MaxArraySize()
	if err != nil {
		return 0, err
	}
	s := &submission{Launcher: l, lock: lock, retry: policy.Retry, exclude: badNodes(known)}
	return len(stages), s.send(launch.Group(stages, queued, size))
}

// lockFolder makes a folder and holds it until the file is closed here and in
// every program that was given it.
func lockFolder(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, &store.Error{Root: dir, What: "make it", Err: err}
	}
	f, err := os.OpenFile(filepath.Join(dir, ".lock"), os.O_CREATE|os.O_RDWR, 0o666)
	if err != nil {
		return nil, &store.Error{Root: dir, What: "lock it", Err: err}
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, &store.Error{Root: dir, What: "lock it", Err: err}
	}
	return f, nil
}

// adopt finds out about arrays whose submitter died before it wrote down what
// became of them. It is called with the folder locked, so no sbatch is at work.
func adopt(root string) error {
	records, err := launch.Load(root)
	if err != nil {
		return err
	}
	for _, r := range records {
		if r.Submitted() {
			continue
		}
		id, err := slurm.Find(r.Name)
		if err != nil {
			return err
		}
		if id == "" { // Slurm may have forgotten it; a worker of it would have left word
			id = jobOfAttempts(r)
		}
		if err := r.Settle(id, true); err != nil {
			return err
		}
	}
	return nil
}

func jobOfAttempts(r *launch.Record) string {
	for index := range r.Keys {
		if a, err := launch.ReadAttempt(r.Dir, index); err == nil && a != nil {
			id, _, _ := strings.Cut(a.Job, "_")
			return id
		}
	}
	return ""
}

// choose picks the stages to submit: those that are to be made and that the
// cluster does not have, less those that read one which is not coming.
func (l *Launcher) choose(known map[string]*launch.Status, policy launch.Policy) ([]launch.Stage, map[string]launch.Ref, error) {
	tasks := l.TitledTasks()
	survey, err := schedule.Look(l.Store, tasks)
	if err != nil {
		return nil, nil, err
	}
	expected, err := forecast.New(l.Store, tasks, survey, forecast.On(l.settings.Engine, 1))
	if err != nil {
		return nil, nil, err
	}
	var stages []launch.Stage
	queued := map[string]launch.Ref{}
	absent := map[string]bool{} // neither done nor coming
	missing := map[string]bool{}
	for i, t := range tasks {
		if survey.Status[i] != schedule.ToRun {
			continue
		}
		missing[t.Key] = true
		st := known[t.Key]
		if st != nil && st.State.Live() {
			queued[t.Key] = launch.Ref{Job: st.Record.Job.ID, Index: st.Index}
			continue
		}
		task := l.task(l.Plan.Stages[i], t)
		task.Resources.Memory = memoryClass(expected.Stages[i].Memory.Value)
		policy.Memory = slurm.Bytes(l.site.Class(task.Resources.Class).Mem, task.Resources.Memory)
		coming := st.Again(policy)
		var needs []string
		for _, need := range t.Needs {
			coming = coming && !absent[need]
			if missing[need] {
				needs = append(needs, need)
			}
		}
		if !coming {
			absent[t.Key] = true
			continue
		}
		stages = append(stages, launch.Stage{Task: task, Needs: needs})
	}
	return stages, queued, nil
}

// memoryClass is what is asked for a stage that is expected to hold so many
// bytes: half as much again, as a power of two of GiB, so that stages share
// arrays. 0, where nothing is known, leaves it to the cluster.
func memoryClass(bytes float64) int64 {
	if bytes <= 0 {
		return 0
	}
	class := int64(1 << 30)
	for float64(class) < 1.5*bytes {
		class *= 2
	}
	return class
}

// task is a stage as a line for a worker.
func (l *Launcher) task(s *plan.Stage, t *schedule.Task) *launch.Task {
	class := "data"
	if ops.All[s.Op].UsesEngine {
		class = "engine"
	}
	title := ""
	if l.settings.TensorBoard != "" {
		title = t.Title
	}
	return &launch.Task{Title: title, Key: s.Key, Op: s.Op, Params: s.Params, In: record.KeysOf(s.In), Files: s.Files, Lines: s.Lines, Trials: t.Trials,
		Resources: launch.Resources{Class: class}}
}

// badNodes are the nodes that failed under a stage of the sweep.
func badNodes(known map[string]*launch.Status) []string {
	var nodes []string
	for _, st := range known {
		if st.State != launch.Finished {
			nodes = append(nodes, st.Bad...)
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes)
}
