package writers

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"react/results/grid"
	"react/results/plain"
)

// Markdown writes the grid as GitHub reads it: one table of values, one of
// differences, remarks, footnotes and where the numbers come from. GitHub has
// no cells over several columns, so a spanning value is repeated.
func Markdown(w io.Writer, g *grid.Grid) error {
	out := bufio.NewWriter(w)
	if g.Table.Name != "" {
		fmt.Fprintf(out, "### %s\n\n", markdown(g.Table.Name))
	}
	if caption := captionOf(g); caption != "" {
		fmt.Fprintf(out, "%s\n\n", markdown(caption))
	}
	for _, s := range sheetsOf(g) {
		if s.title != "" {
			fmt.Fprintf(out, "**%s**\n\n", markdown(s.title))
		}
		s.markdown(out)
		out.WriteByte('\n')
	}
	markdownAfter(g, out)
	return out.Flush()
}

func (s sheet) markdown(out *bufio.Writer) {
	if len(s.lines) == 0 {
		out.WriteString("(no rows)\n")
		return
	}
	head, rule := "|", "|"
	for _, name := range s.stub {
		head, rule = head+" "+markdown(name)+" |", rule+":--|"
	}
	for _, group := range s.groups {
		for _, name := range group.columns {
			head += " " + markdown(strings.Join(plain.NonEmpty(group.title, name), " ")) + " |"
			rule += "--:|"
		}
	}
	out.WriteString(head + "\n" + rule + "\n")
	for _, l := range s.lines {
		out.WriteString("|")
		for _, name := range l.stub {
			out.WriteString(" " + markdown(name) + " |")
		}
		for _, p := range l.pieces {
			out.WriteString(" " + p.markdown() + " |")
		}
		out.WriteByte('\n')
	}
}

func (p *piece) markdown() string {
	text := markdown(plain.Minus(strings.Join(plain.NonEmpty(p.main, p.spread), " ")))
	if p.best {
		text = "**" + text + "**"
	}
	if p.tail != "" {
		text += " " + markdown(p.tail)
	}
	if len(p.notes) > 0 {
		text += "<sup>" + noteNumbers(p.notes) + "</sup>"
	}
	return text
}

func markdownAfter(g *grid.Grid, out *bufio.Writer) {
	for _, text := range fixedTexts(g, plain.Minus) {
		fmt.Fprintf(out, "- Fixed beforehand: %s\n", markdown(text))
	}
	if len(g.Fixed) > 0 {
		out.WriteByte('\n')
	}
	var remarks []string
	if g.HasBest() {
		remarks = append(remarks, "Bold marks the best mean of its column.")
	}
	for _, text := range g.Remarks {
		remarks = append(remarks, markdown(text))
	}
	if len(remarks) > 0 {
		fmt.Fprintf(out, "%s\n\n", strings.Join(remarks, "\n"))
	}
	for _, text := range besideTexts(g) {
		fmt.Fprintf(out, "- Published: %s\n", markdown(text))
	}
	if len(g.Beside) > 0 {
		out.WriteByte('\n')
	}
	for i, text := range g.Notes {
		fmt.Fprintf(out, "- <sup>%s</sup> %s\n", noteNumbers([]int{i}), markdown(text))
	}
	if len(g.Notes) > 0 {
		out.WriteByte('\n')
	}
	var from []string
	for _, text := range provenanceTexts(g) {
		what, rest, _ := strings.Cut(text, " ")
		if what == "experiment" || what == "command" || what == "keys" {
			text = what + " " + codeSpan(rest)
		}
		from = append(from, text)
	}
	fmt.Fprintf(out, "Made from: %s.\n", strings.Join(from, ", "))
}

// markdown escapes what GitHub would read as markup. A dollar sign is wrapped,
// since GitHub reads mathematics between two even when they are escaped.
func markdown(s string) string {
	var b strings.Builder
	for _, r := range plain.Line(s) {
		switch r {
		case '\\', '`', '*', '_', '[', ']', '#', '|', '~', '!':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '&':
			b.WriteString("&amp;")
		case '$':
			b.WriteString("<span>$</span>")
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// codeSpan quotes s as code, with more backticks than s has in a row.
func codeSpan(s string) string {
	s = plain.Line(s)
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}
