package world

import (
	"encoding/json"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"testing"
)

// TestScenesAgreeWithTheirMasks: each object's runs are the pixels that its box bounds, count its
// area, and have its class in the label map; no other pixel has one.
func TestScenesAgreeWithTheirMasks(t *testing.T) {
	p := small
	p.Rows, p.Scenes = 1, 12
	dir := filepath.Join(generate(t, p), "sets", SceneSet)
	raw, err := os.ReadFile(filepath.Join(dir, ObjectsFile))
	if err != nil {
		t.Fatal(err)
	}
	var file coco
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Images) != p.Scenes || len(file.Categories) != p.Classes || len(file.Annotations) < 2*p.Scenes-3 {
		t.Fatalf("%d images, %d categories, %d objects", len(file.Images), len(file.Categories), len(file.Annotations))
	}
	maps := map[int][]int{}
	for _, img := range file.Images {
		if img.Width != 72 || img.Height != 48 {
			t.Errorf("image of %d x %d", img.Width, img.Height)
		}
		decode(t, filepath.Join(dir, ImagesDir, img.File))
		labels := decode(t, filepath.Join(dir, LabelsDir, img.File)).(*image.Gray)
		for _, v := range labels.Pix {
			maps[img.ID] = append(maps[img.ID], int(v))
		}
	}
	for i, o := range file.Annotations {
		if o.ID != i+1 {
			t.Errorf("object %d has id %d", i, o.ID)
		}
		x, y, left, top, right, bottom, area := 0, 0, 72, 48, 0, 0, 0
		for run, n := range o.Segmentation.Counts {
			for range n {
				if run%2 == 1 {
					area++
					left, top, right, bottom = min(left, x), min(top, y), max(right, x+1), max(bottom, y+1)
					if got := maps[o.Image][y*72+x]; got != o.Category-1 {
						t.Fatalf("object %d: label %d at %d, %d, want %d", o.ID, got, x, y, o.Category-1)
					}
					maps[o.Image][y*72+x] = Ground
				}
				if y++; y == 48 {
					x, y = x+1, 0
				}
			}
		}
		if x != 72 || area != o.Area || o.Box != [4]int{left, top, right - left, bottom - top} {
			t.Errorf("object %d: %d columns, area %d and box %d %d %d %d of %+v", o.ID, x, area, left, top, right, bottom, o)
		}
	}
	over := 0
	for _, labels := range maps {
		for _, v := range labels {
			if v != Ground {
				over++
			}
		}
	}
	if over > leastPixels*p.Scenes {
		t.Errorf("%d pixels have a class and no object", over)
	}
}

func decode(t *testing.T, path string) image.Image {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	img, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	return img
}
