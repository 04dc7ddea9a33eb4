package writers

import (
	"bufio"
	"fmt"
	"html"
	"io"
	"math"
	"strconv"
	"strings"

	"react/results"
	"react/results/grid"
	"react/results/plain"
)

// HTML writes the grid as a section of a page: a heading, the caption, its
// tables with a data-sort value in each cell, remarks, footnotes, origin. It
// brings no styles and no scripts of its own; package results/report has both.
func HTML(w io.Writer, g *grid.Grid) error {
	out := bufio.NewWriter(w)
	id := "table-" + results.FileName(g.Table.Name)
	fmt.Fprintf(out, "<section class=\"result\" id=\"%s\">\n<h3>%s</h3>\n", id, escape(g.Table.Name))
	if caption := captionOf(g); caption != "" {
		fmt.Fprintf(out, "<p class=\"caption\">%s</p>\n", escape(caption))
	}
	for _, s := range sheetsOf(g) {
		s.html(out, id)
	}
	htmlAfter(g, out, id)
	out.WriteString("</section>\n")
	return out.Flush()
}

func escape(s string) string { return html.EscapeString(plain.Line(s)) }

func (s sheet) html(out *bufio.Writer, id string) {
	if s.title != "" {
		fmt.Fprintf(out, "<h4>%s</h4>\n", escape(s.title))
	}
	if len(s.lines) == 0 {
		out.WriteString("<p>(no rows)</p>\n")
		return
	}
	out.WriteString("<div class=\"scroll\"><table class=\"sortable\">\n<thead>\n")
	s.htmlHeads(out)
	out.WriteString("</thead>\n<tbody>\n")
	for i, l := range s.lines {
		class := ""
		if s.newGroup(i) {
			class = ` class="group"`
		}
		fmt.Fprintf(out, "<tr%s>", class)
		for _, name := range l.stub {
			fmt.Fprintf(out, "<th scope=\"row\">%s</th>", escape(name))
		}
		for at := 0; at < len(l.pieces); {
			end := l.end(at, len(l.pieces))
			l.pieces[at].html(out, end-at, id)
			at = end
		}
		out.WriteString("</tr>\n")
	}
	out.WriteString("</tbody>\n</table></div>\n")
}

// htmlHeads writes metrics over their columns, or metrics alone where columns
// have no names.
func (s sheet) htmlHeads(out *bufio.Writer) {
	named := false
	for _, group := range s.groups {
		for _, name := range group.columns {
			named = named || name != ""
		}
	}
	span := ""
	if named {
		span = ` rowspan="2"`
	}
	out.WriteString("<tr>")
	for _, name := range s.stub {
		fmt.Fprintf(out, "<th scope=\"col\"%s>%s</th>", span, escape(name))
	}
	for _, group := range s.groups {
		if len(group.columns) > 1 {
			fmt.Fprintf(out, "<th scope=\"colgroup\" colspan=\"%d\" class=\"over\"%s>%s</th>", len(group.columns), group.tip(), escape(group.title))
			continue
		}
		fmt.Fprintf(out, "<th scope=\"col\" class=\"number\"%s>%s</th>", group.tip(), escape(group.title))
	}
	out.WriteString("</tr>\n")
	if !named {
		return
	}
	out.WriteString("<tr>")
	for _, group := range s.groups {
		for _, name := range group.columns {
			fmt.Fprintf(out, "<th scope=\"col\" class=\"number\">%s</th>", escape(name))
		}
	}
	out.WriteString("</tr>\n")
}

// tip tells what a head stands for, where it is shortened.
func (g sheetGroup) tip() string {
	if g.long == "" || g.long == g.title {
		return ""
	}
	return fmt.Sprintf(" title=\"%s\"", escape(g.long))
}

func (p *piece) html(out *bufio.Writer, span int, id string) {
	class, over := "number", ""
	switch {
	case p.word && p.main != grid.None:
		class = "state " + p.main
	case p.best:
		class = "number best"
	}
	if span > 1 {
		class, over = class+" span", fmt.Sprintf(" colspan=\"%d\"", span)
	}
	fmt.Fprintf(out, "<td class=\"%s\"%s data-sort=\"%s\">%s", class, over, p.sortValue(), escape(plain.Minus(p.main)))
	if p.spread != "" {
		fmt.Fprintf(out, " <span class=\"spread\">%s</span>", escape(plain.Minus(p.spread)))
	}
	if p.tail != "" {
		fmt.Fprintf(out, " <span class=\"tail\">%s</span>", escape(p.tail))
	}
	for _, n := range p.notes {
		fmt.Fprintf(out, "<sup><a href=\"#%s-note-%d\">%d</a></sup>", id, n+1, n+1)
	}
	out.WriteString("</td>")
}

// sortValue is the number to sort by; empty sorts last.
func (p *piece) sortValue() string {
	v, err := strconv.ParseFloat(strings.TrimPrefix(p.main, "+"), 64)
	if err != nil || math.IsNaN(v) {
		return ""
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func htmlAfter(g *grid.Grid, out *bufio.Writer, id string) {
	out.WriteString("<div class=\"remarks\">\n")
	for _, text := range fixedTexts(g, plain.Minus) {
		fmt.Fprintf(out, "<p>Fixed beforehand: %s</p>\n", escape(text))
	}
	if g.HasBest() {
		out.WriteString("<p>Bold marks the best mean of its column.</p>\n")
	}
	for _, text := range g.Remarks {
		class := ""
		if strings.HasPrefix(text, "Warning:") {
			class = ` class="warning"`
		}
		fmt.Fprintf(out, "<p%s>%s</p>\n", class, escape(text))
	}
	for _, text := range besideTexts(g) {
		fmt.Fprintf(out, "<p>Published: %s</p>\n", escape(text))
	}
	if len(g.Notes) > 0 {
		out.WriteString("<ol class=\"notes\">\n")
		for i, text := range g.Notes {
			fmt.Fprintf(out, "<li id=\"%s-note-%d\">%s</li>\n", id, i+1, escape(text))
		}
		out.WriteString("</ol>\n")
	}
	fmt.Fprintf(out, "<p class=\"origin\">Made from: %s</p>\n</div>\n", escape(strings.Join(provenanceTexts(g), ", ")))
}
