package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options say which faults are tried.
type options struct {
	since string        // only those in files that changed since this revision
	match string        // only those whose file, test or reason matches
	limit time.Duration // no fault is begun after it; 0 is no limit
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.since, "since", "", "only the faults in files that changed since this `revision`, and in those of their tests' packages")
	flag.StringVar(&o.match, "match", "", "only the faults whose file, test or reason matches this `pattern`")
	flag.DurationVar(&o.limit, "limit", 0, "begin no fault after this `time`, and say how many are left out")
	flag.Parse()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

// run tries the faults in turn from the top of the tree and prints a line each.
func run(ctx context.Context, o options, out io.Writer) error {
	faults, err := parseFaults(faultsText)
	if err != nil {
		return err
	}
	if faults, err = chosen(ctx, o, faults); err != nil {
		return err
	}
	began := time.Now()
	sound := map[string]error{} // package and test → whether it passes without a fault
	var wrong []error
	tried := 0
	for i, f := range faults {
		if o.limit > 0 && time.Since(began) > o.limit {
			fmt.Fprintf(out, "%d faults are left out: over %v\n", len(faults)-i, o.limit)
			break
		}
		tried++
		start := time.Now()
		err := try(ctx, f, sound)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		verdict := "caught"
		if err != nil {
			verdict = err.Error()
			wrong = append(wrong, fmt.Errorf("%s: %w", f, err))
		}
		fmt.Fprintf(out, "[%d/%d] %s: %s: %s (%.0f s)\n", i+1, len(faults), f.File, f.Test, verdict, time.Since(start).Seconds())
	}
	fmt.Fprintf(out, "%d faults in %v: %d caught, %d not\n", tried, time.Since(began).Round(time.Second), tried-len(wrong), len(wrong))
	return errors.Join(wrong...)
}

// chosen are the faults that the options name.
func chosen(ctx context.Context, o options, faults []Fault) ([]Fault, error) {
	form, err := regexp.Compile(o.match)
	if err != nil {
		return nil, err
	}
	faults = slices.DeleteFunc(faults, func(f Fault) bool {
		return !form.MatchString(f.File + " " + f.Test + " " + f.Why)
	})
	if o.since == "" {
		return faults, nil
	}
	changed, err := exec.CommandContext(ctx, "git", "diff", "--name-only", o.since).Output()
	if err != nil {
		return nil, fmt.Errorf("git diff %s: %w", o.since, err)
	}
	names := strings.Fields(string(changed))
	return slices.DeleteFunc(faults, func(f Fault) bool { return !f.touched(names) }), nil
}

// touched says whether the fault's file, or a test of its test's package, is among the names.
func (f Fault) touched(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return name == f.File || strings.HasSuffix(name, "_test.go") && filepath.ToSlash(filepath.Dir(name)) == f.Pkg
	})
}

// errSurvived is a test that passes with the fault, errNotRun one that go test did not run.
var (
	errSurvived = errors.New("SURVIVED: the test passes with the fault")
	errNotRun   = errors.New("the test did not run: it was skipped, or is not there")
)

// try runs the fault's test without it, which must pass, and with it, which must fail. What -short
// leaves out, XLA's programs mostly, takes minutes: it is run where the rest does not catch it.
func try(ctx context.Context, f Fault, sound map[string]error) error {
	text, err := f.apply(".")
	if err == nil {
		err = f.testExists(".")
	}
	if err != nil {
		return err
	}
	overlay, err := lay(f, text)
	if err != nil {
		return err
	}
	defer os.RemoveAll(filepath.Dir(overlay))
	for _, args := range [][]string{{"-short"}, nil} {
		err = tryWith(ctx, f, sound, overlay, args)
		if !errors.Is(err, errSurvived) && !errors.Is(err, errNotRun) {
			return err
		}
	}
	return err
}

// tryWith is try with arguments of go test.
func tryWith(ctx context.Context, f Fault, sound map[string]error, overlay string, args []string) error {
	id := strings.Join(append([]string{f.Pkg, f.Test}, args...), " ")
	if _, ok := sound[id]; !ok {
		printed, err := test(ctx, f, args)
		sound[id] = passes(printed, f.Test, err)
	}
	if err := sound[id]; err != nil {
		return fmt.Errorf("the test does not pass without the fault: %w", err)
	}
	printed, err := test(ctx, f, append([]string{"-overlay", overlay}, args...))
	return caught(printed, err)
}

// passes says whether go test ran a test, and the test passed: it ends well too without any.
func passes(printed, test string, err error) error {
	switch {
	case err != nil:
		return errors.New(firstLines(printed, 6))
	case !strings.Contains(printed, "--- PASS: "+test+" "):
		return errNotRun
	}
	return nil
}

// caught says whether a test failed, as against a package that does not build.
func caught(printed string, err error) error {
	switch {
	case err == nil:
		return errSurvived
	case !strings.Contains(printed, "--- FAIL") && !strings.Contains(printed, "panic:") && !strings.Contains(printed, "fatal error:"):
		return fmt.Errorf("the fault does not build: %s", firstLines(printed, 3))
	}
	return nil
}

// lay writes the faulty file and the overlay that puts it over the original.
func lay(f Fault, text string) (string, error) {
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return "", err
	}
	file, err := filepath.Abs(filepath.FromSlash(f.File))
	if err != nil {
		return "", err
	}
	faulty := filepath.Join(dir, filepath.Base(file))
	raw, err := json.Marshal(map[string]any{"Replace": map[string]string{file: faulty}})
	if err == nil {
		err = os.WriteFile(faulty, []byte(text), 0o666)
	}
	overlay := filepath.Join(dir, "overlay.json")
	if err == nil {
		err = os.WriteFile(overlay, raw, 0o666)
	}
	return overlay, err
}

// test runs a fault's test; printed is what it wrote, err is nil where it does not fail.
func test(ctx context.Context, f Fault, more []string) (printed string, err error) {
	args := []string{"test", "-v", "-vet=off", "-count=1", "-timeout=3m", "-run", "^" + strings.ReplaceAll(f.Test, "/", "$/^") + "$"}
	cmd := exec.CommandContext(ctx, "go", append(append(args, more...), "./"+f.Pkg)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	raw, err := cmd.CombinedOutput()
	return started.ReplaceAllString(string(raw), ""), err
}

// started are the lines by which -v says that a test begins.
var started = regexp.MustCompile(`(?m)^=== .*\n`)

func firstLines(text string, n int) string {
	lines := strings.SplitN(strings.TrimSpace(text), "\n", n+1)
	return strings.Join(lines[:min(n, len(lines))], " | ")
}
