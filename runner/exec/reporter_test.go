package exec

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"

	"react/runner/cli"
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

var update = flag.Bool("update", false, "write the golden screens")

// snapshot is written where a screen is to be looked at. Terminals ignore it.
const snapshot = "\x00"

// play is a run as a terminal sees it: two stages at a time, a warning, what others print, a
// Ctrl-C. look is called where the screen is of interest.
func play(w io.Writer, look func(title string)) {
	r := NewTimedReporter(w, fixedRest(", about 2m10s left"))
	now := time.Unix(0, 0)
	clock := func() time.Time { return now }
	var tick func()
	switch r := r.(type) {
	case *lineReporter:
		r.now, tick = clock, func() {}
	case *screenReporter:
		r.now, r.every = clock, 0
		tick = func() { r.tick(r.stop) }
	}
	world := &schedule.Task{Op: "world", Key: strings.Repeat("1b", 32)}
	tune := &schedule.Task{Op: "tune", Key: strings.Repeat("0a", 32), Title: "tune gated-image, K 8, seed 2"}
	other := &schedule.Task{Op: "evaluate", Key: strings.Repeat("2c", 32), Title: "evaluate task \u5468\u672b a case with a long name, seed 0"}
	r.Begin(world, 1, 84)
	look("a stage begins")
	now = now.Add(7 * time.Second)
	tick()
	look("it says nothing")
	r.End(world, schedule.Outcome{Took: 7 * time.Second})
	look("it ends")
	r.Begin(tune, 2, 84)
	for step := range 12 {
		now = now.Add(time.Second)
		r.Progress(tune, 10*step, 400, "loss 2.310, 812 images/s")
	}
	look("a training")
	r.Warn(tune, "most of a batch counts as positive")
	fmt.Fprint(w, "engine onnx: ")
	r.Progress(tune, 13, 400, "loss 2.310, 812 images/s")
	fmt.Fprintln(w, "CPU")
	look("others print")
	r.Begin(other, 3, 84)
	now = now.Add(time.Second)
	r.Progress(other, 5, 0, "images")
	look("a second stage")
	r.End(other, schedule.Outcome{Err: errors.New("no image")})
	fmt.Fprintln(w, "runner: stopping")
	r.End(tune, schedule.Outcome{Err: context.Canceled})
	fmt.Fprintln(w, "runner: interrupted")
	look("the end")
}

// fixedRest always says the same.
type fixedRest string

func (fixedRest) Progress(*schedule.Task, int, int)    {}
func (fixedRest) End(*schedule.Task, schedule.Outcome) {}
func (r fixedRest) Left() string                       { return string(r) }

// screens plays into a pseudo-terminal of so many columns, and returns what a person sees on it.
func screens(t *testing.T, columns uint16) string {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	if err := pty.Setsize(slave, &pty.Winsize{Rows: 24, Cols: columns}); err != nil {
		t.Fatal(err)
	}
	read := make(chan []byte)
	go func() {
		out, _ := io.ReadAll(master) // ends with an error when the other side closes
		read <- out
	}()
	var titles []string
	play(cli.NewScreen(slave), func(title string) {
		titles = append(titles, title)
		io.WriteString(slave, snapshot)
	})
	slave.Close()
	parts := strings.Split(string(<-read), snapshot)
	if len(parts) != len(titles)+1 {
		t.Fatalf("%d screens of %d", len(parts)-1, len(titles))
	}
	var b strings.Builder
	terminal := vt10x.New(vt10x.WithSize(int(cmp.Or(columns, 80)), 24))
	for i, title := range titles {
		terminal.Write([]byte(parts[i]))
		fmt.Fprintf(&b, "== %s\n", title)
		for _, line := range strings.Split(strings.TrimRight(terminal.String(), " \n"), "\n") {
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	return b.String()
}

// TestScreens compares what a person sees of a run with goldens: on terminals of several widths,
// and where output is a log.
func TestScreens(t *testing.T) {
	piped := func(t *testing.T) string {
		var out bytes.Buffer
		play(&out, func(string) {})
		return out.String()
	}
	on := func(columns uint16) func(*testing.T) string {
		return func(t *testing.T) string { return screens(t, columns) }
	}
	for _, c := range []struct {
		golden string
		env    string
		of     func(*testing.T) string
	}{
		// 0: nobody gave it a size
		{"40", "", on(40)}, {"80", "", on(80)}, {"200", "", on(200)}, {"80", "", on(0)},
		{"80", "NO_COLOR=1", on(80)}, {"piped", "", piped}, {"80", "CI=false", on(80)},
		{"ci", "CI=true", on(80)}, {"ci", "TERM=dumb", on(80)},
	} {
		t.Run(c.golden+c.env, func(t *testing.T) {
			t.Setenv("CI", "")
			t.Setenv("TERM", "xterm")
			if name, value, ok := strings.Cut(c.env, "="); ok {
				t.Setenv(name, value)
			}
			got, path := c.of(t), filepath.Join("testdata", "screen-"+c.golden+".golden")
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// TestClockEnds runs a stage with a clock that draws all the time: nothing is drawn once no stage
// runs.
func TestClockEnds(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	go io.Copy(io.Discard, master)
	t.Setenv("CI", "")
	t.Setenv("TERM", "xterm")
	r := NewReporter(cli.NewScreen(slave)).(*screenReporter)
	r.every = time.Microsecond
	drawn := 0
	r.now = func() time.Time { drawn++; return time.Unix(int64(drawn), 0) }
	for n := range 3 {
		task := &schedule.Task{Op: "tune", Key: strings.Repeat("0a", 32)}
		r.Begin(task, n+1, 3)
		stop := r.stop
		r.End(task, schedule.Outcome{Took: time.Second})
		select {
		case <-stop:
		default:
			t.Fatal("the clock goes on")
		}
		before := drawn
		r.tick(stop)
		if drawn != before {
			t.Error("drawn after the end")
		}
	}
}
