package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/ml/layers/attention"

	"react/ops/engine/shim"
)

// cpuPlugin is the plugin that make test fetches, or another one for CPUs that is found.
func cpuPlugin(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", cpuFolder, "pjrt_c_api_cpu_plugin.so"))
	if err == nil && isFile(path) {
		return path
	}
	if found := FindPlugins("cpu"); len(found) > 0 {
		return found[0].Path
	}
	t.Skip("no PJRT plugin for CPUs: make xla-cpu fetches it")
	return ""
}

// TestXLA runs a program on the real plugin. Its inputs have names of which go-xla would make one.
func TestXLA(t *testing.T) {
	path := cpuPlugin(t)
	t.Setenv(pluginPathEnv, filepath.Dir(path))
	e, err := Open("xla:cpu")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	facts := e.Describe()
	if e.Name() != "xla:cpu" || !strings.HasPrefix(facts["pjrt"], "0.") || facts["plugin"] != recipeOf(path) || facts["go-xla"] == "" {
		t.Errorf("%s: %v", e.Name(), facts)
	}
	if strings.Contains(facts["device"], filepath.Dir(path)) || facts["device"] == "" {
		t.Errorf("device %q: want what it is, and not where its plugin lies", facts["device"])
	}
	names := []string{"a.b", "a_b", "weights of/it"}
	p, err := e.Program("difference", func(g *graph.Graph) []*graph.Node {
		var x []*graph.Node
		for _, name := range names {
			x = append(x, Input(g, name, shapes.Make(dtypes.Float32, 2)))
		}
		return []*graph.Node{graph.Sub(graph.Mul(x[0], x[2]), x[1])}
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(p.Inputs(), names) {
		t.Errorf("inputs %q", p.Inputs())
	}
	if theirs, _ := p.exec.Inputs(); !slices.Equal(theirs, []string{"p0", "p1", "p2"}) {
		t.Errorf("towards the backend, inputs are %q", theirs)
	}
	var in []compute.Buffer
	for _, values := range [][]float32{{1, 2}, {10, 20}, {3, 5}} {
		b, err := e.Upload(values, 2)
		if err != nil {
			t.Fatal(err)
		}
		in = append(in, b)
	}
	out, err := p.Run(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := make([]float32, 2)
	if err := out[0].ToFlatData(got); err != nil || !slices.Equal(got, []float32{-7, -10}) {
		t.Errorf("got %v, %v", got, err)
	}
}

// TestOnGPUs: f32 is computed as TF32 unless the options say otherwise, and XLA leaves out what gives
// other bits from run to run, unless its flags speak of that. A plugin for CPUs takes the option, too.
func TestOnGPUs(t *testing.T) {
	for flags, want := range map[string]string{
		"":                                 exactFlag + "=true",
		"--xla_dump_to=x":                  exactFlag + "=true --xla_dump_to=x",
		exactFlag + "=false":               exactFlag + "=false",
		"--xla_gpu_deterministic_ops=true": "--xla_gpu_deterministic_ops=true",
	} {
		if got := withExact(flags); got != want {
			t.Errorf("flags %q: got %q, want %q", flags, got, want)
		}
	}
	for options, want := range map[string]bool{"": true, "tf32=false": false, "notf32": false, "tf32": true} {
		e, err := Open(strings.Trim("xla:"+cpuPlugin(t)+","+withTF32(options), ","))
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Backend.(*xla.Backend).DotGeneralUseTF32; got != want {
			t.Errorf("options %q: TF32 %v, want %v", options, got, want)
		}
		if said, ok := e.Describe()[TF32Fact]; ok {
			t.Errorf("a processor says %q of TF32", said)
		}
		e.Close()
	}
}

// likeCUDA is an engine whose programs are written as for an NVIDIA GPU, and run by the plugin for
// CPUs.
func likeCUDA(t *testing.T, options string, devices int) *Engine {
	t.Helper()
	path := cpuPlugin(t)
	client := clientOptions(path, span{count: devices})
	backend, flash, err := connect(absentName, path, options, client)
	if err != nil {
		t.Fatal(err)
	}
	e := newEngine("xla:cuda", backend)
	e.flash, e.caller = flash, &shim.Caller{Devices: devices}
	if err := e.spreadOver(devices); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// TestFlash: a program whose flash attention the compiler does not take is compiled without, and
// the engine says so once.
func TestFlash(t *testing.T) {
	e := likeCUDA(t, "", 1)
	const tokens, width = 2, 8
	build := func(g *graph.Graph) []*graph.Node {
		x := Input(g, "x", shapes.Make(dtypes.Float32, 1, tokens, 1, width))
		if !e.FlashAttention() {
			return []*graph.Node{graph.Add(x, x)}
		}
		half := graph.ConvertDType(x, dtypes.BFloat16)
		o, _ := attention.Core(half, half, half, attention.LayoutBSHD, attention.CoreOptions{})
		grads := graph.Gradient(graph.ReduceAllSum(graph.ConvertDType(o, dtypes.Float32)), x)
		want := []string{"__cudnn$fmhaSoftmax", "__cudnn$fmhaSoftmaxBackward"}
		if got := flashCalls(g); !slices.Equal(got, want) {
			t.Errorf("calls %q, want %q", got, want)
		}
		return append(grads, o)
	}
	for _, name := range []string{"one", "two"} {
		p, err := e.Program(name, build)
		if err != nil {
			t.Fatal(err)
		}
		in, err := e.Upload(make([]float32, tokens*width), 1, tokens, 1, width)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Run([]compute.Buffer{in}, nil); err != nil {
			t.Fatal(err)
		}
	}
	notes := e.Notes()
	if len(notes) != 1 || !strings.HasPrefix(notes[0], "flash attention is not used, which takes") {
		t.Errorf("notes %q", notes)
	}
	if notes := e.Notes(); e.FlashAttention() || len(notes) > 0 {
		t.Errorf("once more: %q", notes)
	}
}

// TestFlashAttention: it is for one device of a GPU's plugin, where it is not switched off.
func TestFlashAttention(t *testing.T) {
	spread := likeCUDA(t, "", 2)
	if spread.FlashAttention() || !spread.Each()[0].FlashAttention() {
		t.Error("over several devices, or not on one of them")
	}
	if likeCUDA(t, flashOption+"=false", 1).FlashAttention() {
		t.Error("switched off")
	}
	cpu, err := Open("xla:" + cpuPlugin(t) + "," + flashOption + "=true")
	if err != nil {
		t.Fatal(err)
	}
	defer cpu.Close()
	if cpu.FlashAttention() || cpu.Notes() != nil || (*Engine)(nil).FlashAttention() {
		t.Error("on a CPU")
	}
	_, err = Open("xla:" + cpuPlugin(t) + "," + flashOption + "=no")
	if err == nil || !strings.Contains(err.Error(), "option flash=no: true or false") {
		t.Errorf("got %v", err)
	}
}

// TestOpenAbsent: what is not there is named, be it a plugin or what the plugin cannot do.
func TestOpenAbsent(t *testing.T) {
	path := cpuPlugin(t)
	t.Setenv(pluginPathEnv, filepath.Dir(path))
	_, err := OpenAbsent(filepath.Join(t.TempDir(), "none.so"), "", "", 1)
	if err == nil || !strings.Contains(err.Error(), "none.so") {
		t.Errorf("got %v", err)
	}
	e, err := OpenAbsent(path, "no target", "", 1)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	_, err = e.Program("sum", func(g *graph.Graph) []*graph.Node {
		x := Input(g, "x", shapes.Make(dtypes.Float32, 2))
		return []*graph.Node{graph.Add(x, x)}
	})
	if err == nil || !strings.Contains(err.Error(), "for a device that is not there: ") {
		t.Errorf("got %v", err)
	}
	if made := e.Compiled(); len(made) > 0 {
		t.Errorf("made %v", made)
	}
}

// TestSurveyOfXLA: doctor names the plugin's package, the version of its API, and one device.
func TestSurveyOfXLA(t *testing.T) {
	path := cpuPlugin(t)
	t.Setenv(pluginPathEnv, filepath.Dir(path))
	s := surveyPlugins("cpu")[0]
	if !s.Usable || s.Path != path || !strings.HasPrefix(s.Version, "0.") || len(s.Devices) != 1 || s.Wheel != recipeOf(path) {
		t.Errorf("got %+v", s)
	}
}

// fakePlugin is a plugin whose table has a version and functions that do nothing but where told.
const fakePlugin = `
#include <stddef.h>
#include <stdlib.h>
static void *well(void *args) { return 0; }
static void *bad(void *args) { abort(); }
static struct {
	size_t size; void *extensions;
	struct { size_t size; void *extensions; int major, minor; } version;
	void *(*f[200])(void *);
} api;
void *GetPjrtApi(void) {
	api.size = sizeof api;
	api.version.size = sizeof api.version;
	api.version.major = MAJOR;
	api.version.minor = 7;
	for (int i = 0; i < 200; i++) api.f[i] = i < BAD ? well : bad;
	return &api;
}`

// TestRefusedPlugins: a plugin of another version of the API is refused before anything of it is
// called; one that aborts takes only the child along that asks it first.
func TestRefusedPlugins(t *testing.T) {
	dir := t.TempDir()
	fake := func(name, major, bad string) string {
		source := strings.NewReplacer("MAJOR", major, "BAD", bad).Replace(fakePlugin)
		return compileLibrary(t, filepath.Join(dir, name), source)
	}
	for _, c := range []struct{ path, want string }{
		{fake("later.so", "1", "0"), "version 1.7 of PJRT's API, and this program knows versions 0.x"},
		// after what errors are read with
		{fake("initialize.so", "0", "3"), "it crashes when loaded (SIGABRT)"},
		// after initializing and events
		{fake("client.so", "0", "10"), "it crashes when loaded (SIGABRT)"},
		{compileLibrary(t, filepath.Join(dir, "no table.so"), "static long a[64]; void *GetPjrtApi(void) { return a; }"), "no table of functions"},
	} {
		_, err := Open("xla:" + c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.path) {
			t.Errorf("%s: %v, want %q", c.path, err, c.want)
		}
	}
}

// TestInstall: the commands that are printed fetch what this program was tried with.
func TestInstall(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("..", "..", ".ci", "install-xla-cpu"))
	if err != nil {
		t.Fatal(err)
	}
	name, version, _ := strings.Cut(cpuPackage, "==")
	if text := string(script); !strings.Contains(text, "\npackage="+name+"\n") || !strings.Contains(text, "\nversion="+version+"\n") {
		t.Errorf("install-xla-cpu fetches another package than %s", cpuPackage)
	}
	t.Chdir(t.TempDir())
	if got := install("xla:cpu"); !strings.Contains(got, cpuPackage) || !strings.Contains(got, cpuFolder) {
		t.Errorf("got %s", got)
	}
	// jax-cuda13-plugin would bring an old plugin under Python 3.11.
	if got := install("xla:cuda"); strings.Contains(got, "jax-cuda13-plugin") || !strings.Contains(got, "jax-cuda13-pjrt==") {
		t.Errorf("got %s", got)
	}
}
