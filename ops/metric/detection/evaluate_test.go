package detection

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"react/data/coco"
	"react/data/coco/rle"
	"react/data/fixture"
	"react/results"
	"react/results/dense"
)

// expected are COCOeval's figures; null stands for no object.
type expected struct {
	Stats   map[string]*float64
	ByClass []struct {
		Category  int64      `json:"category_id"`
		AP        *float64   `json:"AP"`
		AP50      *float64   `json:"AP50"`
		ByArea    []*float64 `json:"AP_by_area"`
		ByMaxDets []*float64 `json:"AR_by_max_dets"`
	} `json:"by_class"`
	Splits     map[string]*float64 `json:"AP50_by_split"`
	Thresholds []float64           `json:"iou_thresholds"`
}

func read(t *testing.T, truth, found string) (*coco.Set, []coco.Detection) {
	t.Helper()
	set, err := coco.Read(fixture.Path(t, truth), coco.Options{Shapes: true})
	if err != nil {
		t.Fatal(err)
	}
	detections, err := coco.ReadResults(fixture.Path(t, found))
	if err != nil {
		t.Fatal(err)
	}
	return set, detections
}

// evaluated judges and puts the rows together.
func evaluated(t *testing.T, set *coco.Set, found []coco.Detection, rules Rules) *dense.Detection {
	t.Helper()
	rows, err := Evaluate(set, found, rules)
	if err != nil {
		t.Fatal(err)
	}
	return dense.NewDetection(rows)
}

func compare(t *testing.T, what string, got float64, want *float64) {
	t.Helper()
	if want == nil && !math.IsNaN(got) || want != nil && !(math.Abs(got-*want) <= 1e-9) {
		w := "none"
		if want != nil {
			w = fmt.Sprint(*want)
		}
		t.Errorf("%s: got %v, want %s", what, got, w)
	}
}

func figure(t *testing.T, name string) dense.Figure {
	t.Helper()
	f, ok := dense.FigureOf(name)
	if !ok {
		t.Fatalf("no figure %s", name)
	}
	return f
}

// TestEqualsCOCOeval compares boxes and masks with pycocotools: the twelve figures, those of each
// category, precision at each recall and threshold, recalls.
func TestEqualsCOCOeval(t *testing.T) {
	for _, kind := range []struct {
		dir  string
		mask bool
	}{{"dense/coco/bbox", false}, {"dense/coco_segm/segm", true}} {
		var want expected
		fixture.JSON(t, kind.dir+"_expected.json", &want)
		set, found := read(t, kind.dir+"_gt.json", kind.dir+"_dt.json")
		d := evaluated(t, set, found, Rules{Protocol: COCO, Masks: kind.mask})
		if len(want.Stats) != 12 {
			t.Fatalf("%s: %d figures", kind.dir, len(want.Stats))
		}
		for name, value := range want.Stats {
			compare(t, kind.dir+" "+name, d.Value(figure(t, name), nil), value)
		}
		for threshold, overlap := range want.Thresholds {
			if dense.Overlap(threshold) != overlap {
				t.Errorf("threshold %d is %v, want %v", threshold, dense.Overlap(threshold), overlap)
			}
		}
		names := map[int64]string{}
		for _, c := range set.Categories {
			names[c.ID] = c.Name
		}
		for _, c := range want.ByClass {
			of := func(f dense.Figure) float64 { return d.OfCategory(names[c.Category], f) }
			what := fmt.Sprintf("%s, category %d: ", kind.dir, c.Category)
			compare(t, what+"AP", of(dense.Figure{}), c.AP)
			compare(t, what+"AP50", of(dense.Figure{At: 1}), c.AP50)
			for area, ap := range c.ByArea {
				compare(t, fmt.Sprint(what, "AP of area ", area), of(dense.Figure{Area: area}), ap)
			}
			for i, ar := range c.ByMaxDets {
				compare(t, fmt.Sprint(what, "recall ", i), of(dense.Figure{Recall: true, Most: []int{1, 10, 100}[i]}), ar)
			}
		}
		comparePrecision(t, kind.dir, d, set)
	}
}

