package clip

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/npy"
	"react/ops/engine"
)

// module is the folder of go.mod.
func module(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for !exists(filepath.Join(dir, "go.mod")) {
		dir = filepath.Dir(dir)
	}
	return dir
}

// fixture is a file of the reference outputs: under $FIXTURES when it is set,
// else under ../shared/fixtures beside the module, else in ops/clip/testdata, which
// has copies of some. A test that needs a file that is nowhere is skipped and says so.
func fixture(t *testing.T, dir, file string) string {
	t.Helper()
	copies := filepath.Join(module(t), "ops", "clip", "testdata")
	roots := []string{filepath.Join(module(t), "..", "shared", "fixtures"), copies}
	if env := os.Getenv("FIXTURES"); env != "" {
		roots = []string{env}
	}
	for _, root := range roots {
		if path := filepath.Join(root, dir, file); exists(path) {
			return path
		}
		// testdata has weights once that are the same in several folders.
		if path := filepath.Join(root, sameWeights[dir], file); root == copies && strings.HasSuffix(file, ".safetensors") && exists(path) {
			return path
		}
	}
	t.Skipf("reference file %s is not in %s (set FIXTURES to the folder that has it)", filepath.Join(dir, file), strings.Join(roots, " or "))
	return ""
}

var sameWeights = map[string]string{"openclip_style": "openai_style", "train_locked-image": "train_full", "train_locked-text": "train_full"}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func readArray(t *testing.T, path string) ([]int, []float32) {
	t.Helper()
	shape, data, err := npy.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	return shape, data
}

func readIDs(t *testing.T, path string) []int32 {
	t.Helper()
	_, data := readArray(t, path)
	ids := make([]int32, len(data))
	for i, v := range data {
		ids[i] = int32(v)
	}
	return ids
}

func readJSON(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

// engineNames are all engines; where one is not there its tests are skipped and say so.
var engineNames = []string{"go", "onnx", "xla:cpu", "xla:cuda"}

// presentEngines are those of which this machine has the library.
func presentEngines(t testing.TB) []string {
	return slices.DeleteFunc(slices.Clone(engineNames), func(name string) bool { return absent(t, name) != nil })
}

// absent says what an engine lacks.
func absent(t testing.TB, name string) error {
	if kind, xla := strings.CutPrefix(name, "xla:"); xla && len(engine.FindPlugins(kind)) == 0 {
		return fmt.Errorf("no PJRT plugin for %s is found (runner doctor says where it is looked for)", kind)
	}
	if name != "onnx" {
		return nil
	}
	if path := filepath.Join(module(t), "cache", "onnxruntime", "libonnxruntime.so.1"); os.Getenv("ONNXRUNTIME_SHARED_LIBRARY_PATH") == "" && exists(path) {
		os.Setenv("ONNXRUNTIME_SHARED_LIBRARY_PATH", path)
	}
	_, err := engine.FindONNX()
	return err
}

// onEngines runs a test on each engine, opened once for all tests.
func onEngines(t *testing.T, run func(t *testing.T, e *engine.Engine)) {
	for _, name := range engineNames {
		t.Run(name, func(t *testing.T) { run(t, openEngine(t, name)) })
	}
}

var opened = map[string]*engine.Engine{}

func openEngine(t testing.TB, name string) *engine.Engine {
	t.Helper()
	if e := opened[name]; e != nil {
		return e
	}
	if err := absent(t, name); err != nil {
		t.Skip(err)
	}
	e, err := engine.Open(name)
	if err != nil && strings.Contains(err.Error(), "checkptr") {
		t.Skip(err) // a build with -race
	}
	if err != nil {
		t.Fatal(err)
	}
	opened[name] = e
	return e
}

// closeTo says where two vectors differ by more than a bound.
func closeTo(got, want []float32, bound float64) error {
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

// loadFixture is the model of a folder of fixtures, its weights read by a reader of safetensors.
func loadFixture(t *testing.T, dir string, read func(path string) (*Weights, error)) *Checkpoint {
	t.Helper()
	var cfg Config
	readJSON(t, fixture(t, dir, "open_clip_config.json"), &cfg)
	file := "open_clip_model.safetensors"
	if strings.HasPrefix(dir, "train_") {
		file = "initial.safetensors"
	}
	w, err := read(fixture(t, dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if w, err = w.check(cfg); err != nil {
		t.Fatal(err)
	}
	return &Checkpoint{Config: cfg, Weights: w}
}
