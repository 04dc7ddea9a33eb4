package dense

import (
	"context"
	"fmt"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/datasets/catalogue"
	"react/data/labelmap"
)

// folder is a folder with files; a picture is a name and its width and height.
func folder(t *testing.T, texts map[string]string, pictures map[string][2]int) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for name, size := range pictures {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := png.Encode(f, image.NewRGBA(image.Rect(0, 0, size[0], size[1]))); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	return dir
}

// said are the findings as they are printed, with a mark for warnings.
func said(r Report) []string {
	var out []string
	for _, f := range r.Findings {
		text := f.String()
		if f.Warning {
			text = "warning: " + text
		}
		out = append(out, text)
	}
	slices.Sort(out)
	return out
}

func compare(t *testing.T, r Report, err error, want ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(want)
	if got := said(r); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

const categories = `"categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]`

// instances is a file with one picture of 8×6 pixels and these annotations.
func instances(annotations string) string {
	return `{"annotations": [` + annotations + `], "images": [{"id": 3, "file_name": "a.png", "width": 8, "height": 6}], ` + categories + `}`
}

func row(id, image, category int, box string) string {
	return fmt.Sprintf(`{"id": %d, "image_id": %d, "category_id": %d, "area": 4, "bbox": %s}`, id, image, category, box)
}

func TestSoundBoxes(t *testing.T) {
	dir := folder(t, map[string]string{"gt.json": instances(row(1, 3, 1, "[0, 0, 8, 6.5]")),
		"dt.json": `[{"image_id": 3, "category_id": 2, "bbox": [0, 0, 1, 1], "score": 1}]`}, map[string][2]int{"a.png": {8, 6}})
	r, err := Boxes(context.Background(), filepath.Join(dir, "gt.json"), Options{Images: dir, Results: filepath.Join(dir, "dt.json"), Scores: "sigmoid"})
	compare(t, r, err)
	if want := []string{"gt.json: 1 images, 1 annotations of 2 categories", "dt.json: 1 results"}; !slices.Equal(r.Summary, want) {
		t.Errorf("got %q, want %q", r.Summary, want)
	}
}

func TestFaultyBoxes(t *testing.T) {
	rows := []string{
		row(0, 3, 1, "[0, 0, 1, 1]"), row(4, 3, 1, "[0, 0, 1, 1]"), row(4, 3, 1, "[1, 1, 0, 2]"), row(5, 3, 1, "[1, 1, -1, 2]"),
		row(6, 3, 1, "[8, 1, 2, 2]"), row(7, 3, 1, "[-2, 1, 4, 2]"), row(8, 9, 1, "[0, 0, 1, 1]"), row(9, 3, 7, "[0, 0, 1, 1]"),
		`{"id": 10, "image_id": 3, "category_id": 1, "bbox": [0, 0, 1, 1], "segmentation": {"size": [8, 6], "counts": [48]}}`,
	}
	dir := folder(t, map[string]string{"gt.json": instances(strings.Join(rows, ","))}, nil)
	r, err := Boxes(context.Background(), filepath.Join(dir, "gt.json"), Options{Images: dir})
	compare(t, r, err,
		"1 picture not in the folder: a.png (fetch it, or give another folder with --images)",
		"warning: 1 annotation with id 0: annotation 0 of image 3 (pycocotools never matches it; here it gets an id of its own)",
		"1 id given twice: annotation 4 of image 3",
		"2 boxes without area, the first: annotation 4 of image 3",
		"1 box outside of the picture: annotation 6 of image 3",
		"warning: 1 box over the picture's edge by a pixel or more: annotation 7 of image 3 (it is cut there)",
		"1 annotation of a picture that the file does not have: annotation 8 of image 9",
		"1 annotation of a category that the file does not name: annotation 9 of image 3, category 7",
		"warning: 1 annotation without area: annotation 10 (it gets its box's, and pycocotools refuses the file)",
		"1 outline that gives no mask: annotation 10 of image 3: run lengths of 8×6 pixels (height by width) in a picture of 6×8",
	)
}

func TestFaultyResults(t *testing.T) {
	dir := folder(t, map[string]string{"gt.json": instances(""), "dt.json": `[
		{"image_id": 3, "category_id": 2, "bbox": [0, 0, 1, 1], "score": -2.5}, {"image_id": 3, "category_id": 2, "bbox": [0, 0, 1, 1], "score": 7},
		{"image_id": 4, "bbox": [0, 0, 1, 1], "score": 0.5}, {"image_id": 3, "category_id": 5, "bbox": [9, 9, 1, 1], "score": 0.5},
		{"image_id": 3, "category_id": 1, "score": 0.5, "segmentation": {"size": [8, 6], "counts": [48]}}]`,
		"text.json": `[{"image_id": 3, "bbox": [0, 0, 1, 1], "score": "0.5"}]`}, nil)
	gt := filepath.Join(dir, "gt.json")
	common := []string{
		"1 result of a picture that is not in the set: result [2] of image 4",
		"1 result of a category that is not in the set: result [3] of image 3, category 5",
		"1 box outside of the picture: result [3] of image 3",
		"1 outline that gives no mask: result [4] of image 3: run lengths of 8×6 pixels (height by width) in a picture of 6×8",
	}
	r, err := Boxes(context.Background(), gt, Options{Results: filepath.Join(dir, "dt.json"), Scores: "raw"})
	compare(t, r, err, common...)
	r, err = Boxes(context.Background(), gt, Options{Results: filepath.Join(dir, "dt.json"), Scores: "sigmoid"})
	compare(t, r, err, append(common,
		"2 scores outside of 0 to 1, the first: result [0] of image 3 has -2.5 (they are no probabilities: say raw where they are logits)")...)
	_, err = Boxes(context.Background(), gt, Options{Results: filepath.Join(dir, "text.json")})
	if want := `text.json: result [0]: score: want a number, got "0.5"`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestPicturesAndClasses(t *testing.T) {
	text := `{"images": [{"id": 1, "file_name": "turned.png", "width": 8, "height": 6}, {"id": 2, "file_name": "other.png", "width": 8, "height": 6},
		{"id": 3, "file_name": "other.png"}], ` + categories + `}`
	dir := folder(t, map[string]string{"gt.json": text}, map[string][2]int{"turned.png": {6, 8}, "other.png": {9, 6}})
	entry := &catalogue.Dense{Name: "pets", Classes: []string{"cat", "emu", "fox"}, Base: []string{"cat"}, Novel: []string{"emu"}}
	r, err := Boxes(context.Background(), filepath.Join(dir, "gt.json"), Options{Images: dir, Entry: entry})
	compare(t, r, err,
		"1 picture with width and height swapped: turned.png (boxes are of the picture before its EXIF turn)",
		"1 picture of another size than the file says: other.png has 6×9 pixels (height by width), the file says 6×8",
		"1 picture without a size in the file: image 3",
		`1 category that the benchmark does not have: "dog" is no class of pets`,
		`1 class of the benchmark that the file does not have: "emu" of pets`,
	)
	bad := folder(t, map[string]string{"gt.json": `{"images": [{"id": 1, "file_name": "../a.png"}]}`}, nil)
	if _, err := Boxes(context.Background(), filepath.Join(bad, "gt.json"), Options{Images: bad}); err == nil ||
		!strings.HasSuffix(err.Error(), `gt.json: images[0]: picture "../a.png" is not below the folder of pictures`) {
		t.Error(err)
	}
}

func TestVOCFolder(t *testing.T) {
	object := "<object><name>cat</name><bndbox><xmin>8</xmin><ymin>1</ymin><xmax>20</xmax><ymax>6</ymax></bndbox></object>"
	dir := folder(t, map[string]string{"ImageSets/Main/val.txt": "000001\n",
		"Annotations/000001.xml": "<annotation><filename>000001.png</filename><size><width>8</width><height>6</height></size>" + object + "</annotation>"},
		map[string][2]int{"JPEGImages/000001.png": {8, 6}})
	entry := &catalogue.Dense{Name: "pets", Classes: []string{"cat"}}
	r, err := VOC(context.Background(), dir, Options{Entry: entry})
	compare(t, r, err, "warning: val: 1 box over the picture's edge by a pixel or more: annotation 1 of image 1 (it is cut there)")
	if _, err := VOC(context.Background(), t.TempDir(), Options{Entry: entry}); err == nil ||
		!strings.HasSuffix(err.Error(), "no ImageSets/Main/train.txt, val.txt or test.txt") {
		t.Error(err)
	}
}

func TestLabelMapsFolder(t *testing.T) {
	dir := folder(t, nil, map[string][2]int{"images/a.png": {2, 1}, "images/b.png": {1, 2}, "labels/colour_labelTrainIds.png": {2, 1}})
	scheme, _ := labelmap.SchemeOf("coco-stuff")
	voc, _ := labelmap.SchemeOf("voc-21")
	for name, labels := range map[string][]uint8{"a_labelTrainIds": {170, 3}, "b": {3, 255}, "c": {0, 0}} {
		if err := labelmap.Write(filepath.Join(dir, "labels", name+".png"), &labelmap.Map{Height: 1, Width: 2, Labels: labels}, scheme); err != nil {
			t.Fatal(err)
		}
	}
	entry, _ := catalogue.FindDense("coco-stuff")
	o := Options{Entry: entry, Images: filepath.Join(dir, "images")}
	labels := filepath.Join(dir, "labels")
	r, err := LabelMaps(context.Background(), labels, o)
	compare(t, r, err,
		"1 label map that cannot be read by the scheme: label map "+filepath.Join(labels, "colour_labelTrainIds.png")+
			": a picture in colours, want numbers of classes: a palette or grey",
		"1 label map of another size than its picture: b.png: label map of 1×2 pixels (height by width), and its picture has 2×1",
		"1 label map without a picture: c.png")
	if want := []string{"labels: 4 label maps with 3 of 171 classes"}; !slices.Equal(r.Summary, want) {
		t.Errorf("got %q, want %q", r.Summary, want)
	}
	if _, err := labelmap.Read(filepath.Join(labels, "a_labelTrainIds.png"), voc); err == nil {
		t.Error("a label of COCO-Stuff is read as one of VOC")
	}
	if _, err := LabelMaps(context.Background(), t.TempDir(), o); err == nil || !strings.HasSuffix(err.Error(), "no label map (*.png)") {
		t.Error(err)
	}
}
