package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"react/data/words"
	"react/ops/op"
	"react/runner/cli"
	"react/runner/record"
	"react/runner/store"
)

func newShow() *cobra.Command {
	var storeDir string
	var asJSON, classes bool
	cmd := &cobra.Command{
		Use:   "show TRIAL",
		Short: "Print a trial: params, stages, metrics, who made it and where its files are",
		Long: `show prints what is on record of a trial: its params, its stages with state, time
and engine, its metrics, the runs that made it, and the directories of its files.
Of outputs that gc has freed it prints what the record kept.

TRIAL is the id of a trial (or its beginning), or the label of a case; the newest
sweep in the store that has it is taken, or the one that SWEEP:TRIAL names.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			shown, err := showTrial(s, given[0])
			if err != nil {
				return err
			}
			if classes {
				if shown.Classes, err = classMetrics(s, shown.Trial.Stages); err != nil {
					return err
				}
			}
			if !asJSON {
				return shown.print(cmd.OutOrStdout())
			}
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "\t")
			return enc.Encode(shown)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON (schema runner.show/v1)")
	cmd.Flags().BoolVar(&classes, "classes", false, "numbers of single classes too: accuracy, change against the base, confusions")
	return cmd
}

// shownTrial is what show prints.
type shownTrial struct {
	Schema  string          `json:"schema"`
	Sweep   string          `json:"sweep"` // NAME/HASH
	Records string          `json:"records"`
	Trial   record.Trial    `json:"trial"`
	Stages  []shownStage    `json:"stages"` // inputs first
	Metrics []record.Metric `json:"metrics"`
	Classes []classRecord   `json:"classes,omitempty"` // with --classes
	Runs    []record.Run    `json:"runs"`              // that made its stages, oldest first
}

// shownStage is one stage of a trial, or of what it is made from.
type shownStage struct {
	Name     string    `json:"name,omitempty"` // in the trial; "" for what only others read
	Op       string    `json:"op"`
	Key      string    `json:"key"`
	State    string    `json:"state"` // stored, freed in part, freed, damaged, not made
	Why      string    `json:"why,omitempty"`
	Seconds  float64   `json:"seconds,omitempty"`
	Engine   string    `json:"engine,omitempty"`
	Finished time.Time `json:"finished,omitzero"`
	Run      string    `json:"run,omitempty"`
	SHA256   string    `json:"sha256,omitempty"`
	Dir      string    `json:"dir,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`
	Log      string    `json:"log,omitempty"`
}

// showTrial gathers what is known of a trial.
func showTrial(s *store.Store, name string) (*shownTrial, error) {
	sweep, p, trial, err := record.FindTrial(s, name)
	if err != nil {
		return nil, err
	}
	outputs, err := record.Outputs(sweep)
	if err != nil {
		return nil, err
	}
	shown := &shownTrial{Schema: "runner.show/v1", Sweep: sweep.Name + "/" + sweep.Hash, Records: sweep.Dir, Trial: *trial}
	names := map[string]string{}
	for name, key := range trial.Stages {
		names[key] = strings.TrimPrefix(names[key]+", "+name, ", ")
	}
	made := map[string]bool{}
	for _, record := range p.MadeFrom(trial) {
		stage, err := showStage(s, record, outputs[record.Key])
		if err != nil {
			return nil, err
		}
		stage.Name = names[record.Key]
		made[stage.Run] = true
		shown.Stages = append(shown.Stages, stage)
	}
	if shown.Metrics, err = record.TrialMetrics(s, sweep, trial); err != nil {
		return nil, err
	}
	runs, err := record.Runs(sweep)
	for _, run := range runs {
		if made[run.ID] || len(runs) == 1 {
			shown.Runs = append(shown.Runs, run)
		}
	}
	return shown, err
}

func showStage(s *store.Store, planned record.Stage, recorded record.Output) (shownStage, error) {
	stage := shownStage{Op: planned.Op, Key: planned.Key, State: "not made"}
	if log := s.LogPath(planned.Key, planned.Op); fileExists(log) {
		stage.Log = log
	}
	e, ok, err := s.Lookup(planned.Key)
	var damaged *store.Damaged
	switch {
	case errors.As(err, &damaged):
		stage.State, stage.Why = "damaged", damaged.Why
	case err != nil:
		return stage, err
	case ok:
		stage.State, stage.Dir, stage.Bytes = "stored", e.Dir, e.Bytes(-1)
		if len(e.Evicted) > 0 {
			stage.State, stage.Why = "freed in part", words.Plural(len(e.Evicted), "large file")+" removed by gc"
		}
		recorded = record.OutputOf(e.Manifest)
	case recorded.Key != "":
		stage.State = "freed"
	}
	if recorded.Key != "" {
		stage.Seconds = max(0, recorded.Finished.Sub(recorded.Started).Seconds())
		stage.Engine, stage.Finished, stage.Run, stage.SHA256 = recorded.Engine, recorded.Finished, recorded.Run, recorded.SHA256
	}
	return stage, nil
}

func fileExists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// classRecord is a number of a single class, or of two.
type classRecord struct {
	record.Metric
	Class string `json:"class"`
	Other string `json:"other,omitempty"`
}

// classMetrics reads the numbers of single classes from what a trial's stages stored.
func classMetrics(s *store.Store, stages map[string]string) ([]classRecord, error) {
	var out []classRecord
	for _, name := range slices.Sorted(maps.Keys(stages)) {
		e, ok, err := record.LookupResults(s, stages[name])
		if errors.As(err, new(*store.Error)) {
			return nil, err
		}
		if err != nil || !ok {
			continue
		}
		rows, err := op.ReadRows(e.Dir)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.Class != "" {
				out = append(out, classRecord{record.Metric{Set: strings.TrimPrefix(name, "evaluate/"), Metric: row.Metric, Value: row.Value, N: row.N}, row.Class, row.Other})
			}
		}
	}
	return out, nil
}