// comparePrecision compares with COCOeval's array of thresholds, recalls and categories.
func comparePrecision(t *testing.T, dir string, d *dense.Detection, set *coco.Set) {
	want := floats(t, strings.TrimPrefix(dir, "dense/")+"_precision.npy")
	categories := slices.SortedFunc(slices.Values(set.Categories), func(a, b coco.Category) int { return int(a.ID - b.ID) })
	if len(want) != results.Thresholds*dense.Recalls*len(categories) {
		t.Fatalf("%s: %d values", dir, len(want))
	}
	for threshold := range results.Thresholds {
		for k, c := range categories {
			got := d.Precision(c.Name, dense.Figure{At: threshold + 1})
			for r := range dense.Recalls {
				w := float64(want[(threshold*dense.Recalls+r)*len(categories)+k])
				if got == nil && w != -1 || got != nil && !(math.Abs(got[r]-w) <= 1e-6) {
					t.Fatalf("%s: precision of %s at threshold %d, recall %d: got %v, want %v", dir, c.Name, threshold, r, got, w)
				}
			}
		}
	}
}

// TestSplits compares AP50 of groups of categories: the mean over categories of each.
func TestSplits(t *testing.T) {
	var want expected
	fixture.JSON(t, "dense/coco/bbox_expected.json", &want)
	set, found := read(t, "dense/coco/bbox_gt.json", "dense/coco/bbox_dt.json")
	// the set does not say which categories are novel: the split that gives the figure is one of all
	if len(want.Splits) != 3 {
		t.Fatalf("%d splits", len(want.Splits))
	}
	if len(set.Categories) > 10 {
		t.Skipf("%d categories have too many splits to try", len(set.Categories))
	}
	right := 0
	for split := range 1 << len(set.Categories) {
		groups := map[string]string{}
		for i, c := range set.Categories {
			groups[c.Name] = []string{"base", "novel"}[split>>i&1]
		}
		d := evaluated(t, set, found, Rules{Protocol: COCO, Groups: groups})
		compare(t, "all", d.Value(figure(t, "AP50"), nil), want.Splits["all"])
		base, novel := d.Value(figure(t, "AP50-base"), nil), d.Value(figure(t, "AP50-novel"), nil)
		if math.Abs(base-*want.Splits["base"]) <= 1e-9 && math.Abs(novel-*want.Splits["novel"]) <= 1e-9 {
			right++
		}
	}
	if right == 0 {
		t.Error("no split gives AP50 of base and novel")
	}
}

// TestIDZero: pycocotools takes a match with an annotation of id 0 for none.
func TestIDZero(t *testing.T) {
	var want struct {
		Annotation int64
		Added      struct {
			Image    int64    `json:"image_id"`
			Category int64    `json:"category_id"`
			Box      coco.Box `json:"bbox"`
			Score    float64
		} `json:"added_detection"`
		Own  *float64 `json:"AP_with_its_own_id"`
		Zero *float64 `json:"AP_with_id_0"`
	}
	fixture.JSON(t, "dense/coco/id_zero.json", &want)
	set, found := read(t, "dense/coco/bbox_gt.json", "dense/coco/bbox_dt.json")
	a := want.Added
	found = append(found, coco.Detection{Image: a.Image, Category: a.Category, Box: a.Box, Area: a.Box[2] * a.Box[3], Score: a.Score})
	ap := func(zeroIsNone bool) float64 {
		return evaluated(t, set, found, Rules{Protocol: COCO, ZeroIsNone: zeroIsNone}).Value(dense.Figure{}, nil)
	}
	compare(t, "its own id", ap(true), want.Own)
	for i := range set.Annotations {
		if set.Annotations[i].ID == want.Annotation {
			set.Annotations[i].ID = 0
		}
	}
	compare(t, "id 0 as pycocotools has it", ap(true), want.Zero)
	compare(t, "id 0", ap(false), want.Own)
}

