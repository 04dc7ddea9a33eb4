package exported

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"react/ops/train"
	"react/results/export"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/schedule"
	"react/runner/spec"
	"react/runner/store"
)

// twoSeeds is an experiment with a base, and a tuned trial in two seeds.
func twoSeeds() *experiment.Experiment {
	evaluate := func(key string) *plan.Stage { return &plan.Stage{Op: "evaluate", Key: key} }
	p := &plan.Plan{Trials: []plan.Trial{{ID: "aaaa", Label: "base", Axes: map[string]any{"tune.mode": "none"},
		Params: map[string]any{"tune.mode": "none"}, Stages: map[string]*plan.Stage{"evaluate/task": evaluate("e0")}}}}
	for seed := range 2 {
		p.Trials = append(p.Trials, plan.Trial{ID: fmt.Sprintf("bbbb-s%d", seed), Axes: map[string]any{"retrieve.k": nil}, Seed: &seed,
			Params: map[string]any{"tune.mode": "full", "retrieve.k": int64(2 + 6*seed), "tune.gamma": 0.9},
			Stages: map[string]*plan.Stage{plan.Tune: {Op: "tune", Key: tuneKey(seed)}, "evaluate/task": evaluate(fmt.Sprint("e", seed+1))}})
	}
	return &experiment.Experiment{Experiment: &spec.Experiment{Name: "birds"}, Plan: p}
}

func tuneKey(seed int) string { return fmt.Sprintf("%d%063d", seed+1, 0) }

func tuneTask(seed int) *schedule.Task {
	return &schedule.Task{Key: tuneKey(seed), Op: "tune", Title: fmt.Sprintf("tune full/1, seed %d", seed)}
}

// logLine is a line of a training's log.
func logLine(step int) string {
	return fmt.Sprintf(`{"step":%d,"loss":%g,"lr":0.001,"tanhAlpha":[0.25,0.5]}`+"\n", step, 1/float64(step))
}

func logLines(from, to int) (text []byte) {
	for step := from; step <= to; step++ {
		text = append(text, logLine(step)...)
	}
	return text
}

// entryOf is a stored stage with the files.
func entryOf(t *testing.T, files map[string]string) store.Entry {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	start := time.UnixMilli(1_700_000_000_000)
	return store.Entry{Dir: dir, Manifest: store.Manifest{Started: start, Finished: start.Add(10 * time.Second)}}
}

// lastOf is the last step of a value in the run whose folder's name begins so.
func lastOf(t *testing.T, dir, name, tag string) int64 {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), name) })
	if at < 0 {
		t.Fatalf("no run %q in %v", name, entries)
	}
	run, err := export.OpenEvents(filepath.Join(dir, entries[at].Name()), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return run.Last(tag)
}

// contents are the files below a folder, joined.
func contents(t *testing.T, dir string) (all []byte, files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all, files = append(all, data...), files+1
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, files
}

