package spec

import (
	"slices"
	"strings"

	"react/data/datasets/catalogue"
	"react/runner/spec/mistake"
)

// checkRefs checks the name of a pool, also inside "pool:NAME/SET".
func (s scene) checkRefs(n *node, path string) {
	name, set, ok := s.values.Text(path), "", n.ref == "pool"
	if s.checkBenchmarkClasses(n, path) {
		return
	}
	if n.set {
		name, ok = strings.CutPrefix(name, "pool:")
		if name, set, _ = strings.Cut(name, "/"); ok && (name == "" || set == "") {
			s.report(path, "%q is not a set of a pool (\"pool:NAME/SET\", such as \"pool:world/task\")", s.values.Text(path))
			return
		}
	}
	if !ok || !s.values.Has(path) || s.IsBad(path) {
		return
	}
	if !s.values.Has("pool." + name) {
		pools := s.values.Names("pool")
		if len(pools) == 0 {
			return // reported once
		}
		s.report(path, "no pool %q%s", name, mistake.DidYouMean(name, pools, "pools"))
		return
	}
	if n.set && !s.IsBad("pool."+name) && (s.values.Has("pool."+name+".world") || s.values.Has("pool."+name+".laion") || s.values.Has("pool."+name+".embeddings")) {
		s.checkSet(path, name, set)
	}
}

func (s scene) checkSet(path, pool, set string) {
	if !s.values.Has("pool." + pool + ".world") {
		s.report(path, "pool %q has no evaluation sets (only a world pool makes them; give a path)", pool)
		return
	}
	if !slices.Contains(s.worldSets, set) {
		s.report(path, "pool %q has no set %q%s", pool, set, mistake.DidYouMean(set, s.worldSets, "sets"))
	}
}

func (s scene) checkNames() {
	for section, what := range map[string]string{"pool": "a pool, such as pool: world: world: seed: 0", "evaluate": "an evaluation, such as evaluate: task: {kind: \"zeroshot\", dataset: \"DIR\"}"} {
		if len(s.values.Names(section)) == 0 && !s.IsBad(section) {
			s.report(section, "missing (at least one: %s)", what)
		}
	}
	for _, name := range s.values.Names("evaluate") {
		if _, taken := s.figures[name]; taken {
			s.report("evaluate."+name, "the name is taken by a stage whose figures tables show (another name)")
		}
		s.checkEvaluation("evaluate." + name)
	}
}

// checkBenchmarkClasses says whether a field names the classes of a benchmark, and reports one that is not there, or where none can stand.
func (s scene) checkBenchmarkClasses(n *node, path string) bool {
	name, ok := strings.CutPrefix(s.values.Text(path), benchmarkPrefix)
	if !ok || !n.set || s.IsBad(path) {
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
func (s scene) benchmarkExists(p string) {
	if !s.values.Has(p) || s.IsBad(p) {
		return
	}
	name := s.values.Text(p)
	if _, err := catalogue.Find(name); err != nil {
		var names []string
		for _, e := range catalogue.All() {
			names = append(names, e.Name)
		}
		s.report(p, "no benchmark %q%s", name, mistake.DidYouMean(name, names, "benchmarks"))
	}
}
