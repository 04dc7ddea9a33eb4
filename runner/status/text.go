package status

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"react/data/words"
	"react/runner/cli"
	"react/runner/record"
	"react/runner/store"
)

// style is how text is marked; without colour nothing is.
type style struct{ colour bool }

// styleOf allows colour on a terminal that takes it, unless NO_COLOR is set
// (no-color.org).
func styleOf(w io.Writer) style {
	return style{os.Getenv("NO_COLOR") == "" && cli.IsTerminal(w)}
}

func (s style) mark(code, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string   { return s.mark("1", text) }
func (s style) faint(text string) string  { return s.mark("2", text) }
func (s style) red(text string) string    { return s.mark("31", text) }
func (s style) green(text string) string  { return s.mark("32", text) }
func (s style) yellow(text string) string { return s.mark("33", text) }

// statusText are the lines of a status. Those of the head come first: what does
// not fit a small screen is cut from the end.
type statusText struct {
	style
	lines []string
}

// String is all lines.
func (t *statusText) String() string { return strings.Join(t.lines, "\n") + "\n" }

func (t *statusText) add(format string, args ...any) {
	t.lines = append(t.lines, fmt.Sprintf(format, args...))
}

// text is the status for people.
func (st *Status) text(s style) *statusText {
	t := &statusText{style: s}
	t.add("%s %s: %s", t.bold(st.Sweep), st.Hash, t.headline(st))
	if len(st.Resume) > 0 {
		t.add("  %s", commandLine(st.Resume))
	}
	t.add("")
	t.add("trials  %s", t.countsLine(st.Trials))
	t.add("stages  %s%s", t.countsLine(st.Stages), st.leftText())
	for _, p := range st.Processes {
		if st.State != "gone" || p.Life != store.Gone { // the headline has it
			t.add("%s", t.faint(p.line(st.At)))
		}
	}
	t.running(st)
	t.failures(st)
	t.ops(st)
	return t
}

// headline is how the sweep stands, and what to do about it.
func (t *statusText) headline(st *Status) string {
	switch st.State {
	case "done":
		return t.green("done")
	case "running":
		return t.green("running")
	case "queued":
		return t.yellow("queued")
	case "planned":
		return t.yellow("nothing has run yet")
	case "gone":
		p := st.Processes[len(st.Processes)-1]
		return t.yellow(fmt.Sprintf("killed (process %d on %s, last seen %s ago); to resume:", p.PID, p.Host, since(p.Beat, st.At)))
	case "failed":
		return t.red("failed") + ", for the reasons below; to try again:"
	case "interrupted":
		return t.yellow("interrupted") + "; to resume:"
	}
	return t.yellow("stopped") + st.endText() + "; to resume:"
}

// endText is the error that ended the last process, in short.
func (st *Status) endText() string {
	if len(st.Processes) == 0 {
		return ""
	}
	end, _, _ := strings.Cut(st.Processes[len(st.Processes)-1].End, "\n")
	if end == "" || end == "done" {
		return ""
	}
	return ": " + end
}

func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = cli.Quote(word)
	}
	return strings.Join(quoted, " ")
}

func (t *statusText) countsLine(c Counts) string {
	line := fmt.Sprintf("%d of %d done", c.Done, c.Total)
	if c.Done == c.Total {
		line = t.green(line)
	}
	for _, part := range []struct {
		n    int
		word string
		mark func(string) string
	}{{c.Running, "running", t.green}, {c.Waiting, "waiting", t.plain}, {c.Failed, "failed", t.red}, {c.Blocked, "blocked by failures", t.red}} {
		if part.n > 0 {
			line += ", " + part.mark(fmt.Sprintf("%d %s", part.n, part.word))
		}
	}
	return line
}

func (t *statusText) plain(text string) string { return text }

func (st *Status) leftText() string {
	switch {
	case st.State == "done" || st.Stages.Running+st.Stages.Waiting == 0:
		return ""
	case st.Left == nil:
		return "; time left unknown"
	}
	return "; " + record.Rest{Seconds: *st.Left, Rough: st.Rough, Unknown: st.Unknown}.String()
}

func (p process) line(at time.Time) string {
	text := fmt.Sprintf("process %d on %s", p.PID, p.Host)
	if p.Slurm != "" {
		text += ", Slurm job " + p.Slurm
	}
	text += ", -j " + p.Jobs
	if p.Engine != "" {
		text += ", engine " + p.Engine
	}
	switch {
	case p.Ended != nil:
		end, _, _ := strings.Cut(p.End, "\n")
		return fmt.Sprintf("%s: %s %s ago, after %s", text, end, since(*p.Ended, at), since(p.Started, *p.Ended))
	case p.Life == store.Gone:
		return fmt.Sprintf("%s: killed", text)
	case at.Sub(p.Beat) > 6*record.BeatEvery:
		return fmt.Sprintf("%s: nothing heard of it for %s (is it suspended, or its machine?)", text, since(p.Beat, at))
	}
	return fmt.Sprintf("%s, for %s", text, since(p.Started, at))
}

