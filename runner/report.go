package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"react/data/words"
	"react/results"
	"react/results/grid"
	pages "react/results/report"
	"react/results/writers"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
	"react/runner/tables"
)

// reportOptions are the flags of report.
type reportOptions struct {
	sets    []string
	store   string
	out     string
	gallery string
	plain   bool
}

func newReport() *cobra.Command {
	var o reportOptions
	cmd := &cobra.Command{
		Use:   "report FILE|SWEEP",
		Short: "Write a self-contained HTML page about an experiment",
		Long: `report writes one HTML page that loads nothing: question and spec, tables that
sort, figures, losses, what was retrieved, which classes gained and lost, time and
cost by stage, and where every number is from; beside it the tables and figures as
files. It takes a .cue file or the name of a sweep in the store (NAME or NAME/HASH,
the newest where there are several), and runs nothing: what is not done is shown as
such.

With --plain it leaves out what differs from machine to machine (times, host,
build), so that the same rows give the same bytes.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := checkGallery(o.gallery); err != nil {
				return err
			}
			e, err := record.Open(cmd.Context(), names[0], o.sets, o.store)
			if err != nil {
				return err
			}
			defer e.Store.Close()
			dir, err := writeReport(cmd.Context(), e, o)
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "written to %s\n", cli.ShownPath(filepath.Join(dir, reportPage)))
			return nil
		},
	}
	cli.SetFlag(cmd, &o.sets)
	cli.StoreFlag(cmd, &o.store)
	cmd.Flags().StringVarP(&o.out, "output", "o", "", "write into this `directory` (default: report/ in the sweep's records)")
	cmd.Flags().StringVar(&o.gallery, "gallery", "all", "`images` of retrieved pairs: all; world, those of pools that runner made; none")
	cmd.Flags().BoolVar(&o.plain, "plain", false, "leave out times, host and build")
	return cmd
}

func checkGallery(choice string) error {
	if choice != "all" && choice != "world" && choice != "none" {
		return cli.Usage(fmt.Errorf("--gallery %s: all, world or none", choice))
	}
	return nil
}

// reportPage is the page's file name.
const reportPage = "index.html"

// writeReport writes the page, the tables and the figures, and returns where.
func writeReport(ctx context.Context, e *experiment.Experiment, o reportOptions) (string, error) {
	folder, err := record.SweepFolder(e)
	if err != nil {
		return "", err
	}
	dir := o.out
	if dir == "" {
		dir = folder.Path("report")
	}
	r, err := openReporter(ctx, e, o)
	if err != nil {
		return "", err
	}
	page, err := r.page()
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := page.Write(&b); err != nil {
		return "", err
	}
	if _, err := writers.WriteAll(dir, r.grids); err != nil {
		return "", err
	}
	drawn, err := figureFiles(page)
	if err == nil {
		_, err = results.WriteFiles(dir, drawn)
	}
	if err != nil {
		return "", err
	}
	return dir, results.WriteBytes(filepath.Join(dir, reportPage), b.Bytes())
}

// reporter gathers the parts of a page from the store.
type reporter struct {
	*experiment.Experiment
	ctx     context.Context
	options reportOptions
	entries map[string]store.Entry
	rows    []results.Row
	trials  []grid.Trial
	grids   []*grid.Grid
	best    *configuration // see configurations
	base    *configuration
	asked   publishedCases // what a table compares
}

func openReporter(ctx context.Context, e *experiment.Experiment, o reportOptions) (*reporter, error) {
	entries, err := record.StoredEntries(e)
	if err != nil {
		return nil, err
	}
	return reporterOf(ctx, e, o, entries)
}

// reporterOf makes the tables of what is there.
func reporterOf(ctx context.Context, e *experiment.Experiment, o reportOptions, entries map[string]store.Entry) (*reporter, error) {
	r := &reporter{Experiment: e, ctx: ctx, options: o, entries: entries, asked: newCases()}
	var err error
	if r.rows, err = tables.Rows(e, entries); err != nil {
		return nil, err
	}
	opts := tables.Options(e, entries, failuresOf(e))
	r.trials = opts.Trials
	r.asked.note(tables.CasesOf(e, entries)).Fill(&opts)
	if r.grids, err = tables.Build(e, r.rows, opts); err != nil {
		return nil, err
	}
	r.choose()
	return r, nil
}

// failuresOf are the stages whose last attempt failed, as far as the sweep's
// records say.
func failuresOf(e *experiment.Experiment) []schedule.Failure {
	folder, err := record.SweepFolder(e)
	if err != nil || !folder.Has(record.PlanFile) {
		return nil
	}
	w, err := newWatcher(e.Store, folder)
	if err != nil {
		return nil
	}
	l, err := w.look()
	if err != nil {
		return nil
	}
	var list []schedule.Failure
	for _, t := range w.tasks {
		if f := l.failed[t.Key]; f != nil {
			list = append(list, schedule.Failure{Task: t, Err: errors.New(f.Error)})
		}
	}
	return list
}

// page puts the parts together.
func (r *reporter) page() (*pages.Page, error) {
	p := &pages.Page{Name: r.Name, Question: r.Question, File: filepath.ToSlash(r.File), Command: r.Command(), Spec: r.Source,
		Overrides: r.Overrides, State: r.state(), Grids: r.grids, Facts: r.facts()}
	for _, part := range []func(*pages.Page) error{r.figures, r.changes, r.gallery, r.costs} {
		if r.ctx.Err() != nil {
			return nil, r.ctx.Err()
		}
		if err := part(p); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// state says how far the sweep is, where it is not done.
func (r *reporter) state() string {
	done := 0
	for _, t := range r.trials {
		if t.Status == grid.Done {
			done++
		}
	}
	if done == len(r.trials) {
		return ""
	}
	return fmt.Sprintf("%d of %s done; runner sweep goes on", done, words.Plural(len(r.trials), "trial"))
}

// facts are where the numbers come from.
func (r *reporter) facts() []pages.Fact {
	facts := []pages.Fact{{Name: "experiment", Value: filepath.ToSlash(r.File)}, {Name: "resolved spec", Value: "sha256:" + r.Digest},
		{Name: "trials", Value: fmt.Sprint(len(r.Plan.Trials))}, {Name: "stages", Value: fmt.Sprintf("%d, of which %d are in the store", len(r.Plan.Stages), len(r.entries))}}
	for _, g := range r.grids {
		if g.Keys != "" {
			facts = append(facts, pages.Fact{Name: "keys of table " + g.Table.Name, Value: g.Keys})
		}
	}
	files := map[string]bool{}
	for _, stage := range r.Plan.Stages {
		for _, line := range stage.Lines {
			if rest, ok := strings.CutPrefix(line, "file "); ok {
				files[rest] = true
			}
		}
	}
	const most = 40
	for i, line := range slices.Sorted(maps.Keys(files)) {
		if i == most {
			facts = append(facts, pages.Fact{Name: "outside files", Value: fmt.Sprintf("and %d more, in the manifests", len(files)-most)})
			break
		}
		facts = append(facts, pages.Fact{Name: "outside file", Value: line})
	}
	if r.options.plain {
		return facts
	}
	return append(facts, r.machine()...)
}

// machine is what ran the stages.
func (r *reporter) machine() []pages.Fact {
	hosts, libraries := map[string]bool{}, map[string]bool{}
	var first, last string
	for _, entry := range r.entries {
		m := entry.Manifest
		hosts[m.Host] = true
		if text := m.Started.UTC().Format("2006-01-02 15:04:05 MST"); first == "" || text < first {
			first = text
		}
		last = max(last, m.Finished.UTC().Format("2006-01-02 15:04:05 MST"))
		if all, ok := m.Facts["engine.libraries"].(map[string]any); ok {
			for name, version := range all {
				libraries[fmt.Sprintf("%s %v", name, version)] = true
			}
		}
	}
	build, err := json.Marshal(record.BuildFacts())
	if err != nil {
		build = []byte(err.Error())
	}
	return []pages.Fact{{Name: "stages ran", Value: first + " to " + last}, {Name: "hosts", Value: strings.Join(slices.Sorted(maps.Keys(hosts)), ", ")},
		{Name: "engine's libraries", Value: strings.Join(slices.Sorted(maps.Keys(libraries)), ", ")}, {Name: "this program", Value: string(build)}}
}
