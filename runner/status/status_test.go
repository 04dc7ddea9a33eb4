package status

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"react/runner/store"
)

// handStatus is a sweep on its way: one stage runs, one waits in a queue, one
// failed.
func handStatus() *Status {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	left := 130.0
	own := 9.0
	return &Status{Sweep: "modes", Hash: "0a1b2c3d", At: at, State: "running",
		Trials: Counts{Total: 9, Done: 3, Running: 1, Waiting: 4, Failed: 1}, Stages: Counts{Total: 36, Done: 14, Running: 1, Waiting: 18, Failed: 1, Blocked: 2},
		Ops:       []opCounts{{"world", Counts{Total: 1, Done: 1}}, {"evaluate", Counts{Total: 35, Done: 13, Running: 1, Waiting: 18, Failed: 1, Blocked: 2}}},
		Processes: []process{{Process: store.Process{Host: "vm", PID: 12, Started: at.Add(-200 * time.Second)}, Life: store.Alive, Beat: at, Jobs: "2", Engine: "go"}},
		Running: []stage{
			{Key: strings.Repeat("a", 64), Op: "tune", Since: at.Add(-10 * time.Second), Done: 33, Total: 60, Note: "loss 6.502, 218 images/s", Left: &own, trialsOfStage: trialsOfStage{3, []string{"x", "y", "z"}}},
			{Key: strings.Repeat("b", 64), Op: "tune", Queued: true, Note: "Resources", trialsOfStage: trialsOfStage{1, []string{"1f (seed=0)"}}},
		},
		Failures: []failure{{Key: strings.Repeat("c", 64), Op: "evaluate", At: at.Add(-65 * time.Second), Error: "no image", Log: "/s/logs/evaluate-cccc.log", Tail: []string{"warning: odd", "reading"},
			trialsOfStage: trialsOfStage{6, []string{"p", "q", "r", "s"}}}},
		Left: &left, Unknown: 2}
}

const handText = `modes 0a1b2c3d: running

trials  3 of 9 done, 1 running, 4 waiting, 1 failed
stages  14 of 36 done, 1 running, 18 waiting, 1 failed, 2 blocked by failures; about 2m10s left besides 2 stages of unknown time
process 12 on vm, -j 2, engine go, for 3m20s

tune aaaaaaaaaaaa  [#####.....] 33/60  loss 6.502, 218 images/s  for 10s, about 9s left  (for 3 trials)
tune bbbbbbbbbbbb  queued  Resources  (1f (seed=0))

evaluate cccccccccccc failed: no image
  trials: p, q, r, s and 2 more
  log: /s/logs/evaluate-cccc.log, 1m05s ago
  | warning: odd
  | reading

OP             DONE  RUNNING  WAITING  FAILED  BLOCKED
world        1 of 1        -        -       -        -
evaluate   13 of 35        1       18       1        2
`

func TestStatusText(t *testing.T) {
	if got := handStatus().text(style{}).String(); got != handText {
		t.Errorf("got\n%s\nwant\n%s", got, handText)
	}
	coloured := handStatus().text(style{colour: true}).String()
	if !strings.Contains(coloured, "\x1b[31mevaluate cccccccccccc failed: no image\x1b[0m") {
		t.Errorf("got %q", coloured)
	}
	var plain strings.Builder
	for _, part := range strings.Split(coloured, "\x1b[") {
		_, after, _ := strings.Cut(part, "m")
		if part == coloured[:len(part)] {
			after = part
		}
		plain.WriteString(after)
	}
	if plain.String() != handText {
		t.Errorf("without its marks:\n%s", plain.String())
	}
}

// TestStatusHeadlines: what a sweep says of itself when nothing works on it.
func TestStatusHeadlines(t *testing.T) {
	ended := time.Date(2026, 11, 23, 7, 59, 0, 0, time.UTC)
	for state, want := range map[string]string{
		"done": "modes 0a1b2c3d: done\n\n", "planned": "modes 0a1b2c3d: nothing has run yet\n\n",
		"gone":        "modes 0a1b2c3d: killed (process 12 on vm, last seen 1s ago); to resume:\n  runner sweep 'my file.cue'\n",
		"failed":      "modes 0a1b2c3d: failed, for the reasons below; to try again:\n  runner",
		"interrupted": "modes 0a1b2c3d: interrupted; to resume:\n  runner",
		"stopped":     "modes 0a1b2c3d: stopped: store /s: the disk is full; to resume:\n  runner",
	} {
		st := handStatus()
		st.State = state
		if state != "done" && state != "planned" {
			st.Resume = []string{"runner", "sweep", "my file.cue"}
			st.Processes[0].Life, st.Processes[0].Ended, st.Processes[0].End = store.Gone, &ended, "store /s: the disk is full\nmore"
		}
		if got := st.text(style{}).String(); !strings.HasPrefix(got, want) {
			t.Errorf("%s: got\n%s", state, got)
		}
	}
}

// TestFrame: a small window gets the head, cut to its width; marks take no
// columns.
func TestFrame(t *testing.T) {
	got := frame([]string{"ab\x1b[31mcdéfg\x1b[0mh", "2", "3", "4"}, 5, 3)
	want := "\x1b[Hab\x1b[31mcdé\x1b[0m\x1b[K\r\n2\x1b[K\r\n... 2 lines more; runner status prints them"
	if !strings.HasPrefix(got, want[:30]) || !strings.HasSuffix(got, "\x1b[K\x1b[J") || strings.Count(got, "\r\n") != 2 {
		t.Errorf("got %q", got)
	}
	if got := frame([]string{"1", "2"}, 80, 24); got != "\x1b[H1\x1b[K\r\n2\x1b[K\x1b[J" {
		t.Errorf("got %q", got)
	}
}

// TestChangeLines: without a terminal there is a line for each change and the
// whole at the end.
func TestChangeLines(t *testing.T) {
	var out bytes.Buffer
	show := newChangeLines(&out)
	st := handStatus()
	for range 3 {
		if err := show(st); err != nil {
			t.Fatal(err)
		}
	}
	*st.Left -= 10
	st.Running[0].Done++
	if err := show(st); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(out.String(), "\n"); n != 2 || !strings.Contains(out.String(), " modes: trials 3 of 9 done, ") || !strings.Contains(out.String(), "\nevaluate cccccccccccc failed: no image\n") {
		t.Errorf("%d lines:\n%s", n, out.String())
	}
	st.State = "done"
	if err := show(st); err != nil || !strings.Contains(out.String(), "modes 0a1b2c3d: done\n") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	show := newJSONLines(&out)
	st := handStatus()
	for i := range 4 {
		st.At, *st.Left = st.At.Add(time.Second), *st.Left-1
		if i == 3 {
			st.Running[0].Done++
		}
		if err := show(st); err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(out.String(), "\n"); n != 2 {
		t.Errorf("%d lines for one change", n)
	}
}

func TestLogTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	for text, want := range map[string][]string{
		"--- 1 tune\nold\nerror: old\n--- 2 tune\nreading\nerror: no pair\n": {"reading"},
		"--- 1 tune\nerror: no pair\n":                                       {},
		"--- 1 tune\n" + strings.Repeat("x\n", 10):                           {"... 2 lines before", "x", "x", "x", "x", "x", "x", "x", "x"},
	} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if got := logTail(path); strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
