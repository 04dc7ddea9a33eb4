package detection

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"
	"time"

	"react/data/coco"
	"react/data/npy"
	"react/data/peer"
	"react/data/proc"
	"react/results/dense"
)

// busy is a set of pictures of seven objects each, with so many findings in each: some of objects,
// more or less in place, and others anywhere. Of LVIS's kind a few categories are certainly not in
// a picture, and of one objects may be missing.
func busy(images, categories, findings int) (*coco.Set, []coco.Detection) {
	rng := rand.New(rand.NewPCG(uint64(images), uint64(categories)))
	set, found := &coco.Set{}, []coco.Detection{}
	for c := range categories {
		set.Categories = append(set.Categories, coco.Category{ID: int64(c + 1), Name: fmt.Sprint("thing ", c), Frequency: "rcf"[c%3 : c%3+1]})
	}
	any := func() int64 { return 1 + rng.Int64N(int64(categories)) }
	for i := range images {
		image := coco.Image{ID: int64(i + 1), File: fmt.Sprintf("%012d.jpg", i+1), Width: 640, Height: 480,
			Negative: []int64{any(), any(), any()}, NotExhaustive: []int64{any()}}
		set.Images = append(set.Images, image)
		var here []coco.Annotation
		for range 7 {
			box := somewhere(rng)
			here = append(here, coco.Annotation{ID: int64(len(set.Annotations) + len(here) + 1), Image: image.ID, Category: any(), Box: box, Area: 0.7 * box[2] * box[3]})
		}
		set.Annotations = append(set.Annotations, here...)
		for f := range findings {
			d := coco.Detection{Image: image.ID, Category: any(), Box: somewhere(rng), Score: math.Round(1e4*rng.Float64()) / 1e4}
			if f%3 == 0 {
				a := here[rng.IntN(len(here))]
				d.Category, d.Box = a.Category, a.Box
				for side := range d.Box {
					d.Box[side] = math.Max(1, d.Box[side]*(0.9+0.2*rng.Float64()))
				}
			}
			d.Area = d.Box[2] * d.Box[3]
			found = append(found, d)
		}
	}
	return set, found
}

// somewhere is a box of any size up to 200 pixels.
func somewhere(rng *rand.Rand) coco.Box {
	w, h := 5+195*rng.Float64(), 5+195*rng.Float64()
	return coco.Box{rng.Float64() * (640 - w), rng.Float64() * (480 - h), w, h}
}

