package differ

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"

	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/spec"
	"react/runner/spec/v1"
	"react/runner/store"
)

// maxListed are shown of a list of trials.
const maxListed = 10

// Print prints what two sweeps do not share, or else two trials, by their names.
func Print(w io.Writer, s *store.Store, nameA, nameB string) error {
	a, errA := record.FindSweeps(s, []string{nameA})
	b, errB := record.FindSweeps(s, []string{nameB})
	if errA == nil && errB == nil {
		return printSweeps(w, a[0], b[0])
	}
	if err := errors.Join(errA, errB); !cli.IsUsage(err) {
		return err
	}
	return printTrials(w, s, nameA, nameB)
}

// printSweeps prints what differs in two resolved specs, the trials that only one sweep has,
// and those of both whose stages differ.
func printSweeps(w io.Writer, a, b *store.Sweep) error {
	fmt.Fprintf(w, "A  %s/%s\nB  %s/%s\n", a.Name, a.Hash, b.Name, b.Hash)
	var planA, planB record.Plan
	if err := errors.Join(a.ReadJSON(record.PlanFile, &planA), b.ReadJSON(record.PlanFile, &planB)); err != nil {
		return err
	}
	specA, err := resolvedValues(a, &planA)
	if err != nil {
		return err
	}
	specB, err := resolvedValues(b, &planB)
	if err != nil {
		return err
	}
	printValues(w, "\nSPEC", specA, specB)
	known := func(t *record.Trial) string { return t.ID }
	if specA["apiVersion"] != specB["apiVersion"] {
		known = settingOf
	}
	diffTrialLists(w, &planA, &planB, known)
	return nil
}

// settingOf is what a trial varies, in today's names: its id is made of the names of its time.
func settingOf(t *record.Trial) string {
	return experiment.TrialName(plan.Trial{Label: t.Label, Axes: t.Axes, Seed: t.Seed})
}

// diffTrialLists compares trials that are known by the same text in both.
func diffTrialLists(w io.Writer, a, b *record.Plan, known func(*record.Trial) string) {
	inB := map[string]*record.Trial{}
	for i := range b.Trials {
		inB[known(&b.Trials[i])] = &b.Trials[i]
	}
	var onlyA, onlyB, changed []string
	same := 0
	for i := range a.Trials {
		t := &a.Trials[i]
		other := inB[known(t)]
		delete(inB, known(t))
		switch {
		case other == nil:
			onlyA = append(onlyA, t.Name)
		case maps.Equal(t.Stages, other.Stages):
			same++
		case t.ID != other.ID:
			changed = append(changed, t.Name+", in B "+other.ID)
		default:
			changed = append(changed, t.Name)
		}
	}
	for i := range b.Trials {
		if t := &b.Trials[i]; inB[known(t)] != nil {
			onlyB = append(onlyB, t.Name)
		}
	}
	fmt.Fprintf(w, "\nTRIALS\n%d with the same stages in both\n", same)
	printList(w, "in both, with other stages (runner diff A:TRIAL B:TRIAL says why)", changed)
	printList(w, "only in A", onlyA)
	printList(w, "only in B", onlyB)
}

func printList(w io.Writer, head string, names []string) {
	fmt.Fprintf(w, "%d %s\n", len(names), head)
	for _, name := range names[:min(len(names), maxListed)] {
		fmt.Fprintf(w, "\t%s\n", name)
	}
	if left := len(names) - maxListed; left > 0 {
		fmt.Fprintf(w, "\tand %d more\n", left)
	}
}

// resolvedValues are the fields of a sweep's resolved spec by their paths, in today's names; the
// list of trials is left out.
func resolvedValues(w *store.Sweep, p *record.Plan) (map[string]string, error) {
	var v map[string]json.RawMessage
	if err := w.ReadJSON("spec.resolved.json", &v); err != nil {
		return nil, err
	}
	delete(v, "trials")
	if string(v["apiVersion"]) == strconv.Quote(v1.Version) {
		var tables map[string]spec.Table
		if err := json.Unmarshal(v["tables"], &tables); err != nil {
			return nil, err
		}
		for name, t := range tables {
			tables[name] = t.Current(p.Labels())
		}
		v["tables"], _ = json.Marshal(tables) // it was JSON
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, part := range plan.Parts([]string{"params " + string(raw)}) {
		name, value := strings.TrimPrefix(part.Name, "params."), part.Value
		if path, ok := strings.CutPrefix(name, "params."); ok {
			now, _ := v1.Path(path)
			name, value = "params."+now, string(v1.Value(path, []byte(value)))
		}
		values[name] = value
	}
	return values, nil
}
