package launch

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

// sweepStages are the stages of a sweep: a world, pretraining, two lists of
// pairs, and for each of tunes a tune stage and two evaluations, which also
// read the base's.
func sweepStages(tunes int) []Stage {
	var stages []Stage
	add := func(key, op string, needs ...string) {
		stages = append(stages, Stage{&Task{Key: key, Op: op}, needs})
	}
	add("world", "world")
	add("pretrain", "pretrain", "world")
	add("base-a", "evaluate", "pretrain", "world")
	add("base-b", "evaluate", "pretrain", "world")
	add("pairs0", "pairs", "pretrain", "world")
	add("pairs1", "pairs", "pretrain", "world")
	for i := range tunes {
		add(fmt.Sprint("tune", i), "tune", "pretrain", "world", fmt.Sprint("pairs", i%2))
		for _, set := range []string{"a", "b"} {
			add(fmt.Sprint("evaluate-", set, i), "evaluate", fmt.Sprint("tune", i), "base-"+set, "world")
		}
	}
	return stages
}

// describe is one line an array: op, keys, what it waits for.
func describe(arrays []*Array) []string {
	var lines []string
	for i, a := range arrays {
		var keys []string
		for _, t := range a.Tasks {
			if t == nil {
				keys = append(keys, "-")
				continue
			}
			keys = append(keys, t.Key)
		}
		line := fmt.Sprintf("#%d %s: %s", i, a.Op, strings.Join(keys, " "))
		if len(a.After) > 0 {
			line += " after " + strings.TrimSpace(signature(a.After))
		}
		if a.Each != nil {
			line += " each of " + strings.TrimSuffix(a.Each.String(), "_0")
		}
		lines = append(lines, line)
	}
	return lines
}

func TestGroup(t *testing.T) {
	for name, c := range map[string]struct {
		stages []Stage
		queued map[string]Ref
		size   int
		want   []string
	}{
		"a whole sweep": {sweepStages(4), nil, 1001, []string{
			"#0 world: world",
			"#1 pretrain: pretrain after #0_0",
			"#2 evaluate: base-a base-b after #0_0 #1_0",
			"#3 pairs: pairs0 pairs1 after #0_0 #1_0",
			"#4 tune: tune0 tune2 after #0_0 #1_0 #3_0",
			"#5 tune: tune1 tune3 after #0_0 #1_0 #3_1",
			"#6 evaluate: evaluate-a0 evaluate-a2 after #0_0 #2_0 each of #4",
			"#7 evaluate: evaluate-b0 evaluate-b2 after #0_0 #2_1 each of #4",
			"#8 evaluate: evaluate-a1 evaluate-a3 after #0_0 #2_0 each of #5",
			"#9 evaluate: evaluate-b1 evaluate-b3 after #0_0 #2_1 each of #5",
		}},
		"in chunks": {sweepStages(6)[6:], nil, 3, []string{
			"#0 tune: tune0 tune1 tune2",
			"#1 tune: tune3 tune4 tune5",
			"#2 evaluate: evaluate-a0 evaluate-a1 evaluate-a2 each of #0",
			"#3 evaluate: evaluate-b0 evaluate-b1 evaluate-b2 each of #0",
			"#4 evaluate: evaluate-a3 evaluate-a4 evaluate-a5 each of #1",
			"#5 evaluate: evaluate-b3 evaluate-b4 evaluate-b5 each of #1",
		}},
		"behind jobs that are queued": {
			[]Stage{{&Task{Key: "e0", Op: "evaluate"}, []string{"t0"}}, {&Task{Key: "e2", Op: "evaluate"}, []string{"t2"}}},
			map[string]Ref{"t0": {Job: "77", Index: 0}, "t2": {Job: "77", Index: 2}}, 1001,
			[]string{"#0 evaluate: e0 - e2 each of 77"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := describe(Group(c.stages, c.queued, c.size))
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

// TestGroupWaitsForExactlyWhatIsRead follows each element's dependencies back:
// they are the stages it reads, no more and no fewer.
func TestGroupWaitsForExactlyWhatIsRead(t *testing.T) {
	stages := sweepStages(25)
	arrays := Group(stages, nil, 7)
	needs := map[string][]string{}
	for _, s := range stages {
		needs[s.Task.Key] = s.Needs
	}
	placed := 0
	for n, a := range arrays {
		for i, task := range a.Tasks {
			if task == nil {
				continue
			}
			placed++
			refs := a.After
			if a.Each != nil {
				refs = append([]Ref{{Array: a.Each.Array, Index: i}}, refs...)
			}
			want := map[string]bool{}
			for _, need := range needs[task.Key] {
				want[need] = true
			}
			for _, r := range refs {
				if r.Array >= n {
					t.Fatalf("array %d waits for array %d, which comes later", n, r.Array)
				}
				key := arrays[r.Array].Tasks[r.Index].Key
				if !want[key] {
					t.Errorf("%s waits for %s, which it does not read", task.Key, key)
				}
				delete(want, key)
			}
			if len(want) > 0 {
				t.Errorf("%s does not wait for %v", task.Key, want)
			}
		}
		if len(a.Indices()) > 7 {
			t.Errorf("array %d has %d elements", n, len(a.Indices()))
		}
	}
	if placed != len(stages) {
		t.Errorf("%d stages placed, of %d", placed, len(stages))
	}
}

// TestLevels: every stage once, each in a later level than what it reads.
func TestLevels(t *testing.T) {
	stages := sweepStages(5)
	stages[1].Task.Resources.Class = "engine"
	level, classes := map[string]int{}, 0
	for n, arrays := range Levels(stages) {
		for _, a := range arrays {
			classes++
			for _, task := range a.Tasks {
				if _, twice := level[task.Key]; twice || task.Resources != a.Resources {
					t.Errorf("%s: twice, or in the wrong array", task.Key)
				}
				level[task.Key] = n
			}
		}
	}
	for _, s := range stages {
		for _, need := range s.Needs {
			if level[need] >= level[s.Task.Key] {
				t.Errorf("%s in level %d reads %s of level %d", s.Task.Key, level[s.Task.Key], need, level[need])
			}
		}
	}
	if len(level) != len(stages) || classes != 5 {
		t.Errorf("%d stages of %d, %d arrays", len(level), len(stages), classes)
	}
}
