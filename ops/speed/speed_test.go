package speed

import (
	"context"
	"math"
	"testing"
	"time"

	"react/ops/clip"
	"react/ops/engine"
)

func tiny(t *testing.T) clip.Config {
	cfg, err := clip.Arch("tiny")
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func openGo(t *testing.T) *engine.Engine {
	e, err := engine.Open("go")
	if err != nil {
		t.Skip(err) // a build with -race
	}
	t.Cleanup(e.Close)
	return e
}

func TestMeasureEveryWork(t *testing.T) {
	e := openGo(t)
	for _, work := range Works() {
		asked := 0
		r, err := Measure(context.Background(), e, Options{Config: tiny(t), Work: work, Batch: 4, Gates: 2, Rounds: 2,
			InUse: func() int64 { asked++; return int64(asked) }})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.Rounds) != 2 || len(r.Memory) != 4 || r.Memory[3] != 4 {
			t.Errorf("%s: %d rounds, memory %v", work, len(r.Rounds), r.Memory)
		}
		if median := Median(r.Rounds).Seconds(); math.Abs(r.PerSecond*median-4) > 1e-6 || r.FLOPS <= 0 || r.Compile <= 0 {
			t.Errorf("%s: %+v", work, r)
		}
	}
}

// TestOperations holds what a mode trains to what its step costs.
func TestOperations(t *testing.T) {
	o := Options{Config: tiny(t), Batch: 2}
	f := o.Config.FLOPs()
	for work, want := range map[string]float64{embed: f.Image, clip.Full: 3 * (f.Image + f.Text), clip.LockedText: 3 * f.Image, clip.LockedImage: f.Image + 3*f.Text} {
		o.Work = work
		if got := o.operations(); math.Abs(got/(2*want)-1) > 1e-12 {
			t.Errorf("%s: %g operations, want %g", work, got, 2*want)
		}
	}
}

func TestStopsEarly(t *testing.T) {
	e := openGo(t)
	r, err := Measure(context.Background(), e, Options{Config: tiny(t), Work: embed, Batch: 2, Rounds: 1000, Limit: time.Nanosecond})
	if err != nil || len(r.Rounds) != 1 {
		t.Errorf("%d rounds, %v", len(r.Rounds), err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if r, err := Measure(ctx, e, Options{Config: tiny(t), Work: embed, Batch: 2, Rounds: 1000}); err != context.Canceled || len(r.Rounds) != 1 {
		t.Errorf("cancelled: %d rounds, %v", len(r.Rounds), err)
	}
	if _, err := Measure(context.Background(), e, Options{Config: tiny(t), Work: "dream", Batch: 2}); err == nil {
		t.Error("an unknown work is measured")
	}
}
