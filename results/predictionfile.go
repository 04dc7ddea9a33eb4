package results

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// stagePrediction is a prediction of one of several stages, as a line of
// Parquet.
type stagePrediction struct {
	Stage     string `parquet:"stage,dict,zstd"`
	Key       string `parquet:"key,dict,zstd"`
	Label     int32  `parquet:"label,dict,zstd"`
	Predicted int32  `parquet:"predicted,dict,zstd"`
	Rank      int32  `parquet:"rank,dict,zstd"`
}

// stageQuery is a query of one of several stages, as a line of Parquet.
type stageQuery struct {
	Stage string `parquet:"stage,dict,zstd"`
	Image string `parquet:"image,dict,zstd"`
	I2T   int32  `parquet:"i2t,dict,zstd"`
	T2I   int32  `parquet:"t2i,dict,zstd"`
}

// WriteQueriesByStage writes the queries of several stages as one Parquet file,
// sorted by stage; the queries of a stage keep their order. The same queries give
// the same bytes.
func WriteQueriesByStage(w io.Writer, byStage map[string][]Query) error {
	out := parquet.NewGenericWriter[stageQuery](w, CreatedBy)
	for _, stage := range slices.Sorted(maps.Keys(byStage)) {
		rows := make([]stageQuery, len(byStage[stage]))
		for i, q := range byStage[stage] {
			rows[i] = stageQuery{stage, q.Image, int32(q.I2T), int32(q.T2I)}
		}
		if _, err := out.Write(rows); err != nil {
			return fmt.Errorf("queries of stage %s: %w", stage, err)
		}
	}
	return out.Close()
}

// ReadQueriesByStage reads what WriteQueriesByStage wrote.
func ReadQueriesByStage(path string) (map[string][]Query, error) {
	rows, err := readStages[stageQuery](path, "stage", "image", "i2t", "t2i")
	if err != nil {
		return nil, err
	}
	byStage := map[string][]Query{}
	for _, r := range rows {
		byStage[r.Stage] = append(byStage[r.Stage], Query{r.Image, int(r.I2T), int(r.T2I)})
	}
	return byStage, nil
}

// readStages reads all rows of a file that has these columns.
func readStages[T any](path string, columns ...string) ([]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	rows, err := readParquet[T](f, info.Size(), columns...)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return rows, nil
}

// WritePredictionsByStage writes the predictions of several stages as one
// Parquet file, sorted by stage; the images of a stage keep their order. The
// same predictions give the same bytes.
func WritePredictionsByStage(w io.Writer, byStage map[string][]Prediction) error {
	out := parquet.NewGenericWriter[stagePrediction](w, CreatedBy)
	for _, stage := range slices.Sorted(maps.Keys(byStage)) {
		rows := make([]stagePrediction, len(byStage[stage]))
		for i, p := range byStage[stage] {
			rows[i] = stagePrediction{stage, p.Key, int32(p.Label), int32(p.Predicted), int32(p.Rank)}
		}
		if _, err := out.Write(rows); err != nil {
			return fmt.Errorf("predictions of stage %s: %w", stage, err)
		}
	}
	return out.Close()
}

// ReadPredictionsByStage reads what WritePredictionsByStage wrote.
func ReadPredictionsByStage(path string) (map[string][]Prediction, error) {
	rows, err := readStages[stagePrediction](path, "stage", "key", "label", "predicted")
	if err != nil {
		return nil, err
	}
	byStage := map[string][]Prediction{}
	for _, r := range rows {
		byStage[r.Stage] = append(byStage[r.Stage], Prediction{r.Key, int(r.Label), int(r.Predicted), r.Label == r.Predicted, int(r.Rank)})
	}
	return byStage, nil
}
