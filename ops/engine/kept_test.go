package engine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// openCPU opens the plugin for CPUs; what it compiles is kept in a folder, by a user who has
// nothing else.
func openCPU(t *testing.T, folder string) *Engine {
	t.Helper()
	return openSpec(t, "xla:cpu", folder)
}

func openSpec(t *testing.T, spec, folder string) *Engine {
	t.Helper()
	t.Setenv(pluginPathEnv, filepath.Dir(cpuPlugin(t)))
	e, err := Open(spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	e.KeepPrograms(folder)
	return e
}

// softmax computes enough that an order of additions would show.
func softmax(g *graph.Graph) []*graph.Node {
	x := Input(g, "x", shapes.Make(dtypes.Float32, 32, 32))
	return []*graph.Node{graph.Softmax(graph.Einsum("ij,kj->ik", x, graph.Tanh(x)), -1)}
}

// softmaxOn compiles anew, or loads, and runs once.
func softmaxOn(t *testing.T, e *Engine) []float32 {
	t.Helper()
	p, err := e.compile("softmax", func(string) bool { return false }, softmax)
	if err != nil {
		t.Fatal(err)
	}
	defer p.exec.Finalize()
	values := make([]float32, 32*32)
	for i := range values {
		values[i] = float32(i%17)/7 - 1
	}
	in, err := e.Upload(values, 32, 32)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Finalize()
	out, err := p.Run([]compute.Buffer{in}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer out[0].Finalize()
	if err := out[0].ToFlatData(values); err != nil {
		t.Fatal(err)
	}
	return values
}

// TestKeptPrograms: a second engine on a folder compiles nothing and gives the same bits. A file
// that is damaged anywhere, cut short or another's gives the same bits too, compiled anew and once.
func TestKeptPrograms(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	folder := filepath.Join(t.TempDir(), "programs")
	want := softmaxOn(t, openCPU(t, ""))
	e := openCPU(t, folder)
	expect := func(what string, compiled, loaded int) {
		t.Helper()
		c, l := e.caller.Counts()
		if got := softmaxOn(t, e); !slices.Equal(got, want) {
			t.Errorf("%s: other bits", what)
		}
		cc, ll := e.caller.Counts()
		if cc-c != compiled || ll-l != loaded {
			t.Errorf("%s: %d compiled, %d loaded; want %d, %d", what, cc-c, ll-l, compiled, loaded)
		}
	}
	expect("the first", 1, 0)
	e = openCPU(t, folder)
	expect("another engine", 0, 1)

	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v: want one file", files, err)
	}
	path := filepath.Join(folder, files[0].Name())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 20, 60, len(whole) / 2, len(whole) - 1} {
		flipped := slices.Clone(whole)
		flipped[at] ^= 0x40
		for _, file := range [][]byte{flipped, whole[:at]} {
			if err := os.WriteFile(path, file, 0o666); err != nil {
				t.Fatal(err)
			}
			expect("a damaged file", 1, 0)
			expect("after a damaged file", 0, 1)
		}
	}

	// The plugin has read its flags already: what it compiles now is not what they say.
	t.Setenv("XLA_FLAGS", "--xla_backend_optimization_level=1")
	expect("other flags", 1, 0)
	if files, err := os.ReadDir(folder); err != nil || len(files) != 1 {
		t.Errorf("%v, %v: want one file", files, err)
	}
}

// TestKeptOnDevices: a program over two devices, and one that runs on either, are kept too, and not
// taken for those of one device.
func TestKeptOnDevices(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	folder := filepath.Join(t.TempDir(), "programs")
	want := softmaxOn(t, openCPU(t, folder))
	for _, loaded := range []int{0, 2} {
		e := openSpec(t, "xla:cpu,devices=2", folder)
		for _, on := range []*Engine{e, e.Each()[1]} {
			if got := softmaxOn(t, on); !slices.Equal(got, want) {
				t.Errorf("%d devices, %d loaded: other bits", on.Devices(), loaded)
			}
		}
		if cc, ll := e.caller.Counts(); cc != 2-loaded || ll != loaded {
			t.Errorf("%d compiled, %d loaded; want %d, %d", cc, ll, 2-loaded, loaded)
		}
	}
}

// TestUnkeptPrograms: where nothing can be kept, all is compiled; another engine keeps nothing.
func TestUnkeptPrograms(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	folder := filepath.Join(t.TempDir(), "programs")
	if err := os.WriteFile(folder, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	e := openCPU(t, folder)
	for range 2 {
		softmaxOn(t, e)
	}
	if compiled, loaded := e.caller.Counts(); compiled != 2 || loaded != 0 {
		t.Errorf("%d compiled, %d loaded", compiled, loaded)
	}
	openGoOrSkip(t).KeepPrograms(folder) // keeps nothing
}
