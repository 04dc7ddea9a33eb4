package engine

import (
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

func init() {
	xla.EnableAutoInstall(false)
	if path := os.Getenv(probeEnv); path != "" {
		os.Exit(probe(path))
	}
}

// probeEnv, when set, makes the program load the plugin it names, print its API
// version and end: loading a damaged plugin can kill a process, so the one
// that wants it asks a child first.
const probeEnv = "RUNNER_PROBE_PJRT_PLUGIN"

// probeTimeout bounds the child; a CUDA plugin of 400 MB loads in seconds.
const probeTimeout = 2 * time.Minute

func probe(path string) int {
	plugin, err := pjrt.GetPlugin(path)
	if err != nil {
		fmt.Fprintln(os.Stderr, firstLine(err))
		return 1
	}
	if plugin == nil {
		fmt.Fprintln(os.Stderr, "GetPjrtApi gave nothing")
		return 1
	}
	major, minor := plugin.Version()
	fmt.Printf("%d.%d", major, minor)
	return 0
}

// openXLA opens a plugin by its path, with the backend's options after commas
// (xla:/path/plugin.so,tf32=false).
func openXLA(config string) (*Engine, error) {
	path, options, _ := strings.Cut(config, ",")
	if path == "" {
		return nil, fmt.Errorf("no PJRT plugin named: write xla:/path/of/plugin.so; none is searched for or downloaded")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if strings.Contains(path, ",") {
		return nil, fmt.Errorf("PJRT plugin %s: a comma in its path would start the options", path)
	}
	version, err := checkPlugin(path)
	if err != nil {
		return nil, fmt.Errorf("PJRT plugin %s: %w", path, err)
	}
	config = path
	if options != "" {
		config += "," + options
	}
	backend, err := xla.New(config)
	if err != nil {
		return nil, fmt.Errorf("PJRT plugin %s: %w", path, firstLine(err))
	}
	e := newEngine("xla:"+filepath.Base(path), backend)
	e.facts["go-xla"] = moduleVersion("github.com/gomlx/go-xla")
	e.facts["pjrt"] = version
	e.facts["device"] = backend.Description()
	return e, nil
}

// checkPlugin reads the file's symbols, then loads it in a child process, and
// gives the version of its API.
func checkPlugin(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("no such file")
	}
	if err != nil {
		return "", err
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("not a file")
	}
	if runtime.GOOS == "linux" {
		if err := checkELF(path, info.Size()); err != nil {
			return "", err
		}
	}
	return probeInChild(path)
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

func probeInChild(path string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	var stdout, stderr bytes.Buffer
	child := exec.CommandContext(ctx, self)
	child.Env = append(os.Environ(), probeEnv+"="+path)
	child.Stdout, child.Stderr = &stdout, &stderr
	if err := child.Run(); err != nil {
		why := strings.TrimSpace(stderr.String())
		if why == "" || strings.Contains(why, "SIGSEGV") {
			why = "it crashes when loaded"
		}
		why, _, _ = strings.Cut(why, "\n")
		return "", fmt.Errorf("does not load: %s", why)
	}
	return strings.TrimSpace(stdout.String()), nil
}
