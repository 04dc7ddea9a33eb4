package results

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// WriteAll writes each grid as NAME.txt, .md, .tex, .csv and .parquet into
// dir, with a figure as NAME.svg too, and all of them as stats.json, and returns the paths in that order. dir is
// made when it is not there. Each file appears whole or not at all; one that
// holds these bytes already is left alone.
func WriteAll(dir string, grids []*Grid) ([]string, error) {
	if err := checkNames(grids); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	var paths []string
	put := func(name string, write func(io.Writer) error) error {
		path := filepath.Join(dir, name)
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return fmt.Errorf("file %s: %w", path, err)
		}
		paths = append(paths, path)
		return writeAtomic(path, b.Bytes())
	}
	for _, g := range grids {
		name := fileName(g.Table.Name)
		for _, f := range g.writers() {
			if err := put(name+f.ext, f.write); err != nil {
				return nil, err
			}
		}
	}
	err := put("stats.json", func(w io.Writer) error { return writeStats(w, grids) })
	return paths, err
}

type fileWriter struct {
	ext   string
	write func(io.Writer) error
}

func (g *Grid) writers() []fileWriter {
	all := []fileWriter{
		{".txt", func(w io.Writer) error { return g.Text(w, 0) }},
		{".md", g.Markdown}, {".tex", g.LaTeX}, {".csv", g.CSV}, {".parquet", g.Parquet},
	}
	if g.Table.Figure != "" && len(g.Lines) > 0 {
		all = append(all, fileWriter{".svg", g.SVG})
	}
	return all
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

// WriteBytes puts data at path, whole or not at all.
func WriteBytes(path string, data []byte) error { return writeAtomic(path, data) }

// writeAtomic puts data at path by way of a synced temporary file beside it.
func writeAtomic(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) // gone already when all went well
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Sync()
	}
	if err == nil {
		err = tmp.Chmod(0o644)
	}
	if closing := tmp.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return fmt.Errorf("file %s: %w", path, err)
	}
	return os.Rename(tmp.Name(), path)
}
