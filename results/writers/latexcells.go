package writers

import (
	"bufio"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"react/results/plain"
)

// latex writes a sheet of a layout as a tabular.
func (s sheet) latex(out *bufio.Writer, l layout) {
	out.WriteString("\\begin{tabular}{@{}")
	for _, width := range l.stub {
		if width == 0 {
			out.WriteString("l")
			continue
		}
		fmt.Fprintf(out, ">{\\raggedright\\arraybackslash}p{%.0fpt}", width)
	}
	for _, c := range s.latexColumns() {
		out.WriteString(c.spec())
	}
	out.WriteString("@{}}\n\\toprule\n")
	s.latexHeads(out, l)
	out.WriteString("\\midrule\n")
	for i, line := range s.lines {
		if s.newGroup(i) {
			out.WriteString("\\midrule\n")
		}
		cells := s.latexStub(i)
		below := make([]string, len(cells))
		at := 0
		for _, group := range s.groups {
			end := at + len(group.columns)
			cells = append(cells, line.latexCells(at, end)...)
			below = append(below, sheetLine{pieces: line.below}.latexBelow(at, end)...)
			at = end
		}
		out.WriteString(strings.Join(cells, " & ") + " \\\\\n")
		if line.below != nil {
			out.WriteString(strings.Join(below, " & ") + " \\\\[1pt]\n")
		}
	}
	out.WriteString("\\bottomrule\n\\end{tabular}\n")
}

// latexStub is the line's names; that of a group stands once, on the first of its lines.
func (s sheet) latexStub(line int) []string {
	var cells []string
	for at, name := range s.lines[line].stub {
		if at == s.group && s.sameGroup(line) {
			name = ""
		}
		cells = append(cells, latex(name))
	}
	return cells
}

// latexHeads writes the metrics over rules, then the columns' names; metrics
// alone when columns have none. A head that is wider than its column is broken.
func (s sheet) latexHeads(out *bufio.Writer, l layout) {
	var tops, rules, names, stub []string
	widths := s.columnWidths(l.size)
	at, named := len(s.stub)+1, s.named()
	for _, group := range s.groups {
		n := len(group.columns)
		first := at - len(s.stub) - 1
		room := columnsWidth(widths[first : first+n])
		tops = append(tops, spanned(n, stacked(headLines(group.title, room, l.size))))
		rules = append(rules, fmt.Sprintf("\\cmidrule(lr){%d-%d}", at, at+n-1))
		at += n
		for i, name := range group.columns {
			names = append(names, spanned(1, stacked(headLines(name, widths[first+i], l.size))))
		}
	}
	for _, name := range s.stub {
		stub = append(stub, latex(name))
	}
	if named {
		out.WriteString(strings.Join(append(make([]string, len(stub)), tops...), " & ") + " \\\\\n")
		out.WriteString(strings.Join(rules, " ") + "\n")
		tops = names
	}
	out.WriteString(strings.Join(append(stub, tops...), " & ") + " \\\\\n")
}

// named reports whether columns have names.
func (s sheet) named() bool {
	return slices.ContainsFunc(s.groups, func(g sheetGroup) bool {
		return slices.ContainsFunc(g.columns, func(name string) bool { return name != "" })
	})
}

// spanned is a text in the middle of some columns.
func spanned(columns int, text string) string {
	return fmt.Sprintf("\\multicolumn{%d}{c}{%s}", columns, text)
}

// stacked is a head of one line or several.
func stacked(lines []string) string {
	for i, line := range lines {
		lines[i] = latex(line)
	}
	if len(lines) == 1 {
		return lines[0]
	}
	return "\\shortstack{" + strings.Join(lines, "\\\\") + "}"
}

// latexColumn is the room that the numbers of a column take.
type latexColumn struct {
	whole, decimals, spread int // digits
	sign                    bool
	tail                    string // the widest of what follows numbers
	tailWidth               float64
	numbers                 bool
}

// latexColumns measures what stands in one column alone.
func (s sheet) latexColumns() []latexColumn {
	var columns []latexColumn
	at := 0
	for _, group := range s.groups {
		for range group.columns {
			c := latexColumn{}
			for _, l := range s.lines {
				if !l.merged(at) {
					c.add(l.pieces[at])
				}
			}
			columns = append(columns, c)
			at++
		}
	}
	return columns
}

func (c *latexColumn) add(p *piece) {
	n, ok := p.measure()
	if !ok {
		return
	}
	c.numbers, c.sign = true, c.sign || n.sign
	c.whole, c.decimals = max(c.whole, n.whole), max(c.decimals, n.decimals)
	c.spread = max(c.spread, n.spread)
	width := p.tailWidth()
	if p.spread != "" && !strings.HasPrefix(p.spread, "± ") {
		width += numberWidth(" "+p.spread, tenPoints)
	}
	if width > c.tailWidth {
		c.tail, c.tailWidth = p.latexTail(), width
	}
}

