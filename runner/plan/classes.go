package plan

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"react/data/caught"
	"react/data/datasets"
	"react/data/datasets/catalogue"
	"react/data/datasets/classnames"
	"react/data/world"
	"react/ops/op"
	"react/results/evaluation"
	"react/runner/spec"
)

// warnOf is warn of what a field names.
func (c *inputCheck) warnOf(field, format string, args ...any) {
	c.warn(fmt.Sprintf("%s: %s: %s", c.plan.Experiment.Place(field), field, fmt.Sprintf(format, args...)))
}

// classNames warns of classes that are called by codes, and of those of a task and of a set to test
// on that are the same in part only.
func (c *inputCheck) classNames(s op.Images, set *datasets.Set) {
	if set == nil {
		return
	}
	field := c.datasetField(s)
	if text := set.CodesWarning(); text != "" {
		c.warnOf(field, "%s", text)
	}
	if s.Learned {
		return
	}
	c.differences(field, set.Classes)
}

// differences compares the classes of a set to test on with those of the tasks.
func (c *inputCheck) differences(field string, classes []string) {
	for _, ref := range slices.Sorted(maps.Keys(c.taskClasses())) {
		if text, _ := classnames.Difference(c.tasks[ref], classes); text != "" {
			c.warnOf(field, "its classes are not those of task.classes (%s): %s", ref, text)
		}
		c.compared = append(c.compared, comparison{ref, field, classes})
	}
}

// worlds warns of sets of generated pools as classNames does of folders: their classes are known
// before they are made.
func (c *inputCheck) worlds() {
	for _, t := range c.plan.Experiment.Trials {
		for _, name := range slices.Sorted(maps.Keys(t.Params.Evaluate)) {
			e := t.Params.Evaluate[name]
			ref, isPool := strings.CutPrefix(e.Dataset, "pool:")
			pool, set, _ := strings.Cut(ref, "/")
			w := t.Params.Pool[pool].World
			if !isPool || w == nil || !evaluation.Of(e.Kind).Classifies {
				continue
			}
			key := fmt.Sprint(name, ref, *w)
			if c.seen[key] {
				continue
			}
			c.seen[key] = true
			c.differences("evaluate."+name+".dataset", world.ClassNames(world.Params(*w), set))
		}
	}
}

// ClassNames are the classes that the trials ask for, sorted; not ok where a list cannot be read,
// or would have to be for a plan that is Unseen.
func ClassNames(exp *spec.Experiment, unseen bool) (names []string, ok bool) {
	read := map[string]bool{}
	for _, t := range exp.Trials {
		var classes []string
		ref := t.Params.Task.Classes
		benchmark, isBenchmark := strings.CutPrefix(ref, "benchmark:")
		generated, isGenerated := strings.CutPrefix(ref, "pool:")
		pool, set, _ := strings.Cut(generated, "/")
		w := t.Params.Pool[pool].World
		key := fmt.Sprint(ref, w)
		if read[key] {
			continue
		}
		read[key] = true
		switch {
		case isBenchmark:
			classes, _, _ = catalogue.QueryClasses(benchmark)
		case isGenerated && w != nil:
			classes = world.ClassNames(world.Params(*w), set)
		case !isGenerated && !unseen:
			_ = caught.Do(ref, func() (err error) { classes, err = classnames.Read(ref); return err })
		}
		if len(classes) == 0 {
			return nil, false
		}
		names = append(names, classes...)
	}
	slices.Sort(names)
	return slices.Compact(names), true
}

// named warns of what tables of classes name and no class is called.
func (c *inputCheck) named() {
	unmet := c.plan.Experiment.Unmet
	if len(unmet) == 0 {
		return
	}
	names, ok := ClassNames(c.plan.Experiment, false)
	for _, u := range unmet {
		if ok && !slices.Contains(names, u.Name) {
			c.warn(u.Error.Error() + ", and no class")
		}
	}
}

// comparison is a set to test on beside the classes of a task.
type comparison struct {
	task, field string
	classes     []string
}

// taskClasses are the classes of each list of the spec that can be read now. Those of a suite are
// many benchmarks' and of generated pools are checked where they are made.
func (c *inputCheck) taskClasses() map[string][]string {
	if c.tasks != nil {
		return c.tasks
	}
	c.tasks = map[string][]string{}
	for _, t := range c.plan.Experiment.Trials {
		ref := t.Params.Task.Classes
		if info, err := os.Stat(ref); c.tasks[ref] != nil || err != nil || info.IsDir() {
			continue
		}
		if classes, err := classnames.Read(ref); err == nil { // an error is said of task.classes
			c.tasks[ref] = classes
		}
	}
	return c.tasks
}

// untested warns of a task of one class, and of one none of whose classes is in any set that is
// tested on.
func (c *inputCheck) untested() {
	for _, ref := range slices.Sorted(maps.Keys(c.tasks)) {
		task := c.tasks[ref]
		if len(task) == 1 {
			c.warnOf("task.classes", "one class (%q): there is none to tell it from", task[0])
		}
		of := slices.DeleteFunc(slices.Clone(c.compared), func(o comparison) bool { return o.task != ref })
		if len(of) == 0 || slices.ContainsFunc(of, func(o comparison) bool { _, shared := classnames.Difference(task, o.classes); return shared > 0 }) {
			continue
		}
		c.warnOf("task.classes", "no set that is tested on has one of its %d classes: the first is %q here and %q in %s", len(task), task[0], of[0].classes[0], of[0].field)
	}
}
