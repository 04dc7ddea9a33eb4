package trial

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"react/data/words"
	"react/runner/cli"
	"react/runner/record"
)

// Print writes it as tables.
func (t *Shown) Print(w io.Writer) error {
	fmt.Fprintf(w, "trial %s of %s\n", t.Trial.Name, t.Sweep)
	record.PrintNote(w, t.Note)
	fmt.Fprintf(w, "records %s\n\n", cli.ShownPath(t.Records))
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "STAGE\tKEY\tSTATE\tTOOK\tENGINE\tSIZE\tFINISHED\n")
	for _, s := range t.Stages {
		row := []string{s.label(), cli.Short(s.Key), s.State, "-", s.Engine, "-", "-"}
		if !s.Finished.IsZero() {
			row[3], row[6] = cli.Seconds(time.Duration(s.Seconds*float64(time.Second))), cli.Stamp(s.Finished)
		}
		if s.Engine == "" {
			row[4] = "-"
		}
		if s.Dir != "" {
			row[5] = words.Bytes(s.Bytes)
		}
		if s.Why != "" {
			row[2] += " (" + s.Why + ")"
		}
		fmt.Fprintln(table, strings.Join(row, "\t"))
	}
	fmt.Fprintf(table, "\nMETRIC\tVALUE\tN\n")
	for _, m := range t.Metrics {
		fmt.Fprintf(table, "%s\t%s\t%s\n", m.Name(), shortNumber(m.Value), cli.OrDash(m.N))
	}
	if len(t.Means) > 0 {
		fmt.Fprintf(table, "\nMEAN OVER SEEDS\tVALUE\tSEEDS\n")
	}
	for _, m := range t.Means {
		fmt.Fprintf(table, "%s\t%s\t%d\n", m.title, m.text, m.Seeds)
	}
	if len(t.Classes) > 0 {
		fmt.Fprintf(table, "\nMETRIC OF A CLASS\tVALUE\tN\tCLASS\n")
	}
	for _, m := range t.Classes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.Name(), shortNumber(m.Value), cli.OrDash(m.N), strings.TrimSuffix(m.Class+", "+m.Other, ", "))
	}
	fmt.Fprintf(table, "\nPARAM\tVALUE\n")
	for _, path := range slices.Sorted(maps.Keys(t.Trial.Params)) {
		fmt.Fprintf(table, "%s\t%s\n", path, cli.JSONText(t.Trial.Params[path]))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, run := range t.Runs {
		printRun(&run, w)
	}
	fmt.Fprintln(w, "\nfiles")
	for _, s := range t.Stages {
		if s.Dir != "" {
			fmt.Fprintf(w, "  %s  %s\n", s.label(), cli.ShownPath(s.Dir))
		}
	}
	return nil
}

func (s *stage) label() string {
	if s.Name == "" {
		return s.Op
	}
	return s.Name
}

// printRun shows a run in a few lines.
func printRun(r *record.Run, w io.Writer) {
	fmt.Fprintf(w, "\nrun %s: %s", r.ID, r.Outcome)
	if !r.Finished.IsZero() {
		fmt.Fprintf(w, ", %d made, %d cached, %d failed", r.Stages.Made, r.Stages.Cached, r.Stages.Failed)
	}
	fmt.Fprintf(w, "\n  command  %s   (in %s)\n", strings.Join(r.Command, " "), r.Dir)
	fmt.Fprintf(w, "  program  %s, sha256 %s, source %s\n", r.Binary.Path, cli.Short(r.Binary.SHA256), cmp.Or(r.Build["vcs.revision"], "unknown"))
	if r.Git != nil {
		fmt.Fprintf(w, "  git      %s %s, %s\n", cli.Short(r.Git.Commit), r.Git.Branch, r.Git.Describe())
	}
	fmt.Fprintf(w, "  machine  %s: %s, %s of %s used, %s", r.Host, r.System.CPU, fmt.Sprint(r.System.Procs), words.Plural(r.System.Threads, "thread"), words.Bytes(r.System.MemoryBytes))
	for _, gpu := range r.System.GPUs {
		fmt.Fprintf(w, ", %s", gpu)
	}
	fmt.Fprintf(w, "\n  engine   %s (--engine %s)\n", cmp.Or(r.Engine.Name, "none yet"), r.Engine.Asked)
	for _, set := range r.Overrides {
		fmt.Fprintf(w, "  --set    %s\n", set)
	}
	for _, d := range r.Data {
		fmt.Fprintf(w, "  data     %s: %s below %s, sha256 %s\n", d.Role, words.Plural(d.Files, "file"), d.Root, cli.Short(d.SHA256))
	}
}

// shortNumber has the digits that people read; --json has all.
func shortNumber(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }
