package optim

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"react/ops/clip"
	"react/ops/engine"
	"react/ops/engine/shim"
)

// h200Step is a step that is compiled for an H200.
type h200Step struct {
	arch      string
	mode      string
	precision string
	recompute bool
	devices   int
	options   string // of the engine
}

// h200Steps are those of which the compiler might make something else.
var h200Steps = []h200Step{
	{arch: "ViT-B-32", precision: clip.BF16},
	{arch: "ViT-B-32", precision: clip.F32},
	{arch: "ViT-B-32", precision: clip.F32, options: "tf32=false"},
	{arch: "ViT-B-32", precision: clip.BF16, recompute: true},
	{arch: "ViT-B-32", precision: clip.BF16, devices: 4},
	{arch: "ViT-B-32", precision: clip.BF16, mode: clip.Full},
	{arch: "ViT-L-14", precision: clip.BF16},
	{arch: "ViT-L-14", precision: clip.BF16, options: "flash=false"},
	{arch: "ViT-L-14", precision: clip.F32},
	{arch: "ViT-L-14", precision: clip.BF16, recompute: true},
	{arch: "ViT-L-14", precision: clip.BF16, devices: 4},
	{arch: "ViT-L-14", precision: clip.BF16, mode: clip.Full},
}

// h200Batch is the batch of a device.
const h200Batch = 256

func (s h200Step) String() string {
	words := []string{s.arch, s.mode, s.precision}
	if s.recompute {
		words = append(words, "recompute")
	}
	if s.devices > 1 {
		words = append(words, fmt.Sprint(s.devices, " devices"))
	}
	if s.options != "" {
		words = append(words, s.options)
	}
	return strings.Join(words, ", ")
}

// of is the model and the options of the step, with the batch of so many devices.
func (s h200Step) of(t *testing.T, devices int) (clip.Config, Options) {
	cfg, err := clip.Arch(s.arch)
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Mode: s.mode, Batch: devices * h200Batch, Precision: s.precision,
		Recompute: s.recompute, GradClip: 1}
	o.CachedText = o.mode().TextLocked()
	if o.mode().Gates {
		cfg = cfg.WithGates(2)
	}
	return cfg, o
}

