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
