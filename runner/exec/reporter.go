package exec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"react/results/plain"
	"react/runner/cli"
	"react/runner/record"
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

// NewReporter shows one line in place on a terminal, lines elsewhere, without colours.
func NewReporter(w io.Writer) schedule.Reporter { return NewTimedReporter(w, unknownRest{}) }

// NewTimedReporter also says how long the rest takes. Where CI is set, as continuous integration
// sets it, a terminal is a log.
func NewTimedReporter(w io.Writer, rest Rest) schedule.Reporter {
	begun := map[*schedule.Task]string{}
	if ci := os.Getenv("CI"); cli.IsTerminal(w) && (ci == "" || ci == "false") {
		screen, ok := w.(*cli.Screen)
		if !ok {
			screen = cli.NewScreen(w.(*os.File))
		}
		return &screenReporter{screen: screen, now: time.Now, every: lineEvery,
			stages: stages{begun: begun, rest: rest}, states: map[*schedule.Task]*state{}}
	}
	return &lineReporter{w: w, every: PlainEvery, now: time.Now, stages: stages{begun: begun, rest: rest}}
}

// stages remembers what the running stages are called: "[3/84] tune gated-image, K 8, seed 2".
type stages struct {
	mu    sync.Mutex
	begun map[*schedule.Task]string
	rest  Rest
}

func (s *stages) begin(t *schedule.Task, n, total int) string {
	s.begun[t] = fmt.Sprintf("[%d/%d] %s", n, total, t.Called())
	return s.begun[t]
}

func (s *stages) name(t *schedule.Task) string {
	if name, ok := s.begun[t]; ok {
		return name
	}
	return t.Called()
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
	took := cli.Seconds(o.Took)
	if resumed := record.ResumedOf(o.Entry.Manifest.Facts); resumed != "" {
		took += ", " + resumed
	}
	return fmt.Sprintf("%s done in %s%s", name, took, s.rest.Left())
}

// waits gives the line for a stage that is made elsewhere.
func waits(t *schedule.Task, holder string) string {
	return fmt.Sprintf("%s is being made by %s; its output will be used", t.Called(), holder)
}

// warned gives the line for a stage's warning.
func warned(t *schedule.Task, text string) string {
	return fmt.Sprintf("warning: %s: %s", t.Called(), text)
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
	fmt.Fprintln(r.w, warned(t, text))
}

// End prints how long the stage took.
func (r *lineReporter) End(t *schedule.Task, o schedule.Outcome) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	if line := r.stages.ended(t, o); line != "" {
		fmt.Fprintln(r.w, line)
	}
}

// leastBetween is the least time between two drawings of the line that a stage asks for.
const leastBetween = 100 * time.Millisecond

// lineEvery is how often the line is drawn while no stage says anything.
const lineEvery = time.Second

// screenReporter keeps one line below all other text: of the stage that reported last. It is
// there while a stage runs, and has no clock of its own otherwise.
type screenReporter struct {
	screen *cli.Screen
	now    func() time.Time
	every  time.Duration // 0 is never
	stages stages
	states map[*schedule.Task]*state // of those that run
	order  []*schedule.Task          // of states, the one that reported last is last
	drawn  time.Time
	stop   chan struct{} // ends the clock
}

// state is how far a stage is.
type state struct {
	since       time.Time
	done, total int
	note        string
}

// Begin shows the stage before it reports anything.
func (r *screenReporter) Begin(t *schedule.Task, n, total int) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	r.stages.begin(t, n, total)
	if len(r.states) == 0 {
		r.start()
	}
	r.states[t] = &state{since: r.now()}
	r.last(t)
	r.draw()
}

// start begins to draw the line now and then.
func (r *screenReporter) start() {
	stop := make(chan struct{})
	r.stop = stop
	if r.every == 0 {
		return
	}
	go func() {
		tick := time.NewTicker(r.every)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				r.tick(stop)
			}
		}
	}()
}

