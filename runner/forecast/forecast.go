package forecast

import (
	"slices"
	"strconv"
	"time"

	"react/ops/op"
	"react/runner/estimate"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// Forecast is what running the rest of a plan is expected to take.
type Forecast struct {
	tasks  []*schedule.Task
	survey *schedule.Survey
	Stages []estimate.Estimate // in the order of the tasks; of those to run
	where  estimate.Where
	past   *estimate.History
	prior  []float64 // seconds by what the stages are, see Expect; nil where that is not known
	disk   float64   // bytes of the outputs of which no run tells, likewise
	jobs   int
	total  record.Estimate
	ops    []record.OpEstimate // in the order in which they first run
}

// New estimates the stages that would run from those that the store
// holds. It reads every manifest, and nothing where nothing would run.
func New(s *store.Store, tasks []*schedule.Task, survey *schedule.Survey, o Options) (*Forecast, error) {
	f := &Forecast{tasks: tasks, survey: survey, Stages: make([]estimate.Estimate, len(tasks)), jobs: max(o.jobs, 1)}
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
func (f *Forecast) estimate() {
	for i := range f.tasks {
		if f.survey.Status[i] == schedule.ToRun {
			f.estimateStage(i)
		}
	}
}

func (f *Forecast) estimateStage(i int) {
	f.Stages[i] = f.past.Estimate(f.tasks[i].Key, f.tasks[i].Lines, f.where)
	f.temper(i)
}

// temper bounds what far smaller stages say by what the stage is, which is right within a factor of
// a few.
func (f *Forecast) temper(i int) {
	if e := &f.Stages[i]; e.Far && e.Seconds.Known() && f.prior != nil && f.prior[i] > 0 {
		e.Seconds.Value = min(e.Seconds.Value, 2*f.prior[i])
	}
}

// Expect tells the forecast what the stages of its tasks are, and the engine that they run on: what
// they cost where nothing like them was made, and what they write.
func (f *Forecast) Expect(stages []*plan.Stage, engine string) {
	if f.past == nil {
		return
	}
	works := make([]op.Work, len(stages))
	for i, stage := range stages {
		if f.survey.Status[i] == schedule.ToRun {
			works[i] = stage.Work()
		}
	}
	f.prior, f.disk = f.priors(stages, works, engine), 0
	for i, work := range works {
		if f.Stages[i].Far { // no other depends on what the stage is
			f.estimateStage(i)
		}
		if f.survey.Status[i] == schedule.ToRun && !f.Stages[i].Bytes.Known() {
			f.disk += work.Bytes
		}
	}
	f.ops, f.total = nil, record.Estimate{}
	f.sum()
}

// guessed is how long all takes with the priors of what no run tells of; 0 where there are none.
func (f *Forecast) guessed() float64 {
	if f.prior == nil {
		return 0
	}
	return f.span(f.expected)
}

// expected is how many seconds a stage takes by runs, and by its prior where no run tells.
func (f *Forecast) expected(i int) float64 {
	if e := f.Stages[i].Seconds; e.Known() {
		return e.Value
	}
	return f.prior[i]
}

// Options say what the stages will run on.
type Options struct {
	jobs   int
	engine string // "" takes the one that ran last
	where  estimate.Where
}

// On is for this machine and the engine that --engine names.
func On(engine string, jobs int) Options {
	if engine == "auto" {
		engine = ""
	}
	return Options{jobs: jobs, engine: engine, where: estimate.Where{Engine: engine, Host: store.HostName(), Jobs: jobs}}
}

// Spread is for stages that compute on so many devices each.
func (o Options) Spread(devices int) Options {
	o.where.Spread = devices
	return o
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
	r.Spread, _ = strconv.Atoi(record.DevicesOf(m.Facts))
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
func (f *Forecast) sum() {
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
		op, e := &f.ops[at], f.Stages[i]
		op.ToRun++
		if !e.Seconds.Known() {
			op.Unknown++
		}
		op.Add(e)
	}
	for _, op := range f.ops {
		f.total.Merge(op.Estimate)
	}
	if seconds, known := f.Left(nil); known {
		f.total.Seconds = &seconds
	}
}

// ComputeMemory fills in, from its model and batch, the memory of each stage that
// no run tells of.
func (f *Forecast) ComputeMemory(stages []*plan.Stage, machine *plan.Machine) {
	computed := map[string]int64{} // by kind: thousands of trials are of a few kinds
	for i, stage := range stages {
		if f.survey.Status[i] != schedule.ToRun || f.Stages[i].Memory.Known() {
			continue
		}
		kind := f.past.Kind(stage.Key, stage.Lines)
		bytes, ok := computed[kind]
		if !ok {
			bytes = hostBytes(stage, machine)
			computed[kind] = bytes
		}
		if bytes > 0 {
			f.Stages[i].Memory = estimate.Figure{Value: float64(bytes), Runs: estimate.Computed}
		}
	}
	f.ops, f.total = nil, record.Estimate{}
	f.sum()
}

// Memory is what a stage may take of the machine's own memory: what runs tell, or
// what its model and batch come to where that is more; 0 where neither is known.
func (f *Forecast) Memory(i int, stage *plan.Stage, machine *plan.Machine) int64 {
	bytes := int64(f.Stages[i].Memory.Value)
	if f.survey.Status[i] == schedule.ToRun {
		bytes = max(bytes, hostBytes(stage, machine))
	}
	return bytes
}

// Engine is what the figures are for: the engine that was named, or that ran last.
func (f *Forecast) Engine() string { return f.where.Engine }

// Survey goes on with a later look at the same tasks, of which so many run at a time
// now.
func (f *Forecast) Survey(survey *schedule.Survey, jobs int) { f.survey, f.jobs = survey, jobs }

// Left is how many seconds the stages will take that are to run, at so many at a
// time; share tells how much of one is done already (nil: nothing). It is false
// when of no stage a time is known.
func (f *Forecast) Left(share func(key string) float64) (seconds float64, known bool) {
	seconds = f.span(func(i int) float64 {
		part := 1.0
		if share != nil {
			part = 1 - share(f.tasks[i].Key)
		}
		known = known || f.Stages[i].Seconds.Known()
		return part * f.Stages[i].Seconds.Value
	})
	return seconds, known
}

// span is how many seconds the stages will take that are to run, at so many at a time, each as
// long as is said.
func (f *Forecast) span(seconds func(i int) float64) float64 {
	span := &estimate.Span{Jobs: f.jobs}
	for i, t := range f.tasks {
		if f.survey.Status[i] == schedule.ToRun {
			span.Add(t.Key, t.Needs, seconds(i))
		}
	}
	return span.Seconds()
}

// unknown counts the stages to run of which no time is known.
func (f *Forecast) unknown() int {
	n := 0
	for _, op := range f.ops {
		n += op.Unknown
	}
	return n
}

// Record is the forecast for machines.
func (f *Forecast) Record(root string) *record.PlanEstimate {
	r := &record.PlanEstimate{Jobs: f.jobs, Estimate: f.total, Unknown: f.unknown(), Ops: f.ops, WorkspaceBytes: f.workspace(),
		FreeBytes: freeBytes(root), MachineMemory: record.ReadSystem().MemoryBytes}
	r.DoesNotFit = misfits(r, f)
	return r
}

// workspace is what running trainings keep on disk to go on from: weights, two
// moments of the optimizer and the copy that replaces the last.
func (f *Forecast) workspace() float64 {
	var sizes []float64
	for i, t := range f.tasks {
		if (t.Op == "tune" || t.Op == "pretrain") && f.Stages[i].Bytes.Known() {
			sizes = append(sizes, 6*f.Stages[i].Bytes.Value)
		}
	}
	slices.Sort(sizes)
	sum := 0.0
	for _, size := range sizes[max(0, len(sizes)-f.jobs):] {
		sum += size
	}
	return sum
}
