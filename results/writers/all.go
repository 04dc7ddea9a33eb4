// Package writers writes tables, each format in a file of its own: for people as short texts laid
// out in sheets (sheet.go: text, Markdown, LaTeX, HTML), for programs as one record a cell
// (records.go: CSV, Parquet), and every number behind them in stats.json.
//
// A format is a function of the form func(io.Writer, *grid.Grid) error and its line in All.
package writers

import (
	"io"
	"strings"

	"react/results/grid"
)

// Writer writes a table in one format.
type Writer struct {
	Name  string // as people call the format
	Ext   string // of its files; empty: a part of a page, no file
	Write func(io.Writer, *grid.Grid) error
}

// All are the formats of tables, in the order in which their files are written and told. Whatever
// shows or lists formats reads this table.
func All() []Writer {
	return []Writer{
		{"text", ".txt", Text},
		{"Markdown", ".md", Markdown},
		{"LaTeX", ".tex", LaTeX},
		{"CSV", ".csv", CSV},
		{"Parquet", ".parquet", Parquet},
		{"HTML", "", HTML},
	}
}

// Formats are the formats that have files, as a list in a sentence: "text, Markdown and CSV".
func Formats() string {
	var names []string
	for _, w := range All() {
		if w.Ext != "" {
			names = append(names, w.Name)
		}
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}
