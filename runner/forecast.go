package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"

	"react/data/words"
	"react/runner/cli"
	"react/runner/estimate"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// forecast is what running the rest of a plan is expected to take.
type forecast struct {
	tasks  []*schedule.Task
	survey *schedule.Survey
	stages []estimate.Estimate // in the order of the tasks; of those to run
	where  estimate.Where
	past   *estimate.History
	jobs   int
	total  record.Estimate
	ops    []record.OpEstimate // in the order in which they first run
}

// newForecast estimates the stages that would run from those that the store
// holds. It reads every manifest, and nothing where nothing would run.
func newForecast(s *store.Store, tasks []*schedule.Task, survey *schedule.Survey, o forecastOptions) (*forecast, error) {
	f := &forecast{tasks: tasks, survey: survey, stages: make([]estimate.Estimate, len(tasks)), jobs: max(o.jobs, 1)}
	if survey.Count(schedule.ToRun) == 0 {
		return f, nil
	}
	var runs []estimate.Run
	var newest time.Time
	err := s.Manifests(func(_ string, m store.Manifest) {
		run := runOf(m)
		runs = append(runs, run)
		if o.engine == "" && run.Engine != "" && m.Finished.After(newest) {
			newest, o.where.Engine = m.Finished, run.Engine
		}
	})
	if err != nil {
		return nil, err
	}
	lines := make(map[string][]string, len(tasks))
	for _, t := range tasks {
		lines[t.Key] = t.Lines
	}
	f.past, f.where = estimate.New(runs, lines), o.where
	f.estimate()
	f.sum()
	return f, nil
}

// estimate asks the history about each stage to run.
func (f *forecast) estimate() {
	for i, t := range f.tasks {
		if f.survey.Status[i] == schedule.ToRun {
			f.stages[i] = f.past.Estimate(t.Key, t.Lines, f.where)
		}
	}
}

// forecastOptions say what the stages will run on.
type forecastOptions struct {
	jobs   int
	engine string // "" takes the one that ran last
	where  estimate.Where
}

// forecastOn is for this machine.
func forecastOn(engine string, jobs int) forecastOptions {
	return forecastOptions{jobs: jobs, engine: engine, where: estimate.Where{Engine: engine, Host: store.HostName(), Jobs: jobs}}
}

// runOf reads a manifest as a run. Facts that another version wrote otherwise
// are left out.
func runOf(m store.Manifest) estimate.Run {
	r := estimate.Run{Key: m.Key, Lines: m.Lines, Took: m.Finished.Sub(m.Started), Bytes: m.Bytes(), Host: m.Host}
	r.Engine, _ = m.Facts[record.EngineFact].(string)
	r.Speed, _ = m.Facts["imagesPerSecond"].(float64)
	if jobs, ok := m.Facts[record.JobsFact].(float64); ok {
		r.Jobs = int(jobs)
	}
	if peak, ok := m.Facts[record.MemoryFact].(float64); ok {
		r.Peak = int64(peak)
	}
	if pool, ok := m.Facts["pool"].(map[string]any); ok {
		rows, _ := pool["rows"].(float64)
		r.Rows = int(rows)
	}
	return r
}

// sum adds up by op and over all.
func (f *forecast) sum() {
	index := map[string]int{}
	for i, t := range f.tasks {
		if f.survey.Status[i] != schedule.ToRun {
			continue
		}
		at, ok := index[t.Op]
		if !ok {
			at = len(f.ops)
			index[t.Op] = at
			f.ops = append(f.ops, record.OpEstimate{Op: t.Op})
		}
		op, e := &f.ops[at], f.stages[i]
		op.ToRun++
		if !e.Seconds.Known() {
			op.Unknown++
		}
		op.Add(e)
	}
	for _, op := range f.ops {
		f.total.Merge(op.Estimate)
	}
	if seconds, known := f.left(nil); known {
		f.total.Seconds = &seconds
	}
}

// computeMemory fills in, from its model and batch, the memory of each stage that
// no run tells of.
func (f *forecast) computeMemory(stages []*plan.Stage, machine *plan.Machine) {
	computed := map[string]int64{} // by kind: thousands of trials are of a few kinds
	for i, stage := range stages {
		if f.survey.Status[i] != schedule.ToRun || f.stages[i].Memory.Known() {
			continue
		}
		kind := f.past.Kind(stage.Key, stage.Lines)
		bytes, ok := computed[kind]
		if !ok {
			bytes = hostBytes(stage, machine)
			computed[kind] = bytes
		}
		if bytes > 0 {
			f.stages[i].Memory = estimate.Figure{Value: float64(bytes), Runs: estimate.Computed}
		}
	}
	f.ops, f.total = nil, record.Estimate{}
	f.sum()
}

// left is how many seconds the stages will take that are to run, at so many at a
// time; share tells how much of one is done already (nil: nothing). It is false
// when of no stage a time is known.
func (f *forecast) left(share func(key string) float64) (seconds float64, known bool) {
	span := &estimate.Span{Jobs: f.jobs}
	for i, t := range f.tasks {
		if f.survey.Status[i] != schedule.ToRun {
			continue
		}
		part := 1.0
		if share != nil {
			part = 1 - share(t.Key)
		}
		known = known || f.stages[i].Seconds.Known()
		span.Add(t.Key, t.Needs, part*f.stages[i].Seconds.Value)
	}
	return span.Seconds(), known
}

// unknown counts the stages to run of which no time is known.
func (f *forecast) unknown() int {
	n := 0
	for _, op := range f.ops {
		n += op.Unknown
	}
	return n
}

