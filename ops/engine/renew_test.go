package engine

import (
	"slices"
	"testing"
	"unsafe"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// TestRenewing: the output of a run takes the memory of the input that it is a new value of, when
// that is donated, and no other; without it the input stays as it was. The values are the same.
func TestRenewing(t *testing.T) {
	e := openCPU(t, "")
	const size = 1 << 10
	build := func(g *graph.Graph) []*graph.Node {
		step := Input(g, "step", shapes.Make(dtypes.Float32, size))
		state := Input(g, "state", shapes.Make(dtypes.Float32, size))
		return []*graph.Node{graph.ReduceAllSum(step), graph.Add(state, step)}
	}
	p, err := e.Renewing("state", func(name string) bool { return name == "state" }, build)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Renewed(), []bool{false, true}) {
		t.Errorf("renewed %v", p.Renewed())
	}
	upload := func(value float32) compute.Buffer {
		t.Helper()
		b, err := e.Upload(slices.Repeat([]float32{value}, size), size)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	values := func(b compute.Buffer) []float32 {
		t.Helper()
		x := make([]float32, size)
		if err := b.ToFlatData(x); err != nil {
			t.Fatal(err)
		}
		return x
	}
	place := func(b compute.Buffer) unsafe.Pointer {
		t.Helper()
		data, err := b.Data()
		if err != nil {
			t.Fatal(err)
		}
		return unsafe.Pointer(unsafe.SliceData(data.([]float32)))
	}
	step, state := upload(1), upload(5)
	for round, donated := range []bool{false, true, true, false} {
		want, before := values(state)[0]+1, place(state)
		out, err := p.Run([]compute.Buffer{step, state}, []bool{false, donated})
		if err != nil {
			t.Fatal(err)
		}
		if got := values(out[1]); !slices.Equal(got, slices.Repeat([]float32{want}, size)) {
			t.Errorf("round %d: got %v, want %v", round, got[0], want)
		}
		if same := place(out[1]) == before; same != donated {
			t.Errorf("round %d: donated %v, the output takes its memory: %v", round, donated, same)
		}
		if !donated {
			if kept := values(state)[0]; kept != want-1 {
				t.Errorf("round %d: the input is now %v", round, kept)
			}
			state.Finalize()
		}
		out[0].Finalize()
		state = out[1]
	}
	if got := values(step)[0]; got != 1 {
		t.Errorf("the input that is not renewed is now %v", got)
	}
}

// TestRenewingOnDevices: what each of several devices has whole is donated on each, beside rows
// that are spread.
func TestRenewingOnDevices(t *testing.T) {
	e := openSpec(t, "xla:cpu,devices=2", "")
	renews := func(name string) bool { return name == "state" }
	p, err := e.Renewing("state", renews, func(g *graph.Graph) []*graph.Node {
		rows := InputRows(g, "rows", shapes.Make(dtypes.Float32, 4, 3))
		return []*graph.Node{graph.Add(Input(g, "state", shapes.Make(dtypes.Float32, 3)), graph.ReduceSum(rows, 0))}
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := e.UploadRows([]float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 4, 3)
	if err != nil {
		t.Fatal(err)
	}
	state, err := e.Upload([]float32{0, 0, 1}, 3)
	for range 3 {
		if err != nil {
			t.Fatal(err)
		}
		var out []compute.Buffer
		if out, err = p.Run([]compute.Buffer{rows, state}, []bool{false, true}); err == nil {
			state = out[0]
		}
	}
	got := make([]float32, 3)
	if err := state.ToFlatData(got); err != nil || !slices.Equal(got, []float32{66, 78, 91}) {
		t.Errorf("got %v, %v", got, err)
	}
}
