package spec

import "react/data/datasets"

// checkEvaluation holds the fields of an evaluation together: which read which, and what the catalogue knows.
func (s scene) checkEvaluation(path string) {
	s.checkBenchmark(path)
	if s.v.has(path+".promptsFile") && s.v.has(path+".prompts") {
		s.report(path+".promptsFile", "given beside prompts (one of them)")
	}
}

// checkBenchmark looks the name up in the catalogue.
func (s scene) checkBenchmark(path string) {
	p := path + ".benchmark"
	if !s.v.has(p) || s.isBad(p) {
		return
	}
	name := s.v.text(p)
	if _, err := datasets.Find(name); err != nil {
		var names []string
		for _, e := range datasets.Catalogue() {
			names = append(names, e.Name)
		}
		s.report(p, "no benchmark %q%s", name, didYouMean(name, names, "benchmarks"))
	}
}
