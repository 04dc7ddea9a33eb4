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

// WritePredictionsByStage writes the predictions of several stages as one
// Parquet file, sorted by stage; the images of a stage keep their order. The
// same predictions give the same bytes.
func WritePredictionsByStage(w io.Writer, byStage map[string][]Prediction) error {
	out := parquet.NewGenericWriter[stagePrediction](w, createdBy)
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
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	rows, err := readParquet[stagePrediction](f, info.Size(), "stage", "key", "label", "predicted")
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	byStage := map[string][]Prediction{}
	for _, r := range rows {
		byStage[r.Stage] = append(byStage[r.Stage], Prediction{r.Key, int(r.Label), int(r.Predicted), r.Label == r.Predicted, int(r.Rank)})
	}
	return byStage, nil
}
