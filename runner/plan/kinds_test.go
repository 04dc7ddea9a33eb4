package plan

import (
	"regexp"
	"strings"
	"testing"

	"react/results/evaluation"
	"react/schema"
)

// TestKindsArePlanned: each kind of evaluation has a stage here.
func TestKindsArePlanned(t *testing.T) {
	of := kinds()
	for _, kind := range evaluation.Kinds() {
		if of[kind.Name] == nil {
			t.Errorf("runner/plan/evaluate.go: no stage for kind %q", kind.Name)
		}
	}
	for name := range of {
		if evaluation.Of(name).Name == "" {
			t.Errorf("results/evaluation/evaluation.go: no kind %q, which has a stage", name)
		}
	}
}

// kindFields are fields of an evaluation with values that are not their defaults; where there are two, a
// kind takes one of them.
var kindFields = map[string][]string{
	"of": {`of: ["plain", "tuned"]`}, "dataset": {`dataset: "other"`}, "train": {`train: "some"`},
	"method": {`method: "logistic"`}, "trainList": {`train: "some", trainList: "some.txt"`},
	"init": {`init: "random"`}, "shots": {`shots: 4`}, "samples": {`samples: 2`}, "best": {`best: "test"`},
	"benchmark": {`benchmark: "cifar-10"`, `benchmark: "mscoco"`}, "prompts": {`prompts: ["one {}"]`},
	"promptsFile": {`promptsFile: "prompts.json"`}, "knowledge": {`knowledge: ["wordnet"], wordnet: "wn"`},
	"truncate": {`truncate: "error"`}, "protocol": {`protocol: "openai"`}, "training": {`training: epochs: 3`},
	"scores": {`scores: true`},
}

// TestKindsReadTheirFields: what the schema lets a file give to a kind of evaluation changes its plan, or it
// would be passed over in silence.
func TestKindsReadTheirFields(t *testing.T) {
	text, err := schema.FS.ReadFile("evaluate.cue")
	if err != nil {
		t.Fatal(err)
	}
	const same = "retrieve: k: 4" // the default
	cases, of := []string{same}, map[string][]string{}
	group, _, _ := strings.Cut(string(text), "\n}\n")
	evaluations := regexp.MustCompile(`(\w+): +\{kind: "([\w-]+)"`).FindAllStringSubmatch(idSpec, -1)
	for _, field := range regexp.MustCompile(`(?m)^\t(\w+):.*@only\(kind, ([^)]+)\)`).FindAllStringSubmatch(group, -1) {
		for _, kind := range strings.Split(field[2], ", ") {
			of[field[1]+" of "+kind] = nil
			for _, e := range evaluations {
				for _, value := range kindFields[field[1]] {
					if e[2] == kind {
						text := "evaluate: " + e[1] + ": {" + value + "}"
						cases, of[field[1]+" of "+kind] = append(cases, text), append(of[field[1]+" of "+kind], text)
					}
				}
			}
		}
	}
	ids := map[string]string{}
	for _, s := range settingsOf(t, cases) {
		ids[s.text] = strings.Join(s.ids, " ")
	}
	for name, texts := range of {
		read := false
		for _, text := range texts {
			read = read || ids[text] != "" && ids[text] != ids[same]
		}
		if !read {
			t.Errorf("schema/evaluate.cue has %s, and its plan does not read it (kindFields has the values that were tried)", name)
		}
	}
	if len(of) < 40 {
		t.Errorf("%d fields of kinds are in the schema", len(of))
	}
}
