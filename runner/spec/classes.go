package spec

import (
	"encoding/json"
	"strings"

	"react/data/datasets/catalogue"
)

// benchmarkPrefix is before the name of a benchmark, or of a suite, in task.classes.
const benchmarkPrefix = "benchmark:"

// fillTaskPrompts takes the templates of the benchmark whose classes are asked for.
func (v values) fillTaskPrompts() {
	name, ok := strings.CutPrefix(v.text("task.classes"), benchmarkPrefix)
	if _, _, err := catalogue.QueryClasses(name); ok && err != nil && !v.has("task.prompts") {
		v["task.prompts"] = json.RawMessage(`["{}"]`) // the name is reported, and what follows from it is not
		return
	}
	if e, err := catalogue.Find(name); ok && err == nil && !v.has("task.prompts") && len(e.Templates) > 0 {
		if raw, err := json.Marshal(e.Templates); err == nil {
			v["task.prompts"] = raw
		}
	}
}

// checkBenchmarkClasses says whether a field names the classes of a benchmark, and reports one that is not there, or where none can stand.
func (s scene) checkBenchmarkClasses(n *node, path string) bool {
	name, ok := strings.CutPrefix(s.v.text(path), benchmarkPrefix)
	if !ok || !n.set || s.isBad(path) {
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
		s.report(path, "no benchmark %q with classes%s", name, didYouMean(name, names, "benchmarks and suites"))
	}
	return true
}