func since(from, to time.Time) string { return cli.Duration(to.Sub(from).Seconds()) }

func (t *statusText) running(st *Status) {
	if len(st.Running) == 0 {
		return
	}
	t.add("")
	for _, s := range st.Running {
		t.add("%s", t.stage(s, st.At))
	}
}

// stage is one line about a stage that runs or is queued.
func (t *statusText) stage(s stage, at time.Time) string {
	line := fmt.Sprintf("%s %s", t.bold(s.Op), cli.Short(s.Key))
	switch {
	case s.Queued:
		line += "  " + t.yellow("queued")
	case s.Total > 0:
		line += fmt.Sprintf("  %s %d/%d", cli.Bar(s.Done, s.Total, 10), s.Done, s.Total)
	}
	if s.Note != "" {
		line += "  " + s.Note
	}
	if !s.Since.IsZero() {
		line += "  for " + since(s.Since, at)
	}
	if s.Left != nil {
		line += ", about " + cli.Duration(*s.Left) + " left"
	}
	if s.Trials > 1 {
		line += fmt.Sprintf("  (for %s)", words.Plural(s.Trials, "trial"))
	} else if len(s.Names) == 1 {
		line += fmt.Sprintf("  (%s)", s.Names[0])
	}
	return line
}

func (t *statusText) failures(st *Status) {
	for _, f := range st.Failures {
		t.add("")
		t.add("%s", t.red(fmt.Sprintf("%s %s failed: %s", f.Op, cli.Short(f.Key), f.Error)))
		names := strings.Join(f.Names, ", ")
		if f.Trials > len(f.Names) {
			names += fmt.Sprintf(" and %d more", f.Trials-len(f.Names))
		}
		t.add("  trials: %s", names)
		t.add("  log: %s, %s ago", cli.ShownPath(f.Log), since(f.At, st.At))
		for _, line := range f.Tail {
			t.add("%s", t.faint("  | "+line))
		}
	}
}

func (t *statusText) ops(st *Status) {
	t.add("")
	width, blocked := len("OP"), func(text string) string { return "" }
	for _, op := range st.Ops {
		width = max(width, len(op.Op))
	}
	if st.Stages.Blocked > 0 {
		blocked = func(text string) string { return fmt.Sprintf("  %7s", text) }
	}
	t.add("%s", t.bold(fmt.Sprintf("%-*s  %9s  %7s  %7s  %6s%s", width, "OP", "DONE", "RUNNING", "WAITING", "FAILED", blocked("BLOCKED"))))
	for _, op := range st.Ops {
		t.add("%-*s  %9s  %7s  %7s  %6s%s", width, op.Op, fmt.Sprintf("%d of %d", op.Done, op.Total), countText(op.Running), countText(op.Waiting),
			countText(op.Failed), blocked(countText(op.Blocked)))
	}
}

func countText(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// newChangeLines prints a line for each change of the counts, failures in full,
// and the whole status at the end: for a log, or who waits for it.
func newChangeLines(w io.Writer) func(*Status) error {
	var last string
	told := map[string]time.Time{}
	return func(st *Status) error {
		var t statusText
		line := fmt.Sprintf("%s: trials %s; stages %s", st.Sweep, t.countsLine(st.Trials), t.countsLine(st.Stages))
		if line != last && st.Live() {
			last = line
			if _, err := fmt.Fprintf(w, "%s %s%s\n", st.At.Local().Format("15:04:05"), line, st.leftText()); err != nil {
				return err
			}
		}
		for _, f := range st.Failures {
			if st.Live() && !told[f.Key].Equal(f.At) {
				told[f.Key] = f.At
				fmt.Fprintf(w, "%s %s failed: %s\n", f.Op, cli.Short(f.Key), f.Error)
			}
		}
		if st.Live() {
			return nil
		}
		_, err := io.WriteString(w, st.text(style{}).String())
		return err
	}
}

// newJSONLines prints a status as a line of JSON when more than the time has
// changed.
func newJSONLines(w io.Writer) func(*Status) error {
	var last string
	return func(st *Status) error {
		same := *st
		same.At, same.Left, same.Processes = time.Time{}, nil, nil
		same.Running = append([]stage{}, st.Running...)
		for i := range same.Running {
			same.Running[i].Left = nil
		}
		key, err := json.Marshal(same)
		if err != nil || string(key) == last {
			return err
		}
		last = string(key)
		return json.NewEncoder(w).Encode(st)
	}
}
