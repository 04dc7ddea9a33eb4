package rules

import (
	"slices"
	"strings"

	"react/data/datasets/catalogue"
	"react/runner/spec/contract"
	"react/runner/spec/mistake"
)

// checkRefs checks the name of a pool, also inside "pool:NAME/SET".
func (s Scene) checkRefs(n *contract.Field, path string) {
	name, set, ok := s.Values.Text(path), "", n.Ref == "pool"
	if s.checkBenchmarkClasses(n, path) {
		return
	}
	if n.Set {
		name, ok = strings.CutPrefix(name, "pool:")
		if name, set, _ = strings.Cut(name, "/"); ok && (name == "" || set == "") {
			s.report(path, "%q is not a set of a pool (\"pool:NAME/SET\", such as \"pool:world/task\")", s.Values.Text(path))
			return
		}
	}
	if !ok || !s.Values.Has(path) || s.IsBad(path) {
		return
	}
	if !s.Values.Has("pool." + name) {
		pools := s.Values.Names("pool")
		if len(pools) == 0 {
			s.noPool()
			return
		}
		s.report(path, "no pool %q%s", name, mistake.DidYouMean(name, pools, "pools"))
		return
	}
	if n.Set && !s.IsBad("pool."+name) && (s.Values.Has("pool."+name+".world") || s.Values.Has("pool."+name+".laion") || s.Values.Has("pool."+name+".embeddings")) {
		s.checkSet(path, name, set)
	}
}

func (s Scene) checkSet(path, pool, set string) {
	if !s.Values.Has("pool." + pool + ".world") {
		s.report(path, "pool %q has no evaluation sets (only a world pool makes them; give a path)", pool)
		return
	}
	if count := "pool." + pool + ".world.scenes"; set == scenes && strings.HasPrefix(path, "evaluate.") {
		if !s.Values.Has(count) && !s.IsBad(count) {
			s.report(path, "pool %q has no scenes (%s: 120)", pool, count)
		}
		return
	}
	if !slices.Contains(s.WorldSets, set) {
		s.report(path, "pool %q has no set %q%s", pool, set, mistake.DidYouMean(set, s.WorldSets, "sets"))
	}
}

// noPool reports that a pool is named, or needed, and there is none.
func (s Scene) noPool() {
	s.report("pool", "missing (at least one: a pool, such as pool: world: world: seed: 0)")
}

func (s Scene) checkNames() {
	if len(s.Values.Names("pool")) == 0 && (s.retrieves() || s.Values.Has("backbone.pretrain")) {
		s.noPool()
	}
	if len(s.Values.Names("evaluate")) == 0 {
		s.report("evaluate", "missing (at least one: an evaluation, such as evaluate: task: {kind: \"zeroshot\", dataset: \"DIR\"})")
	}
	for _, name := range s.Values.Names("evaluate") {
		if _, taken := s.Figures[name]; taken {
			s.report("evaluate."+name, "the name is taken by a stage whose figures tables show (another name)")
		}
		s.checkEvaluation("evaluate." + name)
	}
}

// checkBenchmarkClasses says whether a field names the classes of a benchmark, and reports one that
// is not there, or where none can stand.
func (s Scene) checkBenchmarkClasses(n *contract.Field, path string) bool {
	name, ok := strings.CutPrefix(s.Values.Text(path), contract.BenchmarkPrefix)
	if !ok || !n.Set || s.IsBad(path) {
		return false
	}
	if path != "task.classes" {
		s.report(path, "the catalogue has names, not images (a folder, or \"pool:NAME/SET\")")
		return true
	}
	if _, _, err := catalogue.QueryClasses(name); err != nil {
		names := []string{"elevater"}
		for _, e := range catalogue.All() {
			if len(e.Classes) > 0 {
				names = append(names, e.Name)
			}
		}
		s.report(path, "no benchmark %q with classes%s", name, mistake.DidYouMean(name, names, "benchmarks and suites"))
	}
	return true
}

// benchmarkExists reports a name that the catalogue does not have.
func (s Scene) benchmarkExists(p string) {
	if !s.Values.Has(p) || s.IsBad(p) {
		return
	}
	name := s.Values.Text(p)
	if _, err := catalogue.Find(name); err != nil {
		var names []string
		for _, e := range catalogue.All() {
			names = append(names, e.Name)
		}
		s.report(p, "no benchmark %q%s", name, mistake.DidYouMean(name, names, "benchmarks"))
	}
}

// placesBenchmark reports a name that is no benchmark of boxes, or of label maps, as the kind asks.
func (s Scene) placesBenchmark(p, kind string) {
	if !s.Values.Has(p) || s.IsBad(p) {
		return
	}
	name := s.Values.Text(p)
	if e, err := catalogue.FindDense(name); err == nil && e.Kind == kind {
		return
	}
	var names []string
	for _, e := range catalogue.AllDense() {
		if e.Kind == kind {
			names = append(names, e.Name)
		}
	}
	s.report(p, "no benchmark %q of %s%s", name, kind, mistake.DidYouMean(name, names, "benchmarks"))
}
