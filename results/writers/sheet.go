package writers

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"react/data/words"
	"react/results/grid"
	"react/results/plain"
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
	long    string // title in full
}

// sheetLine has one piece for each column of each group. Neighbours in a group
// that share a pointer are printed once, over all of them.
type sheetLine struct {
	stub   []string
	pieces []*piece
	below  []*piece // in LaTeX: a second row of as many, or nil
}

// end is the end of the run of pieces from one on, before a limit, that is printed as one.
func (l sheetLine) end(from, limit int) int {
	end := from + 1
	for end < limit && l.pieces[end] == l.pieces[from] {
		end++
	}
	return end
}

// merged says whether a piece is printed over several columns.
func (l sheetLine) merged(i int) bool {
	return i > 0 && l.pieces[i-1] == l.pieces[i] || l.end(i, len(l.pieces)) > i+1
}

// piece is the text of a cell in parts that are aligned among themselves.
type piece struct {
	main   string // "46.2", "+5.1", "failed"
	spread string // "± 0.8", "[+2.0, +8.3]"
	tail   string // "n=2", "p=0.012"
	notes  []int
	best   bool
	word   bool // main is no number

	letters string // in LaTeX: notes as they are called there
	decided bool   // in LaTeX: a difference that the corrected test finds
}

// sheetsOf are the grid's values and, where there are any, its differences.
func sheetsOf(g *grid.Grid) []sheet {
	out := []sheet{valueSheet(g)}
	out = append(out, differenceSheets(g)...)
	if len(g.Beside) > 0 {
		out = append(out, besideSheet(g))
	}
	return out
}

func valueSheet(g *grid.Grid) sheet {
	s := sheet{stub: g.ShownStub(), group: slices.Index(g.Stub, g.Table.Group)}
	for _, m := range g.Metrics {
		s.groups = append(s.groups, sheetGroup{m.Title(), g.ShownColumns(), m.LongTitle("%")})
	}
	_, most := g.SeedRange()
	for _, l := range g.Lines {
		line := sheetLine{stub: l.Shown}
		for m, cells := range l.Cells {
			for c, cell := range cells {
				if c > 0 && grid.Shared(cells, c, c-1) {
					line.pieces = append(line.pieces, line.pieces[len(line.pieces)-1])
					continue
				}
				line.pieces = append(line.pieces, cellPiece(cell, g.Metrics[m], g.Table.Spread, most))
			}
		}
		s.lines = append(s.lines, line)
	}
	return s
}

// cellPiece is what the cell shows; spread is Table.Spread, mostSeeds the table's
// usual number of them.
func cellPiece(c *grid.Cell, m grid.Metric, spread string, mostSeeds int) *piece {
	p := &piece{notes: c.Notes, best: c.Best}
	p.main, p.spread, p.word = c.Parts(m, spread)
	if !p.word && c.Seeds > 0 && c.Seeds != mostSeeds && len(c.Residue) == 0 {
		p.tail = fmt.Sprintf("n=%d", c.Seeds)
	}
	return p
}

// differenceSheets are the differences as they are and, where there are several
// tests, with p and intervals corrected for their number.
func differenceSheets(g *grid.Grid) []sheet {
	title := "Difference to " + g.ShownBaseline()
	plain := differenceSheet(g, title, differencePiece, func(d *grid.Difference) bool { return d != nil })
	if len(plain.lines) == 0 {
		return nil
	}
	corrected := differenceSheet(g, title+", corrected", correctedPiece, func(d *grid.Difference) bool { return d != nil && d.Differs() })
	if len(corrected.lines) == 0 {
		return []sheet{plain}
	}
	return []sheet{plain, corrected}
}

