package plan

import (
	"fmt"
	"maps"
	"os"
	"slices"

	"react/data/datasets"
)

// warnOf is warn of what a field names.
func (c *inputCheck) warnOf(field, format string, args ...any) {
	c.warn(fmt.Sprintf("%s: %s: %s", c.plan.Experiment.Place(field), field, fmt.Sprintf(format, args...)))
}

// classNames warns of classes that are called by codes, and of those of a task and of a set to test
// on that are the same in part only.
func (c *inputCheck) classNames(s inputSet, set *datasets.Set) {
	if set == nil {
		return
	}
	field := c.datasetField(s)
	if what, do := set.Codes(); what != "" {
		c.warnOf(field, "%s (%s)", what, do)
	}
	if s.train {
		return
	}
	for _, ref := range slices.Sorted(maps.Keys(c.taskClasses())) {
		if text, _ := datasets.ClassDifference(c.tasks[ref], set.Classes); text != "" {
			c.warnOf(field, "its classes are not those of task.classes (%s): %s", ref, text)
		}
		c.compared = append(c.compared, comparison{ref, field, set.Classes})
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
		if classes, err := datasets.ReadClasses(ref); err == nil { // an error is said of task.classes
			c.tasks[ref] = classes
		}
	}
	return c.tasks
}

// untested warns of a task none of whose classes is in any set that is tested on.
func (c *inputCheck) untested() {
	for _, ref := range slices.Sorted(maps.Keys(c.tasks)) {
		task := c.tasks[ref]
		of := slices.DeleteFunc(slices.Clone(c.compared), func(o comparison) bool { return o.task != ref })
		if len(of) == 0 || slices.ContainsFunc(of, func(o comparison) bool { _, shared := datasets.ClassDifference(task, o.classes); return shared > 0 }) {
			continue
		}
		c.warnOf("task.classes", "no set that is tested on has one of its %d classes: the first is %q here and %q in %s", len(task), task[0], of[0].classes[0], of[0].field)
	}
}
