package record

import (
	"fmt"
	"slices"
	"strings"

	"react/runner/cli"
	"react/runner/plan"
	"react/runner/store"
)

// FindSweeps gives the sweeps that names stand for, each once, newest first.
func FindSweeps(s *store.Store, names []string) ([]*store.Sweep, error) {
	all, err := s.Sweeps()
	if err != nil {
		return nil, err
	}
	found := map[*store.Sweep]bool{}
	for _, name := range names {
		some := false
		for _, sweep := range all {
			if sweep.Name == name || strings.Contains(name, "/") && strings.HasPrefix(sweep.Name+"/"+sweep.Hash, name) {
				found[sweep], some = true, true
			}
		}
		if !some {
			return nil, cli.Usage(fmt.Errorf("no sweep %q in store %s%s", name, s.Root(), knownSweeps(all)))
		}
	}
	var list []*store.Sweep
	for _, sweep := range all {
		if found[sweep] {
			list = append(list, sweep)
		}
	}
	return list, nil
}

// knownSweeps is "; it has a, b" for messages.
func knownSweeps(all []*store.Sweep) string {
	var names []string
	for _, sweep := range all {
		names = append(names, sweep.Name+"/"+sweep.Hash)
	}
	if len(names) == 0 {
		return "; it has none"
	}
	if len(names) > 6 {
		names = append(names[:6], fmt.Sprintf("%d more", len(names)-6))
	}
	return "; it has " + strings.Join(names, ", ")
}

// TrialOf is a trial in the records of its sweep.
type TrialOf struct {
	Sweep *store.Sweep
	Plan  *Plan
	Trial *Trial
}

// FindTrial looks through the sweeps, newest first, or through those that the
// SWEEP of "SWEEP:TRIAL" names. A label that several trials share (over seeds)
// is taken as its first trial; part of an id that begins several is a mistake.
func FindTrial(s *store.Store, name string) (TrialOf, error) {
	sweeps, err := s.Sweeps()
	if err != nil {
		return TrialOf{}, err
	}
	if of, rest, ok := strings.Cut(name, ":"); ok {
		if some, err := FindSweeps(s, []string{of}); err == nil {
			sweeps, name = some, rest
		}
	}
	for _, sweep := range sweeps {
		var p Plan
		if err := sweep.ReadJSON(PlanFile, &p); err != nil {
			return TrialOf{}, err
		}
		trial, err := p.Trial(name)
		if trial != nil || err != nil {
			return TrialOf{sweep, &p, trial}, err
		}
	}
	return TrialOf{}, cli.Usage(fmt.Errorf("no trial %q in the sweeps of store %s; runner plan FILE prints trials", name, s.Root()))
}

// Prompts are those of the trial's evaluations; none where these differ.
func (of TrialOf) Prompts() (prompts []string) {
	for path, value := range of.Trial.Params {
		list, ok := value.([]any)
		if !ok || !strings.HasPrefix(path, "evaluate.") || !strings.HasSuffix(path, ".prompts") {
			continue
		}
		var these []string
		for _, one := range list {
			these = append(these, fmt.Sprint(one))
		}
		if prompts != nil && !slices.Equal(prompts, these) {
			return nil
		}
		prompts = these
	}
	return prompts
}

// Checkpoint is the folder or file of the model that the trial evaluates: of what it tuned, or of
// its base.
func (of TrialOf) Checkpoint(s *store.Store) (string, error) {
	key := of.Trial.Stages[plan.Checkpoint]
	if tuned := of.Plan.Stage(of.Trial.Stages[plan.Tune]); tuned != nil && tuned.Op == plan.Tune {
		key = tuned.Key
	}
	if weights, ok := of.Trial.Params["backbone.weights"].(string); ok && key == "" {
		return weights, nil
	}
	e, ok, err := s.Lookup(key)
	if err == nil && (!ok || len(e.Evicted) > 0) {
		err = cli.Usage(fmt.Errorf("the model of trial %s is not in store %s (runner reproduce makes it again)",
			of.Trial.Name, s.Root()))
	}
	return cli.ShownPath(e.Dir), err
}
