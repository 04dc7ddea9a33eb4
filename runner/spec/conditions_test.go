package spec

import (
	"maps"
	"reflect"
	"slices"
	"testing"

	"react/results/evaluation"
)

// TestKinds holds that the schema, its figures and the table have the same kinds of evaluation.
func TestKinds(t *testing.T) {
	k := contractOf(t)
	var names []string
	for _, kind := range evaluation.Kinds() {
		names = append(names, kind.Name)
	}
	of, _ := k.find("evaluate.*.kind")
	if schema := of.form.spelling().literals; !slices.Equal(schema, names) {
		t.Errorf("schema/evaluate.cue has kinds %q, results/evaluation %q", schema, names)
	}
	slices.Sort(names)
	if figures := slices.Sorted(maps.Keys(k.metrics)); !slices.Equal(figures, names) {
		t.Errorf("#EvaluationMetrics has figures of %q, the kinds are %q", figures, names)
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
		"prompts":   func(k evaluation.Kind) bool { return k.Classifies || k.Captions },
		"knowledge": func(k evaluation.Kind) bool { return k.Classifies },
		"scores":    func(k evaluation.Kind) bool { return k.Classifies },
	} {
		n, _ := k.find("evaluate.*." + field)
		for _, kind := range evaluation.Kinds() {
			v := values{"evaluate.x.kind": []byte(`"` + kind.Name + `"`)}
			if got := v.reads(n, "evaluate.x."+field); got != reads(kind) {
				t.Errorf("evaluate.*.%s: read by kind %q by the schema is %v, by the table %v",
					field, kind.Name, got, !got)
			}
		}
	}
}

// TestConditions holds that what @only and @needs name is there: a field of the same group, and
// values that it takes.
func TestConditions(t *testing.T) {
	k := contractOf(t)
	found := 0
	var walk func(n *node, path string)
	walk = func(n *node, path string) {
		if n.elem != nil {
			walk(n.elem, path+".*")
		}
		for _, f := range n.fields {
			for _, c := range slices.Concat(f.only, f.needed) {
				found++
				decider := n.child(c.decider)
				if decider == nil || len(c.values) == 0 {
					t.Errorf("%s.%s: no decider %q with values %q", path, f.name, c.decider, c.values)
					continue
				}
				for _, value := range c.values {
					if !decider.form.fits(value) {
						t.Errorf("%s.%s: %s is never %q", path, f.name, c.decider, value)
					}
				}
			}
			walk(f, join(path, f.name))
		}
	}
	walk(k.params, "")
	if init, _ := k.find("evaluate.*.init"); found == 0 || !reflect.DeepEqual(init.only, []condition{
		{"kind", []string{"probe", "finetune"}}, {"method", []string{"sgd"}}}) {
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
	for name, figures := range c.figures {
		i := slices.IndexFunc(evaluation.Stages(), func(s evaluation.Stage) bool { return s.Name == name })
		if i < 0 {
			t.Errorf("#StageMetrics has figures of %s, which is no stage of results/evaluation", name)
			continue
		}
		sameMetrics(t, "#StageMetrics: "+name, figures, name, evaluation.Stages()[i].Metrics)
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
