package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// begun is how many runs of an engine have begun and not ended.
func begun(e *Engine) int {
	e.watch.mu.Lock()
	defer e.watch.mu.Unlock()
	return len(e.watch.running)
}

// TestRunsAhead: XLA's runs go on when Run has returned, two at most; they are watched until they
// end, and their outputs may be given to the next, and their inputs freed, at once. The bits are
// those of runs that are waited for.
func TestRunsAhead(t *testing.T) {
	e := openCPU(t, "")
	const size, turns = 256, 200 // a tenth of a second
	renews := func(name string) bool { return name == "x" }
	p, err := e.Renewing("power", renews, func(g *graph.Graph) []*graph.Node {
		x := Input(g, "x", shapes.Make(dtypes.Float32, size, size))
		by := Input(g, "by", shapes.Make(dtypes.Float32, size, size))
		for range turns {
			x = graph.Tanh(graph.Einsum("ij,jk->ik", x, by))
		}
		return []*graph.Node{x}
	})
	if err != nil {
		t.Fatal(err)
	}
	upload := func(scale float32) compute.Buffer {
		t.Helper()
		values := make([]float32, size*size)
		for i := range values {
			values[i] = scale * float32(i%37-18)
		}
		b, err := e.Upload(values, size, size)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	// each run multiplies by another matrix, which is freed before the run ends
	power := func(read bool) []float32 {
		x := upload(0.01)
		got, most := make([]float32, size*size), 0
		for i := range 4 {
			by := upload(0.002 * float32(i+1))
			out, err := p.Run([]compute.Buffer{x, by}, []bool{true, false})
			if err != nil {
				t.Fatal(err)
			}
			most = max(most, begun(e))
			by.Finalize()
			x = out[0]
			if read {
				if err := x.ToFlatData(got); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := x.ToFlatData(got); err != nil {
			t.Fatal(err)
		}
		x.Finalize()
		e.caller.Wait()
		if most < 1 || most > 2 || begun(e) != 0 {
			t.Errorf("read %v: %d runs at a time, %d in the end", read, most, begun(e))
		}
		return got
	}
	want := power(true)
	for range 3 {
		if got := power(false); !slices.Equal(got, want) {
			t.Error("other bits")
		}
	}
	if p.times.median() < time.Millisecond {
		t.Errorf("a run takes %v", p.times.median())
	}
}
