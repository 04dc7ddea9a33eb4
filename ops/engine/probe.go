package engine

/*
#cgo linux LDFLAGS: -ldl
#include <dlfcn.h>
#include <stdlib.h>

typedef struct {
	const void *(*GetApi)(unsigned);
	const char *(*GetVersionString)(void);
} ort_api_base;

// ort_version is the version that an ONNX Runtime library gives itself; NULL
// and a reason when the file is none.
static const char *ort_version(const char *path, const char **why) {
	void *lib = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (!lib) { *why = dlerror(); return NULL; }
	const ort_api_base *(*base)(void) = (const ort_api_base *(*)(void))dlsym(lib, "OrtGetApiBase");
	if (!base) { *why = "no function OrtGetApiBase in it: not ONNX Runtime"; return NULL; }
	return base()->GetVersionString();
}

// The beginning of PJRT's table of functions, which all versions of its API have.
typedef struct {
	size_t size;
	void *extensions;
	struct { size_t size; void *extensions; int major, minor; } version;
} pjrt_api;

// pjrt_version finds the version of the API that a plugin has, calling nothing of it; a reason
// when the file is no plugin.
static const char *pjrt_version(const char *path, int *major, int *minor) {
	void *lib = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
	if (!lib) return dlerror();
	const pjrt_api *(*get)(void) = (const pjrt_api *(*)(void))dlsym(lib, "GetPjrtApi");
	if (!get) return "no function GetPjrtApi in it: not a PJRT plugin";
	const pjrt_api *api = get();
	if (!api) return "GetPjrtApi gave nothing";
	if (api->size < sizeof(pjrt_api)) return "GetPjrtApi gave no table of functions";
	*major = api->version.major;
	*minor = api->version.minor;
	return NULL;
}
*/
import "C"

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
	"unsafe"

	onnx "github.com/gomlx/compute-onnx"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

func init() {
	xla.EnableAutoInstall(false)
	if kind, path, ok := strings.Cut(os.Getenv(probeEnv), ":"); ok && probes[kind] != nil {
		os.Exit(answer(probes[kind](path)))
	}
}

// probeEnv, when set to KIND:PATH, makes the program load that library, print
// what it found out as JSON, and end: loading a damaged library can kill a
// process, so the one that wants it asks a child first.
const probeEnv = "RUNNER_PROBE_LIBRARY"

// Kinds of probes.
const (
	probePlugin  = "plugin"  // load a PJRT plugin
	probeDevices = "devices" // and open its devices
	probeONNX    = "onnx"    // load ONNX Runtime
)

var probes = map[string]func(path string) (probed, error){
	probePlugin:  func(path string) (probed, error) { return loadPlugin(path, false) },
	probeDevices: func(path string) (probed, error) { return loadPlugin(path, true) },
	probeONNX:    loadONNX,
}

// probed is what a child found out about a library.
type probed struct {
	Version string   `json:"version"`
	Devices []string `json:"devices,omitempty"`
	Problem string   `json:"problem,omitempty"` // it loads, but its devices do not open
}

func answer(p probed, err error) (exitCode int) {
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(p)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, firstLine(err))
		return 1
	}
	return 0
}

// loadPlugin gives the version of a plugin's API and, when asked, opens its
// client, which is where a missing driver shows.
func loadPlugin(path string, devices bool) (probed, error) {
	version, err := apiVersion(path)
	if err != nil {
		return probed{}, err
	}
	plugin, err := pjrt.GetPlugin(path)
	if err != nil {
		return probed{}, err
	}
	p := probed{Version: version}
	if !devices {
		return p, nil
	}
	client, err := plugin.NewClient(allDevices(path))
	if err != nil {
		p.Problem = firstLine(err).Error()
		return p, nil
	}
	for _, d := range client.AddressableDevices() {
		if text, err := d.GetDescription(); err == nil {
			p.Devices = append(p.Devices, text.DebugString())
		}
	}
	return p, nil
}

// apiMajor is the first part of the version of PJRT's API that go-xla is written for. Versions of
// another one may have other functions at the same places.
const apiMajor = 0

// apiVersion is the version of a plugin's API, or why this program cannot use it.
func apiVersion(path string) (string, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var major, minor C.int
	if why := C.pjrt_version(name, &major, &minor); why != nil {
		return "", errors.New(C.GoString(why))
	}
	if major != apiMajor {
		return "", fmt.Errorf("version %d.%d of PJRT's API, and this program knows versions %d.x: a plugin of such a version is needed",
			major, minor, apiMajor)
	}
	return fmt.Sprintf("%d.%d", major, minor), nil
}

// loadONNX gives the library's version, and fails unless a backend opens with it.
func loadONNX(path string) (probed, error) {
	name := C.CString(path)
	defer C.free(unsafe.Pointer(name))
	var why *C.char
	version := C.ort_version(name, &why)
	if version == nil {
		return probed{}, errors.New(C.GoString(why))
	}
	p := probed{Version: C.GoString(version)}
	if err := os.Setenv(libraryEnv, path); err != nil {
		return p, err
	}
	if _, err := onnx.New("cpu"); err != nil {
		p.Problem = firstLine(err).Error()
	}
	return p, nil
}

// probeTimeout bounds the child; a CUDA plugin of 400 MB loads in seconds.
const probeTimeout = 2 * time.Minute

// probeInChild runs a probe in a child process with env added to ours. A crash
// there is an error here.
func probeInChild(kind, path string, env []string) (p probed, err error) {
	self, err := os.Executable()
	if err != nil {
		return p, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	child := exec.CommandContext(ctx, self)
	child.Env = append(append(os.Environ(), env...), probeEnv+"="+kind+":"+path)
	child.Stdout, child.Stderr = &stdout, &stderr
	err = child.Run()
	if err == nil {
		// Libraries print on standard output too; the answer is the last line.
		lines := strings.Split(strings.TrimSpace(stdout.String()), "\n")
		err = json.Unmarshal([]byte(lines[len(lines)-1]), &p)
	}
	switch {
	case err == nil:
		return p, nil
	case ctx.Err() != nil:
		return p, fmt.Errorf("does not load: nothing after %v", probeTimeout)
	}
	return p, fmt.Errorf("does not load: %s", crashReason(stderr.String()))
}

// crashReason is the line of a child's standard error that says why it failed.
func crashReason(text string) string {
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(lines) == 0 {
		return "it crashes when loaded"
	}
	for _, line := range lines {
		for _, crash := range []string{"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "fatal error"} {
			if strings.Contains(line, crash) {
				return "it crashes when loaded (" + cmp.Or(signalName(line), crash) + ")"
			}
		}
	}
	return lines[len(lines)-1]
}

// signalName is the SIG... word of a line.
func signalName(line string) string {
	for _, word := range strings.FieldsFunc(line, func(r rune) bool { return !('A' <= r && r <= 'Z') }) {
		if strings.HasPrefix(word, "SIG") {
			return word
		}
	}
	return ""
}