// writeSet writes a set as COCO and LVIS do.
func writeSet(t *testing.T, path string, set *coco.Set) {
	t.Helper()
	type object = map[string]any
	images, annotations, categories := []object{}, []object{}, []object{}
	for _, i := range set.Images {
		images = append(images, object{"id": i.ID, "file_name": i.File, "width": i.Width, "height": i.Height,
			"neg_category_ids": i.Negative, "not_exhaustive_category_ids": i.NotExhaustive})
	}
	for _, a := range set.Annotations {
		annotations = append(annotations, object{"id": a.ID, "image_id": a.Image, "category_id": a.Category, "bbox": a.Box, "area": a.Area,
			"iscrowd": 0, "segmentation": [][]float64{{0, 0, 1, 0, 1, 1}}})
	}
	for _, c := range set.Categories {
		categories = append(categories, object{"id": c.ID, "name": c.Name, "frequency": c.Frequency})
	}
	raw, err := json.Marshal(object{"images": images, "annotations": annotations, "categories": categories})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestEvaluationAgainstPycocotools takes turns with pycocotools and lvis on a set that both have
// read: matching, accumulation and all figures.
func TestEvaluationAgainstPycocotools(t *testing.T) {
	rounds, python := peer.Rounds(t), peer.Python(t, "pycocotools and lvis")
	const limit = 1 << 30
	dir := t.TempDir()
	for _, kind := range []struct {
		protocol, peer               string
		images, categories, findings int
		figures                      []string
		target                       float64
	}{
		{COCO, "pycocotools", 5000, 80, 40, dense.OfCOCO, 5},
		{LVIS, "lvis", 1000, 1203, 100, dense.OfLVIS, 3},
	} {
		set, found := busy(kind.images, kind.categories, kind.findings)
		writeSet(t, dir+"/"+kind.protocol+".json", set)
		if err := coco.WriteResults(dir+"/"+kind.protocol+"-found.json", found); err != nil {
			t.Fatal(err)
		}
		p := peer.Start(t, kind.peer, exec.Command(python, "testdata/peer.py", dir))
		says := fmt.Sprintf("%s, %d pictures, %d categories, %d findings each", kind.protocol, kind.images, kind.categories, kind.findings)
		var ours, theirs []float64
		proc.NewPeak()
		for range rounds {
			start := time.Now()
			rows, err := Evaluate(set, found, Rules{Protocol: kind.protocol})
			if err != nil {
				t.Fatal(err)
			}
			d := dense.NewDetection(rows)
			got := map[string]float64{}
			for _, name := range kind.figures {
				got[name] = d.Value(figure(t, name), nil)
			}
			ours = append(ours, time.Since(start).Seconds())
			var seconds, want float64
			p.Ask(t, kind.protocol, &seconds, &want)
			theirs = append(theirs, seconds)
			if !(math.Abs(got["AP"]-want) <= 1e-9) {
				t.Errorf("%s: AP is %v, want %v", says, got["AP"], want)
			}
		}
		peak := proc.Peak()
		ratio := peer.Compare(ours, theirs)
		peer.Record(t, peer.Row{Work: says, Us: "ops/metric/detection", Peer: kind.peer, Unit: "sets/s",
			Ours: 1 / peer.Median(ours), Theirs: 1 / peer.Median(theirs), Ratio: ratio, Target: peer.AtLeast(ratio.Mean, kind.target, "")})
		peer.Record(t, peer.Row{Work: says + ", peak of memory", Us: "ops/metric/detection", Peer: "the limit",
			Ours: float64(peak >> 20), Theirs: limit >> 20, Unit: "MiB", Target: peer.AtMost(float64(peak>>20), limit>>20, "")})
	}
}

// TestNMSAgainstTorchvision takes turns with torchvision's batched_nms on the CPU.
func TestNMSAgainstTorchvision(t *testing.T) {
	rounds, python := peer.Rounds(t), peer.Python(t, "torchvision")
	const perClass, numClasses = 1000, 80
	rng := rand.New(rand.NewPCG(3, 4))
	var flat, scores, labels []float32
	var list []Corners
	var classes []int
	for class := range numClasses {
		for range perClass {
			b := somewhere(rng)
			box := Corners{float32(b[0]), float32(b[1]), float32(b[0] + b[2]), float32(b[1] + b[3])}
			list, flat, classes = append(list, box), append(flat, box[:]...), append(classes, class)
			scores, labels = append(scores, rng.Float32()), append(labels, float32(class))
		}
	}
	dir := t.TempDir()
	for name, values := range map[string][]float32{"boxes": flat, "scores": scores, "classes": labels} {
		shape := []int{len(values)}
		if name == "boxes" {
			shape = []int{len(list), 4}
		}
		if err := npy.Write(dir+"/"+name+".npy", shape, values, "<f4"); err != nil {
			t.Fatal(err)
		}
	}
	p := peer.Start(t, "torchvision", exec.Command(python, "testdata/peer.py", dir))
	var ours, theirs []float64
	for round := range rounds + 1 {
		start := time.Now()
		got := len(NMSByClass(list, scores, classes, 0.5))
		own := time.Since(start).Seconds()
		var seconds float64
		var want int
		p.Ask(t, "nms", &seconds, &want)
		if got != want {
			t.Errorf("%d boxes are kept, by torchvision %d", got, want)
		}
		if round > 0 { // the first warms up
			ours, theirs = append(ours, own), append(theirs, seconds)
		}
	}
	ratio := peer.Compare(ours, theirs)
	peer.Record(t, peer.Row{Work: "NMS by class, 1,000 boxes x 80 classes", Us: "ops/metric/detection", Peer: "torchvision", Unit: "1/s",
		Ours: 1 / peer.Median(ours), Theirs: 1 / peer.Median(theirs), Ratio: ratio, Target: peer.AtLeast(ratio.Mean, 1, "")})
}
