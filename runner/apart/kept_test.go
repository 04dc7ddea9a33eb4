package apart

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"react/ops"
	"react/ops/embed"
	"react/ops/engine"
	"react/ops/engine/enginetest"
	"react/ops/op"
	"react/runner/internal/faulty"
)

// doubleParams are of an op of this test.
type doubleParams struct {
	Times   int
	AbortAt int            // run of it that kills the process; 0 for none
	Signal  syscall.Signal // by this; 0 is SIGABRT
	Fail    string         // "not begun", "disk" or ""
	Wait    bool           // for the end of the context, which is noted in a file
	Map     int            // parts of memory
}

// The children are this program: what is here is there too, before they ask what to make.
var _ = func() bool {
	ops.All["test-double"] = op.OnEngine(op.Define(1, "test-double", runDouble, op.Says(op.NoWork[doubleParams], op.SameParams[doubleParams],
		op.NoMemory[doubleParams], op.NoCheck[doubleParams])))
	return true
}()

// onGo is the engine of every place.
func onGo(int) string { return "go" }

// runDouble runs a program on the engine, counts its runs in Partial, and goes on from there.
func runDouble(ctx context.Context, run *op.Run, p doubleParams) error {
	eng, err := run.OpenEngine()
	if err != nil {
		return err
	}
	run.Fact("pid", os.Getpid())
	run.Fact("fit", run.Fit)
	switch {
	case p.Fail == "not begun":
		return fmt.Errorf("nothing: %w", embed.ErrNotBegun)
	case p.Fail == "disk":
		return fmt.Errorf("write: %w", syscall.ENOSPC)
	case p.Wait:
		fmt.Fprintln(run.Log, "waiting")
		<-ctx.Done()
		return errors.Join(ctx.Err(), os.WriteFile(filepath.Join(run.Partial, "saved"), nil, 0o666))
	}
	for i := range p.Map { // neighbours that the system cannot take as one
		if _, err := syscall.Mmap(-1, 0, os.Getpagesize(), i%2*syscall.PROT_READ, syscall.MAP_ANON|syscall.MAP_PRIVATE); err != nil {
			return err
		}
	}
	double, err := enginetest.Double(eng)
	if err != nil {
		return err
	}
	state := filepath.Join(run.Partial, "runs")
	saved, _ := os.ReadFile(state)
	run.Logged(saved, true)
	for {
		done, _ := os.ReadFile(state)
		if len(done) == p.Times {
			return os.WriteFile(run.Path("out"), done, 0o666)
		}
		if err := double(); err != nil {
			return err
		}
		if err := os.WriteFile(state, append(done, 'x'), 0o666); err != nil {
			return err
		}
		run.Logged([]byte{'x'}, false)
		if len(done)+1 == p.AbortAt {
			syscall.Kill(os.Getpid(), cmp.Or(p.Signal, syscall.SIGABRT))
			time.Sleep(time.Minute)
		}
	}
}

func doubling(t *testing.T, partial string, n *notes) *op.Run {
	run := newRun(t.TempDir(), "", n)
	run.Partial, run.Fit = partial, op.Fit{MicroBatch: 7}
	run.Lines = func(lines []byte, before bool) { n.lines = append(n.lines, fmt.Sprintf("%s,%v", lines, before)) }
	return run
}

func raw(t *testing.T, p doubleParams) json.RawMessage {
	t.Helper()
	params, err := op.Canonical(p)
	if err != nil {
		t.Fatal(err)
	}
	return params
}

// goOrSkip skips where the Go engine does not open: in a build with -race and pointer checks.
func goOrSkip(t *testing.T) {
	t.Helper()
	e, err := engine.Open("go")
	if err != nil {
		t.Skip(err)
	}
	e.Close()
}

