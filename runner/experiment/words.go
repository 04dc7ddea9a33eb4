package experiment

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/data/words"
	"react/runner/cli"
	"react/runner/plan"
	"react/runner/schedule"
)

// Summary is the one line that plan and sweep begin with.
func (e *Experiment) Summary(survey *schedule.Survey) string {
	text := fmt.Sprintf("%s: %s, %s: %d cached, %d to run", e.Name, words.Plural(len(e.Plan.Trials), "trial"),
		words.Plural(len(e.Plan.Stages), "stage"), survey.Count(schedule.Cached), survey.Count(schedule.ToRun))
	if n := survey.Count(schedule.Unneeded); n > 0 {
		text += fmt.Sprintf(", %d not needed", n)
	}
	return text
}

// Command is what a reader types to get the tables again.
func (e *Experiment) Command() string {
	if e.Line != "" {
		return e.Line
	}
	words := []string{"runner", "sweep", e.File}
	for _, set := range e.Overrides {
		words = append(words, "--set", cli.Quote(set))
	}
	return strings.Join(words, " ")
}

// TitledTasks are the Tasks, called in words, for those who show them while they run.
func (e *Experiment) TitledTasks() []*schedule.Task {
	tasks, called := e.Tasks(), titles(e.Plan)
	for i, stage := range e.Plan.Stages {
		tasks[i].Title = called[stage]
	}
	return tasks
}

// titles are the stages in words: "tune gated-image, K 8, seed 2". A stage is named by its op and
// set, and by what all trials that need it have in common of what the sweep varies.
func titles(p *plan.Plan) map[*plan.Stage]string {
	axes, seeds := variedAxes(p), seedsDiffer(p.Trials)
	sets, shared := map[*plan.Stage]string{}, map[*plan.Stage][]string{}
	for _, t := range p.Trials {
		values := titleValues(t, axes, seeds)
		named := slices.Collect(maps.Values(t.Stages))
		for name, stage := range t.Stages {
			if _, set, ok := strings.Cut(name, "/"); ok {
				sets[stage] = " " + set
			}
		}
		for stage := range MadeFrom(named...) {
			if _, seen := shared[stage]; !seen {
				shared[stage] = slices.Clone(values)
			}
			for i, value := range shared[stage] {
				if value != values[i] {
					shared[stage][i] = ""
				}
			}
		}
	}
	out := map[*plan.Stage]string{}
	for stage, values := range shared {
		out[stage] = stage.Op + sets[stage] + titleEnd(values)
	}
	return out
}

// titleValues are a trial's label, its seed where there are several, and its values of the axes.
func titleValues(t plan.Trial, axes []variedAxis, seeds bool) []string {
	values := []string{t.Label, ""}
	if t.Seed != nil && seeds {
		values[1] = fmt.Sprintf("seed %d", *t.Seed)
	}
	for _, axis := range axes {
		values = append(values, axis.words(t))
	}
	return values
}

// Varied is what tells a trial from the others of its plan.
type Varied struct {
	Words  string         // "gated-image, K 8, seed 2"; "" where there is one
	Params map[string]any // the params that differ between trials, by path, and the label of a case
}

// VariedParams are those of the plan's trials, in order.
func VariedParams(p *plan.Plan) []Varied {
	axes, seeds := variedAxes(p), seedsDiffer(p.Trials)
	out := make([]Varied, len(p.Trials))
	for i, t := range p.Trials {
		params := map[string]any{}
		if t.Label != "" {
			params["label"] = t.Label
		}
		for _, axis := range axes {
			if v, ok := t.Params[axis.path]; ok {
				params[axis.path] = v
			}
		}
		out[i] = Varied{strings.TrimSpace(titleEnd(titleValues(t, axes, seeds))), params}
	}
	return out
}

// titleEnd joins the label, the seed and the values of axes that trials share, each "" where they
// do not. A case is known by its label.
func titleEnd(values []string) string {
	label, seed, axes := values[0], values[1], values[2:]
	parts := []string{label}
	if label == "" {
		parts = slices.Clone(axes)
	}
	parts = slices.DeleteFunc(append(parts, seed), func(part string) bool { return part == "" })
	if len(parts) == 0 {
		return ""
	}
	return " " + strings.Join(parts, ", ")
}

// seedsDiffer says whether the trials have more than one seed.
func seedsDiffer(trials []plan.Trial) bool {
	seeds := map[int]bool{}
	for _, t := range trials {
		if t.Seed != nil {
			seeds[*t.Seed] = true
		}
	}
	return len(seeds) > 1
}

// variedAxis is a param that the sweep varies.
type variedAxis struct {
	path string
	name string // "K "; "" where all values are words that tell by themselves
}

// variedAxes are the params that the sweep sets and that differ between trials, tuning's first:
// they tell most.
func variedAxes(p *plan.Plan) []variedAxis {
	values := map[string]map[string]bool{}
	bare := map[string]bool{}
	for _, t := range p.Trials {
		for path := range t.Axes {
			values[path] = map[string]bool{}
			bare[path] = true
		}
	}
	for _, t := range p.Trials {
		for path := range values {
			if v, ok := t.Params[path]; ok {
				_, word := v.(string)
				values[path][cli.JSONText(v)], bare[path] = true, bare[path] && word
			}
		}
	}
	var axes []variedAxis
	for _, path := range slices.SortedFunc(maps.Keys(values), tuneFirst) {
		if len(values[path]) < 2 {
			continue
		}
		axis := variedAxis{path: path}
		if !bare[path] {
			name := path[strings.LastIndex(path, ".")+1:]
			if len(name) == 1 {
				name = strings.ToUpper(name)
			}
			axis.name = name + " "
		}
		axes = append(axes, axis)
	}
	return axes
}

func tuneFirst(a, b string) int {
	rank := func(path string) int {
		if path == "tune.mode" {
			return 0
		}
		return 1
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// words are the axis's value in a trial, "" where the trial has none.
func (a variedAxis) words(t plan.Trial) string {
	v, ok := t.Params[a.path]
	if !ok {
		return ""
	}
	return a.name + plainList.Replace(cli.JSONText(v))
}

// plainList writes a list in JSON as t2t+t2i.
var plainList = strings.NewReplacer("[", "", "]", "", `"`, "", ",", "+")
