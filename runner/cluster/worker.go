package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"react/runner/cli"
	"react/runner/exec"
	"react/runner/exported"
	"react/runner/launch"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/slurm"
	"react/runner/store"
)

// ioRetries is how often a worker tries again when a disk or a network failed;
// what may last longer is the launcher's to submit again.
const ioRetries = 2

// errInput says that a stage that is read is not in the store.
var errInput = errors.New("is not in the store")

// WorkerOptions are the flags of a worker; a launcher gives them.
type WorkerOptions struct {
	exec.Settings
	Tasks    string // the task file
	Index    int    // a line of it; below 0: what the scheduler says
	Store    string
	Wait     time.Duration // for inputs that are not in the store
	Timeouts int           // time limits after which it fails
}

// Work makes the stage of one line of a task file, and leaves word of how it went.
func Work(ctx context.Context, o WorkerOptions, stderr io.Writer) error {
	w, err := newWorker(o, stderr)
	if err != nil {
		return err
	}
	defer w.store.Close()
	return w.work(ctx)
}

// worker makes one stage.
type worker struct {
	WorkerOptions
	dir     string // of the task file
	task    *launch.Task
	store   *store.Store
	stderr  io.Writer
	job     slurm.Element // "" outside Slurm
	pulse   *pulse
	warned  atomic.Bool // SIGUSR2 came
	stopped atomic.Bool // SIGTERM or SIGHUP came
}

func newWorker(o WorkerOptions, stderr io.Writer) (*worker, error) {
	if o.Tasks == "" {
		return nil, cli.Usage(errors.New("--tasks FILE is missing"))
	}
	if o.Index < 0 {
		index, err := indexFromEnv()
		if err != nil {
			return nil, err
		}
		o.Index = index
	}
	task, err := launch.ReadTask(o.Tasks, o.Index)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(o.Store)
	if err != nil {
		return nil, err
	}
	return &worker{WorkerOptions: o, dir: filepath.Dir(o.Tasks), task: task, store: s, stderr: stderr, job: slurm.ThisElement()}, nil
}

// indexFromEnv is the line that a job array or an indexed job stands for.
func indexFromEnv() (int, error) {
	for _, name := range []string{"SLURM_ARRAY_TASK_ID", "JOB_COMPLETION_INDEX"} {
		text, ok := os.LookupEnv(name)
		if !ok {
			continue
		}
		index, err := strconv.Atoi(text)
		if err != nil || index < 0 {
			return 0, cli.Usage(fmt.Errorf("%s=%s: not an index", name, text))
		}
		return index, nil
	}
	return 0, cli.Usage(errors.New("no --index, and neither SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX is set"))
}

// work makes the stage and leaves word of how it went. What ends the process
// comes last: a requeue kills at once.
func (w *worker) work(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	defer cancel()
	defer w.listen(cancel)()
	var err error
	if w.pulse, err = startPulse(w.dir, w.Index, w.task, string(w.job)); err != nil {
		return err
	}
	release, err := w.hold()
	if err == nil {
		err = w.make(ctx)
		release()
	}
	a := w.pulse.stop()
	w.judge(&a, err, ctx.Err() != nil)
	if saved := launch.WriteAttempt(w.dir, w.Index, &a); saved != nil {
		return errors.Join(err, saved)
	}
	if a.State != launch.Stopped {
		return err
	}
	fmt.Fprintf(w.stderr, "stopped (%s): %v\n", a.Cause, err)
	w.leave(parent, a.Cause)
	return cli.ErrPreempted
}

// sweep is the sweep whose folder the tasks are in, nil for a task file from
// elsewhere.
func (w *worker) sweep() *store.Sweep {
	dir, err := filepath.Abs(w.dir)
	if err != nil {
		return nil
	}
	hash := filepath.Dir(filepath.Dir(dir)) // sweeps/NAME/HASH/slurm/ARRAY
	sweep, err := w.store.Sweep(filepath.Base(filepath.Dir(hash)), filepath.Base(hash))
	if err != nil || sweep.Dir != hash {
		return nil
	}
	return sweep
}

// hold keeps collections away from the sweep.
func (w *worker) hold() (release func(), err error) {
	sweep := w.sweep()
	if sweep == nil {
		return func() {}, nil
	}
	return sweep.Hold(func() error { return nil })
}

// run is the record of the run that submitted the sweep last, for the stage's
// manifest; empty where there is none.
func (w *worker) run() *record.Run {
	var r record.Run
	if sweep := w.sweep(); sweep != nil {
		sweep.ReadJSON(record.ProvenanceFile, &r)
	}
	return &r
}

// listen cancels the work at the first SIGUSR2, SIGTERM or SIGHUP. Holding them for
// as long as the process lives keeps a later one from killing it while it
// saves.
func (w *worker) listen(cancel func()) (stop func()) {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, append(cli.HangUp(), syscall.SIGUSR2, syscall.SIGTERM)...)
	go func() {
		for s := range signals {
			if s == syscall.SIGUSR2 {
				w.warned.Store(true)
			} else {
				w.stopped.Store(true)
			}
			fmt.Fprintln(w.stderr, "signal:", s)
			cancel()
		}
	}()
	return func() { signal.Stop(signals); close(signals) }
}