// TestKept: stages follow each other in one process, which keeps the engine and says when a stage
// has opened it; errors keep what callers tell them by; one that aborts ends alone, and the next
// goes on from what it saved.
func TestKept(t *testing.T) {
	goOrSkip(t)
	k := Keep(onGo, "")
	defer k.Close()
	opened := 0
	do := func(p doubleParams, partial string) (*notes, string, error) {
		n := &notes{}
		run := doubling(t, partial, n)
		peak, err := k.Run(context.Background(), "test-double", run, raw(t, p), func() { opened++ })
		out, _ := os.ReadFile(run.Path("out"))
		if err == nil && (peak < 1<<20 || !strings.Contains(n.facts["fit"], `"MicroBatch":7`)) {
			t.Errorf("peak %d, facts %v", peak, n.facts)
		}
		return n, string(out), err
	}
	first, out, err := do(doubleParams{Times: 2}, t.TempDir())
	if err != nil || out != "xx" || opened != 1 {
		t.Fatalf("got %q, %v, opened %d times", out, err, opened)
	}
	second, _, err := do(doubleParams{Times: 1}, t.TempDir())
	if err != nil || first.facts["pid"] != second.facts["pid"] || first.facts["pid"] == fmt.Sprint(os.Getpid()) {
		t.Errorf("the second stage: %v, in process %s after %s", err, second.facts["pid"], first.facts["pid"])
	}
	if _, _, err := do(doubleParams{Fail: "not begun"}, ""); !errors.Is(err, embed.ErrNotBegun) || errors.Is(err, syscall.ENOSPC) {
		t.Errorf("got %v", err)
	}
	if _, _, err := do(doubleParams{Fail: "disk"}, ""); !errors.Is(err, syscall.ENOSPC) || errors.As(err, new(passing)) {
		t.Errorf("got %v", err)
	}
	partial := t.TempDir()
	_, _, err = do(doubleParams{Times: 5, AbortAt: 3}, partial)
	if !errors.As(err, new(passing)) || !strings.Contains(err.Error(), "the process of test-double ended by itself") || len(Running()) > 0 {
		t.Errorf("after an abort: %v, running %v", err, Running())
	}
	third, out, err := do(doubleParams{Times: 5, AbortAt: 3}, partial)
	if err != nil || out != "xxxxx" || third.facts["pid"] == first.facts["pid"] {
		t.Errorf("the next attempt: %q, %v", out, err)
	}
	if got := strings.Join(third.lines, " "); got != "xxx,true x,false x,false" {
		t.Errorf("the next attempt told of the lines %q", got)
	}
	k.Close()
	if len(Running()) > 0 {
		t.Errorf("after the end: %v", Running())
	}
}

// TestKilledAndStopped: a child that is killed, and one that is stopped and therefore given up,
// take one attempt along, and the next goes on from what was saved.
func TestKilledAndStopped(t *testing.T) {
	goOrSkip(t)
	for signal, want := range map[syscall.Signal]string{
		syscall.SIGKILL: "the process of test-double was killed (by somebody, ",
		syscall.SIGSTOP: "the process of test-double stood still: nothing was heard of it for 2s (somebody stopped it, ",
	} {
		k := &Kept{spec: func(int) string { return "go" }, patience: 2 * time.Second}
		partial, p := t.TempDir(), raw(t, doubleParams{Times: 5, AbortAt: 3, Signal: signal})
		_, err := k.Run(context.Background(), "test-double", doubling(t, partial, &notes{}), p, func() {})
		if !errors.As(err, new(passing)) || !strings.Contains(err.Error(), want) || len(Running()) > 0 {
			t.Errorf("%v: got %v, running %v", signal, err, Running())
		}
		run := doubling(t, partial, &notes{})
		if _, err := k.Run(context.Background(), "test-double", run, p, func() {}); err != nil {
			t.Errorf("%v: the next attempt: %v", signal, err)
		}
		if out, err := os.ReadFile(run.Path("out")); err != nil || string(out) != "xxxxx" {
			t.Errorf("%v: got %q, %v", signal, out, err)
		}
		k.Close()
	}
}

// TestFullChild: a process that has mapped memory in very many parts, as programs of XLA do, makes
// no other stage.
func TestFullChild(t *testing.T) {
	goOrSkip(t)
	k := Keep(onGo, "")
	defer k.Close()
	pids := map[string]bool{}
	for _, parts := range []int{10, 10, mostMappings, 10} {
		n := &notes{}
		run := doubling(t, t.TempDir(), n)
		if _, err := k.Run(context.Background(), "test-double", run, raw(t, doubleParams{Times: 1, Map: parts}), func() {}); err != nil {
			t.Fatal(err)
		}
		pids[n.facts["pid"]] = true
	}
	if len(pids) != 2 {
		t.Errorf("made by the processes %v: want one for the first three stages and one for the last", pids)
	}
}

