package schedule

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"react/runner/internal/storetest"
	"react/runner/store"
)

// graph builds tasks whose output is their name and the outputs of what they
// need, and counts the calls of each.
type graph struct {
	tasks []*Task
	calls map[string]*atomic.Int32
}

func key(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])
}

// add appends a task; before, if not nil, runs first in every attempt.
func (g *graph) add(name string, before func(ctx context.Context, a *Attempt) error, needs ...string) {
	if g.calls == nil {
		g.calls = map[string]*atomic.Int32{}
	}
	calls := &atomic.Int32{}
	g.calls[name] = calls
	t := &Task{Key: key(name), Op: strings.TrimRight(name, "0123456789"), Lines: []string{"name " + name}, Trials: []string{"trial-of-" + name}, Wanted: true}
	for _, need := range needs {
		t.Needs = append(t.Needs, key(need))
	}
	t.Run = func(ctx context.Context, a *Attempt) error {
		calls.Add(1)
		if before != nil {
			if err := before(ctx, a); err != nil {
				return err
			}
		}
		text := name
		for _, need := range t.Needs {
			data, err := os.ReadFile(filepath.Join(a.In[need], "out.txt"))
			if err != nil {
				return err
			}
			text += "(" + string(data) + ")"
		}
		return os.WriteFile(filepath.Join(a.Dir, "out.txt"), []byte(text), 0o666)
	}
	g.tasks = append(g.tasks, t)
}

// ran lists how often each task's function was called.
func (g *graph) ran() map[string]int32 {
	ran := map[string]int32{}
	for name, n := range g.calls {
		if n.Load() > 0 {
			ran[name] = n.Load()
		}
	}
	return ran
}

// diamond is a pool read by two embeds, read by two tunes and an evaluate.
func diamond() *graph {
	g := &graph{}
	g.add("pool", nil)
	g.add("embed1", nil, "pool")
	g.add("embed2", nil, "pool")
	g.add("tune1", nil, "embed1")
	g.add("tune2", nil, "embed2")
	g.add("evaluate", nil, "tune1", "tune2")
	return g
}

