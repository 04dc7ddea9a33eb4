package writers

import (
	"io"
	"path/filepath"
	"testing"

	"react/results"
	"react/results/grid"
	"react/results/internal/modes"
	"react/results/internal/sample"
)

// BenchmarkTables is 100,000 rows to a table in every format.
func BenchmarkTables(b *testing.B) {
	rows, spec := modes.Many(), sample.ManyTable()
	for b.Loop() {
		g := sample.Build(b, spec, rows, grid.Options{})
		if err := writeStats(io.Discard, []*grid.Grid{g}); err != nil {
			b.Fatal(err)
		}
		for _, f := range All() {
			if err := f.Write(io.Discard, g); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	rows, spec := modes.Many(), sample.ManyTable()
	for b.Loop() {
		sample.Build(b, spec, rows, grid.Options{})
	}
}

// BenchmarkReadRows reads 100,000 rows from both kinds of files.
func BenchmarkReadRows(b *testing.B) {
	for _, ext := range []string{"jsonl", "parquet"} {
		path := filepath.Join(b.TempDir(), "rows."+ext)
		if err := results.WriteFile(path, modes.Many()); err != nil {
			b.Fatal(err)
		}
		b.Run(ext, func(b *testing.B) {
			for b.Loop() {
				if _, err := results.ReadFile(path); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
