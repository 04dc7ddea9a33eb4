package main

import (
	"archive/zip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// setupScript runs a script beside a copy of .ci's files and go.mod, with programs of the test's
// own first in PATH.
func setupScript(t *testing.T, script string, programs map[string]string, env ...string) (stdout, stderr string, code int) {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("no bash, which the scripts of .ci are for")
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, ".ci"), os.DirFS("../.ci")); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o777); err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"go.mod": "module x\n\ngo 1.26.5\n", ".ci/script": script}
	for name, text := range programs {
		files["bin/"+name] = text
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", ".ci/script")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append(env, "PATH="+bin+":/usr/bin:/bin")...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Run()
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// TestGoIsThere: what Go is needed is said in one line before anything is built.
func TestGoIsThere(t *testing.T) {
	const version = "#!/bin/sh\ncase \"$2\" in GOVERSION) echo \"HERE\";; GOTOOLCHAIN) echo auto;; esac\n"
	for name, c := range map[string]struct{ program, want string }{
		"the same":     {strings.Replace(version, "HERE", "go1.26.5", 1), ""},
		"newer":        {strings.Replace(version, "HERE", "go1.30 X:simd", 1), ""},
		"Debian's":     {strings.Replace(version, "HERE", "go1.19.8", 1), "bin/go is 1.19.8; releases: https://go.dev/dl\n"},
		"kept local":   {strings.Replace(strings.Replace(version, "HERE", "go1.22.1", 1), "echo auto", "echo local", 1), "bin/go is 1.22.1, and GOTOOLCHAIN=local keeps it from fetching another; releases: https://go.dev/dl\n"},
		"cannot fetch": {"#!/bin/sh\necho 'go: download go1.26.5: no network' >&2\nexit 1\n", "is older and cannot fetch it: go: download go1.26.5: no network; releases: https://go.dev/dl\n"},
	} {
		t.Run(name, func(t *testing.T) {
			_, said, code := setupScript(t, "exec .ci/check-go", map[string]string{"go": c.program}, "GOEXPERIMENT=simd")
			if (code == 0) != (c.want == "") || !strings.HasSuffix(said, c.want) || c.want != "" && !strings.HasPrefix(said, "Go 1.26.5 or newer is needed (go.mod): ") {
				t.Errorf("exit code %d, said %q, want %q", code, said, c.want)
			}
			if strings.Count(said, "\n") > 1 {
				t.Errorf("more than one line: %s", said)
			}
		})
	}
}

// TestStepsPrintOneLine: a step's output goes to its log, a failure shows the end of it and ends
// the script.
func TestStepsPrintOneLine(t *testing.T) {
	const script = `set -euo pipefail
. .ci/steps
good() { echo much; step_size .ci; }
bad() { echo before; false; echo "not reached"; }
step one "doing one thing" good
set +e
step two "doing another" bad
echo "status $?"
set -e
step three "the last" bad
echo "not reached"
`
	stdout, said, code := setupScript(t, script, nil)
	lines := strings.Split(strings.TrimSpace(said), "\n")
	if code == 0 || stdout != "status 1\n" || len(lines) != 7 || strings.Contains(said, "much") || strings.Contains(said, "not reached") {
		t.Fatalf("exit code %d, printed %q, said\n%s", code, stdout, said)
	}
	for i, want := range []string{"one: doing one thing, 0 s, ", "two: doing another, 0 s", "two: failed; the end of cache/log/two.log:", "  before"} {
		if !strings.HasPrefix(strings.ReplaceAll(lines[i], ", 1 s", ", 0 s"), want) {
			t.Errorf("line %d: %q, want %q", i, lines[i], want)
		}
	}
	if !strings.HasSuffix(lines[0], " MB") {
		t.Errorf("%q has no size", lines[0])
	}
}

// TestPackagesWithoutRoot: who may not install is told the one command.
func TestPackagesWithoutRoot(t *testing.T) {
	programs := map[string]string{"id": "#!/bin/sh\necho 1000\n", "sudo": "#!/bin/sh\nexit 1\n", "apt-get": "#!/bin/sh\nexit 9\n"}
	_, said, code := setupScript(t, ". .ci/steps\ndebian_install one two </dev/null\n", programs)
	want := "script: an administrator must run this once, as root:\n  apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends one two\n"
	if code == 0 || said != want {
		t.Errorf("exit code %d, said %q, want %q", code, said, want)
	}
}

// TestXLAPluginIsFetched: of the wheel only the plugin and its licences are kept, it is asked for
// by version and digest, and a second run fetches nothing.
func TestXLAPluginIsFetched(t *testing.T) {
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("no /usr/bin/python3, which unpacks the wheel")
	}
	wheel := filepath.Join(t.TempDir(), "lammps_jax_pjrt_cpu-0.11.2-py3-none-any.whl")
	f, err := os.Create(wheel)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(f)
	for _, name := range []string{"a/__init__.py", "a/pjrt_c_api_cpu_plugin.so", "a-0.11.2.dist-info/METADATA", "a-0.11.2.dist-info/licenses/LICENSE"} {
		if _, err := w.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f.Close()
	const python = `#!/bin/sh
case "$*" in
"-m pip --version") ;;
"-m pip download "*)
	echo "asked for $(sed 's/=sha256:[0-9a-f]*$/ DIGEST/' cache/xla-cpu.build/wheel.txt)" >&3
	cp "$WHEEL" cache/xla-cpu.build/ ;;
*) exec /usr/bin/python3 "$@" ;;
esac
`
	const script = `set -e
exec 3>&1
.ci/install-xla-cpu
(cd cache && find xla-cpu* -type f | sort)
cat cache/xla-cpu/recipe
.ci/install-xla-cpu
`
	stdout, said, code := setupScript(t, script, map[string]string{"python3": python, "uname": "#!/bin/sh\necho Linux x86_64\n"}, "WHEEL="+wheel)
	want := "asked for lammps-jax-pjrt-cpu==0.11.2 --hash DIGEST\nxla-cpu/LICENSE\nxla-cpu/pjrt_c_api_cpu_plugin.so\nxla-cpu/recipe\nlammps-jax-pjrt-cpu 0.11.2\n"
	if code != 0 || stdout != want || !strings.HasPrefix(said, "xla-cpu: fetching XLA's CPU plugin (lammps-jax-pjrt-cpu 0.11.2) from PyPI, ") {
		t.Errorf("exit code %d, printed\n%s\nwant\n%s\nsaid %s", code, stdout, want, said)
	}
}
