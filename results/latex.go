package results

import (
	"bufio"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// LaTeX writes the grid as a table environment that needs booktabs and nothing
// else, and a LaTeX of 2020 or later for UTF-8 input.
func (g *Grid) LaTeX(w io.Writer) error {
	out := bufio.NewWriter(w)
	fmt.Fprintf(out, "%% Table %s. Needs \\usepackage{booktabs}.\n", comment(g.Table.Name))
	for _, text := range g.provenanceTexts() {
		fmt.Fprintf(out, "%% %s\n", comment(text))
	}
	out.WriteString("\\begin{table}[t]\n\\centering\n")
	if caption := g.caption(); caption != "" {
		fmt.Fprintf(out, "\\caption{%s}\n", latex(caption))
	}
	fmt.Fprintf(out, "\\label{tab:%s}\n", fileName(g.Table.Name))
	for i, s := range g.sheets() {
		if i > 0 {
			out.WriteString("\n\\medskip\n")
		}
		if s.title != "" {
			fmt.Fprintf(out, "\\emph{%s}\\\\[2pt]\n", latex(s.title))
		}
		s.latex(out)
	}
	g.latexAfter(out)
	out.WriteString("\\end{table}\n")
	return out.Flush()
}

func (s sheet) latex(out *bufio.Writer) {
	count := 0
	for _, group := range s.groups {
		count += len(group.columns)
	}
	fmt.Fprintf(out, "\\begin{tabular}{%s%s}\n\\toprule\n", strings.Repeat("l", len(s.stub)), strings.Repeat("r", count))
	s.latexHeads(out)
	out.WriteString("\\midrule\n")
	for _, l := range s.lines {
		var cells []string
		for _, name := range l.stub {
			cells = append(cells, latex(name))
		}
		at := 0
		for _, group := range s.groups {
			end := at + len(group.columns)
			cells = append(cells, latexPieces(l.pieces[at:end])...)
			at = end
		}
		out.WriteString(strings.Join(cells, " & ") + " \\\\\n")
	}
	out.WriteString("\\bottomrule\n\\end{tabular}\n")
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
	out.WriteString(strings.Join(append(make([]string, len(stub)), tops...), " & ") + " \\\\\n")
	out.WriteString(strings.Join(rules, " ") + "\n")
	out.WriteString(strings.Join(append(stub, names...), " & ") + " \\\\\n")
}

func latexPieces(pieces []*piece) []string {
	var cells []string
	for i := 0; i < len(pieces); {
		end := i + 1
		for end < len(pieces) && pieces[end] == pieces[i] {
			end++
		}
		text := pieces[i].latex()
		if end-i > 1 {
			text = fmt.Sprintf("\\multicolumn{%d}{c}{%s}", end-i, text)
		}
		cells = append(cells, text)
		i = end
	}
	return cells
}

func (p *piece) latex() string {
	text := latex(p.main)
	if !p.word {
		text = latexMath(strings.Join(nonEmpty(p.main, p.spread), " "))
		if p.best {
			text = "\\mathbf{" + text + "}"
		}
		text = "$" + text + "$"
	}
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
	s = strings.ReplaceAll(s, "±", "\\pm")
	return exponent.ReplaceAllStringFunc(s, func(e string) string {
		parts := exponent.FindStringSubmatch(e)
		return "\\cdot 10^{" + strings.TrimPrefix(parts[1], "+") + parts[2] + "}"
	})
}

func (g *Grid) latexAfter(out *bufio.Writer) {
	var texts []string
	for _, text := range g.fixedTexts() {
		texts = append(texts, "Fixed beforehand: "+latex(text)+".")
	}
	if g.hasBest() {
		texts = append(texts, "Bold is the best of its column by its mean.")
	}
	for _, text := range g.Remarks {
		texts = append(texts, latex(text))
	}
	for _, text := range g.besideTexts() {
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
	'±': `\ensuremath{\pm}`, '−': `\ensuremath{-}`, '×': `\ensuremath{\times}`, '≥': `\ensuremath{\geq}`, '≤': `\ensuremath{\leq}`,
	'→': `\ensuremath{\to}`, '–': `--`, '—': `---`, '…': `\ldots{}`, 'α': `\ensuremath{\alpha}`, 'β': `\ensuremath{\beta}`,
	'γ': `\ensuremath{\gamma}`, 'δ': `\ensuremath{\delta}`, 'Δ': `\ensuremath{\Delta}`, 'λ': `\ensuremath{\lambda}`,
	'μ': `\ensuremath{\mu}`, 'σ': `\ensuremath{\sigma}`, 'τ': `\ensuremath{\tau}`,
}

// latex escapes a text for LaTeX. Hyphens in a row are kept apart, or they
// would join into dashes.
func latex(s string) string {
	var b strings.Builder
	last := rune(0)
	for _, r := range clean(s) {
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
func comment(s string) string { return clean(s) }
