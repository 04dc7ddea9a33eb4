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

// stageFound is what one of several stages found, as a line of Parquet.
type stageFound struct {
	Stage    string         `parquet:"stage,dict,zstd"`
	Image    string         `parquet:"image,dict,zstd"`
	Category string         `parquet:"category,dict,zstd"`
	Group    string         `parquet:"group,dict,zstd"`
	Objects  int32          `parquet:"objects,dict,zstd"`
	Small    int32          `parquet:"objects_small,dict,zstd"`
	Medium   int32          `parquet:"objects_medium,dict,zstd"`
	Large    int32          `parquet:"objects_large,dict,zstd"`
	Findings []stageFinding `parquet:"findings,list"`
}

type stageFinding struct {
	Score   float64 `parquet:"score,zstd"`
	Hits    int64   `parquet:"hits,dict,zstd"`
	Neutral int64   `parquet:"neutral,dict,zstd"`
}

// stagePixels are the pixels of a class of one of several stages, as a line of Parquet.
type stagePixels struct {
	Stage     string `parquet:"stage,dict,zstd"`
	Image     string `parquet:"image,dict,zstd"`
	Class     string `parquet:"class,dict,zstd"`
	Right     int64  `parquet:"right,zstd"`
	Predicted int64  `parquet:"predicted,zstd"`
	All       int64  `parquet:"all,zstd"`
}

// WriteQueriesByStage writes the queries of several stages as one Parquet file,
// sorted by stage; the queries of a stage keep their order. The same queries give
// the same bytes.
func WriteQueriesByStage(w io.Writer, byStage map[string][]Query) error {
	return writeStages(w, byStage, func(stage string, q Query) stageQuery {
		return stageQuery{stage, q.Image, int32(q.I2T), int32(q.T2I)}
	})
}

// ReadQueriesByStage reads what WriteQueriesByStage wrote.
func ReadQueriesByStage(path string) (map[string][]Query, error) {
	return readStages(path, func(r stageQuery) (string, Query) {
		return r.Stage, Query{r.Image, int(r.I2T), int(r.T2I)}
	}, "stage", "image", "i2t", "t2i")
}

// WritePredictionsByStage does the same with predictions.
func WritePredictionsByStage(w io.Writer, byStage map[string][]Prediction) error {
	return writeStages(w, byStage, func(stage string, p Prediction) stagePrediction {
		return stagePrediction{stage, p.Key, int32(p.Label), int32(p.Predicted), int32(p.Rank)}
	})
}

// ReadPredictionsByStage reads what WritePredictionsByStage wrote.
func ReadPredictionsByStage(path string) (map[string][]Prediction, error) {
	return readStages(path, func(r stagePrediction) (string, Prediction) {
		return r.Stage, Prediction{r.Key, int(r.Label), int(r.Predicted), r.Label == r.Predicted, int(r.Rank)}
	}, "stage", "key", "label", "predicted")
}

// WriteFoundByStage does the same with what was found.
func WriteFoundByStage(w io.Writer, byStage map[string][]Found) error {
	return writeStages(w, byStage, func(stage string, f Found) stageFound {
		n := f.Objects
		row := stageFound{stage, f.Image, f.Category, f.Group, int32(n[0]), int32(n[1]), int32(n[2]), int32(n[3]),
			make([]stageFinding, len(f.Findings))}
		for i, one := range f.Findings {
			row.Findings[i] = stageFinding{one.Score, int64(one.Hits), int64(one.Neutral)}
		}
		return row
	})
}

// ReadFoundByStage reads what WriteFoundByStage wrote.
func ReadFoundByStage(path string) (map[string][]Found, error) {
	return readStages(path, func(r stageFound) (string, Found) {
		f := Found{r.Image, r.Category, r.Group, [Areas]int{int(r.Objects), int(r.Small), int(r.Medium), int(r.Large)},
			make([]Finding, len(r.Findings))}
		for i, one := range r.Findings {
			f.Findings[i] = Finding{one.Score, uint64(one.Hits), uint64(one.Neutral)}
		}
		return r.Stage, f
	}, "stage", "image", "category", "group", "objects", "findings.list.element.score")
}

// WritePixelsByStage does the same with pixels.
func WritePixelsByStage(w io.Writer, byStage map[string][]Pixels) error {
	return writeStages(w, byStage, func(stage string, p Pixels) stagePixels {
		return stagePixels{stage, p.Image, p.Class, int64(p.Right), int64(p.Predicted), int64(p.All)}
	})
}

// ReadPixelsByStage reads what WritePixelsByStage wrote.
func ReadPixelsByStage(path string) (map[string][]Pixels, error) {
	return readStages(path, func(r stagePixels) (string, Pixels) {
		return r.Stage, Pixels{r.Image, r.Class, int(r.Right), int(r.Predicted), int(r.All)}
	}, "stage", "image", "class", "right", "predicted", "all")
}

func writeStages[T, R any](w io.Writer, byStage map[string][]T, form func(stage string, one T) R) error {
	out := parquet.NewGenericWriter[R](w, CreatedBy)
	for _, stage := range slices.Sorted(maps.Keys(byStage)) {
		rows := make([]R, len(byStage[stage]))
		for i, one := range byStage[stage] {
			rows[i] = form(stage, one)
		}
		if _, err := out.Write(rows); err != nil {
			return fmt.Errorf("rows of stage %s: %w", stage, err)
		}
	}
	return out.Close()
}

// readStages reads a file that has these columns.
func readStages[T, R any](path string, of func(R) (stage string, one T), columns ...string) (map[string][]T, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	rows, err := readParquet[R](f, info.Size(), columns...)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	byStage := map[string][]T{}
	for _, r := range rows {
		stage, one := of(r)
		byStage[stage] = append(byStage[stage], one)
	}
	return byStage, nil
}
