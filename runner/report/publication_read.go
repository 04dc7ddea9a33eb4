package report

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/results"
	"react/results/grid"
	pages "react/results/report"
	"react/runner/experiment"
	"react/runner/spec"
	"react/runner/spec/bounded"
	"react/runner/tables"
)

// readPublication reads a folder and makes its tables again.
func readPublication(ctx context.Context, dir string) (*publication, error) {
	p := &publication{page: &pages.Page{}}
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	raw, err := os.ReadFile(at(publishedReport))
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("%s is no folder that runner publish wrote: it has no %s", dir, publishedReport)
	}
	if err == nil {
		err = json.Unmarshal(raw, p.page)
	}
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", at(publishedReport), err)
	}
	if p.page.Spec, err = os.ReadFile(at(publishedSpec)); err != nil {
		return nil, err
	}
	if p.licences, err = os.ReadFile(at(publishedLicences)); err != nil {
		return nil, err
	}
	if p.trials, err = readLines[publishedTrial](at(publishedTrials)); err != nil {
		return nil, err
	}
	if p.stages, err = readLines[publishedStage](at(publishedStages)); err != nil {
		return nil, err
	}
	if p.rows, err = results.ReadFile(at(publishedRows)); err != nil {
		return nil, err
	}
	if p.cases.predictions, err = results.ReadPredictionsByStage(at(publishedPredictions)); err != nil {
		return nil, err
	}
	if p.cases.queries, err = results.ReadQueriesByStage(at(publishedQueries)); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	if p.cases.found, err = results.ReadFoundByStage(at(publishedFound)); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	if p.cases.pixels, err = results.ReadPixelsByStage(at(publishedPixels)); err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	exp, err := bounded.LoadRecorded(ctx, at(publishedSpec), p.page.Overrides)
	if err != nil {
		return nil, err
	}
	p.page.Common = exp.Common
	return p, p.makeTables(exp)
}

// readLines reads JSON, a value a line; numbers keep their digits.
func readLines[T any](path string) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var list []T
	dec := json.NewDecoder(f)
	dec.UseNumber()
	for dec.More() {
		var one T
		if err := dec.Decode(&one); err != nil {
			return nil, fmt.Errorf("file %s: after line %d: %w", path, len(list), err)
		}
		list = append(list, one)
	}
	return list, nil
}

// makeTables builds the tables of the spec from the rows.
func (p *publication) makeTables(exp *spec.Experiment) error {
	opts := grid.Options{Experiment: p.page.File, Command: p.page.Command, Notes: p.lossNotes, Gaps: true}
	for _, t := range p.trials {
		opts.Trials = append(opts.Trials, grid.Trial{ID: t.ID, Label: t.Label, Params: t.Params, Seed: t.Seed, Status: t.Status, Reason: t.Reason})
	}
	p.source().Fill(&opts)
	specs, err := experiment.Tables(exp, opts.Trials, p.rows)
	if err != nil {
		return err
	}
	for _, table := range specs {
		g, err := grid.Build(table, p.rows, opts)
		if err != nil {
			return err
		}
		p.page.Grids = append(p.page.Grids, g)
	}
	return nil
}

// lossNotes is what experiment's says, from the stages that were published.
func (p *publication) lossNotes(key string) []string {
	stages := map[string]*publishedStage{}
	for i := range p.stages {
		stages[p.stages[i].Key] = &p.stages[i]
	}
	var notes []string
	seen := map[string]bool{}
	for todo := []string{key}; len(todo) > 0; {
		s := stages[todo[0]]
		todo = todo[1:]
		if s == nil || seen[s.Key] {
			continue
		}
		seen[s.Key] = true
		for _, c := range s.Lost {
			notes = append(notes, c.Remark())
		}
		todo = slices.AppendSeq(todo, maps.Values(s.In))
	}
	return notes
}

// source gives what the folder holds of single cases.
func (p *publication) source() tables.Cases {
	c := tables.Cases{Stages: map[[2]string]string{}, Base: map[string]string{}}
	for _, t := range p.trials {
		for name, key := range t.Stages {
			c.Stages[[2]string{t.ID, strings.TrimPrefix(name, "evaluate/")}] = key
		}
	}
	for _, s := range p.stages {
		if base := s.In["base"]; base != "" {
			c.Base[s.Key] = base
		}
	}
	c.Predictions = func(key string) ([]results.Prediction, error) { return p.cases.predictions[key], nil }
	c.Queries = func(key string) ([]results.Query, error) { return p.cases.queries[key], nil }
	c.Found = func(key string) ([]results.Found, error) { return p.cases.found[key], nil }
	c.Pixels = func(key string) ([]results.Pixels, error) { return p.cases.pixels[key], nil }
	return c
}
