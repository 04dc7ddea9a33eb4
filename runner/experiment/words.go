package experiment

import (
	"fmt"
	"strings"

	"react/data/words"
	"react/runner/cli"
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
	words := []string{"runner", "sweep", e.File}
	for _, set := range e.Overrides {
		words = append(words, "--set", cli.Quote(set))
	}
	return strings.Join(words, " ")
}
