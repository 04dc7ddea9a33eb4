package writers

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"

	"react/results"
	"react/results/grid"
	"react/results/plain"
)

// LaTeX writes the grid as a table environment that needs booktabs, multirow and
// siunitx (version 2 or 3), and a LaTeX of 2020 or later for UTF-8 input.
func LaTeX(w io.Writer, g *grid.Grid) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%% Table %s. Needs \\usepackage{booktabs,multirow,siunitx}.\n", comment(g.Table.Name))
	for _, text := range provenanceTexts(g) {
		fmt.Fprintf(out, "%% %s\n", comment(text))
	}
	out.WriteString("\\begin{table}[t]\n\\centering\n\\sisetup{detect-all,separate-uncertainty=true,retain-explicit-plus=true}\n")
	if caption := captionOf(g); caption != "" {
		fmt.Fprintf(out, "\\caption{%s}\n", latex(caption))
	}
	fmt.Fprintf(out, "\\label{tab:%s}\n", results.FileName(g.Table.Name))
	for i, s := range sheetsOf(g) {
		if i > 0 {
			out.WriteString("\n\\medskip\n")
		}
		if s.title != "" {
			fmt.Fprintf(out, "\\emph{%s}\\\\[2pt]\n", latex(s.title))
		}
		s.latex(out)
	}
	latexAfter(g, out)
	out.WriteString("\\end{table}\n")
	return out.Flush()
}

func (s sheet) latex(out *bufio.Writer) {
	columns := s.latexColumns()
	fmt.Fprintf(out, "\\begin{tabular}{%s", strings.Repeat("l", len(s.stub)))
	for _, c := range columns {
		out.WriteString(c.spec())
	}
	out.WriteString("}\n\\toprule\n")
	s.latexHeads(out)
	out.WriteString("\\midrule\n")
	for i, l := range s.lines {
		if s.newGroup(i) {
			out.WriteString("\\midrule\n")
		}
		cells := s.latexStub(i)
		at := 0
		for _, group := range s.groups {
			end := at + len(group.columns)
			cells = append(cells, l.latexCells(at, end)...)
			at = end
		}
		out.WriteString(strings.Join(cells, " & ") + " \\\\\n")
	}
	out.WriteString("\\bottomrule\n\\end{tabular}\n")
}

// latexStub is the line's names; that of a group stands once, over its lines.
func (s sheet) latexStub(line int) []string {
	var cells []string
	for at, name := range s.lines[line].stub {
		text := latex(name)
		if at == s.group {
			end := line + 1
			for end < len(s.lines) && s.sameGroup(end) {
				end++
			}
			switch {
			case s.sameGroup(line):
				text = ""
			case end-line > 1:
				text = fmt.Sprintf("\\multirow{%d}{*}{%s}", end-line, text)
			}
		}
		cells = append(cells, text)
	}
	return cells
}

// latexHeads writes the metrics over rules, then the columns' names; metrics
// alone when columns have none.
func (s sheet) latexHeads(out *bufio.Writer) {
	var tops, rules, names, stub []string
	at, named := len(s.stub)+1, false
	for _, group := range s.groups {
		n := len(group.columns)
		tops = append(tops, fmt.Sprintf("\\multicolumn{%d}{c}{%s}", n, latex(group.title)))
		rules = append(rules, fmt.Sprintf("\\cmidrule(lr){%d-%d}", at, at+n-1))
		at += n
		for _, name := range group.columns {
			named = named || name != ""
			names = append(names, fmt.Sprintf("\\multicolumn{1}{c}{%s}", latex(name)))
		}
	}
	for _, name := range s.stub {
		stub = append(stub, latex(name))
	}
	if !named {
		out.WriteString(strings.Join(append(stub, tops...), " & ") + " \\\\\n")
		return
	}
	for i, name := range stub {
		stub[i] = "\\multirow{2}{*}{" + name + "}"
	}
	out.WriteString(strings.Join(append(stub, tops...), " & ") + " \\\\\n")
	out.WriteString(strings.Join(rules, " ") + "\n")
	out.WriteString(strings.Join(append(make([]string, len(stub)), names...), " & ") + " \\\\\n")
}

// latexColumn is the room that the numbers of a column take.
type latexColumn struct {
	whole, decimals, spread int // digits
	sign                    bool
	tail                    string // the widest of what follows numbers
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
	c.whole, c.decimals, c.spread = max(c.whole, n.whole), max(c.decimals, n.decimals), max(c.spread, n.spread)
	if tail := p.latexTail(); len(tail) > len(c.tail) {
		c.tail = tail
	}
}

// spec is the column's type: S with room for its numbers and what follows them.
func (c latexColumn) spec() string {
	if !c.numbers {
		return "r"
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
	var cells []string
	for i < limit {
		end, p := l.end(i, limit), l.pieces[i]
		text := "{" + p.latex() + "}"
		if _, ok := p.measure(); ok {
			text = p.latexAligned()
		}
		if end-i > 1 {
			text = fmt.Sprintf("\\multicolumn{%d}{c}{%s}", end-i, p.latex())
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
		text = latexMath(strings.Join(plain.NonEmpty(p.main, p.spread), " "))
		if p.best {
			text = "\\mathbf{" + text + "}"
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
			number = "=" + number
		}
		text += "~{\\small $" + latexMath(name+number) + "$}"
	}
	if len(p.notes) > 0 {
		text += "\\textsuperscript{" + noteNumbers(p.notes) + "}"
	}
	return text
}

var exponent = regexp.MustCompile(`e([+-])0*(\d+)`)

// latexMath writes our own numbers for math mode.
func latexMath(s string) string {
	s = strings.NewReplacer("±", "\\pm", "∞", "\\infty").Replace(s)
	return exponent.ReplaceAllStringFunc(s, func(e string) string {
		parts := exponent.FindStringSubmatch(e)
		return "\\cdot 10^{" + strings.TrimPrefix(parts[1], "+") + parts[2] + "}"
	})
}

func latexAfter(g *grid.Grid, out *bufio.Writer) {
	var texts []string
	for _, text := range fixedTexts(g, plain.Minus) {
		texts = append(texts, "Fixed beforehand: "+latex(text)+".")
	}
	if g.HasBest() {
		texts = append(texts, "Bold is the best of its column by its mean.")
	}
	for _, text := range g.Remarks {
		texts = append(texts, latex(text))
	}
	for _, text := range besideTexts(g) {
		texts = append(texts, "Published: "+latex(text)+".")
	}
	for i, text := range g.Notes {
		texts = append(texts, "\\textsuperscript{"+noteNumbers([]int{i})+"}~"+latex(text)+".")
	}
	if len(texts) == 0 {
		return
	}
	fmt.Fprintf(out, "\n\\medskip\n\\begin{minipage}{\\linewidth}\\footnotesize\n%s\n\\end{minipage}\n", strings.Join(texts, "\n"))
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
