package writers

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"react/results"
	"react/results/figures"
	"react/results/grid"
)

// WriteAll writes the Files of the grids into dir and returns their paths. dir
// is made when it is not there. Each file appears whole or not at all; one that
// holds these bytes already is left alone.
func WriteAll(dir string, grids []*grid.Grid) ([]string, error) {
	files, err := Files(grids)
	if err != nil {
		return nil, err
	}
	return results.WriteFiles(dir, files)
}

// Files are each grid as NAME with the ending of each writer, one with a figure as
// NAME.svg, .pdf and .png too, and all of them as stats.json.
func Files(grids []*grid.Grid) ([]results.File, error) {
	if err := checkNames(grids); err != nil {
		return nil, err
	}
	var files []results.File
	drawn := figures.Drawn(grids)
	put := func(path string, write func(io.Writer) error) error {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
		files = append(files, results.File{Path: path, Data: b.Bytes()})
		return nil
	}
	for _, g := range grids {
		name := results.FileName(g.Table.Name)
		for _, f := range All() {
			if f.Ext == "" {
				continue
			}
			if err := put(name+f.Ext, func(w io.Writer) error { return f.Write(w, g) }); err != nil {
				return nil, err
			}
		}
		if !slices.Contains(drawn, g) {
			continue
		}
		drawing, err := figures.Drawing(g)
		if err != nil {
			return nil, err
		}
		figure, err := figures.Files(g.Table.Name, drawing)
		if err != nil {
			return nil, err
		}
		files = append(files, figure...)
	}
	err := put("stats.json", func(w io.Writer) error { return writeStats(w, grids) })
	return files, err
}

// checkNames makes sure that no two grids would write the same file.
func checkNames(grids []*grid.Grid) error {
	seen := map[string]string{}
	for _, g := range grids {
		name := strings.ToLower(results.FileName(g.Table.Name)) // some file systems know no case
		if other, ok := seen[name]; ok {
			return fmt.Errorf("tables %q and %q would be the same file %q", other, g.Table.Name, name)
		}
		seen[name] = g.Table.Name
	}
	return nil
}
