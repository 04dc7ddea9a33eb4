package resample_test

import (
	"path"
	"testing"

	"react/ops/clip/internal/cliptest"
	"react/ops/clip/resample"
)

// TestResizingAgreesWithPyTorch resizes grids along both axes, each kind beside torch's interpolate.
func TestResizingAgreesWithPyTorch(t *testing.T) {
	const dir = "dense/resample"
	var cases []struct {
		File, Mode string
		Size       [2]int
		Antialias  bool
	}
	cliptest.ReadJSON(t, cliptest.Fixture(t, dir, "cases.json"), &cases)
	shape, grid := cliptest.ReadArray(t, cliptest.Fixture(t, dir, "grid.npy")) // [1, C, h, w]
	for _, c := range cases {
		of := resample.Linear
		switch {
		case c.Mode == "bicubic" && c.Antialias:
			of = resample.BicubicAntialiased
		case c.Mode == "bicubic":
			of = resample.Bicubic
		}
		rows := of(shape[2], c.Size[0]).Apply(grid, shape[1], shape[3])
		got := of(shape[3], c.Size[1]).Apply(rows, shape[1]*c.Size[0], 1)
		_, want := cliptest.ReadArray(t, cliptest.Fixture(t, dir, path.Base(c.File)))
		if err := cliptest.CloseTo(got, want, 1e-5); err != nil {
			t.Errorf("%s to %v, antialias %v: %v", c.Mode, c.Size, c.Antialias, err)
		}
	}
}

// TestAfterIsOneAfterTheOther: two resamplings in one are the one on the output of the other.
func TestAfterIsOneAfterTheOther(t *testing.T) {
	x := cliptest.Drawn("x", 5)
	first, second := resample.Linear(5, 12), resample.Bicubic(12, 7)
	want := second.Apply(first.Apply(x, 1, 1), 1, 1)
	if err := cliptest.CloseTo(second.After(first).Apply(x, 1, 1), want, 1e-6); err != nil {
		t.Error(err)
	}
}

// TestWindows: pixels between the centres of two windows are weighed by distance.
func TestWindows(t *testing.T) {
	got := resample.Windows(2, 4, 2, 6).Apply([]float32{0, 1}, 1, 1) // centres at 2 and 4
	if err := cliptest.CloseTo(got, []float32{0, 0, 0.25, 0.75, 1, 1}, 1e-7); err != nil {
		t.Error(err)
	}
}
