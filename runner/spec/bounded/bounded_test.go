package bounded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"react/runner/spec"
	"react/runner/spec/mistake"
)

const small = `apiVersion: "runner/v2"
name: "small"
pool: world: world: {}
backbone: {arch: "tiny", pretrain: pool: "world"}
task: {classes: "pool:world/task", prompts: ["a {}"]}
retrieve: {pool: "world", k: 4}
tune: {mode: "full", steps: 300, batch: 64}
evaluate: task: {kind: "zeroshot", dataset: "pool:world/task"}
`

// endless takes 10⁸ list elements.
const endless = small + `_d: [0,1,2,3,4,5,6,7,8,9]
_r: [for a in _d for b in _d for c in _d for d in _d for e in _d for f in _d for g in _d for h in _d {0}]
sweep: grid: tune: steps: _r
`

func TestMain(m *testing.M) {
	if file := os.Getenv("BOUNDED_TEST_LOAD"); file != "" { // a parent that is killed
		_, err := Load(context.Background(), file, nil)
		fmt.Println(err)
		return
	}
	os.Exit(m.Run())
}

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "x.cue")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestLoad holds that a child gives what spec.Load gives, mistakes too.
func TestLoad(t *testing.T) {
	sets := []string{"tune.gamma=0.80", "question=why not"}
	for _, file := range []string{"../../../experiments/quickstart.cue", write(t, small+`sweep: {grid: tune: gamma: [0.5, "off"], seeds: 3}`),
		write(t, small+"tune: mode: \"fulll\"\nretrieve: k: 0"), "none.cue", t.TempDir()} {
		got, err := Load(t.Context(), file, sets)
		want, wantErr := spec.Load(file, sets)
		if !reflect.DeepEqual(got, want) || !reflect.DeepEqual(err, wantErr) {
			t.Errorf("%s: got %v, %v, want %v, %v", file, got, err, want, wantErr)
		}
	}
}

func TestFormat(t *testing.T) {
	file := write(t, "a:   1 // one\n")
	before, after, err := Format(t.Context(), file)
	if err != nil || string(before) != "a:   1 // one\n" || string(after) != "a: 1 // one\n" {
		t.Errorf("%q, %q, %v", before, after, err)
	}
	if _, _, err := Format(t.Context(), write(t, "a: {")); !errors.As(err, new(mistake.Errors)) {
		t.Errorf("no CUE: %v", err)
	}
}

// TestLimits holds that no file takes more than the limits, and that the message says which and how
// to raise it.
func TestLimits(t *testing.T) {
	t.Setenv(secondsEnv, "2")
	t.Setenv(memoryEnv, "128")
	const seconds, mib = "takes over 2 s (fewer", "takes over 128 MiB of memory (fewer"
	double := func(text string) string {
		for i := range 30 {
			text += fmt.Sprintf("_a%d: %s\n", i+1, strings.Replace("_aN+_aN+_aN+_aN", "_aN", fmt.Sprintf("_a%d", i), -1))
		}
		return text + "question: _a30\n"
	}
	nest := func(left, inner, right string, n int) string {
		return "_x: " + strings.Repeat(left, n) + inner + strings.Repeat(right, n)
	}
	chain := "_c0: 1\n"
	for i := range 25 {
		chain += fmt.Sprintf("_d%d: {a%d: 1} | {b%d: 1}\n", i, i, i)
	}
	for name, c := range map[string]struct{ text, want string }{
		"comprehensions":   {endless, seconds},
		"strings double":   {double(small + `_a0: "aaaaaaaaaaaaaaaa"` + "\n"), mib},
		"disjunctions":     {small + chain + "_all: _d0" + andAll(25) + "\nquestion: \"\\(_all.a0)\"", seconds},
		"lists in lists":   {small + nest("[", "1", "]", 200000), "nesting"},
		"groups in groups": {small + nest("{a:", "1", "}", 150000), "nesting"},
		"a long sum":       {small + nest("1+", "1", "", 250000), ""},
		"a power":          {small + "tune: lr: 1e1000000000", "is not a number to compute with"},
		"itself":           {small + "_f: {n: int, out: (_f & {\"n\": n-1}).out}\nquestion: \"\\((_f & {n: 3}).out)\"", "x.cue:"},
		"a huge file":      {small + "//" + strings.Repeat("x", 1<<20), "longer than an experiment may be"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.want != seconds {
				// a slow machine must not come to the limit of time first
				t.Setenv(secondsEnv, "60")
			}
			start := time.Now()
			_, err := Load(t.Context(), write(t, c.text), nil)
			if !errors.As(err, new(mistake.Errors)) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if c.want == seconds && !strings.Contains(err.Error(), secondsEnv+"=20") || c.want == mib && !strings.Contains(err.Error(), memoryEnv+"=512") {
				t.Errorf("%v does not say how to raise the limit", err)
			}
			if d := time.Since(start); d > 90*time.Second {
				t.Errorf("took %v", d)
			}
		})
	}
}

func andAll(n int) string {
	all := ""
	for i := range n {
		all += fmt.Sprintf(" & _d%d", i)
	}
	return all
}

func TestLimitsAreNumbers(t *testing.T) {
	for _, name := range []string{secondsEnv, memoryEnv} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "1m")
			if _, err := Load(t.Context(), write(t, small), nil); err == nil || err.Error() != name+"=1m is not a whole number from 1 to 1048576" {
				t.Errorf("%v", err)
			}
		})
	}
}

// TestCancel holds that the end of the context ends an evaluation, and the wait for a pipe that
// nobody writes.
func TestCancel(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe.cue")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{write(t, endless), pipe} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(200*time.Millisecond, cancel)
		start := time.Now()
		if _, err := Load(ctx, file, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", file, err)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s: took %v", file, d)
		}
	}
}

// TestParentDies holds that a child does not outlive a parent that was killed: both hold the end of
// a pipe.
func TestParentDies(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BOUNDED_TEST_LOAD="+write(t, endless), secondsEnv+"=1000")
	cmd.ExtraFiles = []*os.File{w, w} // the first is the child's question
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	time.Sleep(500 * time.Millisecond) // the child is there by now, or never
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	done := make(chan error, 1)
	go func() { _, err := io.Copy(io.Discard, r); done <- err }()
	select {
	case <-done:
	case <-time.After(30 * time.Second):
		t.Error("the child still evaluates")
	}
}

// TestQuestionNotOnStdin: a file may be standard input.
func TestQuestionNotOnStdin(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "BOUNDED_TEST_LOAD=/dev/stdin")
	cmd.Stdin = strings.NewReader(small)
	out, err := cmd.CombinedOutput()
	if err != nil || !bytes.Equal(out, []byte("<nil>\n")) {
		t.Errorf("%v: %s", err, out)
	}
}
