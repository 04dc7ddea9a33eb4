// Package engine opens the libraries that run graphs: ONNX Runtime, GoMLX's Go
// backend, and XLA by a PJRT plugin. It is the only place that names one of them.
//
// Words: an engine is an opened backend with what was compiled for it; a spec
// is what a user writes after --engine:
//
//	auto        the first that opens: xla:cuda where there is an NVIDIA GPU, onnx, go
//	onnx        ONNX Runtime on the CPU
//	go          GoMLX's Go backend; slow, but needs nothing (SIMD says how slow)
//	xla:cuda    XLA by the first CUDA plugin that FindPlugins finds; f32 is computed as TF32
//	xla:cpu     XLA on the CPU, likewise; auto takes it where ForModel says so
//	xla:PLUGIN  XLA by the PJRT plugin in the file PLUGIN
//
// Options of XLA come after commas: xla:cuda,tf32=false. flash=false does without the GPU's flash
// attention (flash.go). devices=N spreads programs over N devices of the plugin (devices.go), and
// first=I says from which on.
//
// Nothing is ever downloaded: the libraries' own installers are switched off,
// and a library or plugin that is not there is an error (or, for auto, go).
package engine

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/distributed"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/gobackend"
	"github.com/gomlx/compute/shapes"

	"react/ops/engine/shim"
)

// Engine is an opened backend. It may be used concurrently; runs of one
// compiled graph follow each other.
type Engine struct {
	Backend compute.Backend

	name     string
	facts    map[string]string
	warnings []string
	remote   bool // computes on a device, not on the processors that it runs on
	watch    *watch
	caller   *shim.Caller // of XLA; nil on other engines
	flash    *flash       // nil where there is none, or it is switched off

	mesh     *distributed.DeviceMesh // over which programs are spread; nil for one device
	device   compute.DeviceNum       // that programs run on where there is no mesh
	each     []*Engine               // see Each; nil for one device
	programs *programs
}

// programs are compiled graphs, by key.
type programs struct {
	mu sync.Mutex
	of map[string]*entry
}

// entry is the place of a key's graph, which is compiled once.
func (p *programs) entry(key string) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil {
		p.of = map[string]*entry{}
	}
	if p.of[key] == nil {
		p.of[key] = &entry{}
	}
	return p.of[key]
}

// free frees what was compiled.
func (p *programs) free() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.of {
		if one.program != nil {
			one.program.exec.Finalize()
		}
	}
	p.of = nil
}

// entry is a compiled graph, or the place of one that is being compiled.
type entry struct {
	once    sync.Once
	program *Program
	err     error
}

// Open opens the engine of a spec. The errors say what was looked for and where.
func Open(spec string) (*Engine, error) {
	switch {
	case spec == "auto" || spec == "":
		return openAuto()
	case spec == "onnx":
		return openONNX()
	case spec == "go":
		return openGo()
	case strings.HasPrefix(spec, "xla:"):
		return openXLA(strings.TrimPrefix(spec, "xla:"))
	case spec == "xla":
		return openXLA("")
	}
	return nil, fmt.Errorf("unknown engine %q: %s", spec, Choices)
}

// Choices says what a spec may be, for messages.
const Choices = "auto, onnx, go, xla:cuda, xla:cpu or xla:PLUGIN with the path of a PJRT plugin"

// Known says whether Open would know what is meant; whether the library is
// there is another question.
func Known(spec string) bool {
	plugin, xla := strings.CutPrefix(spec, "xla:")
	return xla && plugin != "" || spec == "auto" || spec == "onnx" || spec == "go"
}

// Apart says whether the engine that a spec names is best used in a process that can be ended and
// started anew: one of XLA, whose plugins may abort or stand still.
func Apart(spec string) bool {
	if spec == "auto" || spec == "" {
		return takesCUDA()
	}
	return strings.HasPrefix(spec, "xla")
}

// takesCUDA says whether auto tries a CUDA plugin first.
func takesCUDA() bool { return hasGPU() && len(FindPlugins("cuda")) > 0 }

// fasterOnXLA is from how many operations for an image on (clip.FLOPs) XLA is the fastest engine on
// a CPU. On two cores, alone: at 8.8e9 (ViT-B/32, batch 32) xla:cpu embeds 1.12 to 1.14 and tunes
// gated-image 1.10 to 1.15 times as fast as onnx (runner bench, results/measured.md); at 2.7e7 (the
// small model of results/peers.md) its steps take as long or longer.
const fasterOnXLA = 1e9

// ForModel is the engine that auto stands for where a model takes so many operations for an image,
// and its training steps too: xla:cpu for a large one on a machine without a GPU where XLA's plugin
// opens, else auto. Small models stay on onnx, whose steps are faster.
func ForModel(imageFLOPs float64) string {
	usable := func(s Status) bool { return s.Usable }
	if imageFLOPs < fasterOnXLA || takesCUDA() || !slices.ContainsFunc(surveyPlugins("cpu"), usable) {
		return "auto"
	}
	return "xla:cpu"
}

