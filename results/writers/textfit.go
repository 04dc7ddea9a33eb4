package writers

import (
	"slices"
	"strings"

	"react/results/plain"
)

// textColumn is a column with its widths.
type textColumn struct {
	group              int
	name               string
	main, spread, tail int
	width              int
}

const gap = "   "

// stubWidths are the widths of the line names, cut to 2/5 of the terminal in
// all.
func (s sheet) stubWidths(width int) []int {
	widths := make([]int, len(s.stub))
	for i, head := range s.stub {
		widths[i] = plain.Width(plain.Line(head))
		for _, l := range s.lines {
			widths[i] = max(widths[i], plain.Width(plain.Line(l.stub[i])))
		}
		if width > 0 {
			widths[i] = min(widths[i], max(6, width*2/5/len(s.stub)))
		}
	}
	return widths
}

// textColumns measures the parts of each column.
func (s sheet) textColumns() []textColumn {
	var columns []textColumn
	for g, group := range s.groups {
		for _, name := range group.columns {
			columns = append(columns, textColumn{group: g, name: plain.Line(name)})
		}
	}
	for i := range columns {
		columns[i].measure(s, i)
	}
	return columns
}

// fit is a copy of columns first..end, widened where a piece over several of
// them, or a metric's name, needs more room than they have.
func (s sheet) fit(columns []textColumn, first, end int) []textColumn {
	out := slices.Clone(columns[first:end])
	for _, l := range s.lines {
		for i := first; i < end; {
			next := l.end(i, end)
			if l.merged(i) {
				widen(out[i-first:next-first], plain.Width(l.pieces[i].compact()))
			}
			i = next
		}
	}
	for i := first; i < end; {
		next := groupEnd(columns, i, end)
		widen(out[i-first:next-first], plain.Width(plain.Line(s.groups[columns[i].group].title)))
		i = next
	}
	return out
}

func widen(columns []textColumn, width int) {
	columns[len(columns)-1].width += max(0, width-widthOf(columns))
}

// groupEnd is the end of the run of columns, before limit, of one metric.
func groupEnd(columns []textColumn, i, limit int) int {
	end := i + 1
	for end < limit && columns[end].group == columns[i].group {
		end++
	}
	return end
}

func (c *textColumn) measure(s sheet, i int) {
	for _, l := range s.lines {
		p := l.pieces[i]
		if l.merged(i) {
			continue // it is fitted over its columns
		}
		if p.word {
			c.width = max(c.width, plain.Width(p.compact()))
			continue
		}
		c.main = max(c.main, plain.Width(p.starred()))
		c.spread = max(c.spread, plain.Width(p.spread))
		c.tail = max(c.tail, plain.Width(p.marks()))
	}
	c.width = max(c.width, plain.Width(c.name), c.parts())
}

// parts is the width of aligned numbers.
func (c *textColumn) parts() int {
	w := c.main
	for _, part := range []int{c.spread, c.tail} {
		if part > 0 {
			w += 1 + part
		}
	}
	return w
}

func widthOf(columns []textColumn) int {
	w := len(gap) * (len(columns) - 1)
	for _, c := range columns {
		w += c.width
	}
	return w
}

// lastFitting is the end of a block from first: as many metrics as fit whole,
// or, where not even one does, about equal parts of its columns.
func lastFitting(columns []textColumn, first int, fits func(end int) bool) int {
	end := first
	for end < len(columns) {
		next := groupEnd(columns, end, len(columns))
		if !fits(next) {
			break
		}
		end = next
	}
	if end > first {
		return end
	}
	whole := groupEnd(columns, first, len(columns))
	most := 1
	for first+most < whole && fits(first+most+1) {
		most++
	}
	blocks := (whole - first + most - 1) / most
	return first + (whole-first+blocks-1)/blocks
}

// center puts s in the middle of width columns. A fill other than a space keeps
// a space on either side of s.
func center(s string, width int, fill string) string {
	room := width - plain.Width(s)
	if room <= 0 {
		return s
	}
	left, right := room/2, room-room/2
	if fill == " " || s == "" {
		return strings.Repeat(" ", left) + s + strings.Repeat(" ", right)
	}
	return strings.Repeat(fill, max(0, left-1)) + strings.Repeat(" ", min(1, left)) + s + strings.Repeat(" ", min(1, right)) + strings.Repeat(fill, max(0, right-1))
}
