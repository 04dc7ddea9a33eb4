// Package report writes one self-contained HTML page about an experiment: its
// question and spec, result tables, figures, what was retrieved, which classes
// gained and lost, what it cost, and where every number comes from.
//
// The page holds its styles, script, figures and images; it loads nothing, so
// it can be mailed, archived or opened from a disk. The same Page gives the
// same bytes. What goes into it is the caller's choice: this package reads no
// store and no images.
package report

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"

	"react/data/words"
	"react/results/figures"
	"react/results/grid"
	"react/results/render"
	"react/results/writers"
)

// Page is everything that the page shows. Parts that are empty are left out.
// Its JSON form is all but the spec and the tables, which have files of their
// own.
type Page struct {
	Name        string       `json:"name"`
	Question    string       `json:"question,omitempty"`
	File        string       `json:"file"`    // of the spec
	Command     string       `json:"command"` // that makes the results again
	Spec        []byte       `json:"-"`       // the file's text
	Common      []byte       `json:"-"`       // that of common.cue beside it; nil where there is none
	Overrides   []string     `json:"overrides,omitempty"`
	State       string       `json:"state,omitempty"` // "18 of 22 trials done"; empty: all
	Grids       []*grid.Grid `json:"-"`
	Figures     []Figure     `json:"figures,omitempty"`
	Gallery     []Class      `json:"gallery,omitempty"`
	GalleryNote string       `json:"galleryNote,omitempty"`
	Changes     []Change     `json:"changes,omitempty"` // of classes, from most gained to most lost
	ChangeNote  string       `json:"changeNote,omitempty"`
	Costs       []Cost       `json:"costs,omitempty"`
	CostNote    string       `json:"costNote,omitempty"`
	Facts       []Fact       `json:"facts,omitempty"` // provenance
	Warnings    []string     `json:"warnings,omitempty"`
	// version of the results, where the page is served and follows /events; empty: a file
	Live string `json:"-"`
}

// Figure is a drawing with what is said of it: that of a table, a chart, or
// classes before and after.
type Figure struct {
	Name    string         `json:"name"` // of its files
	Title   string         `json:"title"`
	Caption string         `json:"caption,omitempty"`
	Table   string         `json:"table,omitempty"` // by name
	Chart   *figures.Chart `json:"chart,omitempty"`
	Moves   *figures.Moves `json:"moves,omitempty"`
}

// Drawing draws a figure of the page.
func (p *Page) Drawing(f Figure) (render.Drawing, error) {
	switch {
	case f.Chart != nil:
		return f.Chart.Drawing(), nil
	case f.Moves != nil:
		return f.Moves.Drawing(), nil
	}
	for _, g := range p.Grids {
		if g.Table.Name == f.Table {
			return figures.Drawing(g)
		}
	}
	return render.Drawing{}, fmt.Errorf("figure %s: the page has no table %q", f.Name, f.Table)
}

// SVG is a figure for the page itself.
func (p *Page) SVG(f Figure) (template.HTML, error) {
	d, err := p.Drawing(f)
	if err != nil {
		return "", err
	}
	return template.HTML(d.SVG()), nil
}

// Class is what was retrieved for one class.
type Class struct {
	Name  string `json:"name"`
	Pairs []Pair `json:"pairs"`
}

// Pair is one retrieved pair.
type Pair struct {
	Caption string `json:"caption"`
	Found   string `json:"found"`           // how: "t2t, rank 1, 0.994"
	Label   string `json:"label,omitempty"` // what it shows, where the pool knows; empty: not known
	Right   bool   `json:"right,omitempty"` // Label is the class
	Image   string `json:"image,omitempty"` // data URI; empty: not shown
}

// Change is a class's accuracy before and after tuning, as fractions.
type Change struct {
	Set    string  `json:"set"`
	Class  string  `json:"class"`
	Images int     `json:"images"`
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// Gain is what tuning changed.
func (c Change) Gain() float64 { return c.After - c.Before }

// Cost is what the stages of one op took.
type Cost struct {
	Op      string  `json:"op"`
	Stages  int     `json:"stages"`
	Seconds float64 `json:"seconds"` // in all
	Longest float64 `json:"longest"`
	Bytes   int64   `json:"bytes"`
	Engines string  `json:"engines,omitempty"`
}

// Fact is one line of the provenance.
type Fact struct {
	Name  string      `json:"name"`
	Value string      `json:"value"`
	Rows  [][2]string `json:"rows,omitempty"` // names and values that belong to it
}

//go:embed page.tmpl style.css script.js live.js
var assets embed.FS

var page = template.Must(template.New("page.tmpl").Funcs(template.FuncMap{
	"table":   tableHTML,
	"style":   func() template.CSS { return template.CSS(asset("style.css")) },
	"script":  func() template.JS { return template.JS(asset("script.js")) },
	"live":    func() template.JS { return template.JS(asset("live.js")) },
	"image":   func(uri string) template.URL { return template.URL(uri) },
	"cue":     highlight,
	"percent": func(v float64) string { return fmt.Sprintf("%.1f", 100*v) },
	"points":  points,
	"time":    duration,
	"size":    words.Bytes,
}).ParseFS(assets, "page.tmpl"))

func asset(name string) string {
	data, err := assets.ReadFile(name)
	if err != nil {
		panic(err) // it is embedded
	}
	return string(data)
}

// Write writes the page.
func (p *Page) Write(w io.Writer) error {
	var b bytes.Buffer
	if err := page.Execute(&b, p); err != nil {
		return fmt.Errorf("report of %s: %w", p.Name, err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// tableHTML trusts Grid.HTML to escape what it prints; tests hold it to that.
func tableHTML(g *grid.Grid) (template.HTML, error) {
	var b bytes.Buffer
	err := writers.HTML(&b, g)
	return template.HTML(b.String()), err
}

func points(v float64) string {
	switch {
	case v > 0.0005:
		return fmt.Sprintf("+%.1f", 100*v)
	case v < -0.0005:
		return fmt.Sprintf("−%.1f", -100*v)
	}
	return "0.0"
}

// duration writes seconds as people read them.
func duration(seconds float64) string {
	switch {
	case seconds < 100:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 6000:
		return fmt.Sprintf("%d min %02d s", int(seconds)/60, int(seconds)%60)
	}
	return fmt.Sprintf("%d h %02d min", int(seconds)/3600, int(seconds)/60%60)
}
