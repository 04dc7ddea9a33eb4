package schedule

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"react/runner/internal/storetest"
	"react/runner/store"
)

func TestCauses(t *testing.T) {
	for _, c := range []struct {
		err  error
		want Cause
	}{
		{errors.New("no pairs to train on"), CauseError},
		{&fs.PathError{Op: "open", Path: "x.tar", Err: syscall.ENOENT}, CauseError},
		{fmt.Errorf("shard x.tar: %w", &fs.PathError{Op: "read", Path: "x.tar", Err: syscall.EIO}), CauseIO},
		{fmt.Errorf("shard x.tar: %w", syscall.ESTALE), CauseIO},
		{os.ErrDeadlineExceeded, CauseIO},
		{errors.New("step 3: RESOURCE_EXHAUSTED: Out of memory allocating 1073741824 bytes"), CauseMemory},
		{errors.New("Non-zero status code: std::bad_alloc"), CauseMemory},
		{syscall.ENOMEM, CauseMemory},
		{panicked{"index out of range"}, CausePanic},
		{&store.Error{Root: "/s", What: "publish", Err: syscall.EIO}, CauseStore},
		{fmt.Errorf("step 3: %w", context.Canceled), CauseStopped},
		{inside{syscall.EIO, "/tmp/x"}, CauseIO},
		{fmt.Errorf("tune: %w", ended("the process ended by itself (signal: aborted)")), CauseProcess},
		{ended("the process was killed (by somebody, or by the system, which had no memory left)"), CauseProcess},
		{ended("the process ended by itself: RESOURCE_EXHAUSTED"), CauseMemory},
	} {
		if got := causeOf(c.err); got != c.want {
			t.Errorf("%v: %s, want %s", c.err, got, c.want)
		}
	}
}

// ended is the error of a stage whose process ended.
type ended string

func (e ended) Error() string { return string(e) }
func (e ended) Passing() bool { return true }

// TestRetries: only what may pass is tried again, as often as is allowed, and
// every attempt is on record with its cause.
func TestRetries(t *testing.T) {
	unstable := fmt.Errorf("shard x.tar: %w", syscall.EIO)
	for name, c := range map[string]struct {
		errs    []error // of the attempts
		retries int
		causes  []string // on record
		failed  bool
	}{
		"passes":          {[]error{unstable, unstable, nil}, 2, []string{"i/o", "i/o", ""}, false},
		"does not pass":   {[]error{unstable, unstable}, 1, []string{"i/o", "i/o"}, true},
		"no retries":      {[]error{unstable}, 0, []string{"i/o"}, true},
		"the input":       {[]error{errors.New("no pairs")}, 5, []string{"error"}, true},
		"device memory":   {[]error{errors.New("RESOURCE_EXHAUSTED")}, 5, []string{"out of memory"}, true},
		"then the input":  {[]error{unstable, errors.New("no pairs")}, 5, []string{"i/o", "error"}, true},
		"its process":     {[]error{ended("stands still"), nil}, 1, []string{"process", ""}, false},
		"the first works": {[]error{nil}, 5, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, g, calls := storetest.Open(t), &graph{}, 0
			g.add("tune", func(context.Context, *Attempt) error {
				calls++
				return c.errs[calls-1]
			})
			rec := &recorder{}
			_, err := Run(t.Context(), g.tasks, Options{Store: s, Retries: c.retries, retryPause: time.Microsecond, Reporter: rec})
			if (err != nil) != c.failed || calls != len(c.errs) {
				t.Errorf("%d attempts, %v", calls, err)
			}
			if len(rec.warnings) != len(c.errs)-1 || len(rec.warnings) > 0 && !strings.HasPrefix(rec.warnings[0], fmt.Sprintf("attempt 1: %v; retry 1 of ", c.errs[0])) {
				t.Errorf("warned %q", rec.warnings)
			}
			attempts, err := s.Attempts(key("tune"), "tune")
			var causes []string
			for _, a := range attempts {
				causes = append(causes, a.Cause)
			}
			if err != nil || !reflect.DeepEqual(causes, c.causes) {
				t.Errorf("on record %q, want %q, %v", causes, c.causes, err)
			}
		})
	}
}

