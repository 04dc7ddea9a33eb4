package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const top = "../.."

// TestFaultsApply: every fault of the list is of a line that is there, and names a test that is
// there.
func TestFaultsApply(t *testing.T) {
	faults, err := parseFaults(faultsText)
	if err != nil {
		t.Fatal(err)
	}
	if len(faults) < 60 {
		t.Errorf("the list has %d faults, want at least 60", len(faults))
	}
	seen := map[string]bool{}
	for _, f := range faults {
		if _, err := f.apply(top); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if err := f.testExists(top); err != nil {
			t.Errorf("%s: %v", f, err)
		}
		if id := f.File + f.Func + f.Old + f.New; seen[id] {
			t.Errorf("%s: is twice in the list", f)
		} else {
			seen[id] = true
		}
	}
}

// TestApply changes one line, keeps its indentation, and wants it to be one.
func TestApply(t *testing.T) {
	dir := t.TempDir()
	text := "package p\n\nfunc f() int {\n\treturn 1\n}\n\nfunc (x *T[K]) g() int {\n\treturn 1\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "p.go"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ fn, old, want, err string }{
		{fn: "f", old: "return 1", want: strings.Replace(text, "return 1", "return 2", 1)},
		{fn: "T.g", old: "return 1", want: text[:len(text)-len("return 1\n}\n")] + "return 2\n}\n"},
		{old: "return 1", err: "lines 4 and 8 are both"},
		{fn: "h", old: "return 1", err: "no function h"},
		{fn: "f", old: "return 3", err: `no line is "return 3"`},
	} {
		got, err := Fault{File: "p.go", Func: c.fn, Old: c.old, New: "return 2"}.apply(dir)
		if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%q in %q: got %q, %v, want %q, %q", c.old, c.fn, got, err, c.want, c.err)
		}
	}
}

// TestVerdicts: a test that was skipped, or that is not there, has not passed, and a package that
// does not build has not failed.
func TestVerdicts(t *testing.T) {
	failed := errors.New("exit status 1")
	for _, c := range []struct {
		printed string
		err     error
		passes  error
		caught  error
	}{
		{"--- PASS: TestX (0.00s)\nPASS\nok", nil, nil, errSurvived},
		{"--- SKIP: TestX (0.00s)\n    x_test.go:3: -short: XLA\nPASS\nok", nil, errNotRun, errSurvived},
		{"--- PASS: TestXLA (0.00s)\nPASS\nok", nil, errNotRun, errSurvived},
		{"testing: warning: no tests to run\nPASS\nok", nil, errNotRun, errSurvived},
		{"--- FAIL: TestX (0.00s)\nFAIL", failed, errors.New("--- FAIL: TestX (0.00s) | FAIL"), nil},
		{"x.go:3: undefined: y", failed, errors.New("x.go:3: undefined: y"), errors.New("the fault does not build: x.go:3: undefined: y")},
	} {
		for _, of := range [][2]error{{passes(c.printed, "TestX", c.err), c.passes}, {caught(c.printed, c.err), c.caught}} {
			if fmt.Sprint(of[0]) != fmt.Sprint(of[1]) {
				t.Errorf("%q: got %v, want %v", c.printed, of[0], of[1])
			}
		}
	}
}

// TestParseFaults reads the form that faults.txt is written in, and refuses others.
func TestParseFaults(t *testing.T) {
	got, err := parseFaults("# all\n\na/b.go in T.F ./c TestX/y\n# why\n# more\n- x := 1\n+ x := 2\n\nd.go TestZ\n# gone\n- y()\n")
	want := []Fault{
		{File: "a/b.go", Func: "T.F", Pkg: "c", Test: "TestX/y", Why: "why more", Old: "x := 1", New: "x := 2", Line: 3},
		{File: "d.go", Pkg: ".", Test: "TestZ", Why: "gone", Old: "y()", Line: 9},
	}
	if err != nil || len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"a.txt TestX\n# w\n- a\n+ b\n", "a.go TestX\n- a\n+ b\n", "a.go TestX\n# w\n- a\n+ a\n", "a.go TestX\n# w\n* a\n"} {
		if _, err := parseFaults(bad); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}
