package optim

import (
	"fmt"
	"math"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
)

func TestCheckDevices(t *testing.T) {
	for _, c := range []struct {
		batch, micro, devices int
		want                  string
	}{
		{6, 0, 0, ""},
		{6, 0, 2, ""},
		{6, 0, 4, "a batch of 6 cannot be shared out evenly among 4 devices: 4 or 8 can"},
		{3, 0, 4, "a batch of 3 cannot be shared out evenly among 4 devices: 4 can"},
		{8, 3, 2, "a micro-batch of 3 cannot be shared out evenly among 2 devices: 2 or 4 can"},
	} {
		got := ""
		if err := CheckDevices(c.batch, c.micro, c.devices); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c, got, c.want)
		}
	}
}

// TestDevicesTrainAsOne holds a step whose pairs are spread over devices to the step on one: the
// loss is of the whole batch, whoever computes which part. Twice the same count gives the same
// bits, and the state moves from one count to another.
func TestDevicesTrainAsOne(t *testing.T) {
	for _, opts := range []Options{
		{Mode: clip.Full, Batch: 8, GradClip: 1},
		{Mode: clip.LockedText, Batch: 8, GradClip: 1},
		{Mode: clip.LockedImage, Batch: 8},
		{Mode: clip.GatedImage, Batch: 8, GradClip: 1},
		{Mode: clip.GatedImage, Batch: 8, MicroBatch: 4, GradClip: 1},
	} {
		t.Run(fmt.Sprint(opts.Mode, opts.MicroBatch), func(t *testing.T) {
			c := cliptest.SmallModel(1, opts.Mode == clip.GatedImage)
			one, losses := train(t, cliptest.OnDevices(t, 1), c, opts, 4)
			want := checkpointOf(t, one)
			for _, count := range []int{2, 4} {
				e := cliptest.OnDevices(t, count)
				spread, got := train(t, e, c, opts, 4)
				for i := range losses {
					if off := math.Abs(got[i].Loss - losses[i].Loss); off > 1e-5 {
						t.Errorf("%d devices, step %d: loss %v, on one %v", count, i, got[i].Loss, losses[i].Loss)
					}
				}
				if off := cliptest.LargestDifference(want, checkpointOf(t, spread)); off > 2e-3 {
					t.Errorf("%d devices: a weight is off by %v", count, off)
				}
				again, _ := train(t, e, c, opts, 4)
				if differ := cliptest.SameBits(checkpointOf(t, spread), checkpointOf(t, again)); differ != nil {
					t.Errorf("%d devices, twice: %v differ", count, differ)
				}
			}
		})
	}
}

// TestResumeOnOtherDevices takes two steps on two devices and two more on one.
func TestResumeOnOtherDevices(t *testing.T) {
	c, opts := cliptest.SmallModel(1, true), Options{Mode: clip.GatedImage, Batch: 8, GradClip: 1}
	alone := cliptest.OnDevices(t, 1)
	_, want := train(t, alone, c, opts, 4)
	first, _ := train(t, cliptest.OnDevices(t, 2), c, opts, 2)
	state, err := first.State()
	if err != nil {
		t.Fatal(err)
	}
	second, _ := train(t, alone, checkpointOf(t, first), opts, 0)
	if err := second.SetState(state); err != nil {
		t.Fatal(err)
	}
	for i, got := range takeSteps(t, second, 2, 4) {
		if off := math.Abs(got.Loss - want[2+i].Loss); off > 1e-5 {
			t.Errorf("step %d: loss %v, want %v", 2+i, got.Loss, want[2+i].Loss)
		}
	}
}

func TestDevicesRefuse(t *testing.T) {
	e := cliptest.OnDevices(t, 4)
	_, err := New(e, cliptest.SmallModel(1, false).Config, Options{Mode: clip.Full, Batch: 6})
	want := "trainer: a batch of 6 cannot be shared out evenly among 4 devices: 4 or 8 can"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