// spec is the column's type: S with room for its numbers and what follows them.
func (c latexColumn) spec() string {
	if !c.numbers {
		return "c"
	}
	format := fmt.Sprintf("%d.%d", c.whole, c.decimals)
	if c.decimals == 0 {
		format = fmt.Sprint(c.whole)
	}
	if c.sign {
		format = "+" + format
	}
	if c.spread > 0 {
		format += fmt.Sprintf("(%d)", c.spread)
	}
	if c.tail == "" {
		return fmt.Sprintf("S[table-format=%s]", format)
	}
	return fmt.Sprintf("S[table-format=%s,table-space-text-post={%s}]", format, c.tail)
}

// numberForm is what siunitx aligns: the groups are sign, whole part and
// decimals.
var numberForm = regexp.MustCompile(`^([+-]?)(\d+)(?:\.(\d+))?$`)

// measure is the room of a number, with its standard deviation, that siunitx can align
// by its point; not so a word, a power of ten, or a deviation of other decimals.
func (p *piece) measure() (n latexColumn, ok bool) {
	main := numberForm.FindStringSubmatch(p.main)
	if p.word || main == nil {
		return n, false
	}
	n = latexColumn{whole: len(main[2]), decimals: len(main[3]), sign: main[1] != ""}
	if rest, isStd := strings.CutPrefix(p.spread, "± "); isStd {
		std := numberForm.FindStringSubmatch(rest)
		if std == nil || len(std[3]) != len(main[3]) {
			return n, false
		}
		n.spread = max(1, len(strings.TrimLeft(std[2]+std[3], "0")))
	}
	return n, true
}

// latexCells are the cells of a group. A number in one column is left to
// siunitx; braces keep everything else from it.
func (l sheetLine) latexCells(i, limit int) []string {
	return l.latexEach(i, limit, func(p *piece, merged bool) string {
		switch _, ok := p.measure(); {
		case merged:
			return p.latex()
		case ok:
			return p.latexAligned()
		}
		return "{" + p.latex() + "}"
	})
}

// latexBelow are the cells below those of a group: differences, smaller.
func (l sheetLine) latexBelow(i, limit int) []string {
	if l.pieces == nil {
		return nil
	}
	return l.latexEach(i, limit, func(p *piece, merged bool) string {
		if p.main == "" {
			return ""
		}
		return "{\\scriptsize " + p.latex() + "}"
	})
}

// latexEach writes the pieces of columns, each once over all that it spans.
func (l sheetLine) latexEach(i, limit int, cell func(p *piece, merged bool) string) []string {
	var cells []string
	for i < limit {
		end := l.end(i, limit)
		text := cell(l.pieces[i], end-i > 1)
		if end-i > 1 {
			text = spanned(end-i, text)
		}
		cells = append(cells, text)
		i = end
	}
	return cells
}

// latexAligned is a number as siunitx reads it, and what follows it.
func (p *piece) latexAligned() string {
	text := p.main
	if strings.HasPrefix(p.spread, "± ") {
		text += " " + latexMath(p.spread)
	}
	if p.best {
		text = "\\bfseries " + text
	}
	if tail := p.latexTail(); tail != "" {
		text += " {" + tail + "}"
	}
	return text
}

// latexTail is what follows an aligned number: an interval, a p value, notes.
func (p *piece) latexTail() string {
	text := ""
	if p.spread != "" && !strings.HasPrefix(p.spread, "± ") {
		text = "~$" + latexMath(p.spread) + "$"
	}
	return text + p.latexRest()
}

func (p *piece) latex() string {
	text := latex(p.main)
	if !p.word {
		text = latexMath(strings.Join(plain.NonEmpty(p.main, p.spread), "\\ "))
		if p.best {
			text = "\\mathbf{" + text + "}"
		}
		if p.decided {
			text += "^{*}"
		}
		text = "$" + text + "$"
	}
	return text + p.latexRest()
}

// latexRest is the piece's p value or count, and its notes.
func (p *piece) latexRest() string {
	text := ""
	if p.tail != "" {
		name, number, _ := strings.Cut(p.tail, "=")
		if number != "" {
			number = "{=}" + number
		}
		text += "~$" + latexMath(name+number) + "$"
	}
	if p.letters != "" {
		text += "\\textsuperscript{" + p.letters + "}"
	}
	return text
}

var exponent = regexp.MustCompile(`e([+-])0*(\d+)`)

// latexMath writes our own numbers for math mode.
func latexMath(s string) string {
	s = strings.NewReplacer("±", "\\pm", "∞", "\\infty", "<", "{<}").Replace(s)
	return exponent.ReplaceAllStringFunc(s, func(e string) string {
		parts := exponent.FindStringSubmatch(e)
		return "\\cdot 10^{" + strings.TrimPrefix(parts[1], "+") + parts[2] + "}"
	})
}