// openAuto takes CUDA where there is a GPU and a plugin, then ONNX Runtime,
// then Go. A library that is there but does not open is a warning, not an
// error: the next engine gives the same results, later.
func openAuto() (*Engine, error) {
	var warnings []string
	try := func(open func() (*Engine, error)) *Engine {
		e, err := open()
		if err != nil {
			warnings = append(warnings, err.Error())
			return nil
		}
		e.warnings = append(warnings, e.warnings...)
		return e
	}
	if takesCUDA() {
		if e := try(func() (*Engine, error) { return openXLA("cuda") }); e != nil {
			return e, nil
		}
	}
	if findONNX() != "" {
		if e := try(openONNX); e != nil {
			return e, nil
		}
	}
	e, err := openGo()
	if err != nil {
		return nil, err
	}
	for _, text := range warnings {
		e.warnings = append([]string{text + "; the Go engine is used, which is slower"}, e.warnings...)
	}
	return e, nil
}

// goConfig must not be plain "go": its pool deadlocks in training (all workers
// wait for a free worker; 6 of 6 runs).
const goConfig = "parallelism=-1"

const gobackendModule = "github.com/gomlx/compute"

// raceWithCheckptr says whether the program was built with -race and the
// pointer checks that come with it.
func raceWithCheckptr() bool {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return false
	}
	race := false
	for _, s := range info.Settings {
		race = race || s.Key == "-race" && s.Value == "true"
		if s.Key == "-gcflags" && strings.Contains(s.Value, "checkptr=0") {
			return false
		}
	}
	return race
}

var stdoutMu sync.Mutex

func openGo() (*Engine, error) {
	if raceWithCheckptr() {
		return nil, fmt.Errorf("go engine: its kernels point past their slices' ends, which a build with -race does not survive; build with -gcflags='%s/...=-d=checkptr=0' too", gobackendModule)
	}
	backend, err := silently(func() (compute.Backend, error) { return gobackend.New(goConfig) })
	if err != nil {
		return nil, fmt.Errorf("go engine: %w", err)
	}
	e := newEngine("go", backend)
	e.facts["gobackend"] = moduleVersion(gobackendModule)
	e.facts["simd"] = fmt.Sprint(SIMD)
	if !SIMD {
		e.warnings = append(e.warnings, SIMDWarning)
	}
	return e, nil
}

// silently runs f with standard output going nowhere: the Go backend prints a
// line when it reads its options, and the commands print results there.
func silently(f func() (compute.Backend, error)) (compute.Backend, error) {
	stdoutMu.Lock()
	defer stdoutMu.Unlock()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, err
	}
	defer null.Close()
	stdout := os.Stdout
	os.Stdout = null
	defer func() { os.Stdout = stdout }()
	return f()
}

func newEngine(name string, backend compute.Backend) *Engine {
	return &Engine{Backend: backend, name: name, watch: &watch{}, programs: &programs{}, facts: map[string]string{
		"gomlx":  moduleVersion("github.com/gomlx/gomlx"),
		"device": runtime.GOARCH,
	}}
}

// Name is "onnx", "go", "xla:cuda", "xla:cpu", or "xla:" and the file name of a
// plugin that was named by its path.
func (e *Engine) Name() string { return e.name }

// Describe says which libraries run, by name and version.
func (e *Engine) Describe() map[string]string { return maps.Clone(e.facts) }

// Warnings are lines a command should print once, such as a build without SIMD.
func (e *Engine) Warnings() []string { return e.warnings }

// KeepPrograms keeps what XLA compiles in a folder, and loads what is kept there; other engines
// keep nothing. It comes before the first program. The folder is made, if not the one that it is
// in; what is wrong with it only costs time. "" keeps nothing.
func (e *Engine) KeepPrograms(folder string) {
	if e.caller != nil && folder != "" {
		e.caller.Programs = shim.Folder(folder)
	}
}

// Close frees what was compiled. The engine cannot be used afterwards.
func (e *Engine) Close() {
	e.caller.Wait()
	for _, p := range []*programs{e.programs, e.Each()[0].programs} {
		p.free()
	}
	e.Backend.Finalize()
}

// Upload copies values to the device, or whole to each device: []float32 or []int64, as many as
// the dimensions say. The buffer is the caller's to Finalize.
func (e *Engine) Upload(flat any, dims ...int) (compute.Buffer, error) {
	if e.mesh != nil {
		return e.onEach(false, func(one *Engine, _ int) (compute.Buffer, error) { return one.Upload(flat, dims...) })
	}
	var dtype dtypes.DType
	size := 1
	for _, d := range dims {
		size *= d
	}
	var n int
	switch v := flat.(type) {
	case []float32:
		dtype, n = dtypes.Float32, len(v)
	case []int64:
		dtype, n = dtypes.Int64, len(v)
	default:
		return nil, fmt.Errorf("upload of %T: only []float32 and []int64", flat)
	}
	if n != size {
		return nil, fmt.Errorf("upload of %d values as %v", n, dims)
	}
	shape := shapes.Make(dtype, dims...)
	if !e.Backend.HasSharedBuffers() {
		return e.Backend.BufferFromFlatData(e.device, flat, shape)
	}
	// A buffer made of a Go slice would keep pointing at it on ONNX Runtime.
	buffer, to, err := e.Backend.NewSharedBuffer(e.device, shape)
	if err != nil {
		return nil, err
	}
	switch v := flat.(type) {
	case []float32:
		copy(to.([]float32), v)
	case []int64:
		copy(to.([]int64), v)
	}
	return buffer, nil
}

// moduleVersion is the version of a dependency that was linked in.
func moduleVersion(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, m := range info.Deps {
		if m.Path == path {
			return m.Version
		}
	}
	return "unknown"
}

// executableDir is the folder of the running program, "" when it is not known.
func executableDir() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	return filepath.Dir(path)
}
