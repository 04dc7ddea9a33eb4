package results

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
)

// Prediction is what a trial said of one test image.
type Prediction struct {
	Key       string `json:"key"`
	Label     int    `json:"label"`     // true class
	Predicted int    `json:"predicted"` // class
	Correct   bool   `json:"correct"`   // Predicted equals Label
	Rank      int    `json:"rank"`      // of the true class, 1-based; 0: not known
}

type parquetPrediction struct {
	Key       string `parquet:"key"`
	Label     int32  `parquet:"label"`
	Predicted int32  `parquet:"predicted"`
	Rank      int32  `parquet:"rank"`
}

// readPredictions reads key, label, predicted and, where it is there, rank from
// a .parquet or .jsonl file. Other columns are ignored; Correct follows from
// label and predicted. A key that is there twice is an error.
func readPredictions(path string) ([]Prediction, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	read := predictionsJSONL
	if isParquet(path) {
		read = predictionsParquet
	}
	list, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	seen := make(map[string]int, len(list))
	for i, p := range list {
		if first, ok := seen[p.Key]; ok {
			return nil, fmt.Errorf("file %s: rows %d and %d both have key %q", path, first, i, p.Key)
		}
		seen[p.Key] = i
	}
	return list, nil
}

func predictionsParquet(f *os.File) ([]Prediction, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	rows, err := readParquet[parquetPrediction](f, info.Size(), "key", "label", "predicted")
	if err != nil {
		return nil, err
	}
	list := make([]Prediction, len(rows))
	for i, r := range rows {
		list[i] = Prediction{r.Key, int(r.Label), int(r.Predicted), r.Label == r.Predicted, int(r.Rank)}
	}
	return list, nil
}

func predictionsJSONL(f *os.File) ([]Prediction, error) {
	var list []Prediction
	dec := json.NewDecoder(bufio.NewReader(f))
	for {
		var in struct {
			Key       *string `json:"key"`
			Label     *int    `json:"label"`
			Predicted *int    `json:"predicted"`
			Rank      int     `json:"rank"`
		}
		err := dec.Decode(&in)
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(list), err)
		}
		if in.Key == nil || in.Label == nil || in.Predicted == nil {
			return nil, fmt.Errorf("row %d: key, label or predicted is missing", len(list))
		}
		list = append(list, Prediction{*in.Key, *in.Label, *in.Predicted, *in.Label == *in.Predicted, in.Rank})
	}
}