// make brings the stage into the store. Its inputs are other jobs' work: one
// that is missing blocks it.
func (w *worker) make(ctx context.Context) error {
	if err := w.awaitInputs(ctx); err != nil {
		return err
	}
	engines := exec.NewEngines(w.Engine, w.Devices.Share(w.Engine, 1), w.store, w.stderr)
	defer engines.Close()
	stage := &plan.Stage{Op: w.task.Op, Params: w.task.Params, In: map[string]*plan.Stage{}, Files: w.task.Files, Key: w.task.Key, Lines: w.task.Lines}
	this := w.run()
	this.Build = record.BuildFacts() // of this program, not of the one that submits
	maker := exec.Maker{Engines: engines, Workers: runtime.GOMAXPROCS(0), Jobs: 1, SaveEvery: w.SaveEvery, Fit: w.Fit, Identify: w.store.Identify}
	task := &schedule.Task{Key: stage.Key, Op: stage.Op, Title: w.task.Title, Lines: stage.Lines, Wanted: true, Trials: w.task.Trials}
	live := exported.NewLive(w.TensorBoard, nil, w.stderr)
	maker.Lines = live.Lines(task)
	task.Run, task.Assist = this.Stamp(maker.Run(stage)), maker.Assist(stage)
	var tasks []*schedule.Task
	seen := map[string]bool{}
	for role, key := range w.task.In {
		stage.In[role] = &plan.Stage{Key: key}
		if !seen[key] {
			seen[key] = true
			task.Needs = append(task.Needs, key)
			tasks = append(tasks, &schedule.Task{Key: key, Op: "input", Run: gone(key)})
		}
	}
	options := schedule.Options{Store: w.store, Jobs: 1, Retries: ioRetries,
		Reporter: workerReporter{exec.NewReporter(w.stderr), w.pulse, w.task.Key}}
	record.KeepSound(&options, w.stderr)
	report, err := schedule.Run(ctx, append(tasks, task), options)
	live.Complete([]*schedule.Task{task}, report.Entries)
	return err
}

// gone is what the work of an input comes to that was there a moment ago.
func gone(key string) func(context.Context, *schedule.Attempt) error {
	return func(context.Context, *schedule.Attempt) error { return fmt.Errorf("input %s %w", key[:12], errInput) }
}

// awaitInputs waits until all inputs are in the store. A damaged one is missing.
func (w *worker) awaitInputs(ctx context.Context) error {
	deadline := time.Now().Add(w.Wait)
	for {
		role, key, err := w.missing()
		if err != nil || key == "" {
			return err
		}
		if !time.Now().Before(deadline) {
			return fmt.Errorf("input %s (%s) %w", role, key[:12], errInput)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func (w *worker) missing() (role, key string, err error) {
	for role, key := range w.task.In {
		_, ok, err := w.store.Lookup(key)
		if err != nil && !errors.As(err, new(*store.Damaged)) {
			return "", "", err
		}
		if !ok {
			return role, key, nil
		}
	}
	return "", "", nil
}

// judge puts how it went into the attempt.
func (w *worker) judge(a *launch.Attempt, err error, cancelled bool) {
	var fault *store.Error
	switch {
	case err == nil:
		a.State = launch.Done
		return
	case errors.As(err, &fault):
		a.State, a.Cause = launch.Failed, launch.StoreFault
	case errors.Is(err, errInput):
		a.State = launch.Blocked
	case cancelled:
		w.judgeStop(a)
	default:
		a.State, a.Cause = launch.Failed, launch.StageError
	}
	a.Message = causeText(err)
}

// causeText is the stage's own error, without the lines that a person at a
// terminal is given around it.
func causeText(err error) string {
	var failed *schedule.Failed
	if errors.As(err, &failed) && len(failed.Failures) > 0 {
		return failed.Failures[0].Err.Error()
	}
	return err.Error()
}

// judgeStop tells a preemption from a time limit: Slurm knows, the clock does
// not (its warning comes up to a minute early).
func (w *worker) judgeStop(a *launch.Attempt) {
	a.State, a.Cause = launch.Stopped, launch.Cancelled
	switch {
	case w.job == "" && w.stopped.Load(): // Kubernetes ends pods so
		a.Cause = launch.Preempted
	case w.job == "":
	case w.job.Preempted():
		a.Cause = launch.Preempted
	case w.warned.Load():
		a.Cause = launch.Timeout
	}
	switch a.Cause {
	case launch.Preempted:
		a.Preemptions++
	case launch.Timeout:
		if a.Timeouts++; a.Timeouts >= w.Timeouts {
			a.State = launch.Failed
		}
	}
}

// leave puts the job back into the queue where the signal asked for it. After
// a preemption's SIGTERM it stays until it is killed: Slurm requeues only what
// it kills itself, an exit within the grace time would be the job's end.
func (w *worker) leave(ctx context.Context, cause launch.Cause) {
	if w.job == "" || cause != launch.Preempted && cause != launch.Timeout {
		return
	}
	w.store.Close() // a requeue kills before a deferred call could
	if w.warned.Load() {
		err := w.job.Requeue()
		if err != nil {
			fmt.Fprintln(w.stderr, err)
			return
		}
	}
	time.Sleep(2 * time.Minute)
}

// workerReporter shows what a local sweep shows, and keeps progress for those
// who watch from elsewhere.
type workerReporter struct {
	schedule.Reporter
	pulse *pulse
	key   string
}

// Progress notes and prints.
func (r workerReporter) Progress(t *schedule.Task, done, total int, note string) {
	if t.Key == r.key {
		r.pulse.progress(done, total, note)
	}
	r.Reporter.Progress(t, done, total, note)
}
