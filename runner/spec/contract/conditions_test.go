package contract

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"react/ops/modality"
	"react/results/evaluation"
	"react/runner/spec/fields"
)

// TestKinds holds that the schema, its figures and the table have the same kinds of evaluation.
func TestKinds(t *testing.T) {
	k := contractOf(t)
	var names []string
	for _, kind := range evaluation.Kinds() {
		names = append(names, kind.Name)
	}
	of := k.Find("evaluate.*.kind")
	if schema := of.Form.spelling().literals; !slices.Equal(schema, names) {
		t.Errorf("schema/evaluate.cue has kinds %q, results/evaluation/evaluation.go %q", schema, names)
	}
	slices.Sort(names)
	if figures := slices.Sorted(maps.Keys(k.metrics)); !slices.Equal(figures, names) {
		t.Errorf("schema/evaluate.cue: #EvaluationMetrics has figures of %q, the kinds are %q", figures, names)
	}
}

// TestModalities holds that schema and table have the same ways to retrieve.
func TestModalities(t *testing.T) {
	by := contractOf(t).Find("retrieve.by")
	if schema := by.Form.List.spelling().literals; !slices.Equal(schema, modality.Names()) {
		t.Errorf("schema/retrieve.cue has modalities %q, ops/modality %q", schema, modality.Names())
	}
}

// TestReaders holds the table to the schema: a kind that learns reads shots, and so on.
func TestReaders(t *testing.T) {
	k := contractOf(t)
	for field, reads := range map[string]func(evaluation.Kind) bool{
		"dataset":   func(k evaluation.Kind) bool { return !k.Combines },
		"of":        func(k evaluation.Kind) bool { return k.Combines },
		"shots":     func(k evaluation.Kind) bool { return k.Learns },
		"training":  func(k evaluation.Kind) bool { return k.TrainsTower },
		"protocol":  func(k evaluation.Kind) bool { return k.Protocols },
		"prompts":   func(k evaluation.Kind) bool { return k.NamesClasses() || k.Captions },
		"images":    func(k evaluation.Kind) bool { return k.Places },
		"features":  func(k evaluation.Kind) bool { return k.Places },
		"knowledge": func(k evaluation.Kind) bool { return k.Classifies },
		"scores":    func(k evaluation.Kind) bool { return k.Classifies },
	} {
		n := k.Find("evaluate.*." + field)
		for _, kind := range evaluation.Kinds() {
			v := fields.Values{"evaluate.x.kind": []byte(`"` + kind.Name + `"`)}
			if got := n.IsRead(v, "evaluate.x."+field); got != reads(kind) {
				t.Errorf("evaluate.*.%s: read by kind %q by the schema is %v, by the table %v",
					field, kind.Name, got, !got)
			}
		}
	}
}

// TestLeaksAreLookedFor: the kinds that look for leaks are those that judge pairs.
func TestLeaksAreLookedFor(t *testing.T) {
	var judges []string
	for _, kind := range evaluation.Kinds() {
		if kind.JudgesPairs {
			judges = append(judges, kind.Name)
		}
	}
	for _, field := range []string{"leakHash", "leakCosine"} {
		n := contractOf(t).Find("pairs." + field)
		if or := n.only[0].or; or == nil || !slices.Equal(or.values, judges) {
			t.Errorf("schema/pairs.cue: %s is read with %v too, results/evaluation has %q", field, or, judges)
		}
	}
}

// others are the conditions that do as well.
func others(all []Condition) (out []Condition) {
	for _, c := range all {
		if c.or != nil {
			out = append(out, *c.or)
		}
	}
	return out
}

// takes says whether a text is a value of a field that decides, or of an element of one that is a
// list.
func (f Form) takes(s string) bool {
	if f.List != nil {
		f = *f.List
	}
	return f.fits(s) || f.Boolean && (s == "true" || s == "false")
}

// TestConditions holds that what @only and @needs name is there: a field of the same group, and
// values that it takes.
func TestConditions(t *testing.T) {
	k := contractOf(t)
	found := 0
	var walk func(n *Field, path string)
	walk = func(n *Field, path string) {
		if n.Elem != nil {
			walk(n.Elem, path+".*")
		}
		for _, f := range n.Fields {
			for _, c := range slices.Concat(f.only, f.Needed, f.Of, others(f.only)) {
				found++
				decider := n.Child(c.Decider)
				if strings.Contains(c.Decider, ".") {
					decider = k.Find(c.Decider)
				}
				if decider == nil || len(c.values) == 0 {
					t.Errorf("%s.%s: no decider %q with values %q", path, f.Name, c.Decider, c.values)
					continue
				}
				for _, value := range c.values {
					if !decider.Form.takes(value) {
						t.Errorf("%s.%s: %s is never %q", path, f.Name, c.Decider, value)
					}
				}
			}
			if f.Means != "" && !f.Form.fits(f.Means) {
				t.Errorf("%s.%s: no value means %q, which it does not take", path, f.Name, f.Means)
			}
			if of := k.Find(k.AtMost[fields.Join(path, f.Name)]); f.atMost != "" && of == nil {
				t.Errorf("%s.%s: at most %q, which is not there", path, f.Name, f.atMost)
			}
			walk(f, fields.Join(path, f.Name))
		}
	}
	walk(k.Params, "")
	if init := k.Find("evaluate.*.init"); found == 0 || !reflect.DeepEqual(init.only, []Condition{
		{Decider: "kind", values: []string{"probe", "finetune"}}, {Decider: "method", values: []string{"sgd"}}}) {
		t.Errorf("%d conditions; init is read where %v", found, init.only)
	}
}

// TestMetrics holds that the schema names the figures that results/evaluation has, which says their
// unit and direction: each one, and of each family ("acc@K") at least one.
func TestMetrics(t *testing.T) {
	c := contractOf(t)
	for _, kind := range evaluation.Kinds() {
		named := c.metrics[kind.Name]
		if kind.Protocols {
			named = slices.Concat(named, c.protocol)
		}
		sameMetrics(t, "#EvaluationMetrics: "+kind.Name, named, kind.Name, kind.Metrics)
	}
	for name, figures := range c.Figures {
		table := evaluation.OfStage(name)
		if table == nil {
			t.Errorf("#StageMetrics has figures of %s, which is no stage of results/evaluation", name)
			continue
		}
		sameMetrics(t, "#StageMetrics: "+name, figures, name, table)
	}
}

func sameMetrics(t *testing.T, list string, named []string, of string, table []evaluation.Metric) {
	t.Helper()
	used := map[string]bool{}
	for _, name := range named {
		i := slices.IndexFunc(table, func(m evaluation.Metric) bool { return m.Named(name) && !m.OfClasses })
		if i < 0 {
			t.Errorf("%s: %s is no metric of %s in results/evaluation, which says how it is printed", list, name, of)
			continue
		}
		used[table[i].Name] = true
	}
	for _, m := range table {
		if !used[m.Name] && !m.OfClasses {
			t.Errorf("%s does not name %s, a metric of %s in results/evaluation", list, m.Name, of)
		}
	}
}
