package results

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"react/data/words"
)

// sheet is a grid of short texts, before any writer's marks: the values, or
// the differences to the baseline.
type sheet struct {
	title  string // empty for the values
	stub   []string
	group  int // index into stub of the column that groups lines, or -1
	groups []sheetGroup
	lines  []sheetLine
}

// sheetGroup is one metric: its head over its columns' heads.
type sheetGroup struct {
	title   string
	columns []string
}

// sheetLine has one piece for each column of each group. Neighbours in a group
// that share a pointer are printed once, over all of them.
type sheetLine struct {
	stub   []string
	pieces []*piece
}

// piece is the text of a cell in parts that are aligned among themselves.
type piece struct {
	main   string // "46.2", "+5.1", "failed"
	spread string // "± 0.8", "[+2.0, +8.3]"
	tail   string // "n=2", "p=0.012"
	notes  []int
	best   bool
	word   bool // main is no number
}

// sheets are the grid's values and, where there are any, its differences.
func (g *Grid) sheets() []sheet {
	out := []sheet{g.valueSheet()}
	out = append(out, g.differenceSheets()...)
	if len(g.Beside) > 0 {
		out = append(out, g.besideSheet())
	}
	return out
}

func (g *Grid) columnNames() []string {
	names := make([]string, len(g.Columns))
	for i, c := range g.Columns {
		names[i] = c.Name
	}
	return names
}

// shownColumns and shownStub are the heads as printed.
func (g *Grid) shownColumns() []string {
	names := make([]string, len(g.Columns))
	for i, c := range g.Columns {
		names[i] = c.Shown
	}
	return names
}

func (g *Grid) shownStub() []string {
	names := make([]string, len(g.Stub))
	for i, path := range g.Stub {
		names[i] = g.Table.shown(path)
	}
	return names
}

// title is the line's name as printed.
func (l *Line) title() string {
	if slices.Equal(l.Names, l.Shown) {
		return l.Name
	}
	return strings.Join(l.Shown, ", ")
}

// shownLine is a line's name as printed, by its name.
func (g *Grid) shownLine(name string) string {
	for i := range g.Lines {
		if l := &g.Lines[i]; l.Name == name {
			return l.title()
		}
	}
	return name
}

func (g *Grid) valueSheet() sheet {
	s := sheet{stub: g.shownStub(), group: slices.Index(g.Stub, g.Table.Group)}
	for _, m := range g.Metrics {
		s.groups = append(s.groups, sheetGroup{m.title(), g.shownColumns()})
	}
	_, most := g.seedRange()
	for _, l := range g.Lines {
		line := sheetLine{stub: l.Shown}
		for m, cells := range l.Cells {
			for c, cell := range cells {
				if c > 0 && shared(cells, c, c-1) {
					line.pieces = append(line.pieces, line.pieces[len(line.pieces)-1])
					continue
				}
				line.pieces = append(line.pieces, cell.piece(g.Metrics[m], g.Table.Spread, most))
			}
		}
		s.lines = append(s.lines, line)
	}
	return s
}

// piece is what the cell shows; spread is Table.Spread, mostSeeds the table's
// usual number of them.
func (c *Cell) piece(m Metric, spread string, mostSeeds int) *piece {
	p := &piece{notes: c.Notes, best: c.Best}
	switch c.Status {
	case Empty:
		p.main, p.word = none, true
		return p
	case Failed, Pending:
		p.main, p.word = string(c.Status), true
		return p
	case NotANum:
		p.main, p.word = "NaN", true
		return p
	}
	p.main = m.formatMean(c.Mean)
	if v := c.spread(spread); !math.IsNaN(v) && (m.Percent || v > 0) {
		p.spread = "± " + m.formatSpread(v)
	}
	if c.Seeds > 0 && c.Seeds != mostSeeds && len(c.Residue) == 0 {
		p.tail = fmt.Sprintf("n=%d", c.Seeds)
	}
	return p
}

// spread is what follows ±, in the unit of the values.
func (c *Cell) spread(kind string) float64 {
	if kind == "ci95" {
		return (c.High - c.Low) / 2
	}
	return c.Std
}

// differenceSheets are the differences as they are and, where there are several
// tests, with p and intervals corrected for their number.
func (g *Grid) differenceSheets() []sheet {
	title := "Difference to " + g.Table.shown(g.Baseline)
	plain := g.differenceSheet(title, (*Difference).piece, func(d *Difference) bool { return d != nil })
	if len(plain.lines) == 0 {
		return nil
	}
	corrected := g.differenceSheet(title+", corrected", (*Difference).corrected, func(d *Difference) bool { return d != nil && d.differs() })
	if len(corrected.lines) == 0 {
		return []sheet{plain}
	}
	return []sheet{plain, corrected}
}

// differs reports whether correction changes what is said of a difference.
func (d *Difference) differs() bool { return !math.IsNaN(d.P) && d.Level < significance }

// differenceSheet has the lines and metrics that have a difference to be shown at
// all.
func (g *Grid) differenceSheet(title string, show func(*Difference, Metric) *piece, any func(*Difference) bool) sheet {
	s := sheet{title: title, stub: g.shownStub(), group: slices.Index(g.Stub, g.Table.Group)}
	var metrics []int
	for m := range g.Metrics {
		if slices.ContainsFunc(g.Lines, func(l Line) bool { return slices.ContainsFunc(l.Differences[m], any) }) {
			metrics = append(metrics, m)
			s.groups = append(s.groups, sheetGroup{g.Metrics[m].differenceTitle(), g.shownColumns()})
		}
	}
	for i := range g.Lines {
		l := &g.Lines[i]
		if !slices.ContainsFunc(metrics, func(m int) bool { return slices.ContainsFunc(l.Differences[m], any) }) {
			continue
		}
		line := sheetLine{stub: l.Shown}
		for _, m := range metrics {
			for c, d := range l.Differences[m] {
				if c > 0 && shared(l.Differences[m], c, c-1) {
					line.pieces = append(line.pieces, line.pieces[len(line.pieces)-1])
					continue
				}
				line.pieces = append(line.pieces, show(d, g.Metrics[m]))
			}
		}
		s.lines = append(s.lines, line)
	}
	return s
}

