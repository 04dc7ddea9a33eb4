// Package estimate says how long stages will take, how much disk their outputs
// need and how much memory they take while they run, from stages that were made
// before.
//
// Words: a run is a stage that was made; a history is what is known of runs; the
// work of a stage is what its time grows with (optimizer steps × batch for a
// training, rows for an embedding, images for an evaluation), its volume what
// its output grows with. Two stages are of one kind when, work apart, nothing
// that decides the time differs: op, mode, model, the outside files they read.
//
// A figure comes from the runs of the same kind with the nearest work, on the
// same engine and host where there are such; else from runs of a like kind,
// scaled by work; and where there is neither, it is unknown. It is what the past
// says, not a bound: a busy machine takes longer.
//
// The package knows keys and the lines that they are made of; it opens no file
// and knows no store.
package estimate

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"react/ops/op"
)

// Run is a stage that was made.
type Run struct {
	Key    string
	Lines  []string // the preimage of its key
	Took   time.Duration
	Bytes  int64 // of its output
	Peak   int64 // memory of the process while it ran, bytes; 0 where that is not known
	Engine string
	Host   string
	Jobs   int     // stages that ran at a time; 0 where that is not known
	Spread int     // devices that it computed on; 0 is one
	Speed  float64 // images a second once it ran, of a training; 0 where that is not known
	Rows   int     // of the pool that it read; 0 where it does not say
}

// Figure is one number and how many runs it comes from: 0 means that it is not
// known, Computed that it comes from no run.
type Figure struct {
	Value float64
	Runs  int
}

// Computed stands for the runs of a figure that was computed from what the stage
// is, by who knows that.
const Computed = -1

// Known says whether there is a number.
func (f Figure) Known() bool { return f.Runs != 0 }

// Estimate is what is expected of a stage.
type Estimate struct {
	Seconds Figure
	Far     bool   // Seconds come from runs of far less work, and may be several times too many
	Bytes   Figure // of its output
	Memory  Figure // bytes, of the whole process while it runs
}

// Where is what a stage will run on; "" is not known.
type Where struct {
	Engine string
	Host   string
	Jobs   int // stages at a time; 0 is 1
	Spread int // devices of each stage; 0 is not known
}

// History is what is known of runs. It is used by one goroutine.
type History struct {
	nodes map[string]*node // by identity
	runs  map[string][]*run
	rows  map[string]int // of pools of outside files, by their digests
	memo  map[string]Estimate

	features map[*node]feature // until rows are learnt
}

// run is a Run with what decides its time.
type run struct {
	Run
	feature
}

// New makes a history. stages are the keys and lines of stages that are not made
// yet, whose estimates are wanted, or that those are made from.
func New(runs []Run, stages map[string][]string) *History {
	h := &History{nodes: map[string]*node{}, runs: map[string][]*run{}, rows: map[string]int{}, memo: map[string]Estimate{},
		features: map[*node]feature{}}
	for key, lines := range stages {
		h.add(key, lines)
	}
	h.Learn(runs...)
	return h
}

// Learn adds runs.
func (h *History) Learn(runs ...Run) {
	clear(h.memo)
	nodes := make([]*node, len(runs))
	for i := range runs {
		nodes[i] = h.add(runs[i].Key, runs[i].Lines)
	}
	for i, n := range nodes {
		if source := n.sources("pool."); runs[i].Rows > 0 && source != "" {
			h.rows[source] = runs[i].Rows
			clear(h.features)
		}
	}
	for i, n := range nodes {
		h.runs[n.op] = append(h.runs[n.op], &run{runs[i], h.feature(n)})
	}
}

// Estimate says what is expected of a stage that New was given.
func (h *History) Estimate(key string, lines []string, where Where) Estimate {
	n := h.nodes[identityOf(key, lines)]
	if n == nil || len(h.runs[n.op]) == 0 {
		return Estimate{}
	}
	f := h.feature(n)
	id := fmt.Sprintf("%s%v", f.memoKey(n.op), where)
	if e, ok := h.memo[id]; ok {
		return e
	}
	runs := h.runs[n.op]
	timed := alike(runs, f, f.Work, where)
	e := Estimate{
		Seconds: f.seconds(timed, where),
		Far:     len(timed) > 0 && !slices.ContainsFunc(timed, func(r *run) bool { return !f.far(r) }),
		Bytes: f.scaled(alike(runs, f, f.Volume, Where{}), func(r *run) (float64, float64, float64) {
			return 0, float64(r.Bytes), r.Volume
		}, f.Volume),
		Memory: f.memory(alike(withPeak(runs), f, f.Batch, Where{Engine: where.Engine, Spread: where.Spread})),
	}
	h.memo[id] = e
	return e
}

// Kind names what decides the time, the size and the memory of a stage: two of
// the same kind do not differ in it.
func (h *History) Kind(key string, lines []string) string {
	n := h.nodes[identityOf(key, lines)]
	if n == nil {
		return key
	}
	return h.feature(n).memoKey(n.op)
}

// Pace is what the time of a stage grows with, as far as it is known.
func (h *History) Pace(key string, lines []string) op.Pace {
	n := h.nodes[identityOf(key, lines)]
	if n == nil {
		return op.Pace{}
	}
	return h.feature(n).Pace
}

