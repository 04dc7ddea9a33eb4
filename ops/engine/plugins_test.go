package engine

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// write makes an empty file and its folders.
func write(t *testing.T, path ...string) string {
	t.Helper()
	name := filepath.Join(path...)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// noPlugins moves the test to an empty folder in which nothing is found.
func noPlugins(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"HOME", "VIRTUAL_ENV", "CONDA_PREFIX", pluginPathEnv} {
		t.Setenv(name, filepath.Join(dir, "none"))
	}
	for _, name := range []string{"LD_LIBRARY_PATH", "XLA_FLAGS"} {
		t.Setenv(name, "")
	}
	t.Setenv("PATH", filepath.Join(dir, "bin"))
	for _, kind := range []string{"cuda", "cpu"} {
		if found := FindPlugins(kind); len(found) > 0 {
			t.Skipf("this system has a PJRT plugin in a folder that cannot be moved away: %v", found)
		}
	}
	return dir
}

func paths(found []Plugin) []string {
	var list []string
	for _, p := range found {
		list = append(list, p.Path)
	}
	return list
}

func TestFindPlugins(t *testing.T) {
	dir := noPlugins(t)
	site := filepath.Join(dir, "venv", "lib", "python3.12", "site-packages")
	wheel12 := write(t, site, "jax_plugins", "xla_cuda12", "xla_cuda_plugin.so")
	wheel13 := write(t, site, "jax_plugins", "xla_cuda13", "xla_cuda_plugin.so")
	write(t, site, "jax_cuda13_pjrt-0.11.0.dist-info", "METADATA")
	ours := write(t, dir, "cache", "xla", "lib", "python3.11", "site-packages", "jax_plugins", "xla_cuda13", "xla_cuda_plugin.so")
	t.Setenv("VIRTUAL_ENV", filepath.Join(dir, "venv"))
	named := write(t, dir, "plugins", "pjrt_c_api_cuda_plugin.so")
	cpu := write(t, dir, "plugins", "pjrt-plugin-cpu.so")
	t.Setenv(pluginPathEnv, ":"+filepath.Join(dir, "plugins"))
	found := FindPlugins("cuda")
	if got, want := paths(found), []string{named, ours, wheel13, wheel12}; !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	fetched := write(t, dir, "cache", "xla-cpu", "pjrt_c_api_cpu_plugin.so")
	if err := os.WriteFile(filepath.Join(dir, "cache", "xla-cpu", "recipe"), []byte("pjrt-cpu 0.11\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cpus := FindPlugins("cpu")
	if got := paths(cpus); !slices.Equal(got, []string{cpu, fetched}) || cpus[0].Wheel != "" || cpus[1].Wheel != "pjrt-cpu 0.11" {
		t.Errorf("cpu: got %v", cpus)
	}
	for i, want := range []string{"", "jax-cuda13-pjrt", "jax-cuda13-pjrt 0.11.0", "jax-cuda12-pjrt"} {
		if found[i].Wheel != want {
			t.Errorf("%s: wheel %q, want %q", found[i].Path, found[i].Wheel, want)
		}
	}
}

// TestPythonInPATH finds a wheel beside the python3 that PATH leads to, links
// followed, without starting it.
func TestPythonInPATH(t *testing.T) {
	dir := noPlugins(t)
	python := write(t, dir, "opt", "bin", "python3.13")
	wheel := write(t, dir, "opt", "lib", "python3.13", "site-packages", "jax_plugins", "xla_cuda13", "xla_cuda_plugin.so")
	if err := os.Chmod(python, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(python, filepath.Join(dir, "bin", "python3")); err != nil {
		t.Fatal(err)
	}
	if got := paths(FindPlugins("cuda")); !slices.Equal(got, []string{wheel}) {
		t.Errorf("got %v, want %s", got, wheel)
	}
}

func TestPluginEnv(t *testing.T) {
	dir := noPlugins(t)
	site := filepath.Join(dir, "site-packages")
	plugin := write(t, site, "jax_plugins", "xla_cuda13", "xla_cuda_plugin.so")
	if env := pluginEnv(plugin); len(env) > 0 {
		t.Errorf("a plugin alone wants %v", env)
	}
	cuda := filepath.Join(site, "nvidia", "cu13")
	write(t, cuda, "lib", "libcublas.so.13")
	write(t, cuda, "nvvm", "libdevice", "libdevice.10.bc")
	write(t, site, "nvidia", "cudnn", "lib", "libcudnn.so.9")
	libs := filepath.Join(cuda, "lib") + ":" + filepath.Join(site, "nvidia", "cudnn", "lib")
	t.Setenv("LD_LIBRARY_PATH", "/opt/lib")
	t.Setenv("XLA_FLAGS", "--xla_dump_to=x")
	t.Setenv("PATH", "/bin")
	want := []string{"LD_LIBRARY_PATH=" + libs + ":/opt/lib", "XLA_FLAGS=--xla_gpu_cuda_data_dir=" + cuda + " --xla_dump_to=x", "PATH=" + filepath.Join(cuda, "bin") + ":/bin"}
	if got := pluginEnv(plugin); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	for _, c := range []struct {
		args []string
		want bool
	}{
		{[]string{"sweep", "x.cue", "--engine", "xla:" + plugin}, true},
		{[]string{"sweep", "--engine=xla:" + plugin + ",tf32=true", "x.cue"}, true},
		{[]string{"sweep", "--engine=xla:cpu", "x.cue"}, true}, // large pages
		{[]string{"sweep", "--engine=onnx", "x.cue"}, false},
		{[]string{"sweep", "--engine=xla:" + plugin + ".gone", "x.cue"}, false},
		{[]string{"plan", "x.cue"}, false}, // auto, and nothing is found
	} {
		if got := StartupEnv(c.args); (len(got) > 0) != c.want {
			t.Errorf("%v: %v", c.args, got)
		}
	}
	for _, setting := range want {
		name, value, _ := strings.Cut(setting, "=")
		t.Setenv(name, value)
	}
	if env := pluginEnv(plugin); len(env) > 0 {
		t.Errorf("started anew, the program wants %v again", env)
	}
}

// TestLargePages: a program that runs XLA is started with them, once, unless the user says
// otherwise of them; other settings of the allocator stay.
func TestLargePages(t *testing.T) {
	for _, c := range []struct{ said, want string }{
		{"", "glibc.malloc.hugetlb=1"},
		{"glibc.malloc.arena_max=1", "glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1"},
		{"glibc.malloc.hugetlb=0", ""},
		{"glibc.malloc.hugetlb=1", ""},
	} {
		t.Setenv("GLIBC_TUNABLES", c.said)
		var want []string
		if c.want != "" {
			want = []string{"GLIBC_TUNABLES=" + c.want}
		}
		if got := StartupEnv([]string{"sweep", "x.cue", "--engine", "xla:cpu,devices=2"}); !slices.Equal(got, want) {
			t.Errorf("with %q: %q, want %q", c.said, got, want)
		}
	}
}

// TestSurveyOfBadPlugins: what is no plugin, and what kills its loader, is a
// line of the report.
func TestSurveyOfBadPlugins(t *testing.T) {
	path := os.Getenv("PATH")
	dir := noPlugins(t)
	t.Setenv("PATH", path)
	t.Setenv(pluginPathEnv, dir)
	plugin := filepath.Join(dir, "pjrt_c_api_cpu_plugin.so")
	status := func() Status {
		list := surveyPlugins("cpu")
		if len(list) != 1 || list[0].Path != plugin || list[0].Usable {
			t.Fatalf("got %+v", list)
		}
		return list[0]
	}
	if err := os.WriteFile(plugin, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if s := status(); !strings.Contains(s.Problem, "not a shared library") {
		t.Errorf("a script: %+v", s)
	}
	for source, want := range map[string]string{
		"int other(void) { return 1; }":                                             "no function GetPjrtApi in it",
		"#include <stdlib.h>\nvoid *GetPjrtApi(void) { abort(); }":                  "it crashes when loaded (SIGABRT)",
		"void *GetPjrtApi(void) { *(volatile int*)0 = 1; return 0; }":               "it crashes when loaded (SIGSEGV)",
		"#include <unistd.h>\nvoid *GetPjrtApi(void) { _exit(3); }":                 "it crashes when loaded",
		"#include <stdio.h>\nvoid *GetPjrtApi(void) { puts(\"hello\"); return 0; }": "GetPjrtApi gave nothing",
	} {
		compileLibrary(t, plugin, source)
		if s := status(); !strings.Contains(s.Problem, want) {
			t.Errorf("%s:\ngot  %s\nwant %s", source, s.Problem, want)
		}
	}
	_, err := Open("xla:cpu")
	if err == nil || !strings.Contains(err.Error(), plugin) {
		t.Errorf("opened: %v", err)
	}
}

func TestSurvey(t *testing.T) {
	dir := noPlugins(t)
	t.Setenv(libraryEnv, filepath.Join(dir, "gone.so"))
	list := Survey()
	var engines []string
	for _, s := range list {
		engines = append(engines, s.Engine)
		if s.Engine != "go" && (s.Usable || s.Problem == "" || s.Install == "") {
			t.Errorf("nothing is installed, and there is %+v", s)
		}
	}
	if want := []string{"xla:cuda", "onnx", "go", "xla:cpu"}; !slices.Equal(engines, want) {
		t.Errorf("got %v, want %v", engines, want)
	}
	name, why := Auto(list)
	if raceWithCheckptr() {
		t.Skip("the Go engine does not open in a build with -race and pointer checks")
	}
	if name != "go" || !strings.Contains(why, "onnx does not: ONNX Runtime: ") || !strings.HasSuffix(why, "; go opens") {
		t.Errorf("auto takes %s: %s", name, why)
	}
}

func TestAuto(t *testing.T) {
	for _, c := range []struct {
		list []Status
		want string
	}{
		{[]Status{{Engine: "xla:cuda", Usable: true}, {Engine: "onnx", Usable: true}, {Engine: "go", Usable: true}}, "xla:cuda"},
		{[]Status{{Engine: "xla:cuda"}, {Engine: "onnx", Usable: true}, {Engine: "go", Usable: true}}, "onnx"},
		{[]Status{{Engine: "xla:cuda"}, {Engine: "onnx"}, {Engine: "xla:cpu", Usable: true}, {Engine: "go", Usable: true}}, "go"},
		{[]Status{{Engine: "xla:cpu", Usable: true}}, ""},
	} {
		if got, why := Auto(c.list); got != c.want {
			t.Errorf("%v: got %q (%s), want %q", c.list, got, why, c.want)
		}
	}
}

// TestForModel: auto takes XLA for large models where its plugin for CPUs opens, and tells so. A
// plugin that is damaged is no reason for a sweep to fail that another engine can make.
func TestForModel(t *testing.T) {
	real, err := filepath.Abs(filepath.Join("..", "..", "cache", "xla-cpu"))
	if err != nil {
		t.Fatal(err)
	}
	dir := noPlugins(t)
	expect := func(what string, flops float64, want string) {
		t.Helper()
		if got := ForModel(flops); got != want {
			t.Errorf("%s, %g operations: %s, want %s", what, flops, got, want)
		}
	}
	expect("without a plugin", 8.8e9, "auto")
	write(t, dir, "pjrt_c_api_cpu_plugin.so")
	t.Setenv(pluginPathEnv, dir)
	expect("a damaged plugin", 8.8e9, "auto")
	_, why := Auto([]Status{{Engine: "onnx", Usable: true}, {Engine: "xla:cpu", Usable: true}})
	if why != "onnx opens; sweeps with a model of 1 GFLOP an image or more take xla:cpu" {
		t.Error(why)
	}
	t.Setenv(pluginPathEnv, real)
	if len(FindPlugins("cpu")) == 0 {
		t.Skip("no PJRT plugin for CPUs in cache/xla-cpu: make xla-cpu fetches it")
	}
	large := "xla:cpu"
	if takesCUDA() {
		large = "auto"
	}
	expect("XLA's plugin", 8.8e9, large)
	expect("XLA's plugin", 2.7e7, "auto")
	expect("XLA's plugin, no model", 0, "auto")
}

// TestSurveyAgreesWithAuto: what the report says auto takes is what Open takes.
func TestSurveyAgreesWithAuto(t *testing.T) {
	openGoOrSkip(t)
	want, why := Auto(Survey())
	e, err := Open("auto")
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if e.Name() != want {
		t.Errorf("auto opens %s; the survey says %s (%s)", e.Name(), want, why)
	}
}

// TestWheel loads a real CUDA plugin, as far as that goes without a GPU.
func TestWheel(t *testing.T) {
	found := FindPlugins("cuda")
	if len(found) == 0 {
		t.Skip("no CUDA plugin: neither jax-cuda13-pjrt in the active Python environment nor a folder named by " + pluginPathEnv)
	}
	s := surveyPlugins("cuda")[0]
	if !strings.HasPrefix(s.Version, "0.") || s.Usable != (s.Problem == "") || !hasGPU() && s.Usable {
		t.Errorf("got %+v", s)
	}
}
