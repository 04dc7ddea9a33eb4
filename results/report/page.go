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

	"react/results"
)

// Page is everything that the page shows. Parts that are empty are left out.
type Page struct {
	Name, Question string
	File           string // of the spec
	Command        string // that makes the results again
	Spec           []byte // the file's text
	Overrides      []string
	State          string // "18 of 22 trials done"; empty: all
	Grids          []*results.Grid
	Figures        []Figure
	Gallery        []Class
	GalleryNote    string
	Changes        []Change // of classes, from most gained to most lost
	ChangeNote     string
	Costs          []Cost
	CostNote       string
	Facts          []Fact // provenance
	Warnings       []string
}

// Figure is a drawing with what is said of it.
type Figure struct {
	Title, Caption string
	SVG            []byte
}

// Class is what was retrieved for one class.
type Class struct {
	Name  string
	Pairs []Pair
}

// Pair is one retrieved pair.
type Pair struct {
	Caption string
	Found   string // how: "t2t, rank 1, 0.994"
	Label   string // what it shows, where the pool knows; empty: not known
	Right   bool   // Label is the class
	Image   string // data URI; empty: not shown
}

// Change is a class's accuracy before and after tuning, as fractions.
type Change struct {
	Set, Class    string
	Images        int
	Before, After float64
}

// Gain is what tuning changed.
func (c Change) Gain() float64 { return c.After - c.Before }

// Cost is what the stages of one op took.
type Cost struct {
	Op      string
	Stages  int
	Seconds float64 // in all
	Longest float64
	Bytes   int64
	Engines string
}

// Fact is one line of the provenance.
type Fact struct{ Name, Value string }

//go:embed page.tmpl style.css script.js
var assets embed.FS

var page = template.Must(template.New("page.tmpl").Funcs(template.FuncMap{
	"table":   tableHTML,
	"svg":     func(f Figure) template.HTML { return template.HTML(f.SVG) },
	"style":   func() template.CSS { return template.CSS(asset("style.css")) },
	"script":  func() template.JS { return template.JS(asset("script.js")) },
	"image":   func(uri string) template.URL { return template.URL(uri) },
	"cue":     highlight,
	"percent": func(v float64) string { return fmt.Sprintf("%.1f", 100*v) },
	"points":  points,
	"time":    duration,
	"size":    size,
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
func tableHTML(g *results.Grid) (template.HTML, error) {
	var b bytes.Buffer
	err := g.HTML(&b)
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

// size writes bytes in binary units.
func size(bytes int64) string {
	v, unit := float64(bytes), "B"
	for _, next := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, next
	}
	if unit == "B" {
		return fmt.Sprintf("%d B", bytes)
	}
	return fmt.Sprintf("%.1f %s", v, unit)
}
