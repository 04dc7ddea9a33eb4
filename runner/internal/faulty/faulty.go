// Package faulty makes a plugin of XLA that fails on demand, for the tests of what a sweep
// survives.
package faulty

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// source is the plugin: the real one with another function that runs programs.
const source = `
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void *(*real)(void *);
static void *run(void *args) {
	if (unlink(STILL) == 0) for (;;) pause();
	if (unlink(ABORT) == 0) abort();
	return real(args);
}
void *GetPjrtApi(void) {
	static void *api;
	if (api) return api;
	void *lib = dlopen(REAL, RTLD_LAZY | RTLD_LOCAL);
	if (!lib) return 0;
	void **theirs = ((void **(*)(void))dlsym(lib, "GetPjrtApi"))();
	api = malloc(*(size_t *)theirs);
	memcpy(api, theirs, *(size_t *)theirs);
	real = theirs[AT];
	((void **)api)[AT] = run;
	return api;
}`

// Plugin is XLA's plugin for CPUs with a fault: where a file is, the next run of a program takes
// the file away and stands still for ever, or aborts.
type Plugin struct {
	Path, Still, Abort string
}

// Compile makes one over the plugin that make fetches into the tree at root. Where that is not, or
// no C compiler, the test is skipped and says so.
func Compile(t *testing.T, root string) Plugin {
	t.Helper()
	real, err := filepath.Abs(filepath.Join(root, "cache", "xla-cpu", "pjrt_c_api_cpu_plugin.so"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(real); err != nil {
		t.Skip("no PJRT plugin for CPUs in cache/xla-cpu: make xla-cpu fetches it")
	}
	for _, tool := range []string{"cc", "go"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is not in PATH", tool)
		}
	}
	dir := t.TempDir()
	p := Plugin{filepath.Join(dir, "faulty_cpu_plugin.so"), filepath.Join(dir, "still"), filepath.Join(dir, "abort")}
	cc := exec.Command("cc", "-shared", "-fPIC", "-x", "c", "-", "-o", p.Path, "-ldl", fmt.Sprintf("-DAT=%d", executeAt(t)),
		fmt.Sprintf("-DREAL=%q", real), fmt.Sprintf("-DSTILL=%q", p.Still), fmt.Sprintf("-DABORT=%q", p.Abort))
	cc.Stdin = strings.NewReader(source)
	if out, err := cc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return p
}

// executeAt is the place of the function that runs programs in a plugin's table, in pointers.
func executeAt(t *testing.T) int {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/gomlx/go-xla").Output()
	if err != nil {
		t.Fatal(err)
	}
	header, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(dir)), "pjrt", "pjrt_c_api.h"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(header), "typedef struct PJRT_Api {")
	for i, field := range regexp.MustCompile(`_PJRT_API_STRUCT_FIELD\((\w+)\)`).FindAllStringSubmatch(table, -1) {
		if field[1] == "PJRT_LoadedExecutable_Execute" {
			// behind size and extensions, and the version with its own and two ints
			return 2 + 3 + i
		}
	}
	t.Fatal("no PJRT_LoadedExecutable_Execute in the header")
	return 0
}
