package op

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"react/data/npy"
	"react/ops/blas"
	"react/results/evaluation"
)

// MetricRow is one line of a stage's rows.jsonl: a number that tables can show.
type MetricRow struct {
	Metric string  `json:"metric"`          // "acc@1", "unique"
	Value  float64 `json:"value"`           // fractions for accuracies
	N      int     `json:"n"`               // what it is over: images, pairs
	Class  string  `json:"class,omitempty"` // set on rows for one class
	Other  string  `json:"other,omitempty"` // set on rows for two
}

const rowsFile = "rows.jsonl"

// WriteRows writes the stage's rows. A metric that is not in the table of what is measured is an
// error, since tables would not know its unit, and so is a value that is not finite.
func (r *Run) WriteRows(rows []MetricRow) error {
	f, err := os.Create(r.Path(rowsFile))
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	enc := json.NewEncoder(w)
	for _, row := range rows {
		if _, known := evaluation.Any(row.Metric); !known {
			return fmt.Errorf("metric %s is not in react/results/evaluation, which says how it is printed", row.Metric)
		}
		if math.IsNaN(row.Value) || math.IsInf(row.Value, 0) {
			return fmt.Errorf("metric %s is %v", row.Metric, row.Value)
		}
		if err := enc.Encode(row); err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}

// ReadRows reads the rows of a finished stage; a stage without any gives none.
func ReadRows(dir string) ([]MetricRow, error) {
	return ReadLines[MetricRow](filepath.Join(dir, rowsFile))
}

// ReadLines reads a file of a finished stage that has a JSON value a line; one that is not there
// has none.
func ReadLines[T any](name string) ([]T, error) {
	f, err := os.Open(name)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var lines []T
	for dec := json.NewDecoder(bufio.NewReader(f)); dec.More(); {
		var line T
		if err := dec.Decode(&line); err != nil {
			return nil, fmt.Errorf("file %s: after line %d: %w", name, len(lines), err)
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// ReadJSON reads a JSON file of a finished stage.
func ReadJSON(name string, into any) error {
	raw, err := os.ReadFile(name)
	if err == nil {
		err = json.Unmarshal(raw, into)
	}
	if err != nil {
		return fmt.Errorf("file %s: %w", name, err)
	}
	return nil
}

// ReadTable reads a parquet file of a finished stage.
func ReadTable[T any](name string) ([]T, error) {
	rows, err := parquet.ReadFile[T](name)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", name, err)
	}
	return rows, nil
}

// ReadMatrix reads an npy file of a finished stage, which must have two dimensions.
func ReadMatrix(name string) (blas.Matrix, error) {
	shape, values, err := npy.Read(name)
	if err == nil && len(shape) != 2 {
		err = fmt.Errorf("%s: shape %v has not two dimensions", name, shape)
	}
	if err != nil {
		return blas.Matrix{}, err
	}
	return blas.Matrix{Rows: shape[0], Cols: shape[1], Values: values}, nil
}

// WriteMatrix writes a matrix as an npy file, in f32.
func WriteMatrix(name string, m blas.Matrix) error {
	return npy.Write(name, []int{m.Rows, m.Cols}, m.Values, "<f4")
}

// WriteJSON writes one indented JSON file into the stage's directory.
func (r *Run) WriteJSON(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return os.WriteFile(r.Path(name), append(b, '\n'), 0o644)
}
