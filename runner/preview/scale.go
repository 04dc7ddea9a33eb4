package preview

import (
	"fmt"
	"io"
	"math"

	"react/data/words"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/forecast"
	"react/runner/plan"
	"react/runner/record"
)

// printScale prints a plan without data.
func printScale(e *experiment.Experiment, w io.Writer, o Options) error {
	if !(o.tflops > 0) || math.IsInf(o.tflops, 0) {
		return cli.Usage(fmt.Errorf("--tflops %g: want a number over 0", o.tflops))
	}
	p := record.Describe(e)
	p.Missing, p.Scale = e.Plan.Missing, forecast.Scales(e.Plan.Stages, o.tflops)
	if o.asJSON {
		return cli.PrintTabbed(w, p)
	}
	fmt.Fprintf(w, "%s: %s, %s\n", e.Name, words.Plural(len(e.Plan.Trials), "trial"), words.Plural(len(e.Plan.Stages), "stage"))
	printDefaults(w, e)
	printMissing(w, p.Missing)
	return forecast.PrintScales(w, p.Scale, o.tflops)
}

// printMissing lists what a sweep would refuse to begin without.
func printMissing(w io.Writer, missing []plan.Missing) {
	if len(missing) == 0 {
		fmt.Fprintln(w, "all data are there")
		return
	}
	fmt.Fprintf(w, "\nnotice: %s missing here; a sweep needs them\n", words.Plural(len(missing), "input"))
	for _, m := range missing {
		fmt.Fprintf(w, "  %s: %s\n", m.Field, m.Path)
		for _, way := range m.Get {
			fmt.Fprintf(w, "      %s\n", way)
		}
	}
}