func TestEqualsLVIS(t *testing.T) {
	var want struct {
		Results map[string]*float64
		ByClass []struct {
			Category int64    `json:"category_id"`
			AP       *float64 `json:"AP"`
		} `json:"by_class"`
	}
	fixture.JSON(t, "dense/lvis/expected.json", &want)
	set, found := read(t, "dense/lvis/gt.json", "dense/lvis/dt.json")
	d := evaluated(t, set, found, Rules{Protocol: LVIS})
	if len(want.Results) != 13 {
		t.Fatalf("%d figures", len(want.Results))
	}
	for name, value := range want.Results {
		ours := name
		if strings.HasPrefix(name, "AR") && name != "AR@300" { // "ARs@300"
			ours = strings.TrimSuffix(name, "@300")
		}
		compare(t, name, d.Value(figure(t, ours), nil), value)
	}
	for _, c := range want.ByClass {
		at := slices.IndexFunc(set.Categories, func(k coco.Category) bool { return k.ID == c.Category })
		compare(t, fmt.Sprint("category ", c.Category), d.OfCategory(set.Categories[at].Name, dense.Figure{}), c.AP)
	}
}

// scene is a set of one picture of 1000×1000 pixels, with boxes in it and findings of them, of
// scores 0.9, 0.8 and so on.
type scene struct {
	truth []coco.Annotation
	found []coco.Box
	rules Rules
	image coco.Image
}

func (s scene) rows(t *testing.T) results.Found {
	t.Helper()
	set := &coco.Set{Images: []coco.Image{{ID: 1, Width: 1000, Height: 1000, Negative: s.image.Negative, NotExhaustive: s.image.NotExhaustive}},
		Categories: []coco.Category{{ID: 7, Name: "cow"}}, Annotations: s.truth}
	var found []coco.Detection
	for i, box := range s.found {
		found = append(found, coco.Detection{Image: 1, Category: 7, Box: box, Area: box[2] * box[3], Score: 0.9 - float64(i)/10})
	}
	if s.rules.Protocol == "" {
		s.rules.Protocol = COCO
	}
	rows, err := Evaluate(set, found, s.rules)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	return rows[0]
}

// marks says of each finding whether it hits (+), misses (-) or is neutral (0) in a range of areas
// at overlaps of at least 0.5.
func marks(row results.Found, area int) (out string) {
	for _, f := range row.Findings {
		switch bit := results.Bit(area, 0); {
		case f.Hits&bit != 0:
			out += "+"
		case f.Neutral&bit != 0:
			out += "0"
		default:
			out += "-"
		}
	}
	return out
}

func at(x, y, w, h float64) coco.Box { return coco.Box{x, y, w, h} }

func thing(id int64, box coco.Box) coco.Annotation {
	return coco.Annotation{ID: id, Image: 1, Category: 7, Box: box, Area: box[2] * box[3]}
}

