package writers

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"react/results"
	"react/results/grid"
	"react/results/plain"
)

// LaTeX writes the grid for a paper of two columns: the values, with the differences to the
// baseline in their cells or as tables of their own (Table.Differences), each table as wide as a
// column of the paper or, where it needs more, as the page. It needs booktabs and siunitx (version
// 2 or 3), and a LaTeX of 2020 or later for UTF-8 input. Warnings are comments of the file.
func LaTeX(w io.Writer, g *grid.Grid) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%% Table %s. Needs \\usepackage{booktabs,siunitx}.\n", comment(g.Table.Name))
	warnings, _ := remarksOf(g)
	for _, text := range append(provenanceTexts(g), warnings...) {
		fmt.Fprintf(out, "%% %s\n", comment(text))
	}
	for _, t := range paperTables(g) {
		for _, part := range t.parts() {
			part.write(out)
		}
	}
	return out.Flush()
}

// remarksOf parts the grid's remarks into warnings and those that belong to the table.
func remarksOf(g *grid.Grid) (warnings, others []string) {
	for _, text := range g.Remarks[g.OfTests:] {
		if strings.HasPrefix(text, "Warning:") {
			warnings = append(warnings, text)
		} else {
			others = append(others, latex(text))
		}
	}
	return warnings, others
}

// paperTable is one table environment.
type paperTable struct {
	sheet   sheet
	caption string
	label   string
	notes   []string // below it, escaped
}

// paperTables are the grid's sheets as tables, each with the notes that are about it.
func paperTables(g *grid.Grid) []paperTable {
	name, caption := results.FileName(g.Table.Name), g.Table.Caption
	values, inCells := paperValues(g)
	all := []paperTable{{sheet: values, caption: captionOf(g), label: name, notes: valueNotes(g)}}
	differences := differenceSheets(g)
	if inCells {
		all[0].notes = append(all[0].notes, aboutCells(g))
	}
	if inCells || len(differences) == 0 { // fixed comparisons need no baseline
		all[0].notes = append(all[0].notes, testNotes(g)...)
		differences = nil
	}
	for i, s := range differences {
		t := paperTable{sheet: s, caption: sentences(caption, s.title), label: name + "-corrected"}
		if i == 0 {
			t.label, t.notes = name+"-differences", testNotes(g)
		}
		all = append(all, t)
	}
	if len(g.Beside) > 0 {
		s := besideSheet(g)
		t := paperTable{sheet: s, caption: sentences(caption, s.title), label: name + "-published"}
		for _, text := range besideTexts(g) {
			t.notes = append(t.notes, "Published: "+breakable(latex(text))+".")
		}
		all = append(all, t)
	}
	for i := range all {
		all[i].mark(g.Notes)
	}
	return all
}

// paperValues are the values, with the differences in their cells where the table asks for it, or
// says nothing and that fits a column of the paper.
func paperValues(g *grid.Grid) (values sheet, inCells bool) {
	values = valueSheet(g)
	if g.Table.Differences == "table" || len(differenceSheets(g)) == 0 {
		return values, false
	}
	values.putDifferences(g)
	if l := values.layOut(); g.Table.Differences == "" && l.wide {
		return valueSheet(g), false
	}
	return values, true
}

func valueNotes(g *grid.Grid) []string {
	_, notes := remarksOf(g)
	if g.HasBest() {
		notes = append([]string{"Bold marks the best mean of its column."}, notes...)
	}
	return notes
}

// aboutCells says what stands below the values.
func aboutCells(g *grid.Grid) string {
	about := "Below the values: the difference to " + latex(g.ShownBaseline()) +
		", of percentages in points, with its 95\\,\\% interval"
	if len(g.Methods()) > 0 {
		about += "; *: $p<0.05$ after correction"
	}
	return about + "."
}

// testNotes are the fixed comparisons, and how differences are tested.
func testNotes(g *grid.Grid) (notes []string) {
	for _, text := range fixedTexts(g, plain.Minus) {
		notes = append(notes, "Fixed beforehand: "+latex(text)+".")
	}
	for _, text := range g.Remarks[:g.OfTests] {
		notes = append(notes, latex(text))
	}
	return notes
}

// sentences joins texts, each with a full stop.
func sentences(texts ...string) string {
	var out []string
	for _, text := range texts {
		if text = strings.TrimSpace(text); text != "" && !strings.ContainsAny(text[len(text)-1:], ".!?") {
			text += "."
		}
		out = append(out, text)
	}
	return strings.Join(plain.NonEmpty(out...), " ")
}

// breakable lets addresses break behind their slashes.
func breakable(text string) string { return strings.ReplaceAll(text, "/", "/\\allowbreak{}") }

// mark gives the table's footnotes letters of its own, and puts them below it.
func (t *paperTable) mark(notes []string) {
	used := map[int]bool{}
	t.sheet.eachPiece(func(p *piece) {
		for _, n := range p.notes {
			used[n] = true
		}
	})
	letters := map[int]string{}
	for _, n := range slices.Sorted(maps.Keys(used)) {
		letters[n] = footnoteLetter(len(letters))
		t.notes = append(t.notes, "\\textsuperscript{"+letters[n]+"}\\,"+latex(notes[n])+".")
	}
	t.sheet.eachPiece(func(p *piece) {
		var marks []string
		for _, n := range p.notes {
			marks = append(marks, letters[n])
		}
		p.letters = strings.Join(marks, ",")
	})
}

