package writers

import (
	"slices"
	"strings"

	"react/results/plain"
)

// The widths of a paper, in points: LaTeX's article in two columns on letter paper, which is
// narrower than CVPR's and IEEE's, less some room, since widths here are estimates.
const (
	columnRoom = 225
	pageRoom   = 462
	columnGap  = 3 // tabcolsep: on either side of a column
)

// textSize is a size of LaTeX's, by its command.
type textSize struct {
	name  string
	scale float64 // of letters, by those of 10 points; small ones are wider than their size says
}

var tableSizes = []textSize{{"small", 0.925}, {"footnotesize", 0.855}}

// scriptsize is that of what stands below values, tenPoints that of the letters' widths.
var scriptsize, tenPoints = textSize{"scriptsize", 0.8}, textSize{"normalsize", 1}

// layout is how a sheet is set.
type layout struct {
	wide   bool // as the page, not as a column of it
	size   textSize
	sheets []sheet   // the sheet, or parts of its columns that are set one below the other
	stub   []float64 // the widths at which names are broken; 0: not
}

// layOut takes a column of the paper where the sheet fits, else the page, in the largest size that
// fits. Where none does, names are broken into lines and columns set below each other.
func (s sheet) layOut() layout {
	for _, wide := range []bool{false, true} {
		for _, size := range tableSizes {
			l := layout{wide: wide, size: size, sheets: []sheet{s}, stub: make([]float64, len(s.stub))}
			if s.latexWidth(l) <= l.room() {
				return l
			}
		}
	}
	l := layout{wide: true, size: tableSizes[len(tableSizes)-1], stub: make([]float64, len(s.stub))}
	s.breakNames(&l)
	columns := s.textColumns()
	for first := 0; first < len(columns); {
		end := lastFitting(columns, first, func(end int) bool {
			return s.between(first, end).latexWidth(l) <= l.room()
		})
		l.sheets = append(l.sheets, s.between(first, end))
		first = end
	}
	return l
}

func (l layout) room() float64 {
	if l.wide {
		return pageRoom
	}
	return columnRoom
}

// breakNames gives names at most half of the page, those of a column as much as the others leave.
func (s sheet) breakNames(l *layout) {
	widths := s.stubLatexWidths(l.size)
	for columnsWidth(widths) > pageRoom/2 {
		widest := slices.Index(widths, slices.Max(widths))
		rest := columnsWidth(widths) - widths[widest]
		equal := pageRoom/2/float64(len(widths)) - 2*columnGap
		fair := max(60, pageRoom/2-rest, equal)
		if fair >= widths[widest] {
			return
		}
		widths[widest], l.stub[widest] = fair, fair
	}
}

// between is the sheet with some of its columns.
func (s sheet) between(first, end int) sheet {
	out := s
	out.groups, out.lines = nil, nil
	at := 0
	for _, g := range s.groups {
		from, to := max(first, at), min(end, at+len(g.columns))
		if from < to {
			out.groups = append(out.groups, sheetGroup{title: g.title, columns: g.columns[from-at : to-at]})
		}
		at += len(g.columns)
	}
	for _, l := range s.lines {
		l.pieces = l.pieces[first:end]
		if l.below != nil {
			l.below = l.below[first:end]
		}
		out.lines = append(out.lines, l)
	}
	return out
}

// latexWidth estimates how wide a sheet is set.
func (s sheet) latexWidth(l layout) float64 {
	names := s.stubLatexWidths(l.size)
	for i, width := range l.stub {
		if width > 0 {
			names[i] = width
		}
	}
	return columnsWidth(append(names, s.columnWidths(l.size)...))
}

// columnsWidth is that of columns side by side.
func columnsWidth(widths []float64) float64 {
	sum := -2.0 * columnGap
	for _, w := range widths {
		sum += w + 2*columnGap
	}
	return sum
}

func (s sheet) stubLatexWidths(size textSize) []float64 {
	widths := make([]float64, len(s.stub))
	for i, head := range s.stub {
		widths[i] = latexWidth(head, size)
		for _, l := range s.lines {
			widths[i] = max(widths[i], latexWidth(l.stub[i], size))
		}
	}
	return widths
}

// columnWidths are those of the columns: of their numbers, of what spans several, and of what their
// heads need.
func (s sheet) columnWidths(size textSize) []float64 {
	var widths []float64
	for _, c := range s.latexColumns() {
		widths = append(widths, c.width(size))
	}
	at := 0
	for _, g := range s.groups {
		end := at + len(g.columns)
		for i, name := range g.columns {
			widths[at+i] = max(widths[at+i], headWidth(name, size))
		}
		for _, l := range s.lines {
			stretch(l, widths, at, end, size)
			if l.below != nil {
				stretch(sheetLine{pieces: l.below}, widths, at, end, scriptsize)
			}
		}
		widths[end-1] += max(0, headWidth(g.title, size)-columnsWidth(widths[at:end]))
		at = end
	}
	return widths
}

