package engine

import (
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"

	"react/ops/engine/shim"
)

// openXLA opens a plugin: by its path, or the first of the plugins of a kind
// (cpu, cuda) that loads; with the backend's options after commas
// (xla:/path/plugin.so,tf32=false). On a GPU f32 is computed as TF32 unless they say otherwise.
func openXLA(config string) (*Engine, error) {
	name, options, _ := strings.Cut(config, ",")
	switch name {
	case "":
		return nil, fmt.Errorf("no PJRT plugin named: write xla:cuda, xla:cpu or xla:/path/of/plugin.so; none is downloaded")
	case "cuda", "cpu":
		return openKind(name, options)
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	return openPlugin("xla:"+filepath.Base(path), path, options)
}

// openKind opens the first plugin of a kind that can be opened.
func openKind(kind, options string) (*Engine, error) {
	found := FindPlugins(kind)
	if len(found) == 0 {
		return nil, fmt.Errorf("no PJRT plugin for %s was found; to install it: %s", kind, install("xla:"+kind))
	}
	var failed []error
	for _, p := range found {
		e, err := openPlugin("xla:"+kind, p.Path, options)
		if err == nil {
			return e, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// openPlugin opens a plugin under an engine's name.
func openPlugin(name, path, options string) (*Engine, error) {
	if strings.Contains(path, ",") {
		return nil, fmt.Errorf("PJRT plugin %s: a comma in its path would start the options", path)
	}
	options, on, err := takeSpan(options)
	if err != nil {
		return nil, err
	}
	// a CPU's start in no time; a plugin that aborts then does it in the child
	probe := probeDevices
	if pjrt.IsCUDAName(path) {
		probe = probePlugin
	}
	found, err := checkPlugin(path, probe)
	if err == nil && found.Problem != "" {
		err = errors.New(found.Problem)
	}
	if err != nil {
		return nil, fmt.Errorf("PJRT plugin %s: %w", path, err)
	}
	if err := prepare(path); err != nil {
		return nil, err
	}
	backend, flash, err := connect(path, path, options, clientOptions(path, on))
	if err != nil {
		return nil, fmt.Errorf("PJRT plugin %s: %w", path, firstLine(err))
	}
	e := newEngine(name, backend)
	e.remote, e.flash = pjrt.IsCUDAName(path), flash
	if e.remote {
		e.facts[TF32Fact] = strconv.FormatBool(backend.DotGeneralUseTF32)
		e.facts[flashOption] = strconv.FormatBool(flash != nil)
	}
	e.caller = &shim.Caller{Beside: wheelsBeside(path), Devices: on.count}
	e.facts["go-xla"] = moduleVersion("github.com/gomlx/go-xla")
	e.facts["pjrt"] = found.Version
	if wheel := recipeOf(path); wheel != "" {
		e.facts["plugin"] = wheel
	}
	// the same wherever it is plugged in: stages on one device go on with what was begun on another
	e.facts["device"] = strings.Replace(backend.DeviceDescription(0), fmt.Sprintf(":%d", on.first), ":0", 1)
	if err := e.spreadOver(on.count); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// prepare sets in the environment what a plugin reads there when it is loaded. LD_LIBRARY_PATH is
// StartupEnv's affair: the loader has read it already.
func prepare(plugin string) error {
	settings := append(pluginEnv(plugin), "GOPJRT_CUDA_CHECKS=0")
	for _, setting := range settings {
		key, value, _ := strings.Cut(setting, "=")
		if err := os.Setenv(key, value); err != nil {
			return err
		}
	}
	if !pjrt.IsCUDAName(plugin) {
		return nil
	}
	return os.Setenv(flagsEnv, withExact(os.Getenv(flagsEnv)))
}

// connect opens the plugin of a path with go-xla, by a name that says whether it is one for GPUs;
// those may have flash attention.
func connect(name, path, options string,
	client pjrt.NamedValuesMap) (backend *xla.Backend, f *flash, err error) {
	options, f, err = takeFlash(options)
	if err != nil {
		return nil, nil, err
	}
	if pjrt.IsCUDAName(name) {
		options = withTF32(options)
	} else {
		f = nil
	}
	// A shared buffer's memory is go-xla's to free, when the buffer is finalized, and not the plugin's
	// to give to an output.
	options = join([]string{"noshared_buffers"}, options, ",")
	err = shim.Open(name, path, func() (err error) {
		backend, err = xla.NewWithOptions(join([]string{name}, options, ","), client)
		return err
	})
	return backend, f, err
}

// absentName is the plugin for CPUs that stands in for one whose devices are not there.
const absentName = "/absent/cuda"

// OpenAbsent opens an engine that compiles for NVIDIA GPUs which are not there, with their plugin
// and XLA's description of one (the text of its GpuTargetConfigProto). It needs no driver, and
// nothing that it compiles can run. What is asked of devices before that, those of the plugin for
// CPUs answer. The options are an engine's after its name.
func OpenAbsent(plugin, target, options string, devices int) (*Engine, error) {
	found := FindPlugins("cpu")
	if len(found) == 0 {
		return nil, fmt.Errorf("no PJRT plugin for CPUs, which stands in for the other; to install it: %s",
			install("xla:cpu"))
	}
	if err := prepare(plugin); err != nil {
		return nil, err
	}
	if err := shim.Open(plugin, plugin, func() error { return nil }); err != nil {
		return nil, fmt.Errorf("PJRT plugin %s: %w", plugin, err)
	}
	path := found[0].Path
	client := clientOptions(path, span{count: devices})
	backend, flash, err := connect(absentName, path, options, client)
	if err != nil {
		return nil, fmt.Errorf("PJRT plugin %s: %w", path, err)
	}
	e := newEngine("xla:cuda", backend)
	e.flash = flash
	absent := &shim.Absent{Plugin: plugin, Target: target, Devices: devices}
	e.caller = &shim.Caller{Devices: devices, Absent: absent}
	if err := e.spreadOver(devices); err != nil {
		e.Close()
		return nil, err
	}
	return e, nil
}

// Compiled says what the programs take that an engine without devices compiled, in their order.
func (e *Engine) Compiled() []shim.Compiled { return e.caller.Absent.Made() }

// TF32Fact is the entry of Describe that says whether products of f32 are computed as TF32 is, with
// 10 bits of a mantissa for 23: "true" or "false" on GPUs, which alone have it. It is the name of
// the option, too.
const TF32Fact = "tf32"

// withTF32 is how f32 is computed on a GPU where an engine's options do not say it.
func withTF32(options string) string {
	if strings.Contains(options, TF32Fact) {
		return options
	}
	return join([]string{TF32Fact + "=true"}, options, ",")
}

// flagsEnv has XLA's flags, which it reads when it first compiles.
const flagsEnv = "XLA_FLAGS"

// exactFlag has XLA leave out kernels whose sums depend on which thread comes first.
const exactFlag = "--xla_gpu_exclude_nondeterministic_ops"

// withExact adds exactFlag to flags, unless they say themselves what is wanted. What the compiler
// chooses by a clock is the same from run to run only where programs are kept.
func withExact(flags string) string {
	if strings.Contains(flags, exactFlag) || strings.Contains(flags, "--xla_gpu_deterministic_ops") {
		return flags
	}
	return join([]string{exactFlag + "=true"}, flags, " ")
}

// clientOptions are what a plugin's devices are opened with. The plugin for CPUs makes as many
// devices of one processor as it is told, and else four.
func clientOptions(path string, on span) pjrt.NamedValuesMap {
	if !pjrt.IsCUDAName(path) {
		return pjrt.NamedValuesMap{"cpu_device_count": int64(on.count)}
	}
	visible := make([]int64, on.count)
	for i := range visible {
		visible[i] = int64(on.first + i)
	}
	return pjrt.NamedValuesMap{"preallocate": false, "visible_devices": visible}
}

// allDevices are the options for a look at what is there.
func allDevices(path string) pjrt.NamedValuesMap {
	options := clientOptions(path, span{count: 1})
	delete(options, "visible_devices")
	return options
}

// checkPlugin reads the file's symbols, then loads it in a child process.
func checkPlugin(path, kind string) (probed, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return probed{}, fmt.Errorf("no such file")
	}
	if err != nil {
		return probed{}, err
	}
	if !info.Mode().IsRegular() {
		return probed{}, fmt.Errorf("not a file")
	}
	if runtime.GOOS == "linux" {
		if err := checkELF(path, info.Size()); err != nil {
			return probed{}, err
		}
	}
	return probeInChild(kind, path, pluginEnv(path))
}

// checkELF refuses what the loader would, or worse would not: another format,
// a file cut short, a library without GetPjrtApi.
func checkELF(path string, size int64) error {
	f, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("not a shared library: %v", err)
	}
	defer f.Close()
	if want := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[runtime.GOARCH]; want != 0 && f.Machine != want {
		return fmt.Errorf("a library for %v, not for %v", f.Machine, want)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Off+p.Filesz > uint64(size) {
			return fmt.Errorf("cut short: %d bytes of at least %d", size, p.Off+p.Filesz)
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("damaged symbol table: %v", err)
	}
	for _, s := range symbols {
		if s.Name == pjrt.GetPJRTApiFunctionName && s.Section != elf.SHN_UNDEF {
			return nil
		}
	}
	return fmt.Errorf("no function %s in it: not a PJRT plugin", pjrt.GetPJRTApiFunctionName)
}
