package results

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
)

// manyRows are 100,000 rows as a large sweep gives them: 20 modes × 20 K × 25
// seeds, 10 metrics each, about 30 params, each trial with its own map.
func manyRows() []Row {
	rng := rand.New(rand.NewPCG(5, 6))
	rows := make([]Row, 0, 100_000)
	for mode := range 20 {
		for k := range 20 {
			for seed := range 25 {
				params := map[string]any{"tune.mode": fmt.Sprintf("mode-%02d", mode), "retrieve.k": k}
				for p := range 28 {
					params[fmt.Sprintf("section%d.param%d", p%5, p)] = float64(p)
				}
				id := fmt.Sprintf("%02d%02d%02d", mode, k, seed)
				for m := range 10 {
					rows = append(rows, Row{Trial: id, Set: "task", Metric: fmt.Sprintf("acc@%d", m+1), Params: params, Seed: Seed(seed), Value: rng.Float64(), N: 1000, Engine: "onnx", Key: id})
				}
			}
		}
	}
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

func manyTable() Table {
	spec := Table{Name: "many", Rows: Names{"tune.mode"}, Columns: Names{"retrieve.k"}, Baseline: "tune.mode=mode-00"}
	for m := range 10 {
		spec.Metrics = append(spec.Metrics, fmt.Sprintf("task/acc@%d", m+1))
	}
	return spec
}

// BenchmarkTables is 100,000 rows to a table in every format.
func BenchmarkTables(b *testing.B) {
	rows, spec := manyRows(), manyTable()
	for b.Loop() {
		g := mustBuild(b, spec, rows, Options{})
		for _, f := range append(g.writers(), fileWriter{".json", g.JSON}) {
			if err := f.write(io.Discard); err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkBuild(b *testing.B) {
	rows, spec := manyRows(), manyTable()
	for b.Loop() {
		mustBuild(b, spec, rows, Options{})
	}
}

func BenchmarkReadRows(b *testing.B) {
	rows := manyRows()
	var lines, columns bytes.Buffer
	if err := writeJSONL(&lines, rows); err != nil {
		b.Fatal(err)
	}
	if err := WriteParquet(&columns, rows); err != nil {
		b.Fatal(err)
	}
	b.Run("jsonl", func(b *testing.B) {
		for b.Loop() {
			if _, err := readJSONL(bytes.NewReader(lines.Bytes()), "f"); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parquet", func(b *testing.B) {
		for b.Loop() {
			if _, err := ReadParquet(bytes.NewReader(columns.Bytes()), int64(columns.Len()), "f"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
