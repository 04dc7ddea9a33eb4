package plan

import (
	"regexp"
	"slices"
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

// kindFields are fields of an evaluation with values that are not their defaults.
var kindFields = map[string][]string{
	"of": {`of: ["plain", "tuned"]`}, "dataset": {`dataset: "other"`}, "train": {`train: "some"`},
	"method": {`method: "logistic"`}, "trainList": {`train: "some", trainList: "1.txt"`, `train: "some", trainList: "2.txt"`},
	"init": {`init: "random"`}, "shots": {`shots: 4`}, "samples": {`samples: 2`}, "best": {`best: "test"`},
	"benchmark": {`benchmark: "cifar-10"`, `benchmark: "mscoco"`, `benchmark: "coco-detection"`, `benchmark: "coco-stuff"`}, "prompts": {`prompts: ["one {}"]`},
	"promptsFile": {`promptsFile: "1.json"`, `promptsFile: "2.json"`}, "truncate": {`truncate: "error"`},
	"knowledge": {`knowledge: ["wordnet"], wordnet: "wn"`}, "protocol": {`protocol: "openai"`},
	"training": {`training: epochs: 3`}, "scores": {`scores: true`},
	"images": {`images: "others"`}, "proposals": {`proposals: "grid"`, `proposals: "found.json"`},
	"objectness": {`proposals: "found.json", objectness: "raw"`}, "features": {`features: "tokens"`, `features: "window"`},
	"side": {`side: [800, 1333]`}, "margin": {`features: "crop", margin: 0.5`, `features: "crop"`}, "stride": {`features: "window", stride: 8`},
	"regions": {`regions: 7`}, "temperature": {`temperature: 0.1`}, "nms": {`nms: 0.6`}, "softNMS": {`softNMS: 0.5`}, "minScore": {`minScore: 0.2`},
	"top": {`top: 9`}, "promptDenoising": {`promptDenoising: 0.5`}, "keySmoothing": {`keySmoothing: 1`},
	"keys": {`keySmoothing: 1, keys: "paper"`, `keySmoothing: 1`},
}

// TestKindsReadTheirFields: what the schema lets a file give to a kind of evaluation changes its
// plan, or it would be passed over in silence. Each value that some evaluation of the kind takes
// gives another plan.
func TestKindsReadTheirFields(t *testing.T) {
	text, err := schema.FS.ReadFile("evaluate.cue")
	if err != nil {
		t.Fatal(err)
	}
	const same = "retrieve: k: 4" // the default
	group, _, _ := strings.Cut(string(text), "\n}\n")
	evaluations := regexp.MustCompile(`(\w+): +\{kind: "([\w-]+)"`).FindAllStringSubmatch(idSpec, -1)
	// texts by field and kind, those of one evaluation together
	cases, of := []string{same}, map[string][][]string{}
	for _, field := range regexp.MustCompile(`(?m)^\t(\w+):.*@only\(kind, ([^)]+)\)`).FindAllStringSubmatch(group, -1) {
		for _, kind := range strings.Split(field[2], ", ") {
			name := field[1] + " of " + kind
			of[name] = nil
			for _, e := range evaluations {
				if e[2] != kind {
					continue
				}
				var texts []string
				for _, value := range kindFields[field[1]] {
					texts = append(texts, "evaluate: "+e[1]+": {"+value+"}")
				}
				cases, of[name] = append(cases, texts...), append(of[name], texts)
			}
		}
	}
	ids := map[string]string{}
	for _, s := range settingsOf(t, cases) {
		ids[s.text] = strings.Join(s.ids, " ")
	}
	for name, all := range of {
		if !slices.ContainsFunc(all, func(texts []string) bool { return areOthers(ids, same, texts) }) {
			t.Errorf("schema/evaluate.cue has %s, and its plan does not read it (kindFields has the values that were tried)", name)
		}
	}
	if len(of) < 40 {
		t.Errorf("%d fields of kinds are in the schema", len(of))
	}
}

// areOthers says whether the settings that have ids, one at least, have ids of their own.
func areOthers(ids map[string]string, same string, texts []string) bool {
	seen := map[string]bool{ids[same]: true}
	for _, text := range texts {
		if id := ids[text]; id != "" {
			if seen[id] {
				return false
			}
			seen[id] = true
		}
	}
	return len(seen) > 1
}