// TestKeptPlaces: stages at a time are made in places of their own, so that each has other devices;
// one that ends frees its place for the next.
func TestKeptPlaces(t *testing.T) {
	goOrSkip(t)
	var places []int
	k := Keep(func(place int) string {
		places = append(places, place)
		return "go"
	}, "")
	defer k.Close()
	ctx, cancel := context.WithCancel(context.Background())
	run, waiting, ended := doubling(t, t.TempDir(), &notes{}), make(chan struct{}), make(chan error)
	run.Log = writer(func(text string) {
		if strings.Contains(text, "waiting") {
			close(waiting)
		}
	})
	go func() {
		_, err := k.Run(ctx, "test-double", run, raw(t, doubleParams{Wait: true}), func() {})
		ended <- err
	}()
	<-waiting
	made := func() {
		t.Helper()
		if _, err := k.Run(context.Background(), "test-double", doubling(t, t.TempDir(), &notes{}), raw(t, doubleParams{Times: 1}), func() {}); err != nil {
			t.Fatal(err)
		}
	}
	made()
	made()
	cancel()
	<-ended
	made()
	if want := []int{0, 1, 1, 0}; !slices.Equal(places, want) {
		t.Errorf("places %v, want %v", places, want)
	}
}

// TestKeptStops: a stage whose context ends saves its state, and its process ends.
func TestKeptStops(t *testing.T) {
	goOrSkip(t)
	k := Keep(onGo, "")
	defer k.Close()
	ctx, cancel := context.WithCancel(context.Background())
	partial := t.TempDir()
	run := doubling(t, partial, &notes{})
	waiting := make(chan struct{})
	run.Log = writer(func(text string) {
		if strings.Contains(text, "waiting") {
			close(waiting)
		}
	})
	go func() {
		<-waiting
		cancel()
	}()
	if _, err := k.Run(ctx, "test-double", run, raw(t, doubleParams{Wait: true}), func() {}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(partial, "saved")); err != nil || len(Running()) > 0 {
		t.Errorf("not saved: %v; running %v", err, Running())
	}
}

type writer func(text string)

func (w writer) Write(text []byte) (int, error) {
	w(string(text))
	return len(text), nil
}

// TestFaultyPlugin: a plugin that stands still or aborts in the middle of a stage takes its process
// along and no more, and the next attempt ends the stage.
func TestFaultyPlugin(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a plugin that stands still for seconds")
	}
	plugin := faulty.Compile(t, "../..")
	for name, c := range map[string]struct{ file, want, log string }{
		"stands still": {plugin.Still, "a run of double stands still: it began ", "runDouble("},
		"aborts":       {plugin.Abort, "the process of test-double ended by itself", "SIGABRT"},
	} {
		t.Run(name, func(t *testing.T) {
			k := &Kept{spec: func(int) string { return "xla:" + plugin.Path }, patience: 5 * time.Second}
			defer k.Close()
			partial, n := t.TempDir(), &notes{}
			if err := os.WriteFile(c.file, nil, 0o666); err != nil {
				t.Fatal(err)
			}
			_, err := k.Run(context.Background(), "test-double", doubling(t, partial, n), raw(t, doubleParams{Times: 3}), func() {})
			if !errors.As(err, new(passing)) || !strings.Contains(err.Error(), c.want) || !strings.Contains(n.log.String(), c.log) || len(Running()) > 0 {
				t.Errorf("got %v, running %v, log %s", err, Running(), &n.log)
			}
			run := doubling(t, partial, &notes{})
			if _, err := k.Run(context.Background(), "test-double", run, raw(t, doubleParams{Times: 3}), func() {}); err != nil {
				t.Errorf("the next attempt: %v", err)
			}
			if out, err := os.ReadFile(run.Path("out")); err != nil || string(out) != "xxx" {
				t.Errorf("got %q, %v", out, err)
			}
		})
	}
}

// TestSettings: a child of XLA starts with what XLA wants, whatever --engine said, and others as the
// program did.
func TestSettings(t *testing.T) {
	t.Setenv("GLIBC_TUNABLES", "")
	if got := settings(request{Engine: "xla:cpu,devices=2,first=0"}); !slices.Equal(got, []string{"GLIBC_TUNABLES=glibc.malloc.hugetlb=1"}) {
		t.Errorf("XLA: %q", got)
	}
	if got := settings(request{}); len(got) > 0 {
		t.Errorf("a stage without an engine of its own: %q", got)
	}
}
