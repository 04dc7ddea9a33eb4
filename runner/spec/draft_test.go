package spec

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// TestDraft holds that an experiment is the same after its draft has been JSON.
func TestDraft(t *testing.T) {
	files, err := filepath.Glob("../../experiments/*.cue")
	papers, errs := filepath.Glob("../../experiments/*/*.cue")
	if err != nil || errs != nil || len(files) == 0 || len(papers) == 0 {
		t.Fatalf("no experiments: %v, %v", err, errs)
	}
	texts := map[string]string{
		"numbers": small + `sweep: {grid: {tune: gamma: [0.90, "off", 1.0, 1e-3], pool: world: world: seed: [0, 18446744073709551615]}, seeds: [7, 3]}
tables: t: {rows: "tune.gamma", metrics: ["task/acc@1"], filter: {tune: gamma: [1.0, 0.5], retrieve: {k: 4, by: ["t2t"]}}}`,
		"groups":  small + `sweep: cases: [{label: "clip", backbone: weights: "dir"}, {label: "seed", backbone: pretrain: {}}]`,
		"exclude": small + `sweep: {seeds: 3, cases: [{label: "a"}, {label: "b"}], exclude: [{label: "a", seed: >0}]}`,
	}
	for _, file := range append(files, papers...) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		texts[file] = string(text)
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			want, err := Parse("x.cue", []byte(text), Options{Sets: []string{"question=why"}})
			if err != nil {
				t.Fatal(err)
			}
			d, err := NewDraft("x.cue", []byte(text), Options{Sets: []string{"question=why"}})
			if err != nil {
				t.Fatal(err)
			}
			raw, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var back Draft
			if err := json.Unmarshal(raw, &back); err != nil {
				t.Fatal(err)
			}
			got, err := back.Experiment("x.cue")
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got.Resolved, want.Resolved)
			}
		})
	}
}

// TestTooLargeForAMachine: a number that CUE can hold and Go cannot is the file's mistake.
func TestTooLargeForAMachine(t *testing.T) {
	for field, want := range map[string]string{
		"tune: lr: 1e1000000000":                   "x.cue:9:11: 1e1000000000 is not a number to compute with (its exponent passes 400)",
		"tune: lr: 1E-401":                         "x.cue:9:11: 1E-401 is not a number to compute with",
		"tune: lr: -9e99999999999999999999":        "x.cue:9:12: 9e99999999999999999999 is not a number to compute with",
		"tune: lr: 1e400":                          "tune.lr: 1e400 is over 1 (a number over 0 and up to 1)",
		"retrieve: k: 18446744073709551616":        "retrieve.k: 18446744073709551616 is over",
		"pool: world: maxBad: 9223372036854775808": "pool.world.maxBad: 9223372036854775808 is too large (a whole number of at least 0)",
		"pool: world: filter: maxAspect: 1e400":    "pool.world.filter.maxAspect: 1e400 is too large (a number of at least 1)",
	} {
		_, err := Parse("x.cue", []byte(small+field), Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "json") {
			t.Errorf("%s: %v, want %q", field, err, want)
		}
	}
}
