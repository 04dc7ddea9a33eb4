// Package peer is for measurements beside another program in one run: a process
// that answers each line on its input with one line, rounds in which ours and
// theirs take turns, and the ratio that they come to. Only tests and benchmarks
// import it.
//
// The measurements are tests that run when PEER_ROUNDS says how many rounds
// (make bench-peers); what is measured is logged, never asserted.
package peer

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"
)

// Process is a peer that runs. It ends with the test.
type Process struct {
	Name string
	in   io.Writer
	out  *bufio.Scanner
}

// Start starts cmd, whose errors go to the test's own; one that does not start
// fails the test.
func Start(t testing.TB, name string, cmd *exec.Cmd) *Process {
	t.Helper()
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	return &Process{name, in, bufio.NewScanner(out)}
}

// Line is the next line of the peer, without its end.
func (p *Process) Line(t testing.TB) string {
	t.Helper()
	if !p.out.Scan() {
		t.Fatalf("%s ended: %v", p.Name, p.out.Err())
	}
	return p.out.Text()
}

// Ask sends a line and reads the fields of the answer into the pointers.
func (p *Process) Ask(t testing.TB, line string, into ...any) {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		t.Fatalf("%s: %v", p.Name, err)
	}
	answer := p.Line(t)
	if _, err := fmt.Sscan(answer, into...); err != nil {
		t.Fatalf("%s answered %q: %v", p.Name, answer, err)
	}
}

// CPUSeconds is the processor time of this process so far, the collector's too.
func CPUSeconds(t testing.TB) float64 {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9
}

// Median of values, of which there is at least one.
func Median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
