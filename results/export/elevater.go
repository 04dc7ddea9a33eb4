package export

import (
	"archive/zip"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"

	"react/data/wholefile"
)

// Submission is a model's predictions for one benchmark, as ELEVATER's toolkit writes them for the
// EvalAI leaderboard (its submission_file_readme.md): fields are in its order.
type Submission struct {
	Model     string  `json:"model_name"`
	Dataset   string  `json:"dataset_name"` // the toolkit's
	Trainable float64 `json:"num_trainable_params"`
	Params    int64   `json:"num_params"` // of the backbone and the head
	Visual    int64   `json:"num_visual_params"`
	Backbone  int64   `json:"num_backbone_params"`
	Shots     int     `json:"n_shot"` // 0: zero-shot, -1: all images
	Seeds     []int   `json:"rnd_seeds"`

	Images, Classes int       `json:"-"`
	Predictions     []float32 `json:"-"` // [seeds, images, classes], probabilities; written as "predictions" with 6 digits
}

// elevaterFile and elevaterZip are what prepare_submit.py of the toolkit makes of the files of all
// benchmarks.
const (
	elevaterFile = "all_predictions.json"
	elevaterZip  = "all_predictions.zip"
)

// Elevater writes DATASET.json for each submission, and all of them in all_predictions.zip, which
// is what is uploaded. Each benchmark may be there once.
func Elevater(dir string, all []Submission) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, s := range all {
		if seen[s.Dataset] {
			return fmt.Errorf("%s: two evaluations of %s", dir, s.Dataset)
		}
		seen[s.Dataset] = true
		if len(s.Predictions) != len(s.Seeds)*s.Images*s.Classes {
			return fmt.Errorf("%s: %d predictions are not %d seeds times %d images times %d classes", s.Dataset, len(s.Predictions), len(s.Seeds), s.Images, s.Classes)
		}
		if err := toFile(filepath.Join(dir, s.Dataset+".json"), s.write); err != nil {
			return err
		}
	}
	return toFile(filepath.Join(dir, elevaterZip), func(w *bufio.Writer) error { return zipAll(w, all) })
}

func zipAll(w io.Writer, all []Submission) error {
	z := zip.NewWriter(w)
	entry, err := z.Create(elevaterFile)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(entry)
	fmt.Fprint(out, `{"data": [`)
	for i, s := range all {
		if i > 0 {
			fmt.Fprint(out, ", ")
		}
		if err := s.write(out); err != nil {
			return err
		}
	}
	fmt.Fprint(out, "]}")
	if err := out.Flush(); err != nil {
		return err
	}
	return z.Close()
}

func toFile(path string, write func(w *bufio.Writer) error) error {
	return wholefile.Fill(path, 0o666, func(f *os.File) error {
		w := bufio.NewWriter(f)
		return errors.Join(write(w), w.Flush())
	})
}

// write is one object; predictions are streamed, since those of ImageNet are 50 million.
func (s Submission) write(w *bufio.Writer) error {
	head, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if _, err := w.Write(head[:len(head)-1]); err != nil {
		return err
	}
	fmt.Fprint(w, `,"predictions":[`)
	var digits []byte
	for seed := range s.Seeds {
		fmt.Fprint(w, opening(seed))
		for i := range s.Images {
			fmt.Fprint(w, opening(i))
			row := s.Predictions[(seed*s.Images+i)*s.Classes:][:s.Classes]
			for c, p := range row {
				if c > 0 {
					_ = w.WriteByte(',')
				}
				digits = strconv.AppendFloat(digits[:0], math.Round(float64(p)*1e6)/1e6, 'f', -1, 64)
				_, _ = w.Write(digits) // Flush gives the error
			}
			_ = w.WriteByte(']')
		}
		_ = w.WriteByte(']')
	}
	_, err = w.WriteString("]}")
	return err
}

func opening(place int) string {
	if place > 0 {
		return ",["
	}
	return "["
}
