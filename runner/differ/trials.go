package differ

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"react/runner/cli"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/spec/v1"
	"react/runner/store"
)

// printTrials prints what two trials do not share: params, lines of the keys of their
// stages, metrics.
func printTrials(w io.Writer, s *store.Store, nameA, nameB string) error {
	a, err := record.FindTrial(s, nameA)
	if err != nil {
		return err
	}
	b, err := record.FindTrial(s, nameB)
	if err != nil {
		return err
	}
	fmt.Fprintf(w, "A  %s of %s/%s\nB  %s of %s/%s\n", a.Trial.Name, a.Sweep.Name, a.Sweep.Hash, b.Trial.Name, b.Sweep.Name, b.Sweep.Hash)
	record.PrintNote(w, a.Note)
	record.PrintNote(w, b.Note)
	printValues(w, "\nPARAM", valuesOf(a.Trial), valuesOf(b.Trial))
	if err := diffStages(w, s, a, b); err != nil {
		return err
	}
	return diffMetrics(w, s, a, b)
}

// valuesOf are a trial's params and seed, as text.
func valuesOf(trial *record.Trial) map[string]string {
	values := map[string]string{}
	for path, v := range trial.Params {
		values[path] = cli.JSONText(v)
	}
	if trial.Seed != nil {
		values["seed"] = fmt.Sprint(*trial.Seed)
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
func diffStages(w io.Writer, s *store.Store, a, b record.TrialOf) error {
	known := &knownStages{map[string]keyed{}, map[string][]keyed{}}
	for _, p := range []*record.Plan{a.Plan, b.Plan} {
		for _, stage := range p.Stages {
			known.add(keyed{op: stage.Op, key: stage.Key, lines: todaysLines(stage)}, stage.Lines)
		}
	}
	names := maps.Clone(a.Trial.Stages)
	maps.Copy(names, b.Trial.Stages)
	fmt.Fprintln(w, "\nSTAGES")
	told := map[[2]string]bool{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		keyA, keyB := a.Trial.Stages[name], b.Trial.Stages[name]
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

// todaysLines are the lines of a stage's key with its params in today's names.
func todaysLines(s record.Stage) []string {
	lines := slices.Clone(s.Lines)
	for i, line := range lines {
		if params, ok := strings.CutPrefix(line, "params "); ok {
			lines[i] = "params " + string(v1.OpParams(s.Op, json.RawMessage(params)))
		}
	}
	return lines
}

func diffMetrics(w io.Writer, s *store.Store, a, b record.TrialOf) error {
	inA, err := record.TrialMetrics(s, a.Sweep, a.Trial)
	if err != nil {
		return err
	}
	inB, err := record.TrialMetrics(s, b.Sweep, b.Trial)
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
