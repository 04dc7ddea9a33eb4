package coco

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"react/data/coco/rle"
	"react/data/fixture"
)

func TestReadInstances(t *testing.T) {
	set, err := Read(fixture.Path(t, "dense/coco/bbox_gt.json"), Options{Shapes: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(set.Images) != 14 || len(set.Categories) != 5 || len(set.Warnings) != 0 {
		t.Errorf("got %d images, %d categories, warnings %q", len(set.Images), len(set.Categories), set.Warnings)
	}
	if want := (Image{ID: 9, File: "000000000009.jpg", Width: 640, Height: 480}); !reflect.DeepEqual(set.Images[0], want) {
		t.Errorf("got %+v, want %+v", set.Images[0], want)
	}
	last := set.Annotations[len(set.Annotations)-1]
	want := Annotation{ID: 143, Image: 872, Category: 3, Box: Box{443.51, 64.35, 100.02, 6.85}, Area: 444.95}
	if !reflect.DeepEqual(last, want) {
		t.Errorf("got %+v, want %+v", last, want)
	}
	crowd := func(a Annotation) bool { return a.Crowd }
	if !slices.ContainsFunc(set.Annotations, crowd) {
		t.Error("no crowd was read")
	}
}

// TestShapesEqualPycocotools: polygons and uncompressed run lengths of a file give the run lengths
// that pycocotools makes of them.
func TestShapesEqualPycocotools(t *testing.T) {
	path := fixture.Path(t, "dense/coco_segm/segm_gt.json")
	set, err := Read(path, Options{Shapes: true})
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Annotations []struct {
			RLE struct{ Counts string }
		}
	}
	fixture.JSON(t, "dense/coco_segm/segm_gt.json", &file)
	polygons := 0
	for i, a := range set.Annotations {
		m, err := a.Shape.Mask(120, 160)
		if err != nil {
			t.Fatal(err)
		}
		if want := file.Annotations[i].RLE.Counts; m.String() != want {
			t.Errorf("annotation %d: got %s, want %s", a.ID, m, want)
		}
		polygons += min(len(a.Shape.Polygons), 1)
	}
	if polygons == 0 || polygons == len(set.Annotations) {
		t.Errorf("%d of %d are polygons: the file has both", polygons, len(set.Annotations))
	}
	if _, err := set.Annotations[len(set.Annotations)-1].Shape.Mask(160, 120); err == nil ||
		err.Error() != "run lengths of 120×160 pixels (height by width) in a picture of 160×120" {
		t.Errorf("another size: %v", err)
	}
}

func TestReadLVIS(t *testing.T) {
	set, err := Read(fixture.Path(t, "dense/lvis/gt.json"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	first := set.Images[0]
	if !slices.Equal(first.Negative, []int64{5, 21}) || !slices.Equal(first.NotExhaustive, []int64{1, 13}) {
		t.Errorf("got %+v", first)
	}
	letters := ""
	for _, c := range set.Categories {
		letters += c.Frequency
	}
	if letters != "rrccff" {
		t.Errorf("frequencies %q, want rrccff", letters)
	}
	if !set.Annotations[0].Shape.Empty() {
		t.Error("outlines are kept that were not asked for")
	}
	if got := file("", "http://images.cocodataset.org/train2017/000000391895.jpg"); got != "train2017/000000391895.jpg" {
		t.Errorf("LVIS's picture is at %s", got)
	}
}

// TestResultsRoundTrip: what is written is read as it was, boxes and masks and proposals.
func TestResultsRoundTrip(t *testing.T) {
	for _, file := range []string{"dense/coco/bbox_dt.json", "dense/coco_segm/segm_dt.json"} {
		found, err := ReadResults(fixture.Path(t, file))
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, Detection{Image: 1, Box: Box{0, .5, 2, 3}, Area: 6, Score: 1e-20})
		path := filepath.Join(t.TempDir(), "results.json")
		if err := WriteResults(path, found); err != nil {
			t.Fatal(err)
		}
		again, err := ReadResults(path)
		if err != nil || !reflect.DeepEqual(again, found) {
			t.Errorf("%s: %d results became %d: %v", file, len(found), len(again), err)
		}
	}
}

func TestResultsHaveTheAreaOfTheirFile(t *testing.T) {
	runs := `"segmentation": {"size": [3, 4], "counts": [4, 2, 1, 1, 4]}`
	for text, want := range map[string]Detection{
		`[{"image_id": 1, "category_id": 2, "score": 1, ` + runs + `}]`: {
			Image: 1, Category: 2, Score: 1, Box: Box{1, 1, 2, 2}, Area: 3},
		`[{"image_id": 1, "category_id": 2, "score": 1, "bbox": [0, 0, 4, 3], ` + runs + `}]`: {
			Image: 1, Category: 2, Score: 1, Box: Box{0, 0, 4, 3}, Area: 12},
	} {
		found, err := DecodeResults(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		want.Mask = &rle.Mask{Height: 3, Width: 4, Runs: []uint32{4, 2, 1, 1, 4}}
		if !reflect.DeepEqual(found[0], want) {
			t.Errorf("got %+v, want %+v", found[0], want)
		}
	}
	if found, err := DecodeResults(strings.NewReader("[]\n")); err != nil || len(found) != 0 {
		t.Errorf("no results: %v, %v", found, err)
	}
}

// small is a file with what a case changes.
func small(annotation string) string {
	return `{"info": {"licenses": [[1], {"a": 2}]}, "images": [{"id": 1, "file_name": "a.jpg", "width": 8, "height": 9}],
"annotations": [{"id": 5, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "area": 12}, ` + annotation + `],
"categories": [{"id": 2, "name": "cat"}]}`
}

func TestMended(t *testing.T) {
	text := small(`{"id": 0, "image_id": 1, "category_id": 2, "bbox": [1, 2, 3, 4], "iscrowd": true}`)
	set, err := Decode(strings.NewReader(text), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a := set.Annotations[1]; a.ID != 6 || a.Area != 12 || !a.Crowd {
		t.Errorf("got %+v, want id 6, area 12, a crowd", a)
	}
	want := []string{"annotations without area, which have got their box's: 1",
		"annotations with id 0, which pycocotools never matches, have got ids from 6 on: 1"}
	if !slices.Equal(set.Warnings, want) {
		t.Errorf("got %q, want %q", set.Warnings, want)
	}
	set, err = Decode(strings.NewReader(text), Options{KeepZeroID: true})
	if err != nil || set.Annotations[1].ID != 0 || len(set.Warnings) != 1 {
		t.Errorf("kept: %+v, %v", set, err)
	}
}

func TestBadInstances(t *testing.T) {
	row := func(field string) string {
		return small(`{"id": 7, "image_id": 1, "category_id": 2, "area": 1, ` + field + `}`)
	}
	for name, c := range map[string]struct{ text, want string }{
		"a list":          {`[]`, `want an object {"images": [...], "annotations": [...], "categories": [...]}, got a list`},
		"empty":           {``, `the file ends inside its JSON`},
		"cut":             {`{"images": [{"id": 1`, `images[0]: the file ends inside its JSON`},
		"no list":         {`{"images": {}}`, `images: want a list [{...}, ...], got an object`},
		"more":            {small(`{"id": 7, "image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1]}`) + "{}", `something follows the JSON`},
		"syntax":          {`{"images": [{"id": x}]}`, `images[0]: after byte 12: not JSON: invalid character 'x' looking for beginning of value`},
		"box of text":     {row(`"bbox": [0, "1", 2, 3]`), `annotations[1]: bbox[1]: want a number, got "1"`},
		"NaN":             {row(`"bbox": [0, NaN, 2, 3]`), `not JSON: NaN is no number`},
		"short box":       {row(`"bbox": [0, 1, 2]`), `annotations[1]: bbox: want x, y, width and height, got 3 numbers`},
		"no box":          {row(`"caption": "a cat"`), `annotations[1]: bbox: want x, y, width and height, got 0 numbers`},
		"far":             {row(`"bbox": [0, 1, 2, 1e9]`), `annotations[1]: bbox: 1e+09 is no coordinate of a picture`},
		"crowd":           {row(`"bbox": [0, 1, 2, 3], "iscrowd": 2`), `annotations[1]: iscrowd: want 0 or 1, got 2`},
		"no id":           {small(`{"image_id": 1}`), `annotations[1]: has no id`},
		"text id":         {small(`{"id": "a"}`), `annotations[1]: id: want a whole number, got "a"`},
		"unknown picture": {small(`{"id": 7, "image_id": 3, "category_id": 2, "bbox": [0, 0, 1, 1]}`), `annotations[1]: image_id 3 is not in images`},
		"unknown kind":    {small(`{"id": 7, "image_id": 1, "category_id": 3, "bbox": [0, 0, 1, 1]}`), `annotations[1]: category_id 3 is not in categories`},
		"twice":           {small(`{"id": 5, "image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1]}`), `annotations[1]: id 5 is there twice`},
		"no name":         {`{"categories": [{"id": 3}]}`, `categories[0]: category 3 has no name`},
		"frequency":       {`{"categories": [{"id": 3, "name": "a", "frequency": "x"}]}`, `categories[0]: frequency "x", want "r", "c" or "f"`},
		"run lengths":     {row(`"bbox": [0, 1, 2, 3], "segmentation": {"size": [9, 8], "counts": [70]}`), `annotations[1]: segmentation: run lengths sum to 70, want 9·8 = 72`},
		"no size":         {row(`"bbox": [0, 1, 2, 3], "segmentation": {"counts": [70]}`), `annotations[1]: segmentation: size: want height and width, got []`},
		"no counts":       {row(`"bbox": [0, 1, 2, 3], "segmentation": {"size": [9, 8]}`), `annotations[1]: segmentation: run lengths without counts`},
		"counts":          {row(`"bbox": [0, 1, 2, 3], "segmentation": {"size": [9, 8], "counts": [-1]}`), `annotations[1]: segmentation: counts: [0]: want a whole number that is not negative that fits 32 bits, got -1`},
		"no outline":      {row(`"bbox": [0, 1, 2, 3], "segmentation": 7`), `annotations[1]: segmentation: want polygons [[x, y, ...]] or run lengths {"size": [...], "counts": ...}, got 7`},
	} {
		_, err := Decode(strings.NewReader(c.text), Options{Shapes: true})
		if err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestBadResults(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"instances":  {`{"images": []}`, `want a list [{...}, ...], got an object`},
		"score":      {`[{"image_id": 1, "bbox": [0, 0, 1, 1], "score": "high"}]`, `result [0]: score: want a number, got "high"`},
		"NaN":        {`[{"image_id": 1, "bbox": [0, 0, 1, 1], "score": NaN}]`, `result [0]: after byte 1: not JSON: NaN is no number`},
		"-Infinity":  {`[{"image_id": 1, "bbox": [0, 0, 1, 1], "score": -Infinity}]`, `result [0]: after byte 1: not JSON: Infinity is no number`},
		"no score":   {`[{"image_id": 1, "bbox": [0, 0, 1, 1]}]`, `result [0]: has no score`},
		"no picture": {`[{"bbox": [0, 0, 1, 1], "score": 1}]`, `result [0]: has no image_id`},
		"no box":     {`[{"image_id": 1, "score": 1}]`, `result [0]: bbox: want x, y, width and height, got 0 numbers`},
		"polygons": {`[{"image_id": 1, "score": 1, "segmentation": [[1, 2, 3, 4, 5, 6]]}]`,
			`result [0]: segmentation: polygons, want run lengths, which have the picture's size`},
		"more": {`[] []`, `something follows the JSON`},
	} {
		if _, err := DecodeResults(strings.NewReader(c.text)); err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	path := filepath.Join(t.TempDir(), "a.json")
	if err := os.WriteFile(path, []byte("{}"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadResults(path); err == nil || !strings.HasPrefix(err.Error(), "file "+path+": want a list") {
		t.Errorf("got %v, want the file's name", err)
	}
}

// FuzzInstances: no bytes make the reader panic, and a set that is read refers only to what it has.
func FuzzInstances(f *testing.F) {
	f.Add([]byte(small(`{"id": 0, "image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1], "segmentation": [[1, 2, 3, 4, 5, 6]]}`)))
	f.Add([]byte(small(`{"id": 7, "image_id": 1, "category_id": 2, "bbox": [0, 0, 1, 1], "segmentation": {"size": [9, 8], "counts": "X2"}}`)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		set, err := Decode(bytes.NewReader(raw), Options{Shapes: true})
		if err != nil {
			return
		}
		if err := set.check(); err != nil {
			t.Error(err)
		}
	})
}

// FuzzResults: results that are read are written as results that read the same.
func FuzzResults(f *testing.F) {
	f.Add([]byte(`[{"image_id": 1, "category_id": 2, "bbox": [0, 0.25, 1, 1], "score": 1e-3}]`))
	f.Add([]byte(`[{"image_id": 1, "score": -2, "segmentation": {"size": [3, 4], "counts": [4, 2, 1, 1, 4]}}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, err := DecodeResults(bytes.NewReader(raw))
		if err != nil {
			return
		}
		var text bytes.Buffer
		if err := EncodeResults(&text, found); err != nil {
			t.Fatal(err)
		}
		again, err := DecodeResults(bytes.NewReader(text.Bytes()))
		if err != nil || len(again) != len(found) {
			t.Errorf("%d results became %d: %v", len(found), len(again), err)
		}
	})
}

// TestScanHoldsOneAnnotation reads a file of many outlines and looks what is in memory meanwhile.
func TestScanHoldsOneAnnotation(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.json")
	outline := strings.Repeat("123.45,67.89,", 100) + "1,2"
	rows := strings.Repeat(`{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 5, "segmentation": [[`+outline+`]]},`, 15000)
	if err := os.WriteFile(path, []byte(`{"annotations": [`+strings.TrimSuffix(rows, ",")+`]}`), 0o666); err != nil {
		t.Fatal(err)
	}
	rows = ""
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	var before, most uint64
	err = Scan(f, Visitor{Shapes: true, Annotation: func(a Annotation, _ bool) error {
		if len(a.Shape.Polygons[0]) != 202 {
			t.Fatalf("%d numbers, want 202", len(a.Shape.Polygons[0]))
		}
		if n++; n%5000 == 1 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			if before == 0 {
				before = m.HeapAlloc
			}
			most = max(most, m.HeapAlloc)
		}
		return nil
	}})
	if err != nil || n != 15000 {
		t.Fatalf("%d annotations: %v", n, err)
	}
	if most > before+1<<20 {
		t.Errorf("%d MiB more are in memory than at the first annotation", (most-before)>>20)
	}
}
