package coco

import (
	"encoding/json"
	"errors"
	"fmt"

	"react/data/coco/rle"
	"react/data/jsonfile"
)

// shape reads a segmentation: null, a list of polygons, or run lengths as a list or a string.
func shape(raw []byte) (Shape, error) {
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return Shape{}, nil
	case raw[0] == '[':
		var outlines [][]float64
		if err := jsonfile.Unmarshal(raw, &outlines); err != nil {
			return Shape{}, err
		}
		if len(outlines) == 0 { // as files have it that were made for boxes alone
			return Shape{}, nil
		}
		return Shape{Polygons: outlines}, nil
	case raw[0] == '{':
		mask, err := runLengths(raw)
		if err != nil {
			return Shape{}, err
		}
		return Shape{Runs: &mask}, nil
	}
	return Shape{}, fmt.Errorf(`want polygons [[x, y, ...]] or run lengths {"size": [...], "counts": ...}, `+
		"got %.40s", raw)
}

func runLengths(raw []byte) (rle.Mask, error) {
	var row struct {
		Size   []int           `json:"size"` // height, width
		Counts json.RawMessage `json:"counts"`
	}
	if err := jsonfile.Unmarshal(raw, &row); err != nil {
		return rle.Mask{}, err
	}
	if len(row.Size) != 2 {
		return rle.Mask{}, fmt.Errorf("size: want height and width, got %v", row.Size)
	}
	if len(row.Counts) == 0 {
		return rle.Mask{}, errors.New("run lengths without counts")
	}
	if row.Counts[0] == '"' {
		var text string
		if err := json.Unmarshal(row.Counts, &text); err != nil {
			return rle.Mask{}, err
		}
		return rle.Parse(text, row.Size[0], row.Size[1])
	}
	var lengths []uint32
	if err := jsonfile.Unmarshal(row.Counts, &lengths); err != nil {
		return rle.Mask{}, prefix("counts", err)
	}
	return rle.New(row.Size[0], row.Size[1], lengths)
}

// MarshalJSON writes polygons as a list and run lengths as COCO's compressed string; a shape that is
// empty is null.
func (s Shape) MarshalJSON() ([]byte, error) {
	switch {
	case s.Runs != nil:
		return json.Marshal(map[string]any{
			"size": []int{s.Runs.Height, s.Runs.Width}, "counts": s.Runs.String(),
		})
	case s.Polygons != nil:
		return json.Marshal(s.Polygons)
	}
	return []byte("null"), nil
}
