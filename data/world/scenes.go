package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// SceneSet is the name of the set of scenes: several things of the task on one canvas, with a box
// and a mask of each. It has ImagesDir, LabelsDir, a PNG for each picture with the class of each
// pixel, ObjectsFile in COCO's instances JSON, and ClassesFile.
const (
	SceneSet    = "scenes"
	ImagesDir   = "images"
	LabelsDir   = "labels"
	ObjectsFile = "instances.json"
	ClassesFile = "classes.txt"
)

// Ground is the label of pixels that show no thing: they are left out of what is measured.
const Ground = 255

// A canvas is so many times as high as a picture of the pool, and wider by half of that.
const (
	sceneHeight = 3
	sceneAspect = 1.5
	leastPixels = 12 // that a thing shows; else it is no object of the scene
)

// scenePicture is a canvas with two to five things of the task's kinds, some behind others.
func (p Params) scenePicture(i int) (s *scene, classes []int) {
	rng := p.rngOf(SceneSet, i)
	kinds := p.taskKinds()
	pic := picture{content: named, style: photo, ground: groundOf(photo, rng), seed: rng.Uint64()}
	for range 2 + rng.IntN(4) {
		c := rng.IntN(len(kinds))
		classes, pic.objects = append(classes, c), append(pic.objects, kinds[c].look)
	}
	pic.spread = true
	return pic.stage(), classes
}

// apart finds a place for a thing of a scene that is not right over another one.
func apart(placed []placed, rng *rand.Rand) (at point, radius float64) {
	radius = 0.1 + 0.05*rng.Float64()
	for range 50 {
		at = point{radius + (sceneAspect-2*radius)*rng.Float64(), radius + (1-2*radius)*rng.Float64()}
		free := true
		for i := range placed {
			o := &placed[i]
			free = free && math.Hypot(at.x-o.at.x, at.y-o.at.y) > 0.85*(radius+o.radius)
		}
		if free {
			break
		}
	}
	return at, radius
}

// coco is an instances JSON file.
type coco struct {
	Images      []cocoImage    `json:"images"`
	Annotations []cocoObject   `json:"annotations"`
	Categories  []cocoCategory `json:"categories"`
}

type cocoImage struct {
	ID     int    `json:"id"`
	File   string `json:"file_name"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

type cocoObject struct {
	ID           int      `json:"id"`
	Image        int      `json:"image_id"`
	Category     int      `json:"category_id"`
	Box          [4]int   `json:"bbox"` // x, y, width, height
	Area         int      `json:"area"`
	Crowd        int      `json:"iscrowd"`
	Segmentation cocoRuns `json:"segmentation"`
}

// cocoRuns are run lengths down the columns, first of what is outside.
type cocoRuns struct {
	Size   [2]int `json:"size"` // height, width
	Counts []int  `json:"counts"`
}

type cocoCategory struct {
	ID   int    `json:"id"`
	Name string `json:"name"`
}

// writeScenes writes the set of scenes.
func writeScenes(ctx context.Context, dir string, p Params) error {
	for _, sub := range []string{ImagesDir, LabelsDir} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o777); err != nil {
			return err
		}
	}
	height := sceneHeight * p.Size
	width := int(sceneAspect * float64(height))
	var file coco
	var names bytes.Buffer
	for c, k := range p.taskKinds() {
		file.Categories = append(file.Categories, cocoCategory{c + 1, k.name})
		fmt.Fprintln(&names, k.name)
	}
	objects := make([][]cocoObject, p.Scenes)
	labels := make([][]byte, p.Scenes)
	err := inBlocks(ctx, p.Scenes, func(i int) ([]byte, error) {
		s, classes := p.scenePicture(i)
		img := s.render(width, height)
		shown := s.shown(width, height)
		for o, c := range classes {
			if object, ok := objectOf(shown, width, height, o); ok {
				object.Image, object.Category = i+1, c+1
				objects[i] = append(objects[i], object)
			}
		}
		var err error
		if labels[i], err = labelsPNG(shown, width, height, classes); err != nil {
			return nil, err
		}
		return encoded(img)
	}, func(i int, picture []byte) error {
		name := fmt.Sprintf("%06d.png", i)
		file.Images = append(file.Images, cocoImage{i + 1, name, width, height})
		for _, o := range objects[i] {
			o.ID = len(file.Annotations) + 1
			file.Annotations = append(file.Annotations, o)
		}
		if err := os.WriteFile(filepath.Join(dir, LabelsDir, name), labels[i], 0o666); err != nil {
			return err
		}
		labels[i] = nil
		return os.WriteFile(filepath.Join(dir, ImagesDir, name), picture, 0o666)
	})
	if err != nil {
		return err
	}
	raw, err := json.Marshal(file)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, LabelsDir, ClassesFile), names.Bytes(), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, ObjectsFile), raw, 0o666)
}

// shown is the thing in front at the middle of each pixel, -1 for the ground.
func (s *scene) shown(width, height int) []int8 {
	out := make([]int8, width*height)
	for i := range out {
		out[i] = -1
		p := point{(float64(i%width) + 0.5) / float64(height), (float64(i/width) + 0.5) / float64(height)}
		for o := len(s.placed) - 1; o >= 0 && out[i] < 0; o-- {
			if s.placed[o].covers(p) {
				out[i] = int8(o)
			}
		}
	}
	return out
}

// objectOf is the box and the mask of a thing; ok is false where it is as good as hidden.
func objectOf(shown []int8, width, height, thing int) (o cocoObject, ok bool) {
	o.Segmentation = cocoRuns{Size: [2]int{height, width}, Counts: []int{0}}
	left, top, right, bottom := width, height, 0, 0
	inside := false
	for x := range width {
		for y := range height {
			is := int(shown[y*width+x]) == thing
			if is != inside {
				o.Segmentation.Counts = append(o.Segmentation.Counts, 0)
				inside = is
			}
			o.Segmentation.Counts[len(o.Segmentation.Counts)-1]++
			if is {
				o.Area++
				left, top, right, bottom = min(left, x), min(top, y), max(right, x+1), max(bottom, y+1)
			}
		}
	}
	o.Box = [4]int{left, top, right - left, bottom - top}
	return o, o.Area >= leastPixels
}

// labelsPNG is a PNG of the class of each pixel, from 0, and Ground.
func labelsPNG(shown []int8, width, height int, classes []int) ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, width, height))
	for i, thing := range shown {
		img.Pix[i] = Ground
		if thing >= 0 {
			img.Pix[i] = uint8(classes[thing])
		}
	}
	return encoded(img)
}
