package engine

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

func TestTakeSpan(t *testing.T) {
	for _, c := range []struct {
		options, rest string
		want          span
		err           string
	}{
		{"", "", span{0, 1}, ""},
		{"tf32=true", "tf32=true", span{0, 1}, ""},
		{"devices=4,first=2", "", span{2, 4}, ""},
		{"tf32=true,devices=2", "tf32=true", span{0, 2}, ""},
		{"devices=0", "", span{}, "option devices=0: a number of devices from 1"},
		{"devices=all", "", span{}, "option devices=all: a number of devices from 1"},
		{"first=-1", "", span{}, "option first=-1: the number of a device from 0"},
	} {
		rest, got, err := takeSpan(c.options)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%q: got error %v, want %s", c.options, err, c.err)
			}
			continue
		}
		if err != nil || rest != c.rest || got != c.want {
			t.Errorf("%q: got %q %v %v, want %q %v", c.options, rest, got, err, c.rest, c.want)
		}
	}
}

func TestWithDevices(t *testing.T) {
	for _, c := range []struct {
		spec         string
		first, count int
		want         string
	}{
		{"auto", 0, 1, "auto"},
		{"auto", 1, 1, "xla:cuda,devices=1,first=1"},
		{"xla:cuda,tf32=true", 0, 2, "xla:cuda,tf32=true,devices=2,first=0"},
	} {
		if got := WithDevices(c.spec, c.first, c.count); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

// onCPU opens XLA's plugin for CPUs with several devices.
func onCPU(t *testing.T, devices int) *Engine {
	t.Helper()
	t.Setenv(pluginPathEnv, filepath.Dir(cpuPlugin(t)))
	e, err := Open(WithDevices("xla:cpu", 0, devices))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// TestSpread adds up the rows of a matrix that two devices have half of each, and reads what both
// have then.
func TestSpread(t *testing.T) {
	e := onCPU(t, 2)
	if e.Devices() != 2 || e.Describe()[DevicesFact] != "2" {
		t.Errorf("%d devices, described as %q", e.Devices(), e.Describe()[DevicesFact])
	}
	p, err := e.Program("sum {}", func(g *graph.Graph) []*graph.Node {
		rows := InputRows(g, "rows", shapes.Make(dtypes.Float32, 4, 2))
		by := Input(g, "by", shapes.Make(dtypes.Float32, 1, 2))
		return []*graph.Node{graph.ReduceSum(graph.Mul(rows, by), 0)}
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := e.UploadRows([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 4, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { rows.Finalize() })
	by, err := e.Upload([]float32{1, 10}, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { by.Finalize() })
	out, err := p.Run([]compute.Buffer{rows, by}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out[0].Finalize() })
	got := make([]float32, 2)
	if err := out[0].ToFlatData(got); err != nil || !slices.Equal(got, []float32{16, 200}) {
		t.Errorf("got %v %v, want [16 200]", got, err)
	}
	if err := rows.ToFlatData(got); err == nil {
		t.Error("rows of two devices were read as one value")
	}
	if _, err := e.UploadRows([]float32{1, 2, 3}, 3, 1); err == nil || err.Error() != "3 rows cannot be shared out evenly among 2 devices" {
		t.Errorf("3 rows on 2 devices: %v", err)
	}
	alone, err := e.Each()[1].Upload([]float32{1, 10}, 1, 2)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { alone.Finalize() })
	if _, err := p.Run([]compute.Buffer{rows, alone}, nil); err == nil || err.Error() != "input 1 is not on the 2 devices of the program" {
		t.Errorf("an input on one device: %v", err)
	}
}

// TestEach runs one program on each of three devices: it is compiled once.
func TestEach(t *testing.T) {
	e := onCPU(t, 3)
	built := 0
	for i, one := range e.Each() {
		if one.Devices() != 1 {
			t.Errorf("device %d has %d devices", i, one.Devices())
		}
		p, err := one.Program("double {}", func(g *graph.Graph) []*graph.Node {
			built++
			return []*graph.Node{graph.MulScalar(Input(g, "x", shapes.Make(dtypes.Float32, 1)), 2)}
		})
		if err != nil {
			t.Fatal(err)
		}
		in, err := one.Upload([]float32{float32(i + 1)}, 1)
		if err != nil {
			t.Fatal(err)
		}
		out, err := p.Run([]compute.Buffer{in}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, 1)
		if err := out[0].ToFlatData(got); err != nil || got[0] != float32(2*(i+1)) {
			t.Errorf("device %d: got %v %v", i, got, err)
		}
		if at, _ := out[0].DeviceNum(); int(at) != i {
			t.Errorf("device %d: the output is on %d", i, at)
		}
		out[0].Finalize()
		in.Finalize()
	}
	if built != 1 {
		t.Errorf("built %d times", built)
	}
}
