package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"react/runner/cli"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/store"
)

func newDiff() *cobra.Command {
	var storeDir string
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare two trials, or two sweeps: params, stages, metrics",
		Long: `diff prints what two trials do not share: params, the lines of the keys of their
stages (an input that differs is followed to what made it another), and metrics
with their difference. Of two sweeps it prints what differs in the resolved specs,
the trials that only one has, and the trials that both have whose stages differ.

A trial is an id (or its beginning), or the label of a case, in its newest sweep,
or SWEEP:TRIAL; a sweep is NAME, NAME/HASH or the beginning of one.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			a, errA := record.FindSweeps(s, given[:1])
			b, errB := record.FindSweeps(s, given[1:])
			if errA == nil && errB == nil {
				return diffSweeps(w, a[0], b[0])
			}
			if !cli.IsUsage(errors.Join(errA, errB)) {
				return errors.Join(errA, errB)
			}
			return diffTrials(w, s, given[0], given[1])
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	return cmd
}

// side is one of the two that are compared.
type side struct {
	sweep *store.Sweep
	plan  *record.Plan
	trial *record.Trial
}

func findSide(s *store.Store, name string) (d side, err error) {
	d.sweep, d.plan, d.trial, err = record.FindTrial(s, name)
	return d, err
}

func diffTrials(w io.Writer, s *store.Store, nameA, nameB string) error {
	a, err := findSide(s, nameA)
	if err != nil {
		return err
	}
	b, err := findSide(s, nameB)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "A  %s of %s/%s\nB  %s of %s/%s\n", a.trial.Name, a.sweep.Name, a.sweep.Hash, b.trial.Name, b.sweep.Name, b.sweep.Hash)
	printValues(w, "\nPARAM", a.values(), b.values())
	if err := diffStages(w, s, a, b); err != nil {
		return err
	}
	return diffMetrics(w, s, a, b)
}

// values are a trial's params and seed, as text.
func (d side) values() map[string]string {
	values := map[string]string{}
	for path, v := range d.trial.Params {
		values[path] = cli.JSONText(v)
	}
	if d.trial.Seed != nil {
		values["seed"] = fmt.Sprint(*d.trial.Seed)
	}
	return values
}

// printValues prints what is not the same in both.
func printValues(w io.Writer, head string, a, b map[string]string) {
	names := maps.Clone(a)
	maps.Copy(names, b)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "%s\tA\tB\n", head)
	same := 0
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if a[name] == b[name] {
			same++
			continue
		}
		fmt.Fprintf(table, "%s\t%s\t%s\n", name, cmp.Or(a[name], "-"), cmp.Or(b[name], "-"))
	}
	if same == len(names) {
		fmt.Fprintf(table, "all %d are the same\t\t\n", same)
	}
	table.Flush()
}

// diffStages compares the stages of the same name.
func diffStages(w io.Writer, s *store.Store, a, b side) error {
	known := &knownStages{map[string]made{}, map[string][]made{}}
	for _, p := range []*record.Plan{a.plan, b.plan} {
		for _, stage := range p.Stages {
			known.add(made{op: stage.Op, key: stage.Key, lines: stage.Lines})
		}
	}
	names := maps.Clone(a.trial.Stages)
	maps.Copy(names, b.trial.Stages)
	fmt.Fprintln(w, "\nSTAGES")
	told := map[[2]string]bool{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		keyA, keyB := a.trial.Stages[name], b.trial.Stages[name]
		switch {
		case keyA == keyB:
			fmt.Fprintf(w, "%s: the same (%s)\n", name, cli.Short(keyA))
		case keyA == "":
			fmt.Fprintf(w, "%s: only in B (%s)\n", name, cli.Short(keyB))
		case keyB == "":
			fmt.Fprintf(w, "%s: only in A (%s)\n", name, cli.Short(keyA))
		default:
			fmt.Fprintf(w, "%s: %s → %s, which differ in\n", name, cli.Short(keyA), cli.Short(keyB))
			changes, _ := plan.Compare(known.byName[keyA].lines, known.byName[keyB].lines)
			known.printChanges(w, "\t", changes, told)
			told[[2]string{keyA, keyB}] = true
		}
	}
	return nil
}

func diffMetrics(w io.Writer, s *store.Store, a, b side) error {
	inA, err := record.TrialMetrics(s, a.sweep, a.trial)
	if err != nil {
		return err
	}
	inB, err := record.TrialMetrics(s, b.sweep, b.trial)
	if err != nil {
		return err
	}
	of := map[string]float64{}
	for _, m := range inB {
		of[m.Name()] = m.Value
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nMETRIC\tA\tB\tB-A\n")
	for _, m := range inA {
		other, both := of[m.Name()]
		delete(of, m.Name())
		if !both {
			fmt.Fprintf(table, "%s\t%.4g\t-\t\n", m.Name(), m.Value)
			continue
		}
		fmt.Fprintf(table, "%s\t%.4g\t%.4g\t%+.4g\n", m.Name(), m.Value, other, other-m.Value)
	}
	for _, m := range inB {
		if _, left := of[m.Name()]; left {
			fmt.Fprintf(table, "%s\t-\t%.4g\t\n", m.Name(), m.Value)
		}
	}
	return table.Flush()
}

// maxListed are shown of a list of trials.
const maxListed = 10

func diffSweeps(w io.Writer, a, b *store.Sweep) error {
	fmt.Fprintf(w, "A  %s/%s\nB  %s/%s\n", a.Name, a.Hash, b.Name, b.Hash)
	specA, err := resolvedValues(a)
	if err != nil {
		return err
	}
	specB, err := resolvedValues(b)
	if err != nil {
		return err
	}
	printValues(w, "\nSPEC", specA, specB)
	var planA, planB record.Plan
	if err := errors.Join(a.ReadJSON(record.PlanFile, &planA), b.ReadJSON(record.PlanFile, &planB)); err != nil {
		return err
	}
	diffTrialLists(w, &planA, &planB)
	return nil
}

func diffTrialLists(w io.Writer, a, b *record.Plan) {
	inB := map[string]*record.Trial{}
	for i := range b.Trials {
		inB[b.Trials[i].ID] = &b.Trials[i]
	}
	var onlyA, onlyB, changed []string
	same := 0
	for _, t := range a.Trials {
		other := inB[t.ID]
		delete(inB, t.ID)
		switch {
		case other == nil:
			onlyA = append(onlyA, t.Name)
		case maps.Equal(t.Stages, other.Stages):
			same++
		default:
			changed = append(changed, t.Name)
		}
	}
	for _, t := range b.Trials {
		if inB[t.ID] != nil {
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

// resolvedValues are the fields of a sweep's resolved spec by their paths, the
// list of trials left out.
func resolvedValues(w *store.Sweep) (map[string]string, error) {
	var v map[string]any
	if err := w.ReadJSON("spec.resolved.json", &v); err != nil {
		return nil, err
	}
	delete(v, "trials")
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	values := map[string]string{}
	for _, part := range plan.Parts([]string{"params " + string(raw)}) {
		values[strings.TrimPrefix(part.Name, "params.")] = part.Value
	}
	return values, nil
}