// TestQuirks holds what COCOeval and LVIS do that one would not guess, one by one.
func TestQuirks(t *testing.T) {
	crowd := thing(1, at(0, 0, 400, 400))
	crowd.Crowd = true
	thin := thing(1, at(0, 0, 100, 100))
	thin.Area = 900 // of its mask
	difficult := thing(1, at(0, 0, 100, 100))
	difficult.Difficult = true
	for _, tt := range []struct {
		name    string
		scene   scene
		area    int
		objects int
		want    string
	}{
		{"an object is found once", scene{truth: []coco.Annotation{thing(1, at(0, 0, 50, 50))}, found: []coco.Box{at(0, 0, 50, 50), at(0, 0, 50, 49)}}, 0, 1, "+-"},
		{"an overlap at the threshold hits", scene{truth: []coco.Annotation{thing(1, at(0, 0, 100, 100))}, found: []coco.Box{at(0, 0, 100, 50)}}, 0, 1, "+"},
		{"one below does not", scene{truth: []coco.Annotation{thing(1, at(0, 0, 100, 100))}, found: []coco.Box{at(0, 0, 100, 49.99)}}, 0, 1, "-"},
		{"boxes are not widened by a pixel", scene{truth: []coco.Annotation{thing(1, at(0, 0, 2, 2))}, found: []coco.Box{at(1, 0, 2, 2)}}, 0, 1, "-"},
		{"a crowd is found many times, by a part of it, and counts neither way",
			scene{truth: []coco.Annotation{crowd}, found: []coco.Box{at(0, 0, 50, 50), at(100, 100, 50, 50), at(390, 390, 50, 50)}}, 0, 0, "00-"},
		{"an object goes before a crowd that overlaps more",
			scene{truth: []coco.Annotation{crowd, thing(2, at(0, 0, 50, 80))}, found: []coco.Box{at(0, 0, 50, 50), at(0, 0, 50, 50)}}, 0, 1, "+0"},
		{"a box is small by its mask's area", scene{truth: []coco.Annotation{thin}, found: []coco.Box{at(0, 0, 100, 100)}}, 1, 1, "+"},
		{"and not by its own, of which a hit is neutral", scene{truth: []coco.Annotation{thin}, found: []coco.Box{at(0, 0, 100, 100)}}, 3, 0, "0"},
		{"a miss of another area is neutral", scene{truth: []coco.Annotation{thing(1, at(0, 0, 20, 20))}, found: []coco.Box{at(500, 500, 100, 100)}}, 1, 1, "0"},
		{"a miss of the area is wrong", scene{truth: []coco.Annotation{thing(1, at(0, 0, 20, 20))}, found: []coco.Box{at(500, 500, 20, 20)}}, 1, 1, "-"},
		{"an area of 32² is small", scene{truth: []coco.Annotation{thing(1, at(0, 0, 32, 32))}, found: []coco.Box{at(0, 0, 32, 32)}}, 1, 1, "+"},
		{"and medium too", scene{truth: []coco.Annotation{thing(1, at(0, 0, 32, 32))}, found: []coco.Box{at(0, 0, 32, 32)}}, 2, 1, "+"},
		{"a difficult object counts neither way, once",
			scene{truth: []coco.Annotation{difficult}, found: []coco.Box{at(0, 0, 100, 100), at(0, 0, 100, 99)}}, 0, 0, "0-"},
		{"findings over the number that is kept are cut off",
			scene{truth: []coco.Annotation{thing(1, at(0, 0, 50, 50))}, found: []coco.Box{at(500, 0, 9, 9), at(600, 0, 9, 9), at(0, 0, 50, 50)}, rules: Rules{Most: 2}}, 0, 1, "--"},
		{"of two that overlap equally the later object is taken",
			scene{truth: []coco.Annotation{thing(1, at(0, 0, 50, 100)), thing(2, at(50, 0, 50, 100))}, found: []coco.Box{at(0, 0, 100, 100), at(0, 0, 60, 100)}}, 0, 2, "++"},
		{"LVIS: a category that was not looked for", scene{rules: Rules{Protocol: LVIS}, found: []coco.Box{at(0, 0, 50, 50)}}, 0, 0, ""},
		{"LVIS: one that is certainly not there", scene{rules: Rules{Protocol: LVIS}, image: coco.Image{Negative: []int64{7}}, found: []coco.Box{at(0, 0, 50, 50)}}, 0, 0, "-"},
		{"LVIS: one of which objects may be missing", scene{rules: Rules{Protocol: LVIS}, image: coco.Image{NotExhaustive: []int64{7}},
			truth: []coco.Annotation{thing(1, at(0, 0, 50, 50))}, found: []coco.Box{at(0, 0, 50, 50), at(300, 0, 50, 50)}}, 0, 1, "+0"},
		{"COCO knows none of it", scene{image: coco.Image{NotExhaustive: []int64{7}}, found: []coco.Box{at(0, 0, 50, 50)}}, 0, 0, "-"},
	} {
		row := tt.scene.rows(t)
		if got := marks(row, tt.area); got != tt.want || row.Objects[tt.area] != tt.objects {
			t.Errorf("%s: got %q of %d objects, want %q of %d", tt.name, got, row.Objects[tt.area], tt.want, tt.objects)
		}
	}
}