func withPeak(runs []*run) []*run {
	return slices.DeleteFunc(slices.Clone(runs), func(r *run) bool { return r.Peak == 0 })
}

// alike are the runs that say most about a stage: of its kind, else of a like
// kind where its size can be scaled; of them those of the same engine and host,
// on as many devices, with as many at a time.
func alike(runs []*run, f feature, size float64, where Where) []*run {
	var same, like []*run
	for _, r := range runs {
		if r.kind == f.kind {
			same = append(same, r)
		}
		if r.like == f.like && size > 0 {
			like = append(like, r)
		}
	}
	if len(same) == 0 {
		same = like
	}
	for _, fits := range []func(*run) bool{
		func(r *run) bool { return where.Engine == "" || r.Engine == "" || r.Engine == where.Engine },
		func(r *run) bool { return where.Host == "" || r.Host == where.Host },
		func(r *run) bool { return where.Spread == 0 || max(r.Spread, 1) == where.Spread },
		func(r *run) bool { return where.Jobs == 0 || max(r.Jobs, 1) == where.Jobs },
	} {
		if some := filter(same, fits); len(some) > 0 {
			same = some
		}
	}
	return same
}

func filter(runs []*run, fits func(*run) bool) []*run {
	var out []*run
	for _, r := range runs {
		if fits(r) {
			out = append(out, r)
		}
	}
	return out
}

// seconds is the time. A training's start (reading, compiling) is told from its
// steps by its own speed. Stages that run at a time share the machine: where no
// run had as many beside it, each takes as much longer as there are more.
func (f feature) seconds(runs []*run, where Where) Figure {
	share := func(r *run) float64 { return max(1, float64(max(where.Jobs, 1))/float64(max(r.Jobs, 1))) }
	fast := filter(runs, func(r *run) bool { return r.Speed > 0 && f.Work > 0 })
	if len(fast) > 0 {
		fast = nearest(fast, f.Work, func(r *run) float64 { return r.Work })
		return figure(fast, func(r *run) float64 {
			start := max(f.startOf(r), r.Took.Seconds()-r.Work/r.Speed)
			return share(r) * (start + (r.Took.Seconds()-start)*f.Work/r.Work)
		})
	}
	return f.scaled(runs, func(r *run) (float64, float64, float64) {
		return share(r) * f.startOf(r), share(r) * r.Took.Seconds(), r.Work
	}, f.Work)
}

// muchLess is how many times the work of a run a stage has from which on the run tells little: it
// may have taken its time to start.
const muchLess = 8

func (f feature) far(r *run) bool { return r.Work > 0 && f.Work > muchLess*r.Work }

// startOf is the part of a far smaller run's time that does not grow with the work: what its op
// takes whatever the stage, and what opening an engine does. Of others it is taken for nothing.
func (f feature) startOf(r *run) float64 {
	if !f.far(r) {
		return 0
	}
	return min(f.start, 0.9*r.Took.Seconds())
}

// scaled is the value of the runs of nearest size, in proportion to the size but for a fixed part.
func (f feature) scaled(runs []*run, of func(*run) (fixed, value, size float64), size float64) Figure {
	sizeOf := func(r *run) float64 { _, _, s := of(r); return s }
	if size <= 0 { // of one kind: what it is made from does not differ
		return figure(runs, func(r *run) float64 { _, v, _ := of(r); return v })
	}
	runs = filter(runs, func(r *run) bool { return sizeOf(r) > 0 })
	runs = nearest(runs, size, sizeOf)
	return figure(runs, func(r *run) float64 { fixed, v, s := of(r); return fixed + (v-fixed)*size/s })
}

// memory grows with the batch; a smaller batch does not shrink it, since the
// model and the data stay.
func (f feature) memory(runs []*run) Figure {
	return figure(nearest(runs, f.Batch, func(r *run) float64 { return r.Batch }), func(r *run) float64 {
		if f.Batch > r.Batch && r.Batch > 0 {
			return float64(r.Peak) * f.Batch / r.Batch
		}
		return float64(r.Peak)
	})
}

// mostRuns is how many runs a figure comes from at most.
const mostRuns = 25

// nearest keeps the runs whose size is nearest in ratio: those within a tenth of
// the nearest distance besides it, at most mostRuns.
func nearest(runs []*run, size float64, of func(*run) float64) []*run {
	if size <= 0 || len(runs) == 0 {
		return runs[:min(len(runs), mostRuns)]
	}
	distance := func(r *run) float64 { return math.Abs(math.Log(max(of(r), 1e-9) / size)) }
	runs = slices.Clone(runs)
	slices.SortStableFunc(runs, func(a, b *run) int { return cmp.Compare(distance(a), distance(b)) })
	far := distance(runs[0]) + 0.1
	n := 0
	for n < len(runs) && n < mostRuns && distance(runs[n]) <= far {
		n++
	}
	return runs[:n]
}

// figure is the median over runs.
func figure(runs []*run, of func(*run) float64) Figure {
	if len(runs) == 0 {
		return Figure{}
	}
	values := make([]float64, len(runs))
	for i, r := range runs {
		values[i] = of(r)
	}
	slices.Sort(values)
	mid := len(values) / 2
	if len(values)%2 == 0 {
		return Figure{(values[mid-1] + values[mid]) / 2, len(values)}
	}
	return Figure{values[mid], len(values)}
}
