// Package report writes the page about an experiment: tables, figures, what was
// retrieved, which classes gained and lost, cost and origin. The page is a file that
// loads nothing, or follows a sweep that runs (Live), or is part of a publication: a
// folder that stands alone, and that is checked and made again from itself.
//
// It runs nothing and shows what the store holds; what is not done is shown as such.
package report

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"react/data/words"
	"react/results"
	"react/results/grid"
	pages "react/results/report"
	"react/results/writers"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/record"
	"react/runner/status"
	"react/runner/store"
	"react/runner/tables"
)

// Options say where a page goes and what it shows.
type Options struct {
	Out     string // directory; "" is the sweep's own
	Gallery string // whose images: all, world or none
	Plain   bool   // without times, host and build
}

// CheckGallery says what is wrong with a choice of images.
func CheckGallery(choice string) error {
	if choice != "all" && choice != "world" && choice != "none" {
		return cli.Usage(fmt.Errorf("--gallery %s: all, world or none", choice))
	}
	return nil
}

// pageFile is the page's file name.
const pageFile = "index.html"

// Write writes the page, the tables and the figures, and returns where the page is.
func Write(ctx context.Context, e *experiment.Experiment, o Options) (string, error) {
	folder, err := record.SweepFolder(e)
	if err != nil {
		return "", err
	}
	dir := o.Out
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
	file := filepath.Join(dir, pageFile)
	return file, results.WriteBytes(file, b.Bytes())
}

// reporter gathers the parts of a page from the store.
type reporter struct {
	*experiment.Experiment
	ctx     context.Context
	options Options
	entries map[string]store.Entry
	rows    []results.Row
	trials  []grid.Trial
	grids   []*grid.Grid
	best    *configuration // see configurations
	base    *configuration
	asked   publishedCases // what a table compares
}

func openReporter(ctx context.Context, e *experiment.Experiment, o Options) (*reporter, error) {
	entries, err := record.StoredEntries(e)
	if err != nil {
		return nil, err
	}
	return reporterOf(ctx, e, o, entries)
}

// reporterOf makes the tables of what is there.
func reporterOf(ctx context.Context, e *experiment.Experiment, o Options, entries map[string]store.Entry) (*reporter, error) {
	r := &reporter{Experiment: e, ctx: ctx, options: o, entries: entries, asked: newCases()}
	var err error
	if r.rows, err = tables.Rows(e, entries); err != nil {
		return nil, err
	}
	opts := tables.Options(e, entries, status.FailuresOf(e))
	r.trials = opts.Trials
	r.asked.note(tables.CasesOf(e, entries)).Fill(&opts)
	if r.grids, err = tables.Build(e, r.rows, opts); err != nil {
		return nil, err
	}
	r.choose()
	return r, nil
}

// page puts the parts together.
func (r *reporter) page() (*pages.Page, error) {
	p := &pages.Page{Name: r.Name, Question: r.Question, File: filepath.ToSlash(r.File), Command: r.Command(), Spec: r.Source, Common: r.Common,
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
	if r.options.Plain {
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
		if all, ok := m.Facts[record.EngineLibrariesFact].(map[string]any); ok {
			for name, version := range all {
				libraries[fmt.Sprintf("%s %v", name, version)] = true
			}
		}
	}
	return []pages.Fact{{Name: "stages ran", Value: first + " to " + last}, {Name: "hosts", Value: strings.Join(slices.Sorted(maps.Keys(hosts)), ", ")},
		{Name: "engine's libraries", Value: strings.Join(slices.Sorted(maps.Keys(libraries)), ", ")}, thisProgram()}
}

// thisProgram is the program that writes the page.
func thisProgram() pages.Fact {
	facts := record.BuildFacts()
	release, commit := record.SourceOf(facts)
	f := pages.Fact{Name: "this program", Rows: [][2]string{{"release", release}, {"commit", commit}}}
	for _, name := range slices.Sorted(maps.Keys(facts)) {
		if name != "release" && !strings.HasPrefix(name, "vcs") {
			f.Rows = append(f.Rows, [2]string{name, facts[name]})
		}
	}
	return f
}
