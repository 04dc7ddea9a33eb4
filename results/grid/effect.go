package grid

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/data/words"
	"react/results"
)

// effect is what mainEffect made rows of.
type effect struct {
	trials, keys map[string]bool
	members      map[string][]string // by the trial of a row of ours: those that it is the mean of
	text         string              // for the caption
}

// of are the trials that a row is the mean of; none where there is no effect.
func (e *effect) of(trial string) []string {
	if e == nil {
		return nil
	}
	return e.members[trial]
}

// sample is a measured value on its way into a main effect.
type sample struct {
	row   *results.Row
	value Value  // of the effect's path
	combo string // all else but the seed
}

// mainEffect turns the grid's rows into those of Table.Effect: for each value
// of the path and each seed the mean over combinations of all else. Only the
// combinations that every value has, at every seed, count, so that values are
// compared over the same ground; a param that follows from the value (a
// learning rate that each mode has) is no part of a combination.
func mainEffect(spec *Table, rows []results.Row) ([]results.Row, *effect, error) {
	kept := effectRows(spec, rows)
	free := combinationPaths(spec.Effect, kept)
	samples, combos := make([]sample, 0, len(kept)), map[uintptr]string{}
	for _, r := range kept {
		at := results.ParamsID(r.Params)
		if _, known := combos[at]; !known {
			combos[at] = combination(r.Params, free)
		}
		samples = append(samples, sample{r, canon(r.Params[spec.Effect]), combos[at]})
	}
	complete, dropped, count := balanced(samples)
	if len(kept) > 0 && len(complete) == 0 {
		return nil, nil, spec.fault("effect", "no combination of %s has all %d values of %s at every seed", listOr(free, "the other params"), count, spec.Effect)
	}
	e := &effect{trials: map[string]bool{}, keys: map[string]bool{}}
	var used []sample
	for _, s := range samples {
		if complete[s.combo] {
			used = append(used, s)
			e.trials[s.row.Trial], e.keys[s.row.Key] = true, true
		}
	}
	e.describe(spec, used, len(complete), dropped)
	averages, members := averaged(spec.Effect, used)
	e.members = members
	return averages, e, nil
}

// effectRows are the grid's rows of the table's metrics that have the path.
func effectRows(spec *Table, rows []results.Row) []*results.Row {
	filters, metrics := spec.filters(), map[[2]string]bool{}
	for _, name := range spec.Metrics {
		set, metric := splitMetric(name)
		metrics[[2]string{set, metric}] = true
	}
	var kept []*results.Row
	for i := range rows {
		r := &rows[i]
		if r.Label == "" && r.Class == "" && metrics[[2]string{r.Set, r.Metric}] && !canon(r.Params[spec.Effect]).Absent() && keeps(filters, r) {
			kept = append(kept, r)
		}
	}
	return kept
}

// combinationPaths are the params that vary and do not follow from the
// effect's own value.
func combinationPaths(path string, rows []*results.Row) []string {
	distinct, paths := map[uintptr]map[string]any{}, map[string]bool{}
	for _, r := range rows {
		if at := results.ParamsID(r.Params); distinct[at] == nil {
			distinct[at] = r.Params
			addKeys(paths, r.Params)
		}
	}
	first, free := map[[2]string]Value{}, map[string]bool{} // path and value of the effect → value
	for _, params := range distinct {
		at := canon(params[path]).text
		for p := range paths {
			v := canon(params[p])
			was, ok := first[[2]string{p, at}]
			first[[2]string{p, at}] = v
			free[p] = free[p] || ok && was != v
		}
	}
	maps.DeleteFunc(free, func(p string, is bool) bool { return !is || p == path })
	return sortedKeys(free)
}

// combination is the values of the paths as one text.
func combination(params map[string]any, paths []string) string {
	values := make([]Value, len(paths))
	for i, p := range paths {
		values[i] = canon(params[p])
	}
	return joinKey(values)
}

// balanced finds the combinations that every value has at every seed, how many
// there are besides, and how many values.
func balanced(samples []sample) (complete map[string]bool, dropped, count int) {
	type place struct {
		value Value
		seed  string
	}
	places, have := map[place]bool{}, map[string]map[place]bool{}
	values := map[Value]bool{}
	for _, s := range samples {
		at := place{s.value, seedText(s.row.Seed)}
		places[at], values[s.value] = true, true
		if have[s.combo] == nil {
			have[s.combo] = map[place]bool{}
		}
		have[s.combo][at] = true
	}
	complete = map[string]bool{}
	for combo, got := range have {
		if len(got) == len(places) {
			complete[combo] = true
			continue
		}
		dropped++
	}
	return complete, dropped, len(values)
}

func seedText(seed *int) string {
	if seed == nil {
		return ""
	}
	return fmt.Sprint(*seed)
}

// describe says for the caption what each number is the mean of.
func (e *effect) describe(spec *Table, used []sample, combos, dropped int) {
	if len(used) == 0 {
		return
	}
	rows := make([]*results.Row, len(used))
	for i, s := range used {
		rows[i] = s.row
	}
	over := combinationPaths(spec.Effect, rows)
	for i, path := range over {
		over[i], _ = spec.ShownPath(path)
	}
	name, _ := spec.ShownPath(spec.Effect)
	e.text = fmt.Sprintf("Main effect of %s: each value is the mean over the same %s of %s.", name,
		words.Plural(combos, "combination"), listOr(over, "all else"))
	if dropped > 0 {
		have := "have"
		if dropped == 1 {
			have = "has"
		}
		e.text += fmt.Sprintf(" %s %s not all values of it at every seed and left out.", words.Plural(dropped, "other"), have)
	}
}

func listOr(list []string, other string) string {
	if len(list) == 0 {
		return other
	}
	return strings.Join(list, ", ")
}

// averaged makes one row of each value, seed and metric, in a fixed order, and
// says which trials each is the mean of.
func averaged(path string, used []sample) ([]results.Row, map[string][]string) {
	type place struct {
		value             Value
		seed, set, metric string
	}
	groups := map[place][]*results.Row{}
	for _, s := range used {
		at := place{s.value, seedText(s.row.Seed), s.row.Set, s.row.Metric}
		groups[at] = append(groups[at], s.row)
	}
	params, rows, members := map[Value]map[string]any{}, []results.Row(nil), map[string][]string{}
	for at, list := range groups {
		if params[at.value] == nil {
			params[at.value] = map[string]any{path: list[0].Params[path]}
		}
		slices.SortFunc(list, func(a, b *results.Row) int {
			return cmp.Or(strings.Compare(a.Trial, b.Trial), cmp.Compare(a.Value, b.Value))
		})
		r := results.Row{Trial: path + "=" + at.value.text, Set: at.set, Metric: at.metric, Params: params[at.value], Seed: list[0].Seed, N: list[0].N}
		if at.seed != "" {
			r.Trial += "-s" + at.seed
		}
		engines := map[string]bool{}
		members[r.Trial] = nil
		for _, one := range list {
			members[r.Trial] = append(members[r.Trial], one.Trial)
			r.Value += one.Value / float64(len(list))
			engines[one.Engine] = true
			if one.N != r.N {
				r.N = -1
			}
		}
		r.Engine = strings.Join(sortedKeys(engines), "+")
		rows = append(rows, r)
	}
	slices.SortFunc(rows, func(a, b results.Row) int {
		return cmp.Or(strings.Compare(a.Trial, b.Trial), strings.Compare(a.Set, b.Set), strings.Compare(a.Metric, b.Metric))
	})
	return rows, members
}