// stretch makes room for the pieces of a line; those over several columns widen the last, as LaTeX
// does.
func stretch(l sheetLine, widths []float64, first, limit int, size textSize) {
	for i := first; i < limit; {
		end := l.end(i, limit)
		need := l.pieces[i].latexWidth(size)
		if _, aligned := l.pieces[i].measure(); !aligned || end-i > 1 || size == scriptsize {
			widths[end-1] += max(0, need-columnsWidth(widths[i:end]))
		}
		i = end
	}
}

// width is that of the numbers as siunitx aligns them, with what follows them.
func (c latexColumn) width(size textSize) float64 {
	if !c.numbers {
		return 0
	}
	text := strings.Repeat("0", c.whole)
	if c.decimals > 0 {
		text += "." + strings.Repeat("0", c.decimals)
	}
	if c.sign {
		text = "+" + text
	}
	if c.spread > 0 {
		text += " ± " + strings.Repeat("0", max(c.spread, c.decimals+1))
		if c.decimals > 0 {
			text += "."
		}
	}
	return numberWidth(text, size) + c.tailWidth*size.scale
}

// latexWidth is that of a piece that is not aligned.
func (p *piece) latexWidth(size textSize) float64 {
	text := strings.Join(plain.NonEmpty(p.main, p.spread), " ")
	width := numberWidth(text, size) + p.tailWidth()*size.scale
	if p.best {
		width *= 1.15
	}
	if p.decided {
		width += latexWidth("*", size)
	}
	return width
}

// tailWidth is that of the p value or count and of the notes of a piece, in a size of 10 points.
func (p *piece) tailWidth() float64 {
	width := 0.75 * latexWidth(p.letters, tenPoints)
	if p.tail != "" {
		width += numberWidth(" "+p.tail, tenPoints)
	}
	if width == 0 && len(p.notes) > 0 { // before it has its letters
		width = 4
	}
	return width
}

// headLines breaks a head between words into lines of at most the room, or of the least it needs.
func headLines(text string, room float64, size textSize) []string {
	lines := []string{""}
	for _, word := range headWords(text) {
		last := &lines[len(lines)-1]
		if *last != "" && latexWidth(*last+" "+word, size) > max(room, headWidth(text, size)) {
			lines = append(lines, word)
			continue
		}
		*last = strings.TrimSpace(*last + " " + word)
	}
	return lines
}

// headWords are what a head is broken between; "K = 4" stays on one line.
func headWords(text string) []string {
	if strings.Contains(text, " = ") {
		return []string{plain.Line(text)}
	}
	return strings.Fields(plain.Line(text))
}

// leastHead is the room that a head is given, so that not each of its words takes a line.
const leastHead = 42

// headWidth is the width that a head needs: that of its longest word, or leastHead.
func headWidth(text string, size textSize) float64 {
	width := min(leastHead*size.scale, latexWidth(text, size))
	for _, word := range headWords(text) {
		width = max(width, latexWidth(word, size))
	}
	return width
}

// letterWidths are those of narrow and wide letters of Computer Modern Roman, in points of its size
// of 10; digits and most small letters are about 5 wide, capitals 7.5.
var letterWidths = map[rune]float64{
	'i': 2.8, 'j': 3.1, 'l': 2.8, 'f': 3.1, 't': 3.9, 'r': 3.9, 's': 4, 'c': 4.5, 'e': 4.5, 'z': 4.5,
	'm': 8.4, 'w': 7.3, 'b': 5.6, 'd': 5.6, 'h': 5.6, 'k': 5.3, 'n': 5.6, 'p': 5.6, 'q': 5.3, 'u': 5.6,
	'v': 5.3, 'x': 5.3, 'y': 5.3,
	'I': 3.7, 'J': 5.2, 'S': 5.6, 'L': 6.3, 'F': 6.6, 'M': 9.2, 'W': 10.3,
	' ': 3.4, '.': 2.8, ',': 3.5, ':': 2.8, ';': 2.8, '\'': 2.8, '|': 2.8, '!': 2.8,
	'(': 3.9, ')': 3.9, '[': 2.8, ']': 2.8, '/': 5, '*': 5, '–': 5, '-': 3.4, '+': 7.8, '−': 7.8,
	'±': 12.3, '=': 7.8, '<': 7.8, '>': 7.8, '@': 7.8, '%': 8.4, '&': 7.8,
}

// numberWidth is that of a number, whose hyphens are minus signs.
func numberWidth(text string, size textSize) float64 { return latexWidth(plain.Minus(text), size) }

// latexWidth estimates the width of a text.
func latexWidth(text string, size textSize) (width float64) {
	for _, r := range plain.Line(text) {
		known, ok := letterWidths[r]
		switch {
		case ok:
			width += known
		case r >= '0' && r <= '9' || r >= 'a' && r <= 'z':
			width += 5
		case r < 0x2e80:
			width += 7.8
		default:
			width += 10
		}
	}
	return width * size.scale
}
