package forecast

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"react/data/words"
	"react/runner/cli"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
)

// Print writes the summary line and the table by op.
func (f *Forecast) Print(w io.Writer, root string) error {
	if len(f.ops) == 0 {
		return nil
	}
	r := f.Record(root)
	fmt.Fprintln(w, f.summary(r))
	for _, what := range r.DoesNotFit {
		fmt.Fprintln(w, "does not fit:", what)
	}
	if r.Seconds == nil {
		return nil
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nOP\tTO RUN\tTIME\tDISK\tMEMORY\tESTIMATED FROM\n")
	guessed := f.guessed() > 0
	for _, op := range f.ops {
		time, from := opTime(&op), words.Plural(op.Runs, "run")
		if op.Unknown > 0 && guessed { // as in the summary, for what no run tells of
			time, from = "roughly "+cli.Duration(f.expectedOf(op.Op)), from+", typical costs"
		}
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", op.Op, op.ToRun, time, sizeOf(op.Bytes), sizeOf(op.MemoryBytes), from)
	}
	return table.Flush()
}

// opTime is how long the stages of an op take together, by runs.
func opTime(op *record.OpEstimate) string {
	text := Duration(op.Seconds)
	if op.Unknown > 0 && op.Seconds != nil {
		text += fmt.Sprintf(" and %d unknown", op.Unknown)
	}
	return text
}

// expectedOf is how many seconds the stages of an op take together.
func (f *Forecast) expectedOf(op string) (seconds float64) {
	for i, t := range f.tasks {
		if t.Op == op && f.survey.Status[i] == schedule.ToRun {
			seconds += f.expected(i)
		}
	}
	return seconds
}

// summary is one line: how long, how much disk, how much memory.
func (f *Forecast) summary(r *record.PlanEstimate) string {
	guessed := f.guessed()
	if r.Seconds == nil {
		text := "time and disk are unknown: this store has no such stages yet"
		if guessed > 0 {
			text = fmt.Sprintf("roughly %s with -j %d, by typical costs, since this store has no such stages yet",
				cli.Duration(guessed), r.Jobs)
		}
		if r.MemoryBytes != nil {
			text += fmt.Sprintf("; %s of memory at most (this machine has %s)", sizeOf(r.MemoryBytes), words.Bytes(r.MachineMemory))
		}
		return text
	}
	parts := []string{fmt.Sprintf("about %s with -j %d", Duration(r.Seconds), r.Jobs)}
	switch {
	case r.Unknown > 0 && guessed > 0:
		parts[0] = fmt.Sprintf("roughly %s with -j %d, %s of it by typical costs", cli.Duration(guessed), r.Jobs,
			words.Plural(r.Unknown, "stage"))
	case r.Unknown > 0:
		parts[0] += fmt.Sprintf(", besides %s of unknown time", words.Plural(r.Unknown, "stage"))
	}
	if r.Bytes != nil {
		parts = append(parts, fmt.Sprintf("%s of disk (%s free)", sizeOf(r.Bytes), words.Bytes(r.FreeBytes)))
	}
	if r.MemoryBytes != nil {
		parts = append(parts, fmt.Sprintf("%s of memory at most (this machine has %s)", sizeOf(r.MemoryBytes), words.Bytes(r.MachineMemory)))
	}
	return strings.Join(parts, "; ") + "; estimated from stages made before"
}

// Duration is a time for people, also one that is not known.
func Duration(seconds *float64) string {
	if seconds == nil {
		return "unknown"
	}
	return cli.Duration(*seconds)
}

func sizeOf(bytes *float64) string {
	if bytes == nil {
		return "unknown"
	}
	return words.Bytes(int64(*bytes))
}

// PrintScales is the table of work; what nothing is known of has a dash.
func PrintScales(w io.Writer, scales []record.OpScale, tflops float64) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nOP\tSTAGES\tSTEPS\tSAMPLES\tEXAFLOP\tGPU-HOURS\tDISK\n")
	total := record.OpScale{Op: "all"}
	for _, s := range scales {
		total.Stages += s.Stages
		total.GPUHours += s.GPUHours
		total.Add(s.Work)
	}
	for _, s := range append(scales, total) {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\t%s\n", s.Op, s.Stages, orDash(float64(s.Steps), "%.0f"), shortCount(s.Samples), orDash(s.FLOPs/1e18, "%.3g"), orDash(s.GPUHours, "%.3g"), disk(s.Bytes))
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

func orDash(v float64, format string) string {
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
