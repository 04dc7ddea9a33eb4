// Package cliptest is what the tests of ops/clip share: engines, the reference's outputs,
// and small models.
package cliptest

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"

	"react/data/fixture"
	"react/data/npy"
	"react/ops/engine"
)

// Sqrt32 is the root in float32.
func Sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// Relative says whether a value is near another, by a share of it.
func Relative(got, want, bound float64) bool { return math.Abs(got-want) <= bound*math.Abs(want) }

// Fixture is a file of the reference outputs: under $FIXTURES when it is set,
// else under ../shared/fixtures beside the module, else in ops/clip/testdata, which
// has copies of some. A test that needs a file that is nowhere is skipped and says so.
func Fixture(t *testing.T, dir, file string) string {
	t.Helper()
	copies := filepath.Join(fixture.Module(t), "ops", "clip", "testdata")
	roots := fixture.Roots(t, copies)
	for _, root := range roots {
		if path := filepath.Join(root, dir, file); fixture.Exists(path) {
			return path
		}
		// testdata has weights once that are the same in several folders.
		if path := filepath.Join(root, sameWeights[dir], file); root == copies && strings.HasSuffix(file, ".safetensors") && fixture.Exists(path) {
			return path
		}
	}
	t.Skipf("reference file %s is not in %s (set FIXTURES to the folder that has it)", filepath.Join(dir, file), strings.Join(roots, " or "))
	return ""
}

var sameWeights = map[string]string{"openclip_style": "openai_style", "train_locked-image": "train_full", "train_locked-text": "train_full"}

// ReadArray reads an npy file.
func ReadArray(t *testing.T, path string) ([]int, []float32) {
	t.Helper()
	shape, data, err := npy.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return shape, data
}

// ReadIDs reads token ids of an npy file.
func ReadIDs(t *testing.T, path string) []int32 {
	t.Helper()
	_, data := ReadArray(t, path)
	ids := make([]int32, len(data))
	for i, v := range data {
		ids[i] = int32(v)
	}
	return ids
}

// ReadJSON reads a JSON file.
func ReadJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// EngineNames are all engines; where one is not there its tests are skipped and say so.
var EngineNames = []string{"go", "onnx", "xla:cpu", "xla:cuda"}

// PresentEngines are those of which this machine has the library.
func PresentEngines(t testing.TB) []string {
	return slices.DeleteFunc(slices.Clone(EngineNames), func(name string) bool { return absent(t, name) != nil })
}

// absent says what an engine lacks.
func absent(t testing.TB, name string) error {
	if folder := filepath.Join(fixture.Module(t), "cache", "xla-cpu"); os.Getenv("PJRT_PLUGIN_LIBRARY_PATH") == "" && fixture.Exists(folder) {
		os.Setenv("PJRT_PLUGIN_LIBRARY_PATH", folder)
	}
	if kind, xla := strings.CutPrefix(name, "xla:"); xla {
		if kind, _, _ = strings.Cut(kind, ","); len(engine.FindPlugins(kind)) == 0 {
			return fmt.Errorf("no PJRT plugin for %s is found (runner doctor says where it is looked for)", kind)
		}
		if kind == "cuda" && engine.GPUs(name) == 0 {
			return fmt.Errorf("no NVIDIA GPU is here (no /dev/nvidia0), for which there is a plugin")
		}
		compileQuickly()
	}
	if name != "onnx" {
		return nil
	}
	if path := filepath.Join(fixture.Module(t), "cache", "onnxruntime", "libonnxruntime.so.1"); os.Getenv("ONNXRUNTIME_SHARED_LIBRARY_PATH") == "" && fixture.Exists(path) {
		os.Setenv("ONNXRUNTIME_SHARED_LIBRARY_PATH", path)
	}
	_, err := engine.FindONNX()
	return err
}