func (m Metric) differenceTitle() string {
	if m.Percent {
		return m.Shown + " (points)"
	}
	return m.title()
}

// piece is a difference with its interval and p, or with its deviation over
// seeds where it has no test.
func (d *Difference) piece(m Metric) *piece {
	if d == nil {
		return &piece{main: none, word: true}
	}
	p := &piece{main: m.formatSigned(d.Value), notes: d.Notes}
	if d.Method == "" && !math.IsNaN(d.Std) && (m.Percent || d.Std > 0) {
		p.spread = "± " + m.formatSpread(d.Std)
	}
	return p.withTest(m, d.Low, d.High, d.P)
}

// corrected is a difference with the interval and the p that are corrected for
// the number of tests.
func (d *Difference) corrected(m Metric) *piece {
	if d == nil || math.IsNaN(d.P) {
		return &piece{main: none, word: true}
	}
	p := &piece{main: m.formatSigned(d.Value), notes: d.Notes}
	return p.withTest(m, d.AdjustedLow, d.AdjustedHigh, d.Adjusted)
}

func (p *piece) withTest(m Metric, low, high, value float64) *piece {
	if !math.IsNaN(low) {
		p.spread = "[" + m.formatEnd(low) + ", " + m.formatEnd(high) + "]"
	}
	if !math.IsNaN(value) {
		p.tail = "p" + equals(formatP(value))
	}
	return p
}

// equals puts "=" before a number that carries no sign of its own.
func equals(p string) string {
	if strings.HasPrefix(p, "<") {
		return p
	}
	return "=" + p
}

// text is the piece without alignment: "46.2 ± 0.8 n=2".
func (p *piece) text() string {
	return strings.Join(nonEmpty(p.main, p.spread, p.tail), " ")
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}

// fixedTexts are the fixed comparisons, a sentence each; number writes their figures as the format's tables do.
func (g *Grid) fixedTexts(number func(string) string) []string {
	var out []string
	for _, f := range g.Fixed {
		m := g.Metrics[slices.IndexFunc(g.Metrics, func(m Metric) bool { return m.Name == f.Comparison.Metric })]
		p := f.Difference.piece(m)
		text := fmt.Sprintf("%s against %s, %s", g.shownLine(f.Comparison.Row), g.shownLine(f.Comparison.Against), m.differenceTitle())
		if f.Column != "" {
			text += ", " + g.shownColumn(f.Column)
		}
		text += ": " + strings.Join(nonEmpty(number(p.main), number(p.spread), p.tail), " ")
		switch d := f.Difference; {
		case d.Method == "":
			text += " (no test: " + d.why + ")"
		case g.FixedTests > 1:
			c := d.corrected(m)
			text += fmt.Sprintf("; corrected for %d: %s (%s)", g.FixedTests, strings.Join(nonEmpty(number(c.spread), c.tail), " "), d.Method)
		default:
			text += " (" + string(d.Method) + ")"
		}
		out = append(out, text)
	}
	return out
}

func (g *Grid) shownColumn(name string) string {
	for _, c := range g.Columns {
		if c.Name == name {
			return c.Shown
		}
	}
	return name
}

// sameGroup reports whether line i continues the group of the line before.
func (s sheet) sameGroup(i int) bool {
	return s.group >= 0 && i > 0 && s.lines[i].stub[s.group] == s.lines[i-1].stub[s.group]
}

// newGroup reports whether a rule parts line i from the one before.
func (s sheet) newGroup(i int) bool { return s.group >= 0 && i > 0 && !s.sameGroup(i) }

// caption is the spec's caption as a sentence, then what the numbers are over.
func (g *Grid) caption() string {
	own := strings.TrimSpace(g.Table.Caption)
	if own != "" && !strings.ContainsAny(own[len(own)-1:], ".!?") {
		own += "."
	}
	return strings.Join(nonEmpty(append([]string{own}, g.Over...)...), " ")
}

// provenanceTexts says where the numbers come from.
func (g *Grid) provenanceTexts() []string {
	var out []string
	if g.Experiment != "" {
		out = append(out, "experiment "+g.Experiment)
	}
	if g.Command != "" {
		out = append(out, "command "+g.Command)
	}
	out = append(out, words.Plural(len(g.Trials), "trial"))
	if g.Keys != "" {
		out = append(out, "keys "+g.Keys)
	}
	return out
}

// hasBest reports whether any cell is marked.
func (g *Grid) hasBest() bool {
	found := false
	g.eachCell(func(_ int, _ *Line, c *Cell) { found = found || c.Best })
	return found
}

// noteNumbers writes footnote marks, counted from 1: "1,3".
func noteNumbers(notes []int) string {
	parts := make([]string, len(notes))
	for i, n := range notes {
		parts[i] = fmt.Sprint(n + 1)
	}
	return strings.Join(parts, ",")
}

// clean makes a text printable on one line: line breaks and tabs become spaces,
// other control characters and those that reorder text the replacement mark.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\r' || r == '\t' || r == '\u2028' || r == '\u2029':
			return ' '
		case unicode.IsControl(r), r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u2069', r == '\u200e', r == '\u200f':
			return unicode.ReplacementChar
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
