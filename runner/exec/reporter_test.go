package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"react/runner/schedule"
)

// TestLines runs a clock by hand: progress lines come at most every five
// seconds, the ends of stages always.
func TestLines(t *testing.T) {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	r := &lineReporter{w: &out, every: PlainEvery, now: func() time.Time { return now }, stages: stages{begun: map[*schedule.Task]string{}, rest: unknownRest{}}}
	tune := &schedule.Task{Op: "tune", Key: strings.Repeat("0a", 32)}
	cached := &schedule.Task{Op: "world", Key: strings.Repeat("1b", 32)}
	r.End(cached, schedule.Outcome{Cached: true})
	r.Wait(cached, "process 7 on here")
	r.Begin(tune, 1, 2)
	for step := range 12 {
		now = now.Add(time.Second)
		r.Progress(tune, step+1, 12, "loss 2.31")
	}
	r.Warn(tune, "most of a batch counts as positive")
	r.End(tune, schedule.Outcome{Took: 12 * time.Second})
	r.Begin(tune, 2, 2)
	r.End(tune, schedule.Outcome{Err: errors.New("no pair")})
	r.Begin(tune, 2, 2)
	r.End(tune, schedule.Outcome{Err: fmt.Errorf("step 3: %w", context.Canceled)})
	want := `world 1b1b1b1b1b1b is being made by process 7 on here; its output will be used
[1/2] tune 0a0a0a0a0a0a 5/12 loss 2.31
[1/2] tune 0a0a0a0a0a0a 10/12 loss 2.31
warning: tune 0a0a0a0a0a0a: most of a batch counts as positive
[1/2] tune 0a0a0a0a0a0a done in 12.0s
[2/2] tune 0a0a0a0a0a0a failed: no pair
[2/2] tune 0a0a0a0a0a0a stopped
`
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}

// TestBar drives the bar into a file that is no terminal: it must not fail
// where the width is not known, and lines for stages must come out whole.
func TestBar(t *testing.T) {
	f, err := os.Create(t.TempDir() + "/out")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := &barReporter{w: f, stages: stages{begun: map[*schedule.Task]string{}, rest: unknownRest{}}}
	tune := &schedule.Task{Op: "tune", Key: strings.Repeat("0a", 32)}
	r.Begin(tune, 1, 1)
	r.Progress(tune, 1, 0, "a total that is not known")
	for step := range 20 {
		r.Progress(tune, step+1, 20, "loss 2.31, "+strings.Repeat("very long ", 30))
	}
	r.Warn(tune, "crowded")
	r.End(tune, schedule.Outcome{Took: 90 * time.Second})
	out, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nwarning: tune 0a0a0a0a0a0a: crowded\n", "[1/1] tune 0a0a0a0a0a0a done in 1m30s\n"} {
		if !strings.Contains("\n"+strings.ReplaceAll(string(out), "\r", "\n"), want) {
			t.Errorf("no %q in %q", want, out)
		}
	}
	for _, line := range strings.FieldsFunc(string(out), func(c rune) bool { return c == '\r' || c == '\n' }) {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%d columns: %q", n, line)
		}
	}
	if strings.Contains(string(out), "\x1b[3") {
		t.Errorf("colours in %q", out)
	}
}