// compileQuickly leaves out LLVM's optimizations of XLA's programs, which take near half of the
// time of a test that compiles many and runs each a few times. What is measured, and what XLA_FLAGS
// says otherwise, stays: those are the programs of a sweep.
func compileQuickly() {
	_, said := os.LookupEnv("XLA_FLAGS")
	measures := os.Getenv("PEER_ROUNDS") != "" || flag.Lookup("test.bench").Value.String() != ""
	if !said && !measures {
		os.Setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")
	}
}

// OnEngines runs a test on each engine, opened once for all tests.
func OnEngines(t *testing.T, run func(t *testing.T, e *engine.Engine)) {
	for _, name := range EngineNames {
		t.Run(name, func(t *testing.T) { run(t, OpenEngine(t, name)) })
	}
}

var opened = map[string]*engine.Engine{}

// OnDevices opens XLA's plugin for CPUs with several devices; it is skipped where it is absent.
func OnDevices(t testing.TB, count int) *engine.Engine {
	t.Helper()
	return OpenEngine(t, engine.WithDevices("xla:cpu", 0, count))
}

// OpenEngine opens an engine once for all tests, XLA once for the test that asks for it first;
// where it is absent the test is skipped.
func OpenEngine(t testing.TB, name string) *engine.Engine {
	t.Helper()
	if e := opened[name]; e != nil {
		return e
	}
	if err := absent(t, name); err != nil {
		t.Skip(err)
	}
	if strings.HasPrefix(name, "xla:") && testing.Short() {
		t.Skip("-short: XLA compiles a step for seconds")
	}
	e, err := engine.Open(name)
	if err != nil && strings.Contains(err.Error(), "checkptr") {
		t.Skip(err) // a build with -race
	}
	if err != nil {
		t.Fatal(err)
	}
	keepPrograms(e)
	opened[name] = e
	if strings.HasPrefix(name, "xla:") {
		// An engine keeps its programs, and those of XLA take a thousand mappings each: all of a
		// package's are more than a process may have (vm.max_map_count).
		t.Cleanup(func() { delete(opened, name); e.Close() })
	}
	return e
}

// keepPrograms keeps what XLA compiles for the user's next tests, which is nearly all that they
// would wait for. Where the user has no folder for it, nothing is kept.
func keepPrograms(e *engine.Engine) {
	if dir, err := os.UserCacheDir(); err == nil {
		e.KeepPrograms(filepath.Join(dir, "runner", "programs-of-tests"))
	}
}

// CloseTo says where two vectors differ by more than a bound.
func CloseTo(got, want []float32, bound float64) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d values, want %d", len(got), len(want))
	}
	for i := range got {
		if d := math.Abs(float64(got[i]) - float64(want[i])); !(d <= bound) {
			return fmt.Errorf("value %d: got %v, want %v (bound %g)", i, got[i], want[i], bound)
		}
	}
	return nil
}

// RunProgram runs a program of f32 inputs by their names.
func RunProgram(t *testing.T, e *engine.Engine, p *engine.Program, values map[string][]float32, dims map[string][]int) [][]float32 {
	t.Helper()
	var inputs []compute.Buffer
	for _, name := range p.Inputs() {
		b, err := e.Upload(values[name], dims[name]...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		defer b.Finalize()
		inputs = append(inputs, b)
	}
	return RunBuffers(t, p, inputs)
}

// RunBuffers runs a program of f32 outputs on its inputs, in their order.
func RunBuffers(t *testing.T, p *engine.Program, inputs []compute.Buffer) [][]float32 {
	t.Helper()
	outputs, err := p.Run(inputs, nil)
	if err != nil {
		t.Fatal(err)
	}
	var out [][]float32
	for _, b := range outputs {
		shape, err := b.Shape()
		if err != nil {
			t.Fatal(err)
		}
		x := make([]float32, shape.Size())
		if err := b.ToFlatData(x); err != nil {
			t.Fatal(err)
		}
		out = append(out, x)
		b.Finalize()
	}
	return out
}

// Largest is the largest absolute value.
func Largest(x []float32) float64 {
	m := 0.0
	for _, v := range x {
		m = max(m, math.Abs(float64(v)))
	}
	return m
}
