// Package retrieved opens what was retrieved, for a page to show (runner/browse): a
// trial's pairs by class, with copies, known leaks and what curation kept out, or an
// index or embeddings alone, and their search by text. Their addresses are fetched (Items).
package retrieved

import (
	"context"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/ops/modality"
	"react/ops/op"
	"react/ops/retrieve"
	"react/runner/browse"
	"react/runner/cli"
	"react/runner/exec"
	"react/runner/record"
	"react/runner/store"
)

// Browser is what a page shows, with what it keeps open.
type Browser struct {
	Site   browse.Site
	Note   string // what else the name stands for
	store  *store.Store
	finder *retrieve.Finder // nil where nothing can be searched
}

// Close closes what is searched.
func (b *Browser) Close() {
	if b.finder != nil {
		b.finder.Close()
	}
}

// browsed are the stages that a page is about.
type browsed struct {
	plan  *record.Plan
	note  string                  // of the trial's name
	trial *record.Trial           // nil for an index
	pairs *record.Stage           // nil for an index, and for a base
	by    map[string]record.Stage // the searches, by side
	run   map[string]string       // what a search by text reads: role → key
	files map[string]op.Files     // and outside files
}

// Open finds what is named: a trial, else a stage.
func Open(ctx context.Context, s *store.Store, engines *exec.Engines, name string) (*Browser, error) {
	what, err := findBrowsed(s, name)
	if err != nil {
		return nil, err
	}
	b := &Browser{Note: what.note, store: s}
	b.describe(what, name)
	if err := b.openFinder(ctx, what, engines); err != nil {
		return nil, err
	}
	if what.pairs != nil {
		err = b.openPairs(what)
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// findBrowsed takes a trial's name first: keys are long, and trial ids are what people have at
// hand.
func findBrowsed(s *store.Store, name string) (*browsed, error) {
	if !isDir(name) {
		found, err := record.FindTrial(s, name)
		if err == nil {
			what, err := trialBrowsed(found.Plan, found.Trial)
			if err == nil {
				what.note = found.Note
			}
			return what, err
		}
		if !cli.IsUsage(err) {
			return nil, err
		}
	}
	key := name
	if isDir(name) {
		key = filepath.Base(filepath.Clean(name))
	}
	p, stage, err := findStage(s, key)
	if err != nil {
		return nil, err
	}
	if stage == nil {
		return nil, cli.Usage(fmt.Errorf("no trial, index or embeddings %q in the sweeps of store %s; runner show TRIAL prints the keys of its stages", name, s.Root()))
	}
	return stageBrowsed(p, stage)
}

// findStage looks for a key, or its beginning, in the plans of the store's sweeps, newest first.
func findStage(s *store.Store, key string) (*record.Plan, *record.Stage, error) {
	sweeps, err := s.Sweeps()
	if err != nil || len(key) < 4 {
		return nil, nil, err
	}
	for _, sweep := range sweeps {
		var p record.Plan
		if err := sweep.ReadJSON(record.PlanFile, &p); err != nil {
			return nil, nil, err
		}
		for i, stage := range p.Stages {
			if strings.HasPrefix(stage.Key, key) {
				return &p, &p.Stages[i], nil
			}
		}
	}
	return nil, nil, nil
}

// trialBrowsed gathers the stages of a trial's retrieval.
func trialBrowsed(p *record.Plan, trial *record.Trial) (*browsed, error) {
	pairs := p.Stage(trial.Stages["pairs"])
	if pairs == nil {
		return nil, cli.Usage(fmt.Errorf("trial %s retrieves nothing: it is not tuned on pairs (give another trial, or an index)", trial.Name))
	}
	b := &browsed{plan: p, trial: trial, pairs: pairs, by: map[string]record.Stage{}, run: map[string]string{}, files: map[string]op.Files{}}
	b.take(pairs)
	for _, stage := range p.MadeFrom(trial) {
		if by, ok := searchedBy(stage); ok && slices.Contains(slices.Collect(maps.Values(pairs.In)), stage.Key) {
			b.by[by] = stage
			b.take(&stage)
		}
	}
	b.findCheckpoint()
	return b, nil
}

// stageBrowsed gathers what reads or made an index, or embeddings.
func stageBrowsed(p *record.Plan, stage *record.Stage) (*browsed, error) {
	b := &browsed{plan: p, by: map[string]record.Stage{}, run: map[string]string{}, files: map[string]op.Files{}}
	switch stage.Op {
	case "embed":
		b.run["embeddings"] = stage.Key
		b.take(stage)
	case "index", "retrieve":
		b.take(stage)
		for _, reader := range p.Stages {
			if by, ok := searchedBy(reader); ok && (reader.Key == stage.Key || reader.In["index"] == stage.Key) {
				b.by[by] = reader
				b.take(&reader)
			}
		}
	default:
		return nil, cli.Usage(fmt.Errorf("stage %s %s is neither an index, nor embeddings, nor a search", stage.Op, cli.Short(stage.Key)))
	}
	b.findCheckpoint()
	return b, nil
}

// take notes the inputs of a stage, the first of each role.
func (b *browsed) take(stage *record.Stage) {
	by, searched := searchedBy(*stage)
	for role, key := range stage.In {
		if searched && (role == "index" || role == "tuned") {
			role += "." + by
		}
		if _, ok := b.run[role]; !ok {
			b.run[role] = key
		}
	}
	for role, files := range stage.Files {
		if _, ok := b.files[role]; !ok {
			b.files[role] = files
		}
	}
	if embed := b.plan.Stage(stage.In["embeddings"]); embed != nil && embed.Op == "embed" {
		b.take(embed)
	}
}

// findCheckpoint takes the model that encoded the queries where the embeddings came from outside.
func (b *browsed) findCheckpoint() {
	if _, ok := b.run["checkpoint"]; ok || len(b.files["checkpoint"].Paths) > 0 {
		return
	}
	queries := b.plan.Stage(b.run["queries"])
	if queries == nil {
		return
	}
	if key, ok := queries.In["checkpoint"]; ok {
		b.run["checkpoint"] = key
	}
	if files, ok := queries.Files["checkpoint"]; ok {
		b.files["checkpoint"] = files
	}
}

// searchedBy is the side that a retrieve stage searches.
func searchedBy(stage record.Stage) (string, bool) {
	if stage.Op != "retrieve" {
		return "", false
	}
	var p struct {
		By string `json:"by"`
	}
	err := decodeParams(stage, &p)
	return p.By, err == nil && modality.Of(p.By).Side != ""
}

// openFinder opens the pool for searches. A stage whose output is gone is an
// error that says how to get it back.
func (b *Browser) openFinder(ctx context.Context, what *browsed, engines *exec.Engines) error {
	run := &op.Run{In: map[string]string{}, Files: what.files, OpenEngine: engines.Open, Workers: 1, Log: io.Discard,
		Progress: func(op.Progress) {}, Warn: func(string, ...any) {}, Fact: func(string, any) {}}
	for role, key := range what.run {
		switch base, _, _ := strings.Cut(role, "."); base {
		case "checkpoint", "embeddings", "pool", "index", "tuned", "filter":
		default:
			continue
		}
		entry, ok, err := b.store.Lookup(key)
		if err == nil && (!ok || len(entry.Evicted) > 0) {
			err = fmt.Errorf("%s %s is no longer in the store whole (runner reproduce TRIAL, or runner sweep FILE, makes it again)", role, cli.Short(key))
		}
		if err == nil {
			err = record.ExplainDamage(b.store, b.store.Check(ctx, entry))
		}
		if err != nil {
			return err
		}
		run.In[role] = entry.Dir
	}
	params := retrieve.FinderParams{}
	for by := range what.by {
		params.By = append(params.By, by)
	}
	if len(params.By) == 0 {
		for _, m := range modality.Searched() {
			params.By = append(params.By, m.Name)
		}
	}
	if stage := what.plan.Stage(what.run["embeddings"]); stage != nil {
		var p struct {
			Precision string `json:"precision"`
		}
		if err := decodeParams(*stage, &p); err != nil {
			return err
		}
		params.Precision = p.Precision
	}
	finder, err := retrieve.OpenFinder(ctx, run, params)
	if err != nil {
		return err
	}
	b.finder = finder
	for _, by := range finder.By() {
		b.Site.By = append(b.Site.By, browse.Side{By: by, How: finder.How(by)})
	}
	b.Site.Facts = append(b.Site.Facts, browse.Fact{Name: "rows", Value: cli.Thousands(int(finder.Rows()))})
	b.Site.Search = b.search
	if finder.Images() != nil {
		b.Site.Image = b.image
	}
	return nil
}

// isDir says whether name is a directory.
func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}
