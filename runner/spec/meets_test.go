package spec

import (
	"strings"
	"testing"
)

// TestWhatMeetsNothing is a warning with its place, and what meets something is none.
func TestWhatMeetsNothing(t *testing.T) {
	const sweep = `sweep: {
	grid: tune: {mode: ["full", "locked-text"], gamma: ["off", 0.9]}
	cases: [{label: "base", tune: mode: "none"}]
}
`
	for name, c := range map[string]struct{ lines, want string }{
		"exclude": {`sweep: exclude: [{tune: gamma: <0.9}, {tune: {mode: "full", gamma: 0.9}}]`,
			"x.cue:13:18: sweep.exclude[0]: leaves out no trial"},
		"exclude what is excluded": {`sweep: exclude: [{tune: gamma: 0.9}, {tune: {mode: "full", gamma: 0.9}}]`,
			`x.cue:11:10: sweep.cases[0]: the case "base" is left out by sweep.exclude[0]: nothing of it is run`},
		"exclude a label": {`sweep: exclude: [{label: "bse"}, {seed: 7}]`, "x.cue:13:18: sweep.exclude[0]: leaves out no trial\nx.cue:13:34: sweep.exclude[1]: leaves out no trial"},
		"exclude by the way": {`sweep: exclude: [{tune: {mode: !="full", gamma: !=0.8}}]`,
			`x.cue:10:30: sweep.grid.tune.mode: each point with "locked-text" is left out by sweep.exclude[0]: nothing of it is run
x.cue:11:10: sweep.cases[0]: the case "base" is left out by sweep.exclude[0]: nothing of it is run`},
		"exclude on purpose": {`sweep: exclude: [{tune: gamma: "off"}, {label: "base", seed: >=0}]`, ""},
		"exclude some":       {`sweep: exclude: [{tune: {mode: "full", gamma: "off"}}, {seed: 0, tune: mode: "none"}], sweep: seeds: 2`, ""},
		"order": {`tables: main: {rows: "tune.mode", columns: "tune.gamma", metrics: ["task/acc@1"],
	order: ["base", "fulll", "off", "0.9", "0.95"]}`,
			`x.cue:14:18: tables.main.order[1]: "fulll" is no label of a case, and no value of tune.mode, tune.gamma
x.cue:14:41: tables.main.order[4]: "0.95" is no label of a case, and no value of tune.mode, tune.gamma`},
		"labels": {`tables: main: {rows: "tune.mode", metrics: ["task/acc@1"], baseline: "tune.mode=full",
	labels: {"tune.mode": "Mode", full: "all", "task/acc@1": "Task", base: "Base", "tune.mode=full": "x", "locked-image": "y"}}`,
			`x.cue:14:104: tables.main.labels."locked-image": "locked-image" is no path, metric, label or value of the table`},
		"filter": {`tables: main: {rows: "tune.mode", metrics: ["task/acc@1"],
	filter: {tune: {gamma: [0.9, 0.8]}, label: ""}}`,
			"x.cue:14:25: tables.main.filter.tune.gamma: no trial has the value 0.8"},
		"filter of a label": {`tables: main: {rows: "tune.mode", metrics: ["task/acc@1"], filter: label: "gone"}`,
			"x.cue:13:75: tables.main.filter.label: no trial has the value gone"},
		"filter of a list": {`retrieve: by: ["t2t"]
tables: main: {rows: "tune.mode", metrics: ["task/acc@1"], filter: retrieve: by: ["t2t"]}`, ""},
		"filter of lists": {`retrieve: by: ["t2t", "t2i"]
tables: main: {rows: "tune.mode", metrics: ["task/acc@1"], filter: retrieve: by: [["t2t", "t2i"], ["t2i"]]}`,
			"x.cue:14:82: tables.main.filter.retrieve.by: no trial has the value t2i"},
		"filter of an element": {`retrieve: by: ["t2t", "t2i"]
tables: main: {rows: "tune.mode", metrics: ["task/acc@1"], filter: retrieve: by: ["t2i", "t2t"]}`,
			"x.cue:14:82: tables.main.filter.retrieve.by: no trial has the value t2i+t2t"},
		"percent": {`tables: main: {rows: "tune.mode", metrics: ["task/acc@1", "tune/loss"], percent: ["tune/loss", "los*", "lost"]}`,
			`x.cue:13:104: tables.main.percent[2]: "lost" is no metric of the table`},
		"baseline": {`tables: main: {rows: "tune.mode", metrics: ["task/acc@1"], baseline: "tune.gamma=0.8"}`,
			"x.cue:13:70: tables.main.baseline: no trial has tune.gamma 0.8"},
		"classes": {`tables: main: {rows: "class", metrics: ["balance/own"], order: ["cat"]}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := parse(t, small+sweep+c.lines+"\n").Warnings
			if got == nil && c.want == "" {
				return
			}
			if !strings.HasPrefix(got.Error(), c.want) || c.want == "" {
				t.Errorf("got\n%v\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestGatesOverTheBlocks is a mistake of the file where the architecture is named.
func TestGatesOverTheBlocks(t *testing.T) {
	for _, c := range []struct{ lines, want string }{
		{`sweep: grid: tune: {mode: ["gated-image"], gatedDepth: [2, 99]}`,
			`x.cue:9:60: sweep.grid.tune.gatedDepth: 99 is over the 4 blocks of the image tower of backbone.arch "tiny" (at most that)`},
		{`sweep: grid: tune: {mode: ["full"], gatedDepth: [2, 99]}`, ""},
		{`sweep: cases: [{label: "deep", tune: {mode: "gated-image", gatedDepth: 4}}]`, ""},
	} {
		_, err := Parse("x.cue", []byte(small+c.lines+"\n"), Options{})
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", c.lines, err, c.want)
		}
	}
}
