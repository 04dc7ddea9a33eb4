package launch

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Stage is a stage to be made by a cluster.
type Stage struct {
	Task  *Task
	Needs []string // keys of the stages it reads that are not made yet
}

// Ref names an element: of an array that is still to be submitted (Array is
// its place in Group's answer, Job ""), or of a job that the cluster has.
type Ref struct {
	Array int
	Job   string
	Index int
}

// Array is what one job array runs. Slots of Tasks may be nil.
type Array struct {
	Op        string
	Resources Resources
	Tasks     []*Task
	// All elements start when these are done.
	After []Ref
	// Element i starts when element i of this array (Ref.Index is not used) is
	// done too; nil for none.
	Each *Ref
}

// Indices are the slots that hold a task.
func (a *Array) Indices() []int {
	var indices []int
	for i, t := range a.Tasks {
		if t != nil {
			indices = append(indices, i)
		}
	}
	return indices
}

// Group makes arrays of stages, in an order in which every array stands behind
// those that it waits for. stages are in topological order; queued says where
// stages are that the cluster has already; no array has over size elements.
//
// Stages of one level (the longest way from what is done), op and resources
// share an array when they wait for the same elements, or when each waits for
// its own element of one array (the evaluations of a sweep's checkpoints). So
// a stage never waits for a stage that it does not read, and one that fails
// takes down only its readers.
func Group(stages []Stage, queued map[string]Ref, size int) []*Array {
	g := &grouper{size: size, refs: map[string]Ref{}}
	for key, ref := range queued {
		g.refs[key] = ref
	}
	for _, level := range byLevel(stages) {
		for _, alike := range partition(level, func(s Stage) any { return kind{s.Task.Op, s.Task.Resources} }) {
			g.add(alike)
		}
	}
	return g.arrays
}

// Levels makes one array of the stages of a level and of the same resources, for
// clusters where a job waits for nothing: every level is to be through before
// the next begins. stages are in topological order.
func Levels(stages []Stage) [][]*Array {
	var levels [][]*Array
	for _, level := range byLevel(stages) {
		var arrays []*Array
		for _, alike := range partition(level, func(s Stage) any { return s.Task.Resources }) {
			a := newArray(alike[0].Task)
			for _, s := range alike {
				a.Tasks = append(a.Tasks, s.Task)
				if s.Task.Op != a.Op {
					a.Op = "several"
				}
			}
			arrays = append(arrays, a)
		}
		levels = append(levels, arrays)
	}
	return levels
}

// byLevel sorts stages by the longest way from what is done or queued.
func byLevel(stages []Stage) [][]Stage {
	var levels [][]Stage
	of := map[string]int{}
	for _, s := range stages {
		level := 0
		for _, need := range s.Needs {
			if at, ok := of[need]; ok {
				level = max(level, at+1)
			}
		}
		of[s.Task.Key] = level
		if level == len(levels) {
			levels = append(levels, nil)
		}
		levels[level] = append(levels[level], s)
	}
	return levels
}

type kind struct {
	op        string
	resources Resources
}

// grouper knows where every stage is that was placed so far.
type grouper struct {
	size   int
	refs   map[string]Ref
	arrays []*Array
}

// add places stages of one op, in the way that needs fewer arrays.
func (g *grouper) add(stages []Stage) {
	common := g.inCommon(stages)
	if each := g.oneEach(stages); each != nil && len(each) < len(common) {
		common = each
	}
	for _, a := range common {
		for i, t := range a.Tasks {
			if t != nil {
				g.refs[t.Key] = Ref{Array: len(g.arrays), Index: i}
			}
		}
		g.arrays = append(g.arrays, a)
	}
}

// inCommon makes one array of all stages that wait for the same elements.
func (g *grouper) inCommon(stages []Stage) []*Array {
	var arrays []*Array
	for _, alike := range partition(stages, func(s Stage) any { return signature(g.waits(s)) }) {
		for chunk := range slices.Chunk(alike, g.size) {
			a := newArray(chunk[0].Task)
			a.After = g.waits(chunk[0])
			for _, s := range chunk {
				a.Tasks = append(a.Tasks, s.Task)
			}
			arrays = append(arrays, a)
		}
	}
	return arrays
}

// oneEach makes arrays of stages that wait for one element each of an array,
// and for the same others. nil when some stage waits for nothing.
func (g *grouper) oneEach(stages []Stage) []*Array {
	var arrays []*Array
	open := map[string][]*Array{}
	for _, s := range stages {
		waits := g.waits(s)
		if len(waits) == 0 {
			return nil
		}
		own := g.nearest(waits)
		others := slices.DeleteFunc(slices.Clone(waits), func(r Ref) bool { return r == own })
		array := Ref{Array: own.Array, Job: own.Job}
		sig := signature(append([]Ref{array}, others...))
		at := slices.IndexFunc(open[sig], func(a *Array) bool { return own.Index >= len(a.Tasks) || a.Tasks[own.Index] == nil })
		if at < 0 {
			a := newArray(s.Task)
			a.After, a.Each = others, &array
			open[sig] = append(open[sig], a)
			arrays = append(arrays, a)
			at = len(open[sig]) - 1
		}
		a := open[sig][at]
		for len(a.Tasks) <= own.Index {
			a.Tasks = append(a.Tasks, nil)
		}
		a.Tasks[own.Index] = s.Task
	}
	return arrays
}

func newArray(t *Task) *Array { return &Array{Op: t.Op, Resources: t.Resources} }

// waits are the elements that a stage waits for, each once, in a fixed order.
func (g *grouper) waits(s Stage) []Ref {
	var refs []Ref
	for _, need := range s.Needs {
		if ref, ok := g.refs[need]; ok {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, compareRefs)
	return slices.Compact(refs)
}

// nearest is the element that is the stage's own, of those that it waits for:
// one of the array made last, which is what tells a trial from the next.
func (g *grouper) nearest(refs []Ref) Ref {
	return slices.MaxFunc(refs, func(a, b Ref) int {
		return cmp.Or(cmp.Compare(b.Job, a.Job), cmp.Compare(a.Array, b.Array), cmp.Compare(b.Index, a.Index))
	})
}

func compareRefs(a, b Ref) int {
	return cmp.Or(strings.Compare(a.Job, b.Job), cmp.Compare(a.Array, b.Array), cmp.Compare(a.Index, b.Index))
}

// signature is equal for equal lists.
func signature(refs []Ref) string {
	var b strings.Builder
	for _, r := range refs {
		b.WriteString(r.String() + " ")
	}
	return b.String()
}

// partition keeps the order of stages, and of the parts' first stages.
func partition(stages []Stage, by func(Stage) any) [][]Stage {
	place := map[any]int{}
	var parts [][]Stage
	for _, s := range stages {
		k := by(s)
		at, ok := place[k]
		if !ok {
			at = len(parts)
			place[k] = at
			parts = append(parts, nil)
		}
		parts[at] = append(parts[at], s)
	}
	return parts
}

// String is "#2_0" for an array to be submitted, "123_0" for a job's element.
func (r Ref) String() string {
	if r.Job != "" {
		return fmt.Sprintf("%s_%d", r.Job, r.Index)
	}
	return fmt.Sprintf("#%d_%d", r.Array, r.Index)
}
