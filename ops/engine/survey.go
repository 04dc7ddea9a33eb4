package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Status is what is known of an engine without computing anything on it.
type Status struct {
	Engine  string   `json:"engine"`            // what --engine names: go, onnx, xla:cpu, xla:cuda
	Usable  bool     `json:"usable"`            // it opens here
	Path    string   `json:"path,omitempty"`    // of the library or the plugin
	Version string   `json:"version,omitempty"` // of the library; of a plugin its PJRT API's
	Wheel   string   `json:"wheel,omitempty"`   // Python package that a plugin is part of
	Devices []string `json:"devices,omitempty"`
	Problem string   `json:"problem,omitempty"` // why it is not usable, or is slow
	// folders in which no plugin was found
	Searched []string `json:"searched,omitempty"`
	// command that puts it there; never run by the program
	Install string `json:"install,omitempty"`
}

// Survey looks for each engine in the order in which auto takes them, then
// xla:cpu. Libraries are loaded in child processes, so that one that crashes is
// a Problem. An engine with several plugins has several entries, one that is
// not there has one with the command to install it.
func Survey() []Status {
	list := surveyPlugins("cuda")
	list = append(list, surveyONNX(), surveyGo())
	return append(list, surveyPlugins("cpu")...)
}

func surveyGo() Status {
	s := Status{Engine: "go", Usable: true, Version: moduleVersion(gobackendModule)}
	if raceWithCheckptr() {
		s.Usable, s.Problem = false, "this program was built with -race and pointer checks"
	} else if !SIMD {
		s.Problem = SIMDWarning
	}
	return s
}

func surveyONNX() Status {
	s := Status{Engine: "onnx"}
	path, err := FindONNX()
	if err != nil {
		s.Problem, s.Install = err.Error(), install("onnx")
		return s
	}
	s.Path = path
	found, err := probeInChild(probeONNX, path, nil)
	if err != nil {
		s.Problem, s.Install = err.Error(), install("onnx")
		return s
	}
	s.Version, s.Problem = found.Version, found.Problem
	if s.Usable = s.Problem == ""; !s.Usable {
		s.Install = install("onnx")
	}
	return s
}

// surveyPlugins lists the plugins of a kind that are there.
func surveyPlugins(kind string) []Status {
	var list []Status
	for _, p := range FindPlugins(kind) {
		s := Status{Engine: "xla:" + kind, Path: p.Path, Wheel: p.Wheel}
		probe := probeDevices
		if kind == "cuda" && !hasGPU() {
			probe = probePlugin
			s.Problem = "there is no NVIDIA GPU: no /dev/nvidia0"
		}
		found, err := checkPlugin(p.Path, probe)
		s.Version, s.Devices = found.Version, found.Devices
		switch {
		case err != nil:
			s.Problem = err.Error()
		case found.Problem != "":
			s.Problem = found.Problem
		}
		s.Usable = s.Problem == ""
		list = append(list, s)
	}
	if len(list) > 0 {
		return list
	}
	s := Status{Engine: "xla:" + kind, Problem: "no PJRT plugin for " + kind + " was found", Searched: searched(kind), Install: install("xla:" + kind)}
	if kind == "cuda" && !hasGPU() {
		s.Problem += "; there is no NVIDIA GPU either: no /dev/nvidia0"
	}
	return []Status{s}
}

// Auto is the engine that auto takes of a survey, and why. For large models it is another where
// ForModel says so.
func Auto(list []Status) (engine, why string) {
	var passed []string
	for _, s := range list {
		if s.Engine == "xla:cpu" {
			continue
		}
		if s.Usable {
			passed = append(passed, s.Engine+" opens")
			if s.Engine != "xla:cuda" && slices.ContainsFunc(list, func(s Status) bool { return s.Engine == "xla:cpu" && s.Usable }) {
				passed = append(passed, fmt.Sprintf("sweeps with a model of %.0f GFLOP an image or more take xla:cpu", fasterOnXLA/1e9))
			}
			return s.Engine, strings.Join(passed, "; ")
		}
		passed = append(passed, s.Engine+" does not: "+s.Problem)
	}
	return "", strings.Join(passed, "; ")
}

// onnxVersion is the release whose API compute-onnx asks for; older ones are refused.
const onnxVersion = "1.27.0"

// install is the command that puts an engine where it is found.
func install(engine string) string {
	root := "."
	for _, dir := range programRoots() {
		if _, err := os.Stat(filepath.Join(dir, ".ci", "install-onnxruntime")); err == nil {
			root = dir
			break
		}
	}
	switch engine {
	case "onnx":
		if isFile(filepath.Join(root, ".ci", "install-onnxruntime")) {
			return strings.Replace("make -C "+root+" build", "-C . ", "", 1)
		}
		return fmt.Sprintf("python3 -m venv cache/ort && cache/ort/bin/pip install onnxruntime==%s && mkdir -p %s && cp cache/ort/lib/python3*/site-packages/onnxruntime/capi/libonnxruntime.so.* %s",
			onnxVersion, libraryFolder, filepath.Join(libraryFolder, libraryNames[0]))
	case "xla:cuda":
		folder := filepath.Join(root, xlaFolder)
		return fmt.Sprintf("python3 -m venv %s && %s/bin/pip install %s # an NVIDIA driver from 580 on", folder, folder, strings.Join(cudaPackages, " "))
	case "xla:cpu":
		if isFile(filepath.Join(root, ".ci", "install-xla-cpu")) {
			return strings.Replace("make -C "+root+" xla-cpu", "-C . ", "", 1)
		}
		return fmt.Sprintf("python3 -m pip download --no-deps --only-binary=:all: -d %[1]s %[2]s && python3 -m zipfile -e %[1]s/*.whl %[1]s && mv %[1]s/*/pjrt_c_api_cpu_plugin.so %[1]s",
			cpuFolder, cpuPackage)
	}
	return ""
}

// cpuPackage holds XLA's plugin for CPUs; .ci/install-xla-cpu has the same.
const cpuPackage = "lammps-jax-pjrt-cpu==0.11.2"

// cudaPackages hold XLA's CUDA plugin and the libraries that it loads, by name: the package that
// asks for them, jax-cuda13-plugin[with-cuda], wants Python 3.12, and under an older Python pip
// takes an older one of it without a word.
var cudaPackages = []string{"jax-cuda13-pjrt==0.12.0.1", "nvidia-cublas", "nvidia-cuda-cupti", "nvidia-cuda-nvcc", "nvidia-cuda-nvrtc",
	"nvidia-cuda-runtime", "nvidia-cudnn-cu13", "nvidia-cufft", "nvidia-cusolver", "nvidia-cusparse", "nvidia-nccl-cu13",
	"nvidia-nvjitlink", "nvidia-nvshmem-cu13", "nvidia-nvvm"}
