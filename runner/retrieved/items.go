package retrieved

import (
	"fmt"
	"io"
	"iter"
	"slices"

	"react/data/fetch"
	"react/data/words"
	"react/ops/pairs"
	"react/runner/cli"
	"react/runner/record"
	"react/runner/store"
)

// Items are the addresses of what the trials of a sweep retrieved, or one trial. What is not
// in the store yet is told on stderr.
func Items(storeDir, name string, stderr io.Writer) (iter.Seq2[fetch.Item, error], error) {
	s, err := store.Open(storeDir)
	if err != nil {
		return nil, err
	}
	keys, err := pairsStages(s, name, stderr)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, key := range keys {
		entry, ok, err := record.LookupResults(s, key)
		if err != nil {
			return nil, err
		}
		if ok {
			dirs = append(dirs, entry.Dir)
		}
	}
	if len(dirs) == 0 {
		return nil, fmt.Errorf("%s: none of its %s is in the store: run the sweep first", name, words.Plural(len(keys), "stage")+" of pairs")
	}
	if missing := len(keys) - len(dirs); missing > 0 {
		fmt.Fprintf(stderr, "warning: %d of %d lists of pairs are not in the store yet; the same command fetches theirs later\n", missing, len(keys))
	}
	return pairItems(dirs), nil
}

// pairsStages are the keys of the pairs of a sweep, or of one trial, whose images are elsewhere.
func pairsStages(s *store.Store, name string, stderr io.Writer) ([]string, error) {
	if sweeps, err := record.FindSweeps(s, []string{name}); err == nil {
		var p record.Plan
		if err := sweeps[0].ReadJSON(record.PlanFile, &p); err != nil {
			return nil, err
		}
		var keys []string
		for _, stage := range p.Stages {
			if stage.Op == "pairs" {
				keys = append(keys, stage.Key)
			}
		}
		if len(keys) == 0 {
			return nil, cli.Usage(fmt.Errorf("sweep %s retrieves nothing", name))
		}
		return notGenerated(&p, "sweep "+name, keys)
	}
	found, err := record.FindTrial(s, name)
	if err != nil {
		return nil, cli.Usage(fmt.Errorf("no sweep, trial, or list (.parquet, .csv, .tsv, .txt) %q (store %s)", name, s.Root()))
	}
	record.PrintNote(stderr, found.Note)
	if key := found.Trial.Stages["pairs"]; key != "" {
		return notGenerated(found.Plan, "trial "+found.Trial.Name, []string{key})
	}
	return nil, cli.Usage(fmt.Errorf("trial %s retrieves nothing", found.Trial.Name))
}

// notGenerated leaves out the pairs of generated pools, whose addresses are made up.
func notGenerated(p *record.Plan, what string, keys []string) ([]string, error) {
	ops, pools := map[string]string{}, map[string]string{}
	for _, stage := range p.Stages {
		ops[stage.Key], pools[stage.Key] = stage.Op, stage.In["pool"]
	}
	keys = slices.DeleteFunc(keys, func(key string) bool {
		pool := pools[key]
		for ops[pool] == "filter" {
			pool = pools[pool]
		}
		return ops[pool] == "world"
	})
	if len(keys) == 0 {
		return nil, cli.Usage(fmt.Errorf("%s retrieves from a generated pool: "+
			"there is nothing to fetch, its images are in the store", what))
	}
	return keys, nil
}

// pairItems reads the pairs of stages.
func pairItems(dirs []string) iter.Seq2[fetch.Item, error] {
	return func(yield func(fetch.Item, error) bool) {
		for _, dir := range dirs {
			list, err := pairs.Read(dir)
			if err != nil {
				yield(fetch.Item{}, err)
				return
			}
			for _, pair := range list {
				if !yield(fetch.Item{URL: pair.URL, Caption: pair.Caption}, nil) {
					return
				}
			}
		}
	}
}
