package writers

import (
	"bufio"
	"io"
	"slices"
	"strings"

	"react/results/grid"
	"react/results/plain"
)

// Text writes the grid as plain text, as wide as it needs.
func Text(w io.Writer, g *grid.Grid) error { return TextWithin(w, g, 0) }

// TextWithin prints the grid for a terminal of that many columns (0: as wide as
// it needs). A table that is too wide is cut between columns into several, each
// with the names of its lines; on the narrowest it becomes a list.
func TextWithin(w io.Writer, g *grid.Grid, width int) error {
	out := bufio.NewWriter(w)
	t := &textWriter{out: out, width: width}
	t.paragraph(plain.Line(strings.Join(plain.NonEmpty(g.Table.Name, g.Table.Caption), ": ")), "")
	for _, s := range sheetsOf(g) {
		t.blank()
		if s.title != "" {
			t.paragraph(plain.Line(s.title), "")
		}
		t.sheet(s)
	}
	t.after(g)
	return out.Flush()
}

type textWriter struct {
	out   *bufio.Writer
	width int
}

func (t *textWriter) blank() { t.out.WriteByte('\n') }

// line writes one line without spaces at its end.
func (t *textWriter) line(s string) { t.out.WriteString(strings.TrimRight(s, " ") + "\n") }

// paragraph wraps text between words; lines after the first start with indent.
func (t *textWriter) paragraph(text, indent string) {
	line := ""
	for word := range strings.FieldsSeq(text) {
		switch {
		case line == "":
			line = word
		case t.width > 0 && plain.Width(line)+1+plain.Width(word) > t.width:
			t.line(line)
			line = indent + word
		default:
			line += " " + word
		}
	}
	t.line(line)
}

// after prints what stands below the tables.
func (t *textWriter) after(g *grid.Grid) {
	t.blank()
	for _, text := range fixedTexts(g, asItIs) {
		t.paragraph("Fixed beforehand: "+plain.Line(text), "  ")
	}
	if g.HasBest() {
		t.paragraph("* marks the best mean of its column.", "")
	}
	for _, text := range append(slices.Clone(g.Over), g.Remarks...) {
		t.paragraph(plain.Line(text), "  ")
	}
	for _, text := range besideTexts(g) {
		t.paragraph("Published: "+plain.Line(text), "  ")
	}
	for i, text := range g.Notes {
		t.paragraph("["+noteNumbers([]int{i})+"] "+plain.Line(text), "    ")
	}
	for _, text := range provenanceTexts(g) {
		t.paragraph("# "+plain.Line(text), "  ")
	}
}

// sheet prints one sheet, cut into blocks of columns that fit.
func (t *textWriter) sheet(s sheet) {
	if len(s.lines) == 0 {
		t.line("(no rows)")
		return
	}
	stub := s.stubWidths(t.width)
	columns := s.textColumns()
	room := t.width
	for _, w := range stub {
		room -= w + len(gap)
	}
	for i := range columns {
		if t.width > 0 && widthOf(s.fit(columns, i, i+1)) > room {
			t.list(s)
			return
		}
	}
	for first := 0; first < len(columns); {
		end := len(columns)
		if t.width > 0 {
			end = lastFitting(columns, first, func(end int) bool { return widthOf(s.fit(columns, first, end)) <= room })
		}
		if first > 0 {
			t.blank()
		}
		t.block(s, stub, columns, first, end)
		first = end
	}
}

func (t *textWriter) block(s sheet, stub []int, columns []textColumn, first, end int) {
	fitted := s.fit(columns, first, end)
	t.heads(s, stub, fitted)
	rule := widthOf(fitted)
	for _, w := range stub {
		rule += w + len(gap)
	}
	t.line(strings.Repeat("─", rule))
	for at, l := range s.lines {
		if s.newGroup(at) {
			t.line(strings.Repeat("╌", rule))
		}
		names := slices.Clone(l.stub)
		if s.sameGroup(at) {
			names[s.group] = ""
		}
		text := stubText(names, stub)
		for i := first; i < end; {
			next := l.end(i, end)
			text += gap + l.pieces[i].aligned(fitted[i-first:next-first], l.merged(i))
			i = next
		}
		t.line(text)
	}
}

// heads prints the metrics over their columns, then the columns' names beside
// those of the stub; one line when columns have no names.
func (t *textWriter) heads(s sheet, stub []int, columns []textColumn) {
	named, names := false, ""
	for _, c := range columns {
		names += gap + center(c.name, c.width, " ")
		named = named || c.name != ""
	}
	top := stubText(s.stub, stub)
	if named {
		top = stubText(make([]string, len(stub)), stub)
	}
	for i := 0; i < len(columns); {
		next, fill := groupEnd(columns, i, len(columns)), " "
		if next-i > 1 {
			fill = "─"
		}
		top += gap + center(plain.Line(s.groups[columns[i].group].title), widthOf(columns[i:next]), fill)
		i = next
	}
	t.line(top)
	if named {
		t.line(stubText(s.stub, stub) + names)
	}
}

func stubText(names []string, widths []int) string {
	parts := make([]string, len(names))
	for i, name := range names {
		name = plain.Cut(plain.Line(name), widths[i])
		parts[i] = name + strings.Repeat(" ", widths[i]-plain.Width(name))
	}
	return strings.Join(parts, gap)
}

// aligned lays the piece out in the columns: its parts under those of its
// neighbours, or in the middle of all the columns that it spans.
func (p *piece) aligned(columns []textColumn, merged bool) string {
	width := widthOf(columns)
	if len(columns) > 1 {
		return center(p.compact(), width, "─")
	}
	if p.word || merged {
		return center(p.compact(), width, " ")
	}
	c := columns[0]
	text := strings.Repeat(" ", c.main-plain.Width(p.starred())) + p.starred()
	if c.spread > 0 {
		text += " " + p.spread + strings.Repeat(" ", c.spread-plain.Width(p.spread))
	}
	if c.tail > 0 {
		text += " " + p.marks() + strings.Repeat(" ", c.tail-plain.Width(p.marks()))
	}
	return center(text, width, " ")
}

func (p *piece) starred() string {
	if p.best {
		return "*" + p.main
	}
	return p.main
}

// marks is what follows the numbers: "n=2 [1]".
func (p *piece) marks() string {
	mark := ""
	if len(p.notes) > 0 {
		mark = "[" + noteNumbers(p.notes) + "]"
	}
	return strings.Join(plain.NonEmpty(p.tail, mark), " ")
}

// compact is the whole piece without alignment.
func (p *piece) compact() string {
	return strings.Join(plain.NonEmpty(p.starred(), p.spread, p.marks()), " ")
}

// list prints a sheet as a list, for terminals on which no column fits.
func (t *textWriter) list(s sheet) {
	columns := s.textColumns()
	for _, l := range s.lines {
		t.paragraph(plain.Line(strings.Join(l.stub, ", ")), "")
		for i := 0; i < len(columns); {
			end := l.end(i, len(columns))
			name := columns[i].name
			if end > i+1 {
				name = ""
			}
			if p := l.pieces[i]; p.main == grid.None {
				i = end
				continue
			}
			head := strings.Join(plain.NonEmpty(plain.Line(s.groups[columns[i].group].title), name), " ")
			t.paragraph("- "+head+": "+l.pieces[i].compact(), "  ")
			i = end
		}
	}
}

// asItIs leaves the hyphen, which plain text has in its tables too.
func asItIs(number string) string { return number }