// footnoteLetter is a, b, ..., z, aa, ab, ...
func footnoteLetter(i int) string {
	letter := string(rune('a' + i%26))
	if i < 26 {
		return letter
	}
	return footnoteLetter(i/26-1) + letter
}

// eachPiece visits the pieces of all lines, and those below them.
func (s *sheet) eachPiece(visit func(*piece)) {
	for _, l := range s.lines {
		for _, p := range slices.Concat(l.pieces, l.below) {
			visit(p)
		}
	}
}

// putDifferences puts the differences to the baseline below the values.
func (s *sheet) putDifferences(g *grid.Grid) {
	for i := range s.lines {
		has := false
		var below []*piece
		for m, list := range g.Lines[i].Differences {
			for c, d := range list {
				if c > 0 && grid.Shared(list, c, c-1) {
					below = append(below, below[len(below)-1])
					continue
				}
				p := &piece{word: true}
				if has = has || d != nil; d != nil {
					p = differencePiece(d, g.Metrics[m])
					p.tail, p.decided = "", d.Decided()
				}
				below = append(below, p)
			}
		}
		if has {
			s.lines[i].below = below
		}
	}
}

// mostRows is how many rows of a table a page has room for.
const mostRows = 40

// parts cuts a table that is longer than a page.
func (t paperTable) parts() []paperTable {
	var out []paperTable
	first, rows := 0, 0
	for i, l := range t.sheet.lines {
		need := 1 + min(1, len(l.below))
		if rows += need; rows > mostRows {
			out, first, rows = append(out, t.part(first, i)), i, need
		}
	}
	out = append(out, t.part(first, len(t.sheet.lines)))
	for i := range out {
		if len(out) > 1 {
			out[i].caption = sentences(t.caption, fmt.Sprintf("Part %d of %d", i+1, len(out)))
		}
		if i > 0 {
			out[i].label = fmt.Sprintf("%s-%d", t.label, i+1)
			out[i].notes = nil
		}
	}
	return out
}

func (t paperTable) part(first, end int) paperTable {
	t.sheet.lines = t.sheet.lines[first:end]
	return t
}

func (t paperTable) write(out *bufio.Writer) {
	l := t.sheet.layOut()
	environment := "table"
	if l.wide {
		environment = "table*"
	}
	fmt.Fprintf(out, "\\begin{%s}[t]\n\\centering\n", environment)
	out.WriteString("\\sisetup{detect-all,separate-uncertainty=true,retain-explicit-plus=true}\n")
	fmt.Fprintf(out, "\\setlength{\\tabcolsep}{%dpt}\\setlength{\\belowcaptionskip}{4pt}", columnGap)
	out.WriteString("\\setlength{\\emergencystretch}{3em}\n")
	if t.caption != "" {
		fmt.Fprintf(out, "\\caption{%s}\n", latex(t.caption))
	}
	fmt.Fprintf(out, "\\label{tab:%s}\n\\%s\n", t.label, l.size.name)
	for i, s := range l.sheets {
		if i > 0 {
			out.WriteString("\n\\smallskip\n")
		}
		s.latex(out, l)
	}
	if len(t.notes) > 0 {
		out.WriteString("\n\\smallskip\n\\begin{minipage}{\\linewidth}\\scriptsize\n")
		out.WriteString(strings.Join(t.notes, "\n") + "\n\\end{minipage}\n")
	}
	fmt.Fprintf(out, "\\end{%s}\n", environment)
}

// latexRunes are the characters that LaTeX reads as commands, and those common
// in captions that its text fonts lack. Brackets and stars are braced, since
// after a line's \\ they would be read as its argument.
var latexRunes = map[rune]string{
	'\\': `\textbackslash{}`, '{': `\{`, '}': `\}`, '$': `\$`, '&': `\&`, '#': `\#`, '%': `\%`, '_': `\_`,
	'^': `\textasciicircum{}`, '~': `\textasciitilde{}`, '<': `\textless{}`, '>': `\textgreater{}`, '|': `\textbar{}`,
	'"': `''`, '[': `{[}`, ']': `{]}`, '*': `{*}`, '`': `\textasciigrave{}`,
	'±': `\ensuremath{\pm}`, '∞': `\ensuremath{\infty}`, '−': `\ensuremath{-}`, '×': `\ensuremath{\times}`, '≥': `\ensuremath{\geq}`, '≤': `\ensuremath{\leq}`,
	'→': `\ensuremath{\to}`, '–': `--`, '—': `---`, '…': `\ldots{}`, 'α': `\ensuremath{\alpha}`, 'β': `\ensuremath{\beta}`,
	'γ': `\ensuremath{\gamma}`, 'δ': `\ensuremath{\delta}`, 'Δ': `\ensuremath{\Delta}`, 'λ': `\ensuremath{\lambda}`,
	'μ': `\ensuremath{\mu}`, 'σ': `\ensuremath{\sigma}`, 'τ': `\ensuremath{\tau}`,
}

// latex escapes a text for LaTeX. Hyphens in a row are kept apart, or they
// would join into dashes.
func latex(s string) string {
	var b strings.Builder
	last := rune(0)
	for _, r := range plain.Line(s) {
		if r == '-' && last == '-' {
			b.WriteString("{}")
		}
		if text, ok := latexRunes[r]; ok {
			b.WriteString(text)
		} else {
			b.WriteRune(r)
		}
		last = r
	}
	return b.String()
}

// comment makes a text safe after a percent sign.
func comment(s string) string { return plain.Line(s) }
