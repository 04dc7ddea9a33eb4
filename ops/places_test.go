package ops

import (
	"bytes"
	"image"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/data/coco"
	"react/data/datasets"
	"react/data/world"
	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/metric/detection"
	"react/ops/op"
	"react/ops/places"
	"react/results/dense"
)

// scenesOf is a base, and scenes as outside files: a folder whose files a test may change.
func scenesOf(t *testing.T) (base, dir string) {
	t.Helper()
	p := optest.SmallWorld
	p.Scenes = 4
	_, pool := do(t, "world", p, nil, nil)
	_, base = do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(pool, "sets", world.SceneSet))); err != nil {
		t.Fatal(err)
	}
	return base, dir
}

// filesOf are the files of a role below a folder.
func filesOf(t *testing.T, dir ...string) op.Files {
	t.Helper()
	path := filepath.Join(dir...)
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		return op.Files{Root: filepath.Dir(path), Paths: []string{path}}
	}
	paths, err := datasets.FilesBelow(path)
	if err != nil {
		t.Fatal(err)
	}
	return op.Files{Root: path, Paths: paths}
}

var cropped = places.RegionsParams{Reading: places.Reading{Features: places.Crop}, Proposals: places.Truth, Regions: 100, MaxBadShare: 0.5}

var named = evaluate.Params{Kind: "detection", Prompts: []string{"a {}"},
	Detection: &evaluate.DetectionParams{Objectness: "none", Temperature: 0.01, NMS: 0.5, MinScore: 0.001, Top: 100}}

// TestDetection names true boxes and those of a file: what is written is what is counted.
func TestDetection(t *testing.T) {
	base, dir := scenesOf(t)
	truth, err := coco.Read(filepath.Join(dir, world.ObjectsFile), coco.Options{})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]op.Files{"dataset": filesOf(t, dir, world.ObjectsFile), "images": filesOf(t, dir, world.ImagesDir)}
	run, regions := do(t, "regions", cropped, map[string]string{"checkpoint": base}, files)
	if n := run.Facts["regions"]; n != len(truth.Annotations) {
		t.Errorf("%v regions of %d objects", n, len(truth.Annotations))
	}
	_, of := do(t, "evaluate", named, map[string]string{"checkpoint": base, "regions": regions}, files)
	rows := rowsOf(t, of)
	found, err := coco.ReadResults(filepath.Join(of, "detections.json"))
	if err != nil {
		t.Fatal(err)
	}
	judged, err := detection.Evaluate(truth, found, detection.Rules{Protocol: detection.COCO})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := evaluate.ReadFound(of)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"AP", "AP50", "AR@100"} {
		figure, _ := dense.FigureOf(name)
		want := dense.NewDetection(judged).Value(figure, nil)
		if got := dense.NewDetection(stored).Value(figure, nil); math.Abs(got-want) > 1e-9 || math.Abs(rows[name]-want) > 1e-9 {
			t.Errorf("%s: %v in the table, %v of the stored rows, want %v", name, rows[name], got, want)
		}
	}
	predictions, err := evaluate.ReadPredictions(of)
	if err != nil || len(predictions) != len(truth.Annotations) {
		t.Errorf("%d predictions of %d objects, %v", len(predictions), len(truth.Annotations), err)
	}
	right := 0.0
	for _, p := range predictions {
		if p.Label == p.Predicted {
			right++
		}
	}
	if got := right / float64(len(predictions)); math.Abs(got-rows["acc@1"]) > 1e-9 {
		t.Errorf("acc@1 %v, of the predictions %v", rows["acc@1"], got)
	}
}