// differenceSheet has the lines and metrics that have a difference to be shown at
// all.
func differenceSheet(g *grid.Grid, title string, show func(*grid.Difference, grid.Metric) *piece, has func(*grid.Difference) bool) sheet {
	s := sheet{title: title, stub: g.ShownStub(), group: slices.Index(g.Stub, g.Table.Group)}
	var metrics []int
	for m := range g.Metrics {
		if slices.ContainsFunc(g.Lines, func(l grid.Line) bool { return slices.ContainsFunc(l.Differences[m], has) }) {
			metrics = append(metrics, m)
			metric := g.Metrics[m]
			s.groups = append(s.groups, sheetGroup{metric.DifferenceTitle(), g.ShownColumns(), metric.LongTitle("points")})
		}
	}
	for i := range g.Lines {
		l := &g.Lines[i]
		if !slices.ContainsFunc(metrics, func(m int) bool { return slices.ContainsFunc(l.Differences[m], has) }) {
			continue
		}
		line := sheetLine{stub: l.Shown}
		for _, m := range metrics {
			for c, d := range l.Differences[m] {
				if c > 0 && grid.Shared(l.Differences[m], c, c-1) {
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

// differencePiece is a difference with its interval and p, or with its deviation over
// seeds where it has no test.
func differencePiece(d *grid.Difference, m grid.Metric) *piece {
	if d == nil {
		return &piece{main: grid.None, word: true}
	}
	p := &piece{main: m.FormatSigned(d.Value), notes: d.Notes}
	if d.Method == "" && !math.IsNaN(d.Std) && (m.Percent || d.Std > 0) {
		p.spread = "± " + m.FormatSpread(d.Std)
	}
	return p.withTest(m, d.Low, d.High, d.P)
}

// correctedPiece is a difference with the interval and the p that are corrected for
// the number of tests.
func correctedPiece(d *grid.Difference, m grid.Metric) *piece {
	if d == nil || math.IsNaN(d.P) {
		return &piece{main: grid.None, word: true}
	}
	p := &piece{main: m.FormatSigned(d.Value), notes: d.Notes}
	return p.withTest(m, d.AdjustedLow, d.AdjustedHigh, d.Adjusted)
}

func (p *piece) withTest(m grid.Metric, low, high, value float64) *piece {
	if !math.IsNaN(low) {
		p.spread = "[" + m.FormatEnd(low) + ", " + m.FormatEnd(high) + "]"
	}
	if !math.IsNaN(value) {
		p.tail = "p" + equals(grid.FormatP(value))
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
	return strings.Join(plain.NonEmpty(p.main, p.spread, p.tail), " ")
}

// fixedTexts are the fixed comparisons, a sentence each; number writes their figures as the
// format's tables do.
func fixedTexts(g *grid.Grid, number func(string) string) []string {
	var out []string
	for _, f := range g.Fixed {
		m := g.Metrics[slices.IndexFunc(g.Metrics, func(m grid.Metric) bool { return m.Name == f.Comparison.Metric })]
		p := differencePiece(f.Difference, m)
		text := fmt.Sprintf("%s against %s, %s", g.ShownLine(f.Comparison.Row), g.ShownLine(f.Comparison.Against), m.DifferenceTitle())
		if f.Column != "" {
			text += ", " + g.ShownColumn(f.Column)
		}
		text += ": " + strings.Join(plain.NonEmpty(number(p.main), number(p.spread), p.tail), " ")
		switch d := f.Difference; {
		case d.Method == "":
			text += " (no test: " + d.NoTest + ")"
		case g.FixedTests > 1:
			c := correctedPiece(d, m)
			text += fmt.Sprintf("; corrected for %d: %s (%s)", g.FixedTests, strings.Join(plain.NonEmpty(number(c.spread), c.tail), " "), d.Method)
		default:
			text += " (" + string(d.Method) + ")"
		}
		out = append(out, text)
	}
	return out
}

// sameGroup reports whether line i continues the group of the line before.
func (s sheet) sameGroup(i int) bool {
	return s.group >= 0 && i > 0 && s.lines[i].stub[s.group] == s.lines[i-1].stub[s.group]
}

// newGroup reports whether a rule parts line i from the one before.
func (s sheet) newGroup(i int) bool { return s.group >= 0 && i > 0 && !s.sameGroup(i) }

// captionOf is the spec's caption as a sentence, then what the numbers are over.
func captionOf(g *grid.Grid) string {
	own := strings.TrimSpace(g.Table.Caption)
	if own != "" && !strings.ContainsAny(own[len(own)-1:], ".!?") {
		own += "."
	}
	return strings.Join(plain.NonEmpty(append([]string{own}, g.Over...)...), " ")
}

// provenanceTexts says where the numbers come from.
func provenanceTexts(g *grid.Grid) []string {
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

// noteNumbers writes footnote marks, counted from 1: "1,3".
func noteNumbers(notes []int) string {
	parts := make([]string, len(notes))
	for i, n := range notes {
		parts[i] = fmt.Sprint(n + 1)
	}
	return strings.Join(parts, ",")
}

// besideSheet shows ours beside the published figures.
func besideSheet(g *grid.Grid) sheet {
	s := sheet{title: "Beside published figures", stub: []string{"line", "metric", "published as"}, group: -1,
		groups: []sheetGroup{{title: "ours", columns: []string{""}}, {title: "published", columns: []string{""}}, {title: "difference", columns: []string{""}}}}
	for _, b := range g.Beside {
		m := g.Metrics[slices.IndexFunc(g.Metrics, func(m grid.Metric) bool { return m.Name == b.Metric })]
		ours := &piece{main: m.FormatMean(b.Ours)}
		if !math.IsNaN(b.Std) && (m.Percent || b.Std > 0) {
			ours.spread = "± " + m.FormatSpread(b.Std)
		}
		names := []string{strings.Join(plain.NonEmpty(g.ShownLine(b.Line), g.ShownColumn(b.Column)), ", "), m.Title(), b.Reference.Title}
		s.lines = append(s.lines, sheetLine{stub: names, pieces: []*piece{ours, {main: m.Format(b.Reference.Value)}, {main: m.FormatSigned(b.Difference)}}})
	}
	return s
}

// besideTexts say of each published figure where it is from and in what it is
// not ours; equal texts are said once.
func besideTexts(g *grid.Grid) []string {
	var out []string
	for _, b := range g.Beside {
		text := fmt.Sprintf("%s: %s (%s)", b.Reference.Title, b.Reference.Source, b.Reference.URL)
		if len(b.Differs) > 0 {
			text += "; not the same in " + strings.Join(b.Differs, ", ")
		}
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}
