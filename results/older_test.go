package results

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// TestOlderRows reads rows that were written before labels, classes, engines and
// keys were, and rows of a later program with fields that this one does not know.
func TestOlderRows(t *testing.T) {
	dir := t.TempDir()
	lines := filepath.Join(dir, "rows.jsonl")
	text := `{"trial":"a","set":"task","metric":"acc@1","value":0.5}
{"trial":"b","set":"task","metric":"acc@1","value":null,"n":3,"unit":"fraction","params":{"tune.mode":"full"}}
`
	if err := os.WriteFile(lines, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	type older struct {
		Trial  string  `parquet:"trial"`
		Set    string  `parquet:"set"`
		Metric string  `parquet:"metric"`
		Value  float64 `parquet:"value"`
	}
	columns := filepath.Join(dir, "rows.parquet")
	if err := parquet.WriteFile(columns, []older{{"a", "task", "acc@1", 0.5}, {"b", "task", "acc@1", math.NaN()}}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{lines, columns} {
		rows, err := ReadFile(path)
		if err != nil || len(rows) != 2 || rows[0].Value != 0.5 || !math.IsNaN(rows[1].Value) || rows[0].Label != "" || rows[0].Seed != nil {
			t.Errorf("%s: %+v, %v", path, rows, err)
		}
	}
}

// TestPredictionsByStage writes and reads predictions of several stages.
func TestPredictionsByStage(t *testing.T) {
	byStage := map[string][]Prediction{
		"bb": {{"y", 1, 1, true, 1}, {"x", 0, 2, false, 300}},
		"aa": {{"x", 0, 0, true, 1}},
	}
	var b, again bytes.Buffer
	for _, w := range []*bytes.Buffer{&b, &again} {
		if err := WritePredictionsByStage(w, byStage); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(b.Bytes(), again.Bytes()) {
		t.Error("other bytes the second time")
	}
	path := filepath.Join(t.TempDir(), "p.parquet")
	if err := os.WriteFile(path, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	got, err := ReadPredictionsByStage(path)
	if err != nil || len(got) != 2 || len(got["bb"]) != 2 || got["bb"][1] != byStage["bb"][1] || got["aa"][0] != byStage["aa"][0] {
		t.Errorf("got %v, %v", got, err)
	}
	if err := os.WriteFile(path, b.Bytes()[:b.Len()-9], 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPredictionsByStage(path); err == nil {
		t.Error("a file cut short is read")
	}
}
