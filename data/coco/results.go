package coco

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"

	"react/data/wholefile"
)

// ReadResults reads COCO's results JSON: what a model found, or proposals. Its errors name the file
// and the place in it. An empty list is no error.
func ReadResults(path string) ([]Detection, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	found, err := DecodeResults(f)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return found, nil
}

// DecodeResults is ReadResults of an open file.
func DecodeResults(from io.ReadSeeker) ([]Detection, error) {
	found := []Detection{}
	err := ScanResults(from, func(d Detection) error { found = append(found, d); return nil })
	return found, err
}

// ScanResults calls visit for each finding, in the file's order, in the memory of one.
func ScanResults(from io.ReadSeeker, visit func(Detection) error) error {
	s := newStream(from)
	row := annotationRow{}
	err := s.list("", func(at string) error {
		at = "result " + at
		if err := s.row(at, &row); err != nil {
			return err
		}
		d, err := detection(&row)
		if err != nil {
			return prefix(at, err)
		}
		return prefix(at, visit(d))
	})
	if err != nil {
		return err
	}
	if _, err := s.d.Token(); err != io.EOF {
		return errors.New("something follows the JSON")
	}
	return nil
}

func detection(row *annotationRow) (Detection, error) {
	switch {
	case row.Image == nil:
		return Detection{}, errors.New("has no image_id")
	case row.Score == nil:
		return Detection{}, errors.New("has no score")
	}
	d := Detection{Image: *row.Image, Score: *row.Score}
	if row.Category != nil {
		d.Category = *row.Category
	}
	outline, err := shape(row.Segmentation)
	if err != nil {
		return Detection{}, prefix("segmentation", err)
	}
	if outline.Polygons != nil {
		return Detection{}, errors.New("segmentation: polygons, want run lengths, which have the picture's size")
	}
	d.Mask = outline.Runs
	if len(row.Box) == 0 && d.Mask != nil {
		d.Box, d.Area = d.Mask.Box(), float64(d.Mask.Area())
		return d, nil
	}
	d.Box, err = box(row.Box)
	d.Area = d.Box[2] * d.Box[3]
	return d, err
}

// WriteResults writes findings as COCO's results JSON, which pycocotools and ReadResults read. Of a
// finding with a mask the box is left out: pycocotools would take the box's area for the mask's.
func WriteResults(path string, found []Detection) error {
	return wholefile.Fill(path, 0o666, func(f *os.File) error {
		w := bufio.NewWriterSize(f, 1<<16)
		if err := EncodeResults(w, found); err != nil {
			return err
		}
		return w.Flush()
	})
}

// EncodeResults is WriteResults to a writer.
func EncodeResults(w io.Writer, found []Detection) error {
	line := []byte("[")
	for i, d := range found {
		if math.IsNaN(d.Score) || math.IsInf(d.Score, 0) {
			return fmt.Errorf("result [%d]: score is %g", i, d.Score)
		}
		if i > 0 {
			line = append(line, ",\n"...)
		}
		line = d.appendJSON(line)
		if _, err := w.Write(line); err != nil {
			return err
		}
		line = line[:0]
	}
	_, err := w.Write(append(line, "]\n"...))
	return err
}

func (d Detection) appendJSON(line []byte) []byte {
	line = append(line, `{"image_id":`...)
	line = strconv.AppendInt(line, d.Image, 10)
	if d.Category != 0 {
		line = append(line, `,"category_id":`...)
		line = strconv.AppendInt(line, d.Category, 10)
	}
	if d.Mask != nil {
		line = fmt.Appendf(line, `,"segmentation":{"size":[%d,%d],"counts":`, d.Mask.Height, d.Mask.Width)
		text, _ := json.Marshal(d.Mask.String()) // of a string: never an error
		line = append(append(line, text...), '}')
	} else {
		for i, before := range []string{`,"bbox":[`, ",", ",", ","} {
			line = append(line, before...)
			line = strconv.AppendFloat(line, d.Box[i], 'g', -1, 64)
		}
		line = append(line, ']')
	}
	line = append(line, `,"score":`...)
	line = strconv.AppendFloat(line, d.Score, 'g', -1, 64)
	return append(line, '}')
}
