package engine

import (
	"bytes"
	"debug/elf"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/gomlx/core/graph"
)

// openGoOrSkip opens the Go engine, which cannot run under -race with checkptr.
func openGoOrSkip(t *testing.T) *Engine {
	t.Helper()
	e, err := Open("go")
	if err != nil && raceWithCheckptr() {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "plugin.so")
	if err := os.WriteFile(text, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ spec, want string }{
		{"cuda", `unknown engine "cuda": auto, onnx, go, xla:cuda, xla:cpu or xla:PLUGIN`},
		{"GO", `unknown engine "GO"`},
		{"xla", "no PJRT plugin named"},
		{"xla:", "no PJRT plugin named"},
		{"xla:" + filepath.Join(dir, "none.so"), "none.so: no such file"},
		{"xla:" + dir, "not a file"},
		{"xla:" + text, "not a shared library"},
		{"xla:" + text + ",tf32=false", "plugin.so: not a shared library"},
	} {
		if _, err := Open(c.spec); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.spec, err, c.want)
		}
	}
}

// TestBadPlugins compiles libraries that are no plugin, one of which kills who
// calls it, and cuts one short.
func TestBadPlugins(t *testing.T) {
	dir := t.TempDir()
	compile := func(name, source string) string { return compileLibrary(t, filepath.Join(dir, name), source) }
	whole := compile("pjrt_c_api_whole_plugin.so", "void *GetPjrtApi(void) { return 0; }")
	data, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(dir, "short.so")
	if err := os.WriteFile(short, data[:endOfSegments(t, whole)-100], 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ path, want string }{
		{compile("other.so", "int f(void) { return 1; }"), "no function GetPjrtApi in it"},
		{whole, "GetPjrtApi gave nothing"},
		{compile("crash.so", "void *GetPjrtApi(void) { *(volatile int*)0 = 1; return 0; }"), "does not load: it crashes when loaded"},
		{compile("missing.so", "void gone(void); void *GetPjrtApi(void) { gone(); return 0; }"), "does not load"},
		{short, ""},
	} {
		_, err := Open("xla:" + c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want %q", c.path, err, c.want)
		}
	}
}

// compileLibrary makes a shared library of C code.
func compileLibrary(t *testing.T, path, source string) string {
	t.Helper()
	if _, err := exec.LookPath("cc"); err != nil {
		t.Skip("no C compiler: cc is not in PATH")
	}
	cmd := exec.Command("cc", "-shared", "-fPIC", "-x", "c", "-", "-o", path)
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("cc: %v: %s", err, out)
	}
	return path
}

func endOfSegments(t *testing.T, path string) uint64 {
	f, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	end := uint64(0)
	for _, p := range f.Progs {
		end = max(end, p.Off+p.Filesz)
	}
	return end
}

func TestONNXErrors(t *testing.T) {
	openGoOrSkip(t)
	dir := t.TempDir()
	t.Chdir(dir) // no cache/ here; the test binary's folder has none either
	t.Setenv(libraryEnv, "")
	if _, err := Open("onnx"); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, "cache", "onnxruntime")) {
		t.Errorf("no library: %v", err)
	}
	t.Setenv(libraryEnv, filepath.Join(dir, "gone.so"))
	if _, err := Open("onnx"); err == nil || !strings.Contains(err.Error(), "gone.so, which is not a file") {
		t.Errorf("a library that is not there: %v", err)
	}
	e, err := Open("auto")
	if err != nil || e.Name() != "go" {
		t.Fatalf("auto without a library: %v, %v", e, err)
	}
	e.Close()
	bad := filepath.Join(dir, "libonnxruntime.so.1")
	if err := os.WriteFile(bad, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(libraryEnv, bad)
	if _, err := Open("onnx"); err == nil || !strings.Contains(err.Error(), bad+" does not load") {
		t.Errorf("a damaged library: %v", err)
	}
	e, err = Open("auto")
	if err != nil || e.Name() != "go" || len(e.Warnings()) == 0 || !strings.Contains(e.Warnings()[0], "does not load") {
		t.Fatalf("auto with a damaged library: %v, %v", e, err)
	}
	e.Close()
}

func TestLibraryIsFoundUnderTheWorkingFolder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	t.Setenv(libraryEnv, "")
	folder := filepath.Join(dir, "cache", "onnxruntime")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	want := filepath.Join(folder, "libonnxruntime.so.1")
	for _, f := range []string{want, filepath.Join(folder, "recipe")} {
		if err := os.WriteFile(f, []byte("onnxruntime 1.27.0\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := FindONNX()
	if err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	if v := libraryVersion(got); v != "1.27.0" {
		t.Errorf("version %q", v)
	}
}

// TestGoEngineIsSilent: commands print results on standard output.
func TestGoEngineIsSilent(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	defer func() { os.Stdout = stdout }()
	e := openGoOrSkip(t)
	w.Close()
	if out, _ := io.ReadAll(r); !bytes.Equal(out, nil) {
		t.Errorf("printed %q", out)
	}
	if e.Name() != "go" || e.Describe()["simd"] == "" || (len(e.Warnings()) == 0) != SIMD {
		t.Errorf("name %s, facts %v, warnings %v", e.Name(), e.Describe(), e.Warnings())
	}
}

func double(g *graph.Graph) []*graph.Node {
	return []*graph.Node{graph.MulScalar(Input(g, "x", shapes.Make(dtypes.Float32, 2)), 2)}
}

func TestProgramIsCompiledOnceAndRunsConcurrently(t *testing.T) {
	e := openGoOrSkip(t)
	var compiled atomic.Int32
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			p, err := e.Program("double", func(g *graph.Graph) []*graph.Node { compiled.Add(1); return double(g) })
			if err != nil {
				t.Error(err)
				return
			}
			in, err := e.Upload([]float32{float32(i), 1}, 2)
			if err != nil {
				t.Error(err)
				return
			}
			defer in.Finalize()
			out, err := p.Run([]compute.Buffer{in}, nil)
			if err != nil {
				t.Error(err)
				return
			}
			got := make([]float32, 2)
			if err := out[0].ToFlatData(got); err != nil || got[0] != float32(2*i) || got[1] != 2 {
				t.Errorf("run %d: %v, %v", i, got, err)
			}
		})
	}
	group.Wait()
	if compiled.Load() != 1 {
		t.Errorf("compiled %d times", compiled.Load())
	}
}

func TestProgramErrors(t *testing.T) {
	e := openGoOrSkip(t)
	_, err := e.Program("bad", func(g *graph.Graph) []*graph.Node {
		x := Input(g, "x", shapes.Make(dtypes.Float32, 2))
		return []*graph.Node{graph.Add(x, Input(g, "y", shapes.Make(dtypes.Float32, 3)))}
	})
	if err == nil || !strings.Contains(err.Error(), "graph bad on go") {
		t.Errorf("a graph that cannot be: %v", err)
	}
	p, err := e.Program("double", double)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(nil, nil); err == nil || !strings.Contains(err.Error(), "0 inputs given to a graph of 1") {
		t.Errorf("no inputs: %v", err)
	}
	for _, c := range []struct {
		flat any
		dims []int
		want string
	}{{[]float32{1}, []int{2}, "1 values as [2]"}, {[]float64{1}, []int{1}, "[]float64"}} {
		if _, err := e.Upload(c.flat, c.dims...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.flat, err, c.want)
		}
	}
}
