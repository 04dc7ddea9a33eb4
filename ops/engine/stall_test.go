package engine

import (
	"strings"
	"testing"
	"time"

	"github.com/gomlx/compute"
)

// TestStalled: a run stands still that takes ten times the usual and longer than one's patience, or
// on a CPU one in which nothing is computed; a slow one does not.
func TestStalled(t *testing.T) {
	const patience = 60 * time.Second
	for name, c := range map[string]struct {
		usual, took time.Duration
		used        float64 // of a processor
		idle        bool
		want        string
	}{
		"as usual":                        {time.Second, time.Second, 1, true, ""},
		"ten times, but short":            {time.Second, 50 * time.Second, 0, true, ""},
		"ten times and long":              {time.Second, 70 * time.Second, 1, false, "it takes 1m10s so far, and took 1s before"},
		"long, and usually so":            {30 * time.Second, 200 * time.Second, 1, true, ""},
		"the first, slow":                 {0, time.Hour, 0.05, true, ""},
		"the first, computing nothing":    {0, 61 * time.Second, 0.001, true, "it began 1m1s ago, and nothing is computed"},
		"the first on a device, waiting":  {0, 9 * time.Minute, 0, false, ""},
		"the first on a device, too long": {0, 11 * time.Minute, 0, false, "the first takes 11m0s so far"},
	} {
		t.Run(name, func(t *testing.T) {
			var w watch
			end := w.begin("step", c.usual)
			began := time.Now()
			for r := range w.running {
				r.began = began
			}
			var err error
			for at := time.Duration(0); at <= c.took; at += time.Second {
				err = w.stalled(began.Add(at), time.Duration(c.used*float64(at)), patience, c.idle)
				if err != nil && c.want == "" {
					t.Fatalf("after %v: %v", at, err)
				}
			}
			if c.want != "" && (err == nil || !strings.Contains(err.Error(), "a run of step stands still: "+c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			end()
			if err := w.stalled(began.Add(2*time.Hour), 0, patience, c.idle); err != nil {
				t.Errorf("after its end: %v", err)
			}
		})
	}
}

// TestStoppedProcess: a process that a cluster suspends for an hour has not stood still.
func TestStoppedProcess(t *testing.T) {
	var w watch
	w.begin("step", time.Second)
	now, used := time.Now(), time.Duration(0)
	for i := range 200 {
		now, used = now.Add(time.Second), used+time.Second/2
		if i == 20 {
			now = now.Add(time.Hour)
		}
		err := w.stalled(now, used, time.Minute, true)
		if late := i > 70; late != (err != nil) && (i < 50 || i > 90) {
			t.Fatalf("second %d: %v", i, err)
		}
	}
}

// TestUsualTime: runs of a program are timed, and those that have ended are forgotten.
func TestUsualTime(t *testing.T) {
	var x times
	if x.median() != 0 {
		t.Error("a time before any run")
	}
	for i := range 100 {
		x.add(time.Duration(i))
	}
	if got := x.median(); got != 84 || len(x.took) != remembered {
		t.Errorf("got %v of %d", got, len(x.took))
	}
	e := openGoOrSkip(t)
	p, err := e.Program("double", double)
	if err != nil {
		t.Fatal(err)
	}
	in, err := e.Upload([]float32{1, 2}, 2)
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.Run([]compute.Buffer{in}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out[0].Finalize()
	if p.times.median() <= 0 || len(e.watch.running) > 0 {
		t.Errorf("took %v, and %d run", p.times.median(), len(e.watch.running))
	}
}