// tick draws the line, unless the clock was stopped meanwhile.
func (r *screenReporter) tick(stop chan struct{}) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	select {
	case <-stop:
	default:
		r.draw()
	}
}

// last makes the stage the one that is shown.
func (r *screenReporter) last(t *schedule.Task) {
	r.order = append(slices.DeleteFunc(r.order, func(o *schedule.Task) bool { return o == t }), t)
}

// Progress moves the bar.
func (r *screenReporter) Progress(t *schedule.Task, done, total int, note string) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	r.stages.rest.Progress(t, done, total)
	s := r.states[t]
	if s == nil { // it ended, or never began
		return
	}
	s.done, s.total, s.note = done, total, note
	r.last(t)
	if r.now().Sub(r.drawn) >= leastBetween {
		r.draw()
	}
}

// Wait says above the line who makes the stage.
func (r *screenReporter) Wait(t *schedule.Task, holder string) {
	fmt.Fprintln(r.screen, waits(t, holder))
}

// Warn prints the warning above the line.
func (r *screenReporter) Warn(t *schedule.Task, text string) {
	fmt.Fprintln(r.screen, warned(t, text))
}

// End leaves a line for the stage.
func (r *screenReporter) End(t *schedule.Task, o schedule.Outcome) {
	r.stages.mu.Lock()
	defer r.stages.mu.Unlock()
	if r.states[t] != nil {
		delete(r.states, t)
		r.order = slices.DeleteFunc(r.order, func(o *schedule.Task) bool { return o == t })
		if len(r.states) == 0 {
			close(r.stop)
		}
	}
	line := r.stages.ended(t, o)
	r.draw()
	if line != "" {
		fmt.Fprintln(r.screen, line)
	}
}

// draw shows the stage that reported last, or nothing where none runs.
func (r *screenReporter) draw() {
	if len(r.order) == 0 {
		r.screen.Show("")
		return
	}
	r.drawn = r.now()
	t := r.order[len(r.order)-1]
	r.screen.Show(fitted(r.parts(t, r.states[t]), r.screen.Width()))
}

// part is a part of the line. Where the line is too long, those of the lowest rank go first.
type part struct {
	text string
	rank int
}

// parts are those of a stage's line, the name first.
func (r *screenReporter) parts(t *schedule.Task, s *state) []part {
	parts := []part{{r.stages.name(t), 9}}
	if s.total > 0 {
		parts = append(parts, part{fmt.Sprintf("%d%%", 100*s.done/s.total), 7},
			part{cli.Bar(s.done, s.total, 10), 4}, part{fmt.Sprintf("%d/%d", s.done, s.total), 2})
	}
	parts = append(parts, part{s.note, 1}, part{"for " + cli.Duration(r.now().Sub(s.since).Seconds()), 3})
	if n := len(r.order); n > 1 {
		parts = append(parts, part{fmt.Sprintf("+%d more", n-1), 5})
	}
	parts = append(parts, part{strings.TrimPrefix(r.stages.rest.Left(), ", "), 6})
	return slices.DeleteFunc(parts, func(p part) bool { return p.text == "" })
}

// keptRank is from where on a part is worth more than the end of a name, of which leastName
// columns stay.
const (
	keptRank  = 6
	leastName = 24
)

// fitted joins parts to a line of at most so many columns.
func fitted(parts []part, width int) string {
	name, rest := parts[0].text, parts[1:]
	tail := func() string {
		text := ""
		for _, p := range rest {
			text += "  " + p.text
		}
		return text
	}
	for len(rest) > 0 {
		i, room := lowest(rest), plain.Width(name)
		if rest[i].rank >= keptRank {
			room = min(room, leastName)
		}
		if room+plain.Width(tail()) <= width {
			break
		}
		rest = slices.Delete(rest, i, i+1)
	}
	return plain.Cut(name, width-plain.Width(tail())) + tail()
}

// lowest is where the part of the lowest rank is.
func lowest(parts []part) int {
	at := 0
	for i, p := range parts {
		if p.rank < parts[at].rank {
			at = i
		}
	}
	return at
}
