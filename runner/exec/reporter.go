package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"react/runner/cli"
	"react/runner/schedule"
)

// PlainEvery is the least time between two progress lines where there is no
// terminal.
const PlainEvery = 5 * time.Second

// Rest tells how long the rest of a run takes, from what it is told of stages. One
// goroutine at a time uses it.
type Rest interface {
	Progress(t *schedule.Task, done, total int)
	End(t *schedule.Task, o schedule.Outcome)
	// Left is ", about 2m10s left", or "" where nothing is known or left.
	Left() string
}

// unknownRest says nothing.
type unknownRest struct{}

func (unknownRest) Progress(*schedule.Task, int, int)    {}
func (unknownRest) End(*schedule.Task, schedule.Outcome) {}
func (unknownRest) Left() string                         { return "" }

// NewReporter shows a bar on a terminal, lines elsewhere, without colours.
func NewReporter(w io.Writer) schedule.Reporter { return NewTimedReporter(w, unknownRest{}) }

// NewTimedReporter also says how long the rest takes.
func NewTimedReporter(w io.Writer, rest Rest) schedule.Reporter {
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" {
		return &barReporter{w: f, stages: stages{begun: map[*schedule.Task]string{}, rest: rest}}
	}
	return &lineReporter{w: w, every: PlainEvery, now: time.Now, stages: stages{begun: map[*schedule.Task]string{}, rest: rest}}
}

// stages remembers what the running stages are called: "[3/84] tune 0a1b2c3d4e5f".
type stages struct {
	mu    sync.Mutex
	begun map[*schedule.Task]string
	rest  Rest
}

func (s *stages) begin(t *schedule.Task, n, total int) string {
	s.begun[t] = fmt.Sprintf("[%d/%d] %s", n, total, t.Name())
	return s.begun[t]
}

func (s *stages) name(t *schedule.Task) string {
	if name, ok := s.begun[t]; ok {
		return name
	}
	return t.Name()
}

// ended gives the line for a stage that ran, "" for one that was found done.
func (s *stages) ended(t *schedule.Task, o schedule.Outcome) string {
	name := s.name(t)
	delete(s.begun, t)
	s.rest.End(t, o)
	switch {
	case errors.Is(o.Err, context.Canceled):
		return name + " stopped"
	case o.Err != nil:
		return fmt.Sprintf("%s failed: %v", name, o.Err)
	case o.Cached:
		return ""
	}
	return fmt.Sprintf("%s done in %s%s", name, cli.Seconds(o.Took), s.rest.Left())
}

// waits gives the line for a stage that is made elsewhere.
func waits(t *schedule.Task, holder string) string {
	return fmt.Sprintf("%s is being made by %s; its output will be used", t.Name(), holder)
}

// lineReporter prints a line when a stage ends, and now and then while one
// runs.
type lineReporter struct {
	w      io.Writer
	every  time.Duration
	now    func() time.Time
	last   time.Time
	stages stages
}

// Begin starts the clock of a stage's progress lines.
func (r *lineReporter) Begin(t *schedule.Task, n, total int) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	r.stages.begin(t, n, total)
	r.last = r.now()
}

// Wait says who makes the stage.
func (r *lineReporter) Wait(t *schedule.Task, holder string) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	fmt.Fprintln(r.w, waits(t, holder))
}

// Progress prints at most one line in every.
func (r *lineReporter) Progress(t *schedule.Task, done, total int, note string) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	r.stages.rest.Progress(t, done, total)
	if now := r.now(); now.Sub(r.last) >= r.every {
		r.last = now
		fmt.Fprintf(r.w, "%s %d/%d %s%s\n", r.stages.name(t), done, total, note, r.stages.rest.Left())
	}
}

// Warn prints the warning.
func (r *lineReporter) Warn(t *schedule.Task, text string) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	fmt.Fprintf(r.w, "warning: %s: %s\n", t.Name(), text)
}

// End prints how long the stage took.
func (r *lineReporter) End(t *schedule.Task, o schedule.Outcome) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	if line := r.stages.ended(t, o); line != "" {
		fmt.Fprintln(r.w, line)
	}
}

// barReporter keeps one bar at the bottom: of the stage that reported last.
type barReporter struct {
	w      *os.File
	bar    *progressbar.ProgressBar
	of     *schedule.Task
	stages stages
}

// Begin shows the stage before it reports anything.
func (r *barReporter) Begin(t *schedule.Task, n, total int) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	r.stages.begin(t, n, total)
	r.show(t, -1)
}

// Wait says above the bar who makes the stage.
func (r *barReporter) Wait(t *schedule.Task, holder string) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	r.above(waits(t, holder))
}

// Progress moves the bar.
func (r *barReporter) Progress(t *schedule.Task, done, total int, note string) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	r.stages.rest.Progress(t, done, total)
	if r.of != t || r.bar.GetMax() != total {
		r.show(t, total)
	}
	r.bar.Describe(r.describe(t, note))
	r.bar.Set(done)
}

// show replaces the bar; total -1 is a spinner.
func (r *barReporter) show(t *schedule.Task, total int) {
	r.clear()
	r.of = t
	r.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(r.w), progressbar.OptionSetWidth(10),
		progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionShowCount(), progressbar.OptionEnableColorCodes(false),
		progressbar.OptionSetPredictTime(true), progressbar.OptionSetDescription(r.describe(t, "")), progressbar.OptionClearOnFinish())
	r.bar.RenderBlank()
}

// describe leaves room for the bar, its counts and its times, so that the line
// does not wrap: a wrapped bar cannot be cleared.
func (r *barReporter) describe(t *schedule.Task, note string) string {
	text := []rune(strings.TrimSuffix(r.stages.name(t), t.Key[:12]) + note)
	width, _, err := term.GetSize(int(r.w.Fd()))
	if err != nil || width == 0 { // a pseudo-terminal that nobody gave a size
		width = 80
	}
	return string(text[:max(0, min(len(text), width-45))])
}

func (r *barReporter) clear() {
	if r.bar != nil {
		r.bar.Clear()
		r.bar, r.of = nil, nil
	}
}

// Warn prints the warning above the bar.
func (r *barReporter) Warn(t *schedule.Task, text string) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	r.above(fmt.Sprintf("warning: %s: %s", t.Name(), text))
}

// End leaves a line for the stage.
func (r *barReporter) End(t *schedule.Task, o schedule.Outcome) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	if line := r.stages.ended(t, o); line != "" {
		r.above(line)
	}
}

// above clears the bar and prints a line; the next Progress draws the bar
// again.
func (r *barReporter) above(line string) {
	r.clear()
	fmt.Fprintln(r.w, line)
}
