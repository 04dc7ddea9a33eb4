package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"react/data/words"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
)

// scales sums the stages up by op, in the order in which they first run.
func scales(e *experiment.Experiment, tflops float64) []record.OpScale {
	var out []record.OpScale
	for _, s := range e.Plan.Stages {
		at := slices.IndexFunc(out, func(o record.OpScale) bool { return o.Op == s.Op })
		if at < 0 {
			at = len(out)
			out = append(out, record.OpScale{Op: s.Op})
		}
		out[at].Stages++
		out[at].Add(s.Work())
	}
	for i := range out {
		out[i].GPUHours = out[i].FLOPs / (tflops * 1e12) / 3600
	}
	return out
}

// printScale prints a plan without data.
func printScale(e *experiment.Experiment, w io.Writer, o planOptions) error {
	if o.tflops <= 0 {
		return cli.Usage(fmt.Errorf("--tflops %g: want a number over 0", o.tflops))
	}
	p := record.Describe(e)
	p.Missing, p.Scale = e.Plan.Missing, scales(e, o.tflops)
	if o.asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "\t")
		return enc.Encode(p)
	}
	fmt.Fprintf(w, "%s: %s, %s\n", e.Name, words.Plural(len(e.Plan.Trials), "trial"), words.Plural(len(e.Plan.Stages), "stage"))
	printMissing(w, p.Missing)
	return printScales(w, p.Scale, o.tflops)
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

// printScales is the table of work; what nothing is known of has a dash.
func printScales(w io.Writer, scales []record.OpScale, tflops float64) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nOP\tSTAGES\tSTEPS\tSAMPLES\tEXAFLOP\tGPU-HOURS\tDISK\n")
	total := record.OpScale{Op: "all"}
	for _, s := range scales {
		total.Stages += s.Stages
		total.GPUHours += s.GPUHours
		total.Add(s.Work)
	}
	for _, s := range append(scales, total) {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", s.Op, s.Stages, figure(float64(s.Steps), "%.0f"), shortCount(s.Samples), figure(s.FLOPs/1e18, "%.3g"), figure(s.GPUHours, "%.3g"), disk(s.Bytes))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if total.Images > 0 {
		fmt.Fprintf(w, "images of at most %s pairs: %s (runner fetch)\n", shortCount(total.Images), disk(total.Images*plan.ImageBytes))
	}
	_, err := fmt.Fprintf(w, "GPU-hours are at %g TFLOP/s sustained (--tflops); orders of magnitude, from the matrix products alone\n", tflops)
	return err
}

func figure(v float64, format string) string {
	if v == 0 {
		return "–"
	}
	return strings.Replace(fmt.Sprintf(format, v), "e+0", "e", 1)
}

// shortCount writes large counts as people do.
func shortCount(v float64) string {
	switch {
	case v == 0:
		return "–"
	case v >= 1e9:
		return fmt.Sprintf("%.1fG", v/1e9)
	case v >= 1e6:
		return fmt.Sprintf("%.1fM", v/1e6)
	}
	return fmt.Sprintf("%.0f", v)
}

func disk(bytes float64) string {
	if bytes == 0 {
		return "–"
	}
	return words.Bytes(int64(bytes))
}