func TestAPanicIsOnRecord(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	g.add("tune", func(context.Context, *Attempt) error { panic("index out of range") })
	if _, err := Run(t.Context(), g.tasks, Options{Store: s, Retries: 3}); err == nil {
		t.Fatal("no error")
	}
	attempts, err := s.Attempts(key("tune"), "tune")
	if err != nil || len(attempts) != 1 || attempts[0].Cause != "panic" || !strings.Contains(attempts[0].Error, "index out of range") {
		t.Errorf("on record %+v, %v", attempts, err)
	}
}

// TestStoppedIsNoFailure: a task stopped by its context is on record as that,
// whatever error it returned.
func TestStoppedIsNoFailure(t *testing.T) {
	s, g := storetest.Open(t), &graph{}
	ctx, cancel := context.WithCancel(t.Context())
	g.add("tune", func(ctx context.Context, _ *Attempt) error {
		cancel()
		return errors.New("FAISS was told to stop")
	})
	report, err := Run(ctx, g.tasks, Options{Store: s, Retries: 3})
	if !errors.Is(err, context.Canceled) || len(report.Failures) != 0 {
		t.Errorf("%v, failures %v", err, report.Failures)
	}
	attempts, err := s.Attempts(key("tune"), "tune")
	if err != nil || len(attempts) != 1 || attempts[0].Cause != "stopped" {
		t.Errorf("on record %+v, %v", attempts, err)
	}
}

// most watches how much runs at a time.
type most struct {
	mu                   sync.Mutex
	now, peak            Resources
	tasks, peakTasks     int
	devices, peakDevices int
}

func (m *most) change(r Resources, by int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tasks += by
	m.now.Cores += by * r.Cores
	m.now.Memory += int64(by) * r.Memory
	if r.Device {
		m.devices += by
	}
	m.peakTasks, m.peakDevices = max(m.peakTasks, m.tasks), max(m.peakDevices, m.devices)
	m.peak.Cores, m.peak.Memory = max(m.peak.Cores, m.now.Cores), max(m.peak.Memory, m.now.Memory)
}

// TestLimits runs tasks that each wait until as many run as may: the limits are
// reached and not passed.
func TestLimits(t *testing.T) {
	gib := int64(1 << 30)
	for name, c := range map[string]struct {
		uses   []Resources
		limits Limits
		want   int // tasks at a time
	}{
		"cores":             {[]Resources{{Cores: 2}, {Cores: 2}, {Cores: 2}, {Cores: 2}}, Limits{Cores: 4}, 2},
		"memory":            {[]Resources{{Memory: 3 * gib}, {Memory: 3 * gib}, {Memory: 3 * gib}, {Memory: gib}}, Limits{Memory: 7 * gib}, 3},
		"devices":           {[]Resources{{Device: true}, {Device: true}, {Device: true}, {}}, Limits{Devices: 1}, 2},
		"none":              {[]Resources{{Cores: 9, Memory: gib, Device: true}, {Cores: 9, Memory: gib, Device: true}}, Limits{}, 2},
		"over it by itself": {[]Resources{{Memory: 9 * gib}, {Memory: 9 * gib}}, Limits{Memory: gib}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			s, g, m := storetest.Open(t), &graph{}, &most{}
			reached := make(chan struct{})
			for i, uses := range c.uses {
				g.add(fmt.Sprint("tune", i), func(context.Context, *Attempt) error {
					m.change(uses, 1)
					defer m.change(uses, -1)
					m.mu.Lock()
					if m.tasks == c.want {
						select {
						case <-reached:
						default:
							close(reached)
						}
					}
					m.mu.Unlock()
					select {
					case <-reached:
						return nil
					case <-time.After(20 * time.Second):
						return errors.New("fewer ran at a time than the limits allow")
					}
				})
				g.tasks[i].Uses = uses
			}
			if _, err := Run(t.Context(), g.tasks, Options{Store: s, Jobs: 9, Limits: c.limits}); err != nil {
				t.Fatal(err)
			}
			alone := c.want == 1
			if l := c.limits; m.peakTasks > c.want && alone || !alone && (l.Cores > 0 && m.peak.Cores > l.Cores || l.Memory > 0 && m.peak.Memory > l.Memory) || l.Devices > 0 && m.peakDevices > l.Devices {
				t.Errorf("at a time %d tasks, %+v, %d devices; limits %+v", m.peakTasks, m.peak, m.peakDevices, l)
			}
		})
	}
}
