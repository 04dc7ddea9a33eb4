package child

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"react/data/proc"
)

const (
	childEnv  = "CHILD_TEST"
	parentEnv = "CHILD_TEST_PARENT"
	talkerEnv = "CHILD_TEST_TALKER"
)

// TestMain is a child that echoes its question until it is ended, or a parent of one.
func TestMain(m *testing.M) {
	switch {
	case Asked(childEnv):
		var q string
		answers, err := Question(&q, os.Interrupt)
		if err != nil {
			os.Exit(9)
		}
		json.NewEncoder(answers).Encode(strings.ToUpper(q))
		fmt.Fprintln(os.Stderr, "still set:", os.Getenv(childEnv) != "")
		if q != "end" {
			select {}
		}
	case Asked(talkerEnv):
		questions, answers := Questions()
		for raw := range questions {
			fmt.Fprintf(answers, "%d\n", len(raw))
		}
	case os.Getenv(parentEnv) != "":
		p, err := Start(context.Background(), childEnv, "stay", nil)
		if err != nil {
			os.Exit(8)
		}
		var got string
		json.NewDecoder(p.Answers).Decode(&got)
		fmt.Println(p.Pid())
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
	default:
		os.Exit(m.Run())
	}
}

// TestAnswer: a child answers a question that is longer than a pipe holds, and knows nothing of the
// variable.
func TestAnswer(t *testing.T) {
	var said strings.Builder
	p, err := Start(t.Context(), childEnv, "end", func(c *exec.Cmd) { c.Stderr = &said })
	if err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(p.Answers)
	if err := errors.Join(err, p.Wait()); err != nil || string(answer) != "\"END\"\n" || said.String() != "still set: false\n" || p.Signal() != 0 {
		t.Errorf("got %q, %q, %v", answer, said.String(), err)
	}
	long := strings.Repeat("x", 1<<20)
	ctx, cancel := context.WithCancel(t.Context())
	if p, err = Start(ctx, childEnv, long, nil); err != nil {
		t.Fatal(err)
	}
	var got string
	if err := json.NewDecoder(p.Answers).Decode(&got); err != nil || got != strings.ToUpper(long) {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
	if err := syscall.Kill(p.Pid(), syscall.SIGINT); err != nil {
		t.Error(err)
	}
	// an interrupt that ends it would come before the context's end
	time.Sleep(50 * time.Millisecond)
	cancel()
	if err := p.Wait(); err == nil || p.Signal() != syscall.SIGKILL {
		t.Errorf("got %v, %v: want an end with the context, and the interrupt ignored", err, p.State())
	}
}

// TestSeveralQuestions: a child is asked again and again, and ends when it is dismissed.
func TestSeveralQuestions(t *testing.T) {
	p, err := Start(t.Context(), talkerEnv, strings.Repeat("x", 1<<20), nil)
	if err != nil {
		t.Fatal(err)
	}
	words := json.NewDecoder(p.Answers)
	for want := 1<<20 + 2; want != 0; {
		var got int
		if err := words.Decode(&got); err != nil || got != want {
			t.Fatalf("got %d, %v, want %d", got, err, want)
		}
		if want == 7 {
			break
		}
		want = 7
		if err := p.Ask("again"); err != nil {
			t.Fatal(err)
		}
	}
	p.Dismiss()
	if err := p.Wait(); err == nil || p.State().ExitCode() != 1 {
		t.Errorf("got %v", p.State())
	}
	if err := p.Ask("more"); err == nil {
		t.Error("one that has ended was asked")
	}
}

// TestEndsWithItsParent: a parent that is killed leaves no child.
func TestEndsWithItsParent(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), parentEnv+"=1")
	out, _ := parent.Output()
	var pid int
	if _, err := fmt.Sscan(string(out), &pid); err != nil {
		t.Fatalf("the parent said %q: %v", out, err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if !proc.Runs(pid) {
			return
		}
		if time.Now().After(end) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("process %d goes on without its parent", pid)
		}
	}
}
