package record

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"react/data/words"
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
		some := sweepsNamed(all, name)
		if len(some) == 0 {
			return nil, cli.Usage(fmt.Errorf("no sweep %q in store %s%s", name, s.Root(), otherSweeps(all, name)))
		}
		for _, sweep := range some {
			found[sweep] = true
		}
	}
	return slices.DeleteFunc(all, func(sweep *store.Sweep) bool { return !found[sweep] }), nil
}

// sweepsNamed are those of a NAME, a NAME/HASH or the beginning of one.
func sweepsNamed(all []*store.Sweep, name string) (named []*store.Sweep) {
	for _, sweep := range all {
		if sweep.Name == name || strings.Contains(name, "/") && strings.HasPrefix(sweep.Name+"/"+sweep.Hash, name) {
			named = append(named, sweep)
		}
	}
	return named
}

// otherSweeps says for a message what a name is that is no sweep's, or which sweeps there are.
func otherSweeps(all []*store.Sweep, name string) string {
	if of, err := findTrial(all, name); err == nil && of.Trial != nil {
		return fmt.Sprintf(": it is a trial of %s/%s, which runner show and runner diff take", of.Sweep.Name, of.Sweep.Hash)
	}
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
	Note  string // which other trials its name stands for; "" where there are none
}

// NewTrialOf is the first of the trials of one name.
func NewTrialOf(sweep *store.Sweep, p *Plan, named []*Trial) TrialOf {
	of := TrialOf{Sweep: sweep, Plan: p, Trial: named[0]}
	if others := named[1:]; len(others) > 0 {
		of.Note = fmt.Sprintf("the first of %s of that name, beside %s", words.Plural(len(named), "trial"), shownTrials(others))
	}
	return of
}

// PrintNote prints a trial's Note, where there is one.
func PrintNote(w io.Writer, note string) {
	if note != "" {
		fmt.Fprintln(w, "note:", note)
	}
}

// FindTrial looks through the sweeps, newest first, or through those that the
// SWEEP of "SWEEP:TRIAL" names. What else the name stands for is in the trial's
// note.
func FindTrial(s *store.Store, name string) (TrialOf, error) {
	all, err := s.Sweeps()
	if err != nil {
		return TrialOf{}, err
	}
	sweeps, wanted := all, name
	if of, rest, ok := strings.Cut(name, ":"); ok {
		if some := sweepsNamed(all, of); len(some) > 0 {
			sweeps, wanted = some, rest
		}
	}
	found, err := findTrial(sweeps, wanted)
	if err == nil && found.Trial == nil {
		err = cli.Usage(fmt.Errorf("no trial %q in the sweeps of store %s%s", wanted, s.Root(), otherTrials(sweeps, wanted)))
	}
	return found, err
}

// findTrial finds a trial in the first of the sweeps that has one of the name, and notes which others
// have another; no trial is no error.
func findTrial(sweeps []*store.Sweep, name string) (found TrialOf, err error) {
	var others []string
	for _, sweep := range sweeps {
		var p Plan
		var named []*Trial
		err := sweep.ReadJSON(PlanFile, &p)
		if err == nil {
			named, err = p.Named(name)
		}
		switch {
		case found.Trial == nil && err != nil: // an older sweep only adds to the note
			return TrialOf{}, err
		case len(named) == 0:
		case found.Trial == nil:
			found = NewTrialOf(sweep, &p, named)
		case named[0].ID != found.Trial.ID:
			others = append(others, sweep.Name+"/"+sweep.Hash+":"+name)
		}
	}
	if len(others) > 0 {
		found.Note = strings.TrimPrefix(found.Note+"; of the newest sweep that has one; older ones have "+cli.ShortList(others), "; ")
	}
	return found, nil
}

// otherTrials says for a message what a name is that is no trial's, or which trials the newest of the
// sweeps has.
func otherTrials(sweeps []*store.Sweep, name string) string {
	if len(sweeps) == 0 {
		return "; it has no sweep"
	}
	isSweep, of := "", sweeps[0]
	if named := sweepsNamed(sweeps, name); len(named) > 0 {
		isSweep, of = ": it is a sweep", named[0]
	}
	var p Plan
	if err := of.ReadJSON(PlanFile, &p); err != nil {
		return isSweep
	}
	var names []string
	for _, t := range p.Trials {
		if name := cmp.Or(t.Label, t.ID); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return fmt.Sprintf("%s; trials of %s/%s are %s", isSweep, of.Name, of.Hash, cli.ShortList(names))
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