// TestProposals: a file of true boxes with a box outside gives the regions of the true boxes, and
// scores count as they are said to.
func TestProposals(t *testing.T) {
	base, dir := scenesOf(t)
	truth, err := coco.Read(filepath.Join(dir, world.ObjectsFile), coco.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var proposals []coco.Detection
	for i, a := range truth.Annotations {
		proposals = append(proposals, coco.Detection{Image: a.Image, Box: a.Box, Score: 1 - 0.01*float64(i)})
	}
	proposals = append(proposals, coco.Detection{Image: truth.Images[0].ID, Box: coco.Box{500, 500, 9, 9}, Score: 1})
	write := func(name string) op.Files {
		if err := coco.WriteResults(filepath.Join(dir, name), proposals); err != nil {
			t.Fatal(err)
		}
		return filesOf(t, dir, name)
	}
	files := map[string]op.Files{"dataset": filesOf(t, dir, world.ObjectsFile), "images": filesOf(t, dir, world.ImagesDir), "proposals": write("found.json")}
	p := cropped
	p.Proposals = places.File
	run, regions := do(t, "regions", p, map[string]string{"checkpoint": base}, files)
	if run.Facts["regions"] != len(truth.Annotations) || run.Facts["boxesOutside"] != 1 {
		t.Errorf("facts %v, want %d regions and a box outside", run.Facts, len(truth.Annotations))
	}
	in := map[string]string{"checkpoint": base, "regions": regions}
	scored := func(objectness string) string {
		q, d := named, *named.Detection
		d.Objectness, q.Detection = objectness, &d
		_, of := do(t, "evaluate", q, in, files)
		raw, err := os.ReadFile(filepath.Join(of, "detections.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(raw)
	}
	if scored("none") == scored("probability") {
		t.Error("scores of proposals change nothing")
	}
	proposals[0].Image = 99
	files["proposals"] = write("other.json")
	wants(t, try(optest.New(t, map[string]string{"checkpoint": base}, files), "regions", p), "proposal 0: image_id 99 is not in the set")
}

func wants(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %q", err, text)
	}
}

// TestPicturesOfDetection: a picture that is gone is left out with its objects; one of another size
// than its boxes' is an error.
func TestPicturesOfDetection(t *testing.T) {
	base, dir := scenesOf(t)
	first := filepath.Join(dir, world.ImagesDir, "000000.png")
	if err := os.Remove(first); err != nil {
		t.Fatal(err)
	}
	files := map[string]op.Files{"dataset": filesOf(t, dir, world.ObjectsFile), "images": filesOf(t, dir, world.ImagesDir)}
	run, regions := do(t, "regions", cropped, map[string]string{"checkpoint": base}, files)
	if lost := optest.LostIn(run); lost.Faults() != 1 {
		t.Errorf("lost: %v", &lost)
	}
	_, of := do(t, "evaluate", named, map[string]string{"checkpoint": base, "regions": regions}, files)
	stored, err := evaluate.ReadFound(of)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range stored {
		if f.Image == "000000.png" {
			t.Errorf("a picture that was not read is judged: %+v", f)
		}
	}
	strict := cropped
	strict.MaxBadShare = 0.1
	wants(t, try(optest.New(t, map[string]string{"checkpoint": base}, files), "regions", strict), "are listed, and have no file")
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewGray(image.Rect(0, 0, 20, 30))); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(first, b.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	wants(t, try(optest.New(t, map[string]string{"checkpoint": base}, files), "regions", cropped), "20 x 30 pixels, and the set says")
}

// TestSegmentation: labels are written and counted against the truth; maps that are not of their
// pictures, or of no class, are errors.
func TestSegmentation(t *testing.T) {
	base, dir := scenesOf(t)
	p := evaluate.Params{Kind: "segmentation", Prompts: []string{"a {}"}, MaxBadShare: 0.1,
		Segmentation: &evaluate.SegmentationParams{Reading: places.Reading{Features: encode.Value}, Denoise: 0.01, Smooth: 1, Keys: "paper"}}
	files := func() map[string]op.Files {
		return map[string]op.Files{"dataset": filesOf(t, dir, world.LabelsDir), "images": filesOf(t, dir, world.ImagesDir)}
	}
	in := map[string]string{"checkpoint": base}
	_, of := do(t, "evaluate", p, in, files())
	right, all := 0.0, 0.0
	for _, name := range []string{"000000.png", "000001.png", "000002.png", "000003.png"} {
		said, truth := grey(t, filepath.Join(of, "labels", name)), grey(t, filepath.Join(dir, world.LabelsDir, name))
		if len(said) != len(truth) {
			t.Fatalf("%s: %d labels of %d pixels", name, len(said), len(truth))
		}
		for i, v := range truth {
			if v != world.Ground {
				all++
				if said[i] == v {
					right++
				}
			}
		}
	}
	if got := rowsOf(t, of)["aAcc"]; math.Abs(got-right/all) > 1e-9 {
		t.Errorf("aAcc %v, of the labels %v", got, right/all)
	}
	label := filepath.Join(dir, world.LabelsDir, "000002.png")
	put := func(img image.Image) {
		var b bytes.Buffer
		if err := png.Encode(&b, img); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(label, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	put(image.NewGray(image.Rect(0, 0, 20, 30)))
	wants(t, try(optest.New(t, in, files()), "evaluate", p), "has 20 x 30 pixels, its picture")
	side := 3 * optest.SmallWorld.Size
	wrong := image.NewGray(image.Rect(0, 0, side*3/2, side))
	wrong.Pix[5] = 200
	put(wrong)
	wants(t, try(optest.New(t, in, files()), "evaluate", p), "has the value 200, want 0 to")
	if err := os.Remove(filepath.Join(dir, world.ImagesDir, "000002.png")); err != nil {
		t.Fatal(err)
	}
	wants(t, try(optest.New(t, in, files()), "evaluate", p), "has no picture in")
}

// TestPlacesOfAResNet: true boxes pass its last stage alone, and its last map labels pixels.
func TestPlacesOfAResNet(t *testing.T) {
	w := optest.SmallWorld
	w.Scenes = 3
	p := small.Pretrain(t)
	p.Model.Model.Vision = clip.Vision{Stages: []int{1, 1, 1, 1}, Width: 4, HeadWidth: 32, ImageSize: 32}
	p.Steps = 1
	_, pool := do(t, "world", w, nil, nil)
	_, base := do(t, "pretrain", p, map[string]string{"pool": pool}, nil)
	in := map[string]string{"checkpoint": base, "dataset": pool}
	reading := places.Reading{Features: places.Auto, Side: []int{70, 100}}
	_, regions := do(t, "regions", places.RegionsParams{Set: world.SceneSet, Reading: reading, Proposals: places.Grid, Regions: 20}, in, nil)
	boxes := named
	boxes.Set = world.SceneSet
	_, of := do(t, "evaluate", boxes, map[string]string{"checkpoint": base, "dataset": pool, "regions": regions}, nil)
	checkRows(t, of, []string{"AP", "AP50", "AR@100"})
	reading.Features = encode.Value
	_, of = do(t, "evaluate", evaluate.Params{Kind: "segmentation", Set: world.SceneSet, Prompts: []string{"a {}"},
		Segmentation: &evaluate.SegmentationParams{Reading: reading}}, in, nil)
	checkRows(t, of, []string{"mIoU", "mAcc", "aAcc"})
	wants(t, try(optest.New(t, in, nil), "regions", places.RegionsParams{Set: world.SceneSet, Reading: places.Reading{Features: encode.Tokens},
		Proposals: places.Truth, Regions: 20}), "features tokens are a ViT's, and the backbone is a ResNet: take c4")
}

// grey are the pixels of a PNG of grey.
func grey(t *testing.T, path string) []uint8 {
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
	return img.(*image.Gray).Pix
}