// TestLive: two trainings at a time, one of which is killed and goes on in another process; what the
// store has is not written again, what is missing is; trials have their results with what is varied.
func TestLive(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tb")
	var said bytes.Buffer
	first := NewLive(dir, twoSeeds(), &said)
	var both sync.WaitGroup
	for seed := range 2 {
		both.Go(func() {
			lines := first.Lines(tuneTask(seed))
			lines(nil, true)
			for step := 1; step <= 5; step++ {
				lines([]byte(logLine(step)), false)
			}
		})
	}
	both.Wait() // and there it is killed
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 2 || entries[0].Name() != "tune full-1, seed 0 100000000000" {
		t.Fatalf("got %v, %v", entries, err)
	}

	second := NewLive(dir, twoSeeds(), &said)
	reporter := second.Reporter(ended{})
	base := &schedule.Task{Key: "e0", Op: "evaluate"}
	reporter.End(base, schedule.Outcome{Cached: true, Entry: entryOf(t, map[string]string{"rows.jsonl": `{"metric":"acc@1","value":0.25,"n":4}
{"metric":"acc@1","value":1,"n":1,"class":"cat"}
`})})
	lines := second.Lines(tuneTask(0))
	lines(logLines(1, 3), true)
	lines(logLines(4, 4), false)
	lines(logLines(5, 8), false)
	if got := lastOf(t, dir, "tune full-1, seed 0", "tune/loss"); got != 8 {
		t.Errorf("the training that went on is at step %d", got)
	}
	made := entryOf(t, map[string]string{train.MetricsFile: string(logLines(1, 8))})
	_, before := contents(t, dir)
	for seed := range 2 { // the other one was made elsewhere meanwhile
		reporter.End(tuneTask(seed), schedule.Outcome{Cached: seed == 1, Entry: made})
	}
	for _, tag := range []string{"tune/loss", "tune/lr", "tune/tanhAlpha/1"} {
		if got := lastOf(t, dir, "tune full-1, seed 1", tag); got != 8 {
			t.Errorf("%s of the training that was found ends at step %d", tag, got)
		}
	}
	if _, after := contents(t, dir); after != before+1 {
		t.Errorf("%d files after %d: what was there was written again", after, before)
	}
	task := &schedule.Task{Key: "e2", Op: "evaluate"}
	reporter.End(task, schedule.Outcome{Entry: entryOf(t, map[string]string{"rows.jsonl": `{"metric":"acc@1","value":0.75,"n":4}`})})
	if base, tuned := lastOf(t, dir, "base aaaa", "task/acc@1"), lastOf(t, dir, "full, K 8, seed 1 bbbb-s1", "task/acc@1"); base != 0 || tuned != 8 {
		t.Errorf("results stand at steps %d and %d", base, tuned)
	}
	all, _ := contents(t, dir)
	for _, want := range []string{export.HParamsTag, "retrieve.k", "tune.mode", "label", "bbbb"} {
		if !bytes.Contains(all, []byte(want)) {
			t.Errorf("no %q in the files", want)
		}
	}
	if bytes.Contains(all, []byte("tune.gamma")) {
		t.Error("a param that is the same in all trials stands among those that vary")
	}
	third := NewLive(dir, twoSeeds(), &said)
	third.Complete([]*schedule.Task{tuneTask(0), tuneTask(1)}, map[string]store.Entry{tuneKey(0): made, tuneKey(1): made})
	if again, _ := contents(t, dir); !bytes.Equal(again, all) {
		t.Error("a sweep that found everything wrote again")
	}
	if said.Len() > 0 {
		t.Errorf("said %q", said.String())
	}
}

// ended is a reporter that only takes ends.
type ended struct{ schedule.Reporter }

func (ended) End(*schedule.Task, schedule.Outcome) {}

// TestLiveNames: a sweep that calls a stage otherwise finds its folder; names are short and lead
// nowhere else.
func TestLiveNames(t *testing.T) {
	dir := t.TempDir()
	task := tuneTask(0)
	write := func(title string, step int) {
		task.Title = title
		NewLive(dir, nil, os.Stderr).Lines(task)(logLines(step, step), false)
	}
	write("../../tune\n"+strings.Repeat("é", 200), 1)
	write("tune full", 2)
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Fatalf("got %v, %v", entries, err)
	}
	if name := entries[0].Name(); name != "-..-tune-"+strings.Repeat("é", 75)+" 100000000000" {
		t.Errorf("got %q", name)
	}
	if got := lastOf(t, dir, entries[0].Name(), "tune/loss"); got != 2 {
		t.Errorf("the second sweep wrote elsewhere: step %d", got)
	}
	if NewLive("", nil, os.Stderr) != nil {
		t.Error("no folder is one")
	}
}

// TestLiveFault: what goes wrong with the folder is said once, and nothing else comes of it.
func TestLiveFault(t *testing.T) {
	const want = "warning: no more TensorBoard files are written: "
	file := filepath.Join(t.TempDir(), "tb")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	l := NewLive(file, twoSeeds(), &said)
	if text := said.String(); !strings.HasPrefix(text, want) || strings.Count(text, "\n") != 1 {
		t.Errorf("said %q", text)
	}
	l.Lines(tuneTask(0))(logLines(1, 1), false)
	l.Reporter(ended{}).End(tuneTask(0), schedule.Outcome{Err: errors.New("x")})

	said.Reset()
	dir := t.TempDir()
	l = NewLive(dir, twoSeeds(), &said)
	lines := l.Lines(tuneTask(0))
	lines(logLines(1, 1), false)
	l.runs[tuneTask(0).Key[:12]].Close()
	if err := os.RemoveAll(dir); err != nil { // what Close leaves is opened again by its name
		t.Fatal(err)
	}
	for step := 2; step < 5; step++ {
		lines(logLines(step, step), false)
	}
	if text := said.String(); !strings.HasPrefix(text, want) || strings.Count(text, "\n") != 1 || !strings.Contains(text, "no such file") {
		t.Errorf("said %q", text)
	}
}