func (t *shownTrial) print(w io.Writer) error {
	fmt.Fprintf(w, "trial %s of %s\nrecords %s\n\n", t.Trial.Name, t.Sweep, cli.ShownPath(t.Records))
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
		fmt.Fprintf(table, "%s\t%s\t%s\n", m.Name(), cli.JSONText(m.Value), count(m.N))
	}
	if len(t.Classes) > 0 {
		fmt.Fprintf(table, "\nMETRIC OF A CLASS\tVALUE\tN\tCLASS\n")
	}
	for _, m := range t.Classes {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", m.Name(), cli.JSONText(m.Value), count(m.N), strings.Join(slices.DeleteFunc([]string{m.Class, m.Other}, func(c string) bool { return c == "" }), ", "))
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

func (s *shownStage) label() string {
	if s.Name == "" {
		return s.Op
	}
	return s.Name
}

func count(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// printRun shows a run in a few lines.
func printRun(r *record.Run, w io.Writer) {
	fmt.Fprintf(w, "\nrun %s: %s, %d made, %d found, %d failed\n", r.ID, r.Outcome, r.Stages.Made, r.Stages.Cached, r.Stages.Failed)
	fmt.Fprintf(w, "  command  %s   (in %s)\n", strings.Join(r.Command, " "), r.Dir)
	fmt.Fprintf(w, "  program  %s, sha256 %s, source %s\n", r.Binary.Path, cli.Short(r.Binary.SHA256), cmp.Or(r.Build["vcs.revision"], "-"))
	if r.Git != nil {
		fmt.Fprintf(w, "  git      %s %s, %s\n", cli.Short(r.Git.Commit), r.Git.Branch, r.Git.Describe())
	}
	fmt.Fprintf(w, "  machine  %s: %s, %s of %s used, %s", r.Host, r.System.CPU, fmt.Sprint(r.System.Procs), words.Plural(r.System.Threads, "thread"), words.Bytes(r.System.MemoryBytes))
	for _, gpu := range r.System.GPUs {
		fmt.Fprintf(w, ", %s", gpu)
	}
	fmt.Fprintf(w, "\n  engine   %s asked, %s opened\n", r.Engine.Asked, cmp.Or(r.Engine.Name, "-"))
	for _, set := range r.Overrides {
		fmt.Fprintf(w, "  --set    %s\n", set)
	}
	for _, d := range r.Data {
		fmt.Fprintf(w, "  data     %s: %s below %s, sha256 %s\n", d.Role, words.Plural(d.Files, "file"), d.Root, cli.Short(d.SHA256))
	}
}
