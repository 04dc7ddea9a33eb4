package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"react/data/wholefile"
	"react/results/render"
)

// WriteAll writes the Files of the grids into dir and returns their paths. dir
// is made when it is not there. Each file appears whole or not at all; one that
// holds these bytes already is left alone.
func WriteAll(dir string, grids []*Grid) ([]string, error) {
	files, err := Files(grids)
	if err != nil {
		return nil, err
	}
	return WriteFiles(dir, files)
}

// File is a file in memory, named by its path with slashes.
type File struct {
	Path string
	Data []byte
}

// Files are each grid as NAME.txt, .md, .tex, .csv and .parquet, one with a
// figure as NAME.svg, .pdf and .png too, and all of them as stats.json.
func Files(grids []*Grid) ([]File, error) {
	if err := checkNames(grids); err != nil {
		return nil, err
	}
	var files []File
	put := func(path string, write func(io.Writer) error) error {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
		files = append(files, File{path, b.Bytes()})
		return nil
	}
	for _, g := range grids {
		name := fileName(g.Table.Name)
		for _, f := range g.writers() {
			if err := put(name+f.ext, f.write); err != nil {
				return nil, err
			}
		}
		figure, err := g.figureFiles()
		if err != nil {
			return nil, err
		}
		files = append(files, figure...)
	}
	err := put("stats.json", func(w io.Writer) error { return writeStats(w, grids) })
	return files, err
}

// figureFiles are the grid's figure, where it has one.
func (g *Grid) figureFiles() ([]File, error) {
	if g.Table.Figure == "" || len(g.Lines) == 0 {
		return nil, nil
	}
	d, err := g.Drawing()
	if err != nil {
		return nil, err
	}
	return FigureFiles(g.Table.Name, d)
}

// FigureFiles are a drawing as NAME.svg, .pdf and .png.
func FigureFiles(name string, d render.Drawing) ([]File, error) {
	name = fileName(name)
	var pdf, png bytes.Buffer
	if err := errors.Join(d.PDF(&pdf), d.PNG(&png)); err != nil {
		return nil, fmt.Errorf("figure %s: %w", name, err)
	}
	return []File{{name + ".svg", d.SVG()}, {name + ".pdf", pdf.Bytes()}, {name + ".png", png.Bytes()}}, nil
}

// WriteFiles writes files into dir, as WriteAll does.
func WriteFiles(dir string, files []File) ([]string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		if err := WriteBytes(path, f.Data); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

type fileWriter struct {
	ext   string
	write func(io.Writer) error
}

func (g *Grid) writers() []fileWriter {
	return []fileWriter{
		{".txt", func(w io.Writer) error { return g.Text(w, 0) }},
		{".md", g.Markdown}, {".tex", g.LaTeX}, {".csv", g.CSV}, {".parquet", g.Parquet},
	}
}

func writeStats(w io.Writer, grids []*Grid) error {
	all := struct {
		Tables []statsJSON `json:"tables"`
	}{[]statsJSON{}}
	for _, g := range grids {
		all.Tables = append(all.Tables, g.stats())
	}
	return writeIndented(w, all)
}

// checkNames makes sure that no two grids would write the same file.
func checkNames(grids []*Grid) error {
	seen := map[string]string{}
	for _, g := range grids {
		name := strings.ToLower(fileName(g.Table.Name)) // some file systems know no case
		if other, ok := seen[name]; ok {
			return fmt.Errorf("tables %q and %q would be the same file %q", other, g.Table.Name, name)
		}
		seen[name] = g.Table.Name
	}
	return nil
}

// fileName turns a table's name into a name that every file system takes.
func fileName(name string) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, name)
	safe = strings.TrimLeft(safe, ".-")
	if safe == "" {
		return "table"
	}
	return safe
}

// WriteBytes puts data at path, whole or not at all; a file that holds it already stays untouched.
func WriteBytes(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return wholefile.WriteMode(path, data, 0o644)
}
