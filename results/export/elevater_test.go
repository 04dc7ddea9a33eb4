package export

import (
	"archive/zip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestElevater reads back what is written: the toolkit's fields in its order, six digits, and the
// same in the zip.
func TestElevater(t *testing.T) {
	dir := t.TempDir()
	all := []Submission{
		{Model: "CLIP \"B\"", Dataset: "mnist", Trainable: 3.5, Params: 130, Visual: 80, Backbone: 120, Shots: 5, Seeds: []int{0, 2}, Images: 2, Classes: 3,
			Predictions: []float32{0.1234564, 0.1234566, 1, 0, 1e-7, 6e-7, 0.5, 0.25, 0.25, 1, 0, 0}},
		{Model: "CLIP \"B\"", Dataset: "dtd", Shots: -1, Seeds: []int{0}, Images: 1, Classes: 2, Predictions: []float32{0.75, 0.25}},
	}
	if err := Elevater(dir, all); err != nil {
		t.Fatal(err)
	}
	const mnist = `{"model_name":"CLIP \"B\"","dataset_name":"mnist","num_trainable_params":3.5,"num_params":130,"num_visual_params":80,"num_backbone_params":120,` +
		`"n_shot":5,"rnd_seeds":[0,2],"predictions":[[[0.123456,0.123457,1],[0,0,0.000001]],[[0.5,0.25,0.25],[1,0,0]]]}`
	raw, err := os.ReadFile(filepath.Join(dir, "mnist.json"))
	if err != nil || string(raw) != mnist {
		t.Errorf("%v\ngot  %s\nwant %s", err, raw, mnist)
	}
	z, err := zip.OpenReader(filepath.Join(dir, elevaterZip))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) != 1 || z.File[0].Name != elevaterFile {
		t.Fatalf("%d files", len(z.File))
	}
	f, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if raw, err = io.ReadAll(f); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Data []struct {
			Name        string        `json:"dataset_name"`
			Predictions [][][]float64 `json:"predictions"`
		} `json:"data"`
	}
	if err := json.Unmarshal(raw, &read); err != nil || len(read.Data) != 2 || read.Data[1].Name != "dtd" || read.Data[1].Predictions[0][0][0] != 0.75 {
		t.Errorf("%v: %s", err, raw)
	}
	if !strings.Contains(string(raw), mnist) {
		t.Error("the zip holds something else for mnist")
	}
	if err := Elevater(t.TempDir(), append(all, all[0])); err == nil || !strings.Contains(err.Error(), "two evaluations of mnist") {
		t.Errorf("twice: %v", err)
	}
	all[1].Images = 2
	if err := Elevater(t.TempDir(), all); err == nil || !strings.Contains(err.Error(), "dtd: 2 predictions are not 1 seeds times 2 images times 2 classes") {
		t.Errorf("too few: %v", err)
	}
}