// TestEqualScoresKeepTheirOrder: of equal scores the first in the file is judged first, within a
// picture; over pictures those of the lower id come first.
func TestEqualScoresKeepTheirOrder(t *testing.T) {
	set := &coco.Set{Images: []coco.Image{{ID: 5, File: "five"}, {ID: 2, File: "two"}}, Categories: []coco.Category{{ID: 7, Name: "cow"}},
		Annotations: []coco.Annotation{{ID: 1, Image: 5, Category: 7, Box: at(0, 0, 10, 10), Area: 100}}}
	hit, miss := coco.Detection{Image: 5, Category: 7, Box: at(0, 0, 10, 10), Score: 0.5}, coco.Detection{Image: 5, Category: 7, Box: at(50, 0, 10, 10), Score: 0.5}
	elsewhere := miss
	elsewhere.Image = 2
	for _, tt := range []struct {
		name  string
		found []coco.Detection
		want  float64
	}{
		{"the hit first", []coco.Detection{hit, miss}, 1},
		{"the miss first", []coco.Detection{miss, hit}, 0.5},
		{"a miss in a picture of a lower id", []coco.Detection{hit, elsewhere}, 0.5},
		{"nothing found", nil, 0},
	} {
		rows, err := Evaluate(set, tt.found, Rules{Protocol: COCO})
		if err != nil {
			t.Fatal(err)
		}
		d := dense.NewDetection(rows)
		if got := d.Value(dense.Figure{At: 1}, nil); math.Abs(got-tt.want) > 1e-12 {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
		if got := fmt.Sprint(d.Images()); got != "[two five]" {
			t.Errorf("%s: pictures %s", tt.name, got)
		}
	}
}

// TestLVISKeepsTheBest: of a picture 300 findings over all categories.
func TestLVISKeepsTheBest(t *testing.T) {
	set := &coco.Set{Images: []coco.Image{{ID: 1, Negative: []int64{7, 8}}}, Categories: []coco.Category{{ID: 7, Name: "cow"}, {ID: 8, Name: "cup"}}}
	var found []coco.Detection
	for i := range 500 {
		found = append(found, coco.Detection{Image: 1, Category: 7 + int64(i%2), Box: at(0, 0, 9, 9), Score: float64(i / 2)})
	}
	rows, err := Evaluate(set, found, Rules{Protocol: LVIS})
	if err != nil || len(rows) != 2 || len(rows[0].Findings) != 150 || len(rows[1].Findings) != 150 || rows[1].Findings[149].Score != 100 {
		t.Errorf("got %d rows, %v: %v", len(rows), err, rows)
	}
}

func TestBadFindings(t *testing.T) {
	mask, err := rle.Encode(make([]uint8, 6), 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	set := &coco.Set{Images: []coco.Image{{ID: 1, Height: 3, Width: 2}}, Categories: []coco.Category{{ID: 7, Name: "cow"}}}
	truth := *set
	truth.Annotations = []coco.Annotation{thing(4, at(0, 0, 1, 1))}
	good := coco.Detection{Image: 1, Category: 7, Mask: &mask}
	for _, tt := range []struct {
		name  string
		set   *coco.Set
		found coco.Detection
		rules Rules
		want  string
	}{
		{"no such picture", set, coco.Detection{Image: 2, Category: 7}, Rules{Protocol: COCO}, "detections[0]: image_id 2 is not in the set"},
		{"no such category", set, coco.Detection{Image: 1, Category: 3}, Rules{Protocol: COCO}, "detections[0]: category_id 3 is not in the set"},
		{"a score that is none", set, coco.Detection{Image: 1, Category: 7, Score: math.NaN()}, Rules{Protocol: COCO}, "detections[0]: score is NaN, want a finite number"},
		{"no mask", set, coco.Detection{Image: 1, Category: 7}, Rules{Protocol: COCO, Masks: true}, "detections[0]: has no mask"},
		{"a mask of another size", set, good, Rules{Protocol: LVIS, Masks: true}, ""},
		{"a mask of another size, counted", set, good, Rules{Protocol: COCO, Masks: true}, "detections of image 1: a mask of 2×3 pixels (height by width), want the image's 3×2"},
		{"an object without a mask", &truth, good, Rules{Protocol: COCO, Masks: true}, "annotation 4: has no segmentation"},
		{"no such protocol", set, good, Rules{Protocol: "voc"}, `protocol "voc", want coco or lvis`},
	} {
		_, err := Evaluate(tt.set, []coco.Detection{tt.found}, tt.rules)
		if tt.want == "" && err != nil || tt.want != "" && (err == nil || err.Error() != tt.want) {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
	}
}
