package sweep

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"react/data/words"
	"react/runner/experiment"
	"react/runner/schedule"
)

// placingReporter prints the warnings of stages with their places, and none that
// was printed before the sweep began.
type placingReporter struct {
	schedule.Reporter
	of *experiment.Experiment
}

// Warn passes on what is new.
func (r placingReporter) Warn(t *schedule.Task, text string) {
	if text = placed(r.of, t, text); text != "" {
		r.Reporter.Warn(t, text)
	}
}

// placed is a stage's warning with the place in the file of the field that it
// names; "" where it was said of the inputs.
func placed(e *experiment.Experiment, t *schedule.Task, text string) string {
	if slices.ContainsFunc(e.Plan.Warnings, func(said string) bool { return strings.HasSuffix(said, text) }) {
		return ""
	}
	name, _, _ := strings.Cut(text, ":")
	for _, stage := range e.Plan.Stages {
		if path := stage.Field + "." + name; stage.Key == t.Key && stage.Field != "" && !strings.Contains(name, " ") {
			return fmt.Sprintf("%s: %s.%s", e.Place(path), stage.Field, text)
		}
	}
	return text
}

// keptWarnings prints the warnings of stages that were found done, once each:
// they hold for the tables as much as on the day they were made.
func keptWarnings(e *experiment.Experiment, w io.Writer, report *schedule.Report) {
	stages := map[string]int{}
	for _, t := range report.Cached {
		for _, text := range report.Entries[t.Key].Manifest.Warnings {
			if text = placed(e, t, text); text != "" {
				stages[t.Op+": "+text]++
			}
		}
	}
	texts := make([]string, 0, len(stages))
	for text := range stages {
		texts = append(texts, text)
	}
	sort.Strings(texts)
	for _, text := range texts {
		fmt.Fprintf(w, "warning (of %s): %s\n", words.Plural(stages[text], "cached stage"), text)
	}
}