// TestH200 compiles steps for an H200 that is not there, with XLA's CUDA plugin and a description
// of one, and looks at what the compiler made of them. Nothing is run, and no kernel is chosen by
// trying it out: that takes the device.
func TestH200(t *testing.T) {
	file := os.Getenv("XLA_H200")
	if file == "" {
		t.Skip("make xla-h200 runs it: its compiler is 257 MB to fetch and takes minutes")
	}
	c := newCompiler(t)
	var rows strings.Builder
	for _, s := range h200Steps {
		if s.mode == "" {
			s.mode = clip.GatedImage
		}
		s.devices = max(1, s.devices)
		t.Run(s.String(), func(t *testing.T) {
			m := c.compile(t, s)
			m.check(t)
			rows.WriteString(m.row())
		})
	}
	if err := os.WriteFile(file, []byte(c.head(t)+rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}

// compiler is a place where programs are compiled, and leave what they became.
type compiler struct {
	folder string // of the plugin, of ptxas and of libdevice
	target string
	dump   string // texts of programs
	ptx    string // of kernels
}

func newCompiler(t *testing.T) *compiler {
	cache, err := filepath.Abs(filepath.Join("..", "..", "..", "cache"))
	if err != nil {
		t.Fatal(err)
	}
	target, err := os.ReadFile(filepath.Join("testdata", "h200.txtpb"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c := &compiler{filepath.Join(cache, "xla-h200"), string(target),
		filepath.Join(dir, "dump"), filepath.Join(dir, "ptx")}
	tools, nvidia := filepath.Join(dir, "cuda"), filepath.Join(c.folder, "nvidia", "cu13")
	for _, folder := range []string{c.dump, c.ptx, filepath.Join(tools, "bin")} {
		if err := os.MkdirAll(folder, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	// The kernels are seen on their way to the assembler alone.
	ptxas := filepath.Join(tools, "bin", "ptxas")
	script := fmt.Sprintf(`#!/bin/sh
[ -f "$1" ] && cp "$1" '%s'/$$
exec '%s'/bin/ptxas "$@"
`, c.ptx, nvidia)
	if err := os.WriteFile(ptxas, []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(nvidia, "nvvm"), filepath.Join(tools, "nvvm")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", filepath.Join(cache, "xla-cpu"))
	// Kernels are chosen by trying them out, or of those that are exact by cuBLAS: on the device.
	t.Setenv("XLA_FLAGS", "--xla_gpu_autotune_level=0 --xla_gpu_exclude_nondeterministic_ops=false "+
		"--xla_gpu_cuda_data_dir="+tools+" --xla_dump_hlo_as_text --xla_dump_to="+c.dump)
	t.Setenv("TF_CPP_MIN_LOG_LEVEL", "3")
	return c
}

// made is what the compiler made of a step.
type made struct {
	step   h200Step
	took   float64        // seconds of processors
	bytes  shim.Compiled  // of a device, but for batches that wait
	waits  int64          // bytes of those
	guess  int64          // EstimateTraining's of all
	thunks map[string]int // what a device is given to do, by kind
	outer  map[string]int // of which so many are not in a command buffer
	calls  map[string]int // of libraries
	fused  map[string]int // kernels of Triton's by an operation in them
	mma    map[string]int // operations of the matrix units, by type
}

func (c *compiler) compile(t *testing.T, s h200Step) *made {
	plugin := filepath.Join(c.folder, "jax_plugins", "xla_cuda13", "xla_cuda_plugin.so")
	e, err := engine.OpenAbsent(plugin, c.target, s.options, s.devices)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	cfg, o := s.of(t, s.devices)
	used := allTime(t)
	if _, err := New(e, cfg, o); err != nil {
		t.Fatal(err)
	}
	if notes := e.Notes(); len(e.Compiled()) != 1 || notes != nil {
		t.Fatalf("%d programs, notes %q", len(e.Compiled()), notes)
	}
	m := &made{step: s, took: allTime(t) - used, bytes: e.Compiled()[0]}
	cfg, o = s.of(t, 1)
	memory, err := EstimateTraining(cfg, o, e.Name())
	if err != nil {
		t.Fatal(err)
	}
	batches, _ := inputBatches(o, e.Name())
	m.waits, m.guess = memory.Inputs/batches*(batches-1), memory.Device()
	m.readThunks(take(t, c.dump, "*.thunk_sequence_after_thunk_passes.txt"))
	m.readHLO(take(t, c.dump, "*_gpu_after_optimizations.txt"))
	m.mma = count(take(t, c.ptx, "*"),
		`mma(?:_async)?\.sync\.aligned\.[^ ]*\.(tf32|bf16)\.(?:tf32|bf16)\b`)
	for _, folder := range []string{c.dump, c.ptx} {
		empty(t, folder)
	}
	return m
}

// allTime is the time of processors that this process and its children took, in seconds.
func allTime(t *testing.T) float64 {
	sum := 0.0
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			t.Fatal(err)
		}
		sum += float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
	}
	return sum
}

// take is the text of the files of a name.
func take(t *testing.T, folder, name string) string {
	files, err := filepath.Glob(filepath.Join(folder, name))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s: %v", name, err)
	}
	var all strings.Builder
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}

// empty removes the files of a folder.
func empty(t *testing.T, folder string) {
	files, _ := filepath.Glob(filepath.Join(folder, "*"))
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
}

// count counts what the group of a pattern matches.
func count(text, pattern string) map[string]int {
	n := map[string]int{}
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		n[m[1]]++
	}
	return n
}

func (m *made) readThunks(text string) {
	m.thunks = count(text, `(?m)^ *\d+: k(\w+)`)
	m.outer = count(text, `(?m)^\d+: k(\w+)`)
}

func (m *made) readHLO(text string) {
	m.calls = count(text, `custom_call_target="([^"]*)"`)
	m.fused = map[string]int{}
	bodies := map[string]string{}
	body := regexp.MustCompile(`(?ms)^%(\S+) \([^\n]*\{\n(.*?)^\}`)
	for _, b := range body.FindAllStringSubmatch(text, -1) {
		bodies[b[1]] = b[2]
	}
	triton := regexp.MustCompile(`calls=%([^ ,]+)[^\n]*"kind":"__triton"`)
	for _, f := range triton.FindAllStringSubmatch(text, -1) {
		for _, op := range []string{"exponential", "rsqrt"} {
			if strings.Contains(bodies[f[1]], " "+op+"(") {
				m.fused[op]++
			}
		}
	}
}

// check says what is not as it should be.
func (m *made) check(t *testing.T) {
	s := m.step
	cfg, o := s.of(t, 1)
	if s.devices == 1 && (m.outer["CommandBuffer"] != 1 || len(m.outer) != 1) {
		t.Errorf("not one command buffer: %v", m.outer)
	}
	// the statistics, and where the outputs are
	if lost := m.bytes.Outputs - m.bytes.Aliases; lost > 64<<10 {
		t.Errorf("%d bytes of new values have memory of their own", lost)
	}
	if r := m.ratio(); r < 1 || r > 2.2 {
		t.Errorf("the estimate of memory is %.2f of what is compiled", r)
	}
	want := []string{}
	if s.arch == "ViT-L-14" && s.precision == clip.BF16 && s.devices == 1 && s.options == "" {
		want = []string{"__cudnn$fmhaSoftmax", "__cudnn$fmhaSoftmaxBackward"}
	}
	if got := slices.Sorted(maps.Keys(m.calls)); !slices.Equal(got, want) {
		t.Errorf("calls of libraries: %v, want %q", m.calls, want)
	}
	blocks := cfg.Model.Vision.Layers + cfg.Gates()
	if !o.CachedText {
		blocks += cfg.Model.Text.Layers
	}
	if n := m.fused["exponential"] + m.calls["__cudnn$fmhaSoftmax"]; n < blocks {
		t.Errorf("%d softmaxes of %d blocks are one kernel each", n, blocks)
	}
	if n := m.fused["rsqrt"]; n < 2*blocks {
		t.Errorf("%d norms of %d blocks are one kernel each", n, blocks)
	}
	// The loss is f32 in every step.
	units := []string{"tf32"}
	if s.precision == clip.BF16 {
		units = []string{"bf16", "tf32"}
	} else if s.options == "tf32=false" {
		units = nil
	}
	if got := m.units(); !slices.Equal(got, units) {
		t.Errorf("products are computed with %q, want %q", got, units)
	}
}

// units are the types that products of matrices are computed with.
func (m *made) units() []string { return slices.Sorted(maps.Keys(m.mma)) }

// takes is how many bytes a device holds at most.
func (m *made) takes() int64 { return m.bytes.Inputs + m.bytes.Temporary + m.waits }

// ratio is the estimate of memory to what is taken.
func (m *made) ratio() float64 { return float64(m.guess) / float64(m.takes()) }

func (m *made) row() string {
	kernels := 0
	for kind, n := range m.thunks {
		if strings.HasSuffix(kind, "Kernel") {
			kernels += n
		}
	}
	cells := []any{m.step, fmt.Sprintf("%.0f", m.took), kernels, m.thunks["CuDnn"], m.thunks["Copy"],
		m.thunks["CommandBuffer"]}
	for _, bytes := range []int64{m.bytes.Inputs, m.bytes.Temporary, m.takes(), m.guess} {
		cells = append(cells, bytes>>20)
	}
	cells = append(cells, fmt.Sprintf("%.2f", m.ratio()), strings.Join(m.units(), ", "))
	return fmt.Sprintf("|"+strings.Repeat(" %v |", len(cells))+"\n", cells...)
}

// head is what stands before the rows.
func (c *compiler) head(t *testing.T) string {
	recipe, err := os.ReadFile(filepath.Join(c.folder, "recipe"))
	if err != nil {
		t.Fatal(err)
	}
	var packages []string
	for line := range strings.Lines(string(recipe)) {
		name, _, _ := strings.Cut(line, " ")
		packages = append(packages, name)
	}
	return fmt.Sprintf(`# Steps compiled for an H200

Written by `+"`make xla-h200`"+` on a machine without a GPU and without its driver: XLA's CUDA
plugin compiles training steps for an H200 by a description of it, with
%s.
Batches are of %d pairs a device; gated-image has two gates, and captions encoded beforehand.

Kernels, calls of cuDNN and copies are what a step gives the device to do: all in one command
buffer, which it runs without the host, or in several with exchanges between devices around them.
Inputs are weights, moments and one batch, temporary is the rest; new weights and moments take the
place of the old. With the batches that wait it is what a device holds, and what `+"`runner plan`"+`
estimates. Sizes are MiB. Units are the types that products of matrices are computed with. Kernels
are chosen by rules here and by trying them out on a device, so there may be others there.

| step | CPU s | kernels | cuDNN | copies | buffers | inputs | temporary | held | estimate | ratio | units |
|:--|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|:--|
`, strings.Join(packages, ", "), h200Batch)
}