// record is the forecast for machines.
func (f *forecast) record(root string) *record.PlanEstimate {
	r := &record.PlanEstimate{Jobs: f.jobs, Estimate: f.total, Unknown: f.unknown(), Ops: f.ops, WorkspaceBytes: f.workspace(),
		FreeBytes: freeBytes(root), MachineMemory: record.ReadSystem().MemoryBytes}
	r.DoesNotFit = misfits(r, f)
	return r
}

// workspace is what running trainings keep on disk to go on from: weights, two
// moments of the optimizer and the copy that replaces the last.
func (f *forecast) workspace() float64 {
	var sizes []float64
	for i, t := range f.tasks {
		if (t.Op == "tune" || t.Op == "pretrain") && f.stages[i].Bytes.Known() {
			sizes = append(sizes, 6*f.stages[i].Bytes.Value)
		}
	}
	slices.Sort(sizes)
	sum := 0.0
	for _, size := range sizes[max(0, len(sizes)-f.jobs):] {
		sum += size
	}
	return sum
}

// misfits says what the machine does not have.
func misfits(r *record.PlanEstimate, f *forecast) []string {
	var out []string
	if r.Bytes != nil && r.FreeBytes > 0 && *r.Bytes+r.WorkspaceBytes > float64(r.FreeBytes) {
		out = append(out, fmt.Sprintf("the outputs need about %s of disk, and %s more while trainings run; %s is free", words.Bytes(int64(*r.Bytes)),
			words.Bytes(int64(r.WorkspaceBytes)), words.Bytes(r.FreeBytes)))
	}
	if r.MachineMemory <= 0 {
		return out
	}
	for i, t := range f.tasks {
		if m := f.stages[i].Memory; m.Known() && m.Value > float64(r.MachineMemory) {
			out = append(out, fmt.Sprintf("stage %s needs about %s of memory; this machine has %s", t.Name(), words.Bytes(int64(m.Value)), words.Bytes(r.MachineMemory)))
			break
		}
	}
	return out
}

// errMisfit is what does not fit the disk or the memory.
type errMisfit struct {
	what  []string
	hints bool // what says itself what can be done
}

// Error says what is missing and what can be done.
func (e *errMisfit) Error() string {
	if e.hints {
		return strings.Join(e.what, "; ")
	}
	return strings.Join(e.what, "; ") + " (an estimate from stages made before; --overcommit runs all the same, --store names another disk)"
}

// ExitCode is what the program ends with.
func (e *errMisfit) ExitCode() int { return 4 }

// check refuses what does not fit.
func (f *forecast) check(root string, overcommit bool) error {
	if overcommit || len(f.ops) == 0 {
		return nil
	}
	if what := f.record(root).DoesNotFit; len(what) > 0 {
		return &errMisfit{what: what}
	}
	return nil
}

// freeBytes is the room on the disk of a directory, or of the nearest one above
// that exists; 0 where it cannot be told.
func freeBytes(dir string) int64 {
	for {
		var fs unix.Statfs_t
		if err := unix.Statfs(dir, &fs); err == nil {
			return int64(fs.Bavail) * fs.Bsize
		} else if !os.IsNotExist(err) || filepath.Dir(dir) == dir {
			return 0
		}
		dir = filepath.Dir(dir)
	}
}

// print writes the summary line and the table by op.
func (f *forecast) print(w io.Writer, root string) error {
	if len(f.ops) == 0 {
		return nil
	}
	r := f.record(root)
	fmt.Fprintln(w, summaryOf(r))
	for _, what := range r.DoesNotFit {
		fmt.Fprintln(w, "does not fit:", what)
	}
	if r.Seconds == nil {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nOP\tTO RUN\tTIME\tDISK\tMEMORY\tFROM\n")
	for _, op := range f.ops {
		time := durationOf(op.Seconds)
		if op.Unknown > 0 && op.Seconds != nil {
			time += fmt.Sprintf(" and %d unknown", op.Unknown)
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", op.Op, op.ToRun, time, sizeOf(op.Bytes), sizeOf(op.MemoryBytes), words.Plural(op.Runs, "run"))
	}
	return table.Flush()
}

// summaryOf is one line: how long, how much disk, how much memory.
func summaryOf(r *record.PlanEstimate) string {
	if r.Seconds == nil {
		text := "time and disk are unknown: nothing like it was made in this store before"
		if r.MemoryBytes != nil {
			text += fmt.Sprintf("; %s of memory at most (this machine has %s)", sizeOf(r.MemoryBytes), words.Bytes(r.MachineMemory))
		}
		return text
	}
	parts := []string{fmt.Sprintf("about %s with -j %d", durationOf(r.Seconds), r.Jobs)}
	if r.Unknown > 0 {
		parts[0] += fmt.Sprintf(", besides %s of unknown time", words.Plural(r.Unknown, "stage"))
	}
	if r.Bytes != nil {
		parts = append(parts, fmt.Sprintf("%s of disk (%s free)", sizeOf(r.Bytes), words.Bytes(r.FreeBytes)))
	}
	if r.MemoryBytes != nil {
		parts = append(parts, fmt.Sprintf("%s of memory at most (this machine has %s)", sizeOf(r.MemoryBytes), words.Bytes(r.MachineMemory)))
	}
	return strings.Join(parts, "; ") + "; from stages made before"
}

func durationOf(seconds *float64) string {
	if seconds == nil {
		return "unknown"
	}
	return cli.Duration(*seconds)
}

func sizeOf(bytes *float64) string {
	if bytes == nil {
		return "unknown"
	}
	return words.Bytes(int64(*bytes))
}