func read(t *testing.T, r *Report, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.Entries[key(name)].Dir, "out.txt"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func names(tasks []*Task) []string {
	var names []string
	for _, t := range tasks {
		names = append(names, strings.TrimPrefix(t.Lines[0], "name "))
	}
	return names
}

func TestSharedStagesRunOnce(t *testing.T) {
	for _, jobs := range []int{0, 1, 4} {
		t.Run(fmt.Sprint(jobs), func(t *testing.T) {
			s, g := storetest.Open(t), diamond()
			report, err := Run(t.Context(), g.tasks, Options{Store: s, Jobs: jobs})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := read(t, report, "evaluate"), "evaluate(tune1(embed1(pool)))(tune2(embed2(pool)))"; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			report, err = Run(t.Context(), g.tasks, Options{Store: s, Jobs: jobs})
			if err != nil || len(report.Cached) != 6 || len(report.Made) != 0 {
				t.Errorf("second run: %v, cached %v", err, names(report.Cached))
			}
			if want := map[string]int32{"pool": 1, "embed1": 1, "embed2": 1, "tune1": 1, "tune2": 1, "evaluate": 1}; !reflect.DeepEqual(g.ran(), want) {
				t.Errorf("calls %v, want %v", g.ran(), want)
			}
		})
	}
}

func TestFailureStopsOnlyWhatDependsOnIt(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	broken := true
	g.add("pool", nil)
	g.add("tune1", func(context.Context, *Attempt) error {
		if broken {
			return errors.New("file a.tar: row 3: not a JPEG")
		}
		return nil
	}, "pool")
	g.add("evaluate1", nil, "tune1")
	g.add("tune2", nil, "pool")
	g.add("evaluate2", nil, "tune2")
	report, err := Run(t.Context(), g.tasks, Options{Store: s})
	log := s.LogPath(key("tune1"), "tune")
	want := "stage tune " + key("tune1")[:12] + ": file a.tar: row 3: not a JPEG\n\ttrials: trial-of-tune1\n\tlog: " + log + "\n1 stage failed, 1 stage did not run"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
	if got := names(report.Blocked); !reflect.DeepEqual(got, []string{"evaluate1"}) {
		t.Errorf("blocked %v", got)
	}
	if got := names(report.Made); !reflect.DeepEqual(got, []string{"pool", "tune2", "evaluate2"}) {
		t.Errorf("made %v", got)
	}
	broken = false
	report, err = Run(t.Context(), g.tasks, Options{Store: s})
	if got := names(report.Made); err != nil || !reflect.DeepEqual(got, []string{"tune1", "evaluate1"}) {
		t.Errorf("second run made %v, %v", got, err)
	}
	if data, err := os.ReadFile(log); err != nil || strings.Count(string(data), "--- ") != 2 || !strings.Contains(string(data), "error: file a.tar") {
		t.Errorf("log: %s, %v", data, err)
	}
}

func TestFailFast(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	g.add("tune1", func(context.Context, *Attempt) error { return errors.New("no") })
	g.add("tune2", nil)
	_, err := Run(t.Context(), g.tasks, Options{Store: s, FailFast: true})
	if err == nil || !strings.HasSuffix(err.Error(), "1 stage failed, 1 stage did not run") {
		t.Errorf("got %v", err)
	}
	if want := map[string]int32{"tune1": 1}; !reflect.DeepEqual(g.ran(), want) {
		t.Errorf("calls %v, want %v", g.ran(), want)
	}
}

// TestFailFastCancels: with two attempts at work, the failure of one cancels
// the other.
func TestFailFastCancels(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	begun := make(chan struct{})
	g.add("tune1", func(context.Context, *Attempt) error { <-begun; return errors.New("no") })
	g.add("tune2", func(ctx context.Context, a *Attempt) error { close(begun); <-ctx.Done(); return ctx.Err() })
	report, err := Run(t.Context(), g.tasks, Options{Store: s, FailFast: true, Jobs: 2})
	var failed *Failed
	if !errors.As(err, &failed) || len(failed.Failures) != 1 || len(report.Entries) != 0 {
		t.Errorf("got %v", err)
	}
}

// put panics on a nil map.
func put(m map[string]error) error {
	m["x"] = nil
	return nil
}

func TestPanicIsAFailure(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	g.add("tune1", func(context.Context, *Attempt) error { return put(nil) })
	g.add("tune2", nil)
	report, err := Run(t.Context(), g.tasks, Options{Store: s})
	if err == nil || !strings.Contains(err.Error(), "panic: assignment to entry in nil map (a bug in this program; the log has the stack)") {
		t.Errorf("got %v", err)
	}
	if len(report.Made) != 1 {
		t.Errorf("made %v", names(report.Made))
	}
	if data, err := os.ReadFile(s.LogPath(key("tune1"), "tune")); err != nil || !strings.Contains(string(data), "schedule_test.go") {
		t.Errorf("log: %s, %v", data, err)
	}
}

// TestCancelThenResume cancels in the middle of each stage in turn; the last
// run goes on from what was published.
func TestCancelThenResume(t *testing.T) {
	s := storetest.Open(t)
	stages := []string{"pool", "embed", "tune", "evaluate"}
	for at, stop := range stages {
		t.Run(stop, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			report, err := Run(ctx, chain(stages, stop, cancel).tasks, Options{Store: s})
			if !errors.Is(err, context.Canceled) || len(report.Failures) != 0 {
				t.Fatalf("%v, failures %v", err, report.Failures)
			}
			if left, _ := filepath.Glob(filepath.Join(s.Root(), "cache/tmp/*/*")); len(left) != 0 {
				t.Errorf("left %v", left)
			}
			if len(report.Cached) != max(0, at-1) {
				t.Errorf("cached %v", names(report.Cached))
			}
		})
	}
	g := chain(stages, "", nil)
	report, err := Run(t.Context(), g.tasks, Options{Store: s})
	if want := map[string]int32{"evaluate": 1}; err != nil || !reflect.DeepEqual(g.ran(), want) {
		t.Fatalf("calls %v, want %v, %v", g.ran(), want, err)
	}
	if got, want := read(t, report, "evaluate"), "evaluate(tune(embed(pool)))"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// chain needs each stage for the next; the one called stop leaves half a file,
// has the run cancelled and gives up.
func chain(stages []string, stop string, cancel func()) *graph {
	g := &graph{}
	for i, name := range stages {
		var before func(context.Context, *Attempt) error
		if name == stop {
			before = func(ctx context.Context, a *Attempt) error {
				err := os.WriteFile(filepath.Join(a.Dir, "half.npy"), []byte("half"), 0o666)
				cancel()
				<-ctx.Done()
				return fmt.Errorf("step 17: %w", errors.Join(err, ctx.Err()))
			}
		}
		g.add(name, before, stages[max(0, i-1):i]...)
	}
	return g
}

// TestCancelledButComplete: an output that is complete is published.
func TestCancelledButComplete(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	g.add("pool", func(context.Context, *Attempt) error { cancel(); return nil })
	if _, err := Run(ctx, g.tasks, Options{Store: s}); err != nil {
		t.Errorf("everything is done, yet: %v", err)
	}
	if _, ok, err := s.Lookup(key("pool")); !ok || err != nil {
		t.Errorf("hit %v, %v", ok, err)
	}
}

// TestErrorsNameFilesInside: the attempt's directory is gone when its error is
// read.
func TestErrorsNameFilesInside(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	g.add("embed1", func(_ context.Context, a *Attempt) error {
		_, err := os.Open(filepath.Join(a.Dir, "img_emb", "img_emb_0.npy"))
		return err
	})
	report, _ := Run(t.Context(), g.tasks, Options{Store: s})
	if err := report.Failures[0].Err; err.Error() != "open img_emb/img_emb_0.npy: no such file or directory" || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestFullDiskStopsEverything: what an op meets is the store's fault.
func TestFullDiskStopsEverything(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	g.add("embed1", func(context.Context, *Attempt) error {
		return fmt.Errorf("img_emb_0.npy: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})
	})
	g.add("embed2", nil)
	_, err := Run(t.Context(), g.tasks, Options{Store: s})
	var fault *store.Error
	if !errors.As(err, &fault) {
		t.Fatalf("got %v", err)
	}
	if want := map[string]int32{"embed1": 1}; !reflect.DeepEqual(g.ran(), want) {
		t.Errorf("calls %v, want %v", g.ran(), want)
	}
}

func TestDamagedEntryIsMadeAgain(t *testing.T) {
	s, g := storetest.Open(t), diamond()
	report, err := Run(t.Context(), g.tasks, Options{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(report.Entries[key("embed1")].Dir, "out.txt")
	if err := errors.Join(os.Chmod(out, 0o666), os.Truncate(out, 1)); err != nil {
		t.Fatal(err)
	}
	rec := &recorder{}
	report, err = Run(t.Context(), g.tasks, Options{Store: s, Reporter: rec})
	if err != nil || !reflect.DeepEqual(names(report.Made), []string{"embed1"}) {
		t.Fatalf("made %v, %v", names(report.Made), err)
	}
	if len(rec.warnings) != 1 || !strings.Contains(rec.warnings[0], "is damaged: out.txt has 1 bytes, the manifest says 12; moved to ") {
		t.Errorf("warnings %q", rec.warnings)
	}
}

// TestUnneededIsLeftAlone: with the evaluation cached, a pool that is gone is
// made again only when something that runs reads it.
func TestUnneededIsLeftAlone(t *testing.T) {
	s, g := storetest.Open(t), diamond()
	for _, task := range g.tasks[:len(g.tasks)-1] {
		task.Wanted = false
	}
	if _, err := Run(t.Context(), g.tasks, Options{Store: s}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"pool", "embed1", "tune1"} {
		if _, err := s.SetAside(key(name)); err != nil {
			t.Fatal(err)
		}
	}
	survey, err := Look(s, g.tasks)
	if want := []Status{Unneeded, Unneeded, Cached, Unneeded, Cached, Cached}; err != nil || !reflect.DeepEqual(survey.Status, want) {
		t.Fatalf("status %v, want %v, %v", survey.Status, want, err)
	}
	report, err := Run(t.Context(), g.tasks, Options{Store: s})
	if err != nil || len(report.Made) != 0 {
		t.Fatalf("made %v, %v", names(report.Made), err)
	}
	g.add("evaluate2", nil, "tune1")
	report, err = Run(t.Context(), g.tasks, Options{Store: s})
	if want := []string{"pool", "embed1", "tune1", "evaluate2"}; err != nil || !reflect.DeepEqual(names(report.Made), want) {
		t.Fatalf("made %v, want %v, %v", names(report.Made), want, err)
	}
}

// recorder keeps what a run reports.
type recorder struct {
	mu       sync.Mutex
	warnings []string
	lines    []string
}

func (r *recorder) add(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, fmt.Sprintf(format, args...))
}

func (r *recorder) Begin(t *Task, n, total int) { r.add("begin %s %d/%d", t.Op, n, total) }
func (r *recorder) Wait(t *Task, _ string)      { r.add("wait %s", t.Op) }
func (r *recorder) Progress(t *Task, done, total int, note string) {
	r.add("progress %s %d/%d %s", t.Op, done, total, note)
}
func (r *recorder) Warn(t *Task, text string) {
	r.add("warn %s", t.Op)
	r.warnings = append(r.warnings, text)
}
func (r *recorder) End(t *Task, o Outcome) { r.add("end %s cached=%v err=%v", t.Op, o.Cached, o.Err) }

func TestReportsAndFacts(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	g.add("pool", nil)
	g.add("tune", func(_ context.Context, a *Attempt) error {
		a.Progress(5, 10, "loss 2.31")
		a.Warn("gamma %.1f makes %d%% positive", 0.9, 80)
		a.Fact("engine", "go")
		fmt.Fprintln(a.Log, "compiled")
		return nil
	}, "pool")
	if _, err := Run(t.Context(), g.tasks[:1], Options{Store: s}); err != nil {
		t.Fatal(err)
	}
	rec := &recorder{}
	report, err := Run(t.Context(), g.tasks, Options{Store: s, Reporter: rec})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"end pool cached=true err=<nil>", "begin tune 1/1", "progress tune 5/10 loss 2.31", "warn tune", "end tune cached=false err=<nil>"}
	if !reflect.DeepEqual(rec.lines, want) {
		t.Errorf("got %q, want %q", rec.lines, want)
	}
	m := report.Entries[key("tune")].Manifest
	if m.Facts["engine"] != "go" || !reflect.DeepEqual(m.Warnings, []string{"gamma 0.9 makes 80% positive"}) {
		t.Errorf("manifest: %v, %v", m.Facts, m.Warnings)
	}
	if data, err := os.ReadFile(s.LogPath(key("tune"), "tune")); err != nil || !strings.Contains(string(data), "compiled\n") {
		t.Errorf("log: %s, %v", data, err)
	}
}

// TestJobsAreBounded holds three attempts at once where three are allowed, and
// never more.
func TestJobsAreBounded(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	var now, most atomic.Int32
	three := make(chan struct{})
	for i := range 9 {
		g.add(fmt.Sprint("tune", i), func(context.Context, *Attempt) error {
			n := now.Add(1)
			defer now.Add(-1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			if n == 3 && most.Load() == 3 {
				select {
				case <-three:
				default:
					close(three)
				}
			}
			<-three
			return nil
		})
	}
	if _, err := Run(t.Context(), g.tasks, Options{Store: s, Jobs: 3}); err != nil {
		t.Fatal(err)
	}
	if most.Load() != 3 {
		t.Errorf("%d attempts at once", most.Load())
	}
}

func TestWrongOrderIsABug(t *testing.T) {
	g := diamond()
	for name, tasks := range map[string][]*Task{
		"input after reader": {g.tasks[1], g.tasks[0]},
		"input not planned":  {g.tasks[1]},
		"planned twice":      {g.tasks[0], g.tasks[0]},
	} {
		if _, err := Run(t.Context(), tasks, Options{Store: storetest.Open(t)}); err == nil || !strings.HasPrefix(err.Error(), "bug: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestPartialOutlivesAnAttempt: what a failed attempt left in Partial is there
// for the next one, and gone when the output is published.
func TestPartialOutlivesAnAttempt(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	found := []string{}
	g.add("tune", func(_ context.Context, a *Attempt) error {
		data, _ := os.ReadFile(filepath.Join(a.Partial, "state"))
		if found = append(found, string(data)); len(found) == 3 {
			return nil
		}
		err := errors.Join(os.MkdirAll(a.Partial, 0o777), os.WriteFile(filepath.Join(a.Partial, "state"), []byte(fmt.Sprint("after ", len(found))), 0o666))
		return errors.Join(err, errors.New("stopped half-way"))
	})
	for i := range 3 {
		if _, err := Run(t.Context(), g.tasks, Options{Store: s}); (err == nil) != (i == 2) {
			t.Fatalf("attempt %d: %v", i+1, err)
		}
	}
	if want := []string{"", "after 1", "after 2"}; !reflect.DeepEqual(found, want) {
		t.Errorf("attempts found %q, want %q", found, want)
	}
	if left, _ := filepath.Glob(filepath.Join(s.Root(), "cache/partial/*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

// BenchmarkNothingToDo is a sweep that is done: 2,000 stages looked up.
func BenchmarkNothingToDo(b *testing.B) {
	s, g := storetest.Open(b), &graph{}
	g.add("pool", nil)
	for i := range 2000 {
		g.add(fmt.Sprint("tune", i), nil, "pool")
	}
	if _, err := Run(b.Context(), g.tasks, Options{Store: s}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := Run(b.Context(), g.tasks, Options{Store: s}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStage is what a stage costs beside its work: one file of a few bytes
// made, published and noted.
func BenchmarkStage(b *testing.B) {
	s, n := storetest.Open(b), 0
	for b.Loop() {
		g := &graph{}
		n++
		g.add(fmt.Sprint("tune", n), nil)
		if _, err := Run(b.Context(), g.tasks, Options{Store: s}); err != nil {
			b.Fatal(err)
		}
	}
}

// TestLogOfAttempt: a log has times and losses, and an interrupt is no error.
func TestLogOfAttempt(t *testing.T) {
	var log bytes.Buffer
	n := &notes{log: &log, reporter: silent{}}
	n.advance(1, 300, "loss 10.526")
	n.advance(2, 300, "loss 9.810") // too soon
	n.advance(300, 300, "loss 1.024")
	n.logProgress(0)
	n.logProgress(0) // it is there
	n.logEnd(fmt.Errorf("step 3: %w", context.Canceled))
	n.logEnd(errors.New("no pair"))
	got := regexp.MustCompile(`20\d\d-\d\d-\d\dT[\d:]+Z`).ReplaceAllString(log.String(), "TIME")
	want := "TIME 1/300 loss 10.526\nTIME 300/300 loss 1.024\nTIME interrupted\nerror: no pair\n"
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
