package dense

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"react/results"
)

// scene draws what was found in pictures: few different scores, so that many are equal.
func scene(rng *rand.Rand, images int) (rows []results.Found) {
	for i := range images {
		name := fmt.Sprint("p", i)
		for _, category := range []string{"cat", "cow"} {
			row := results.Found{Image: name, Category: category, Group: "novel"}
			for area := range row.Objects {
				row.Objects[area] = rng.IntN(3)
			}
			for range rng.IntN(6) {
				f := results.Finding{Score: float64(rng.IntN(5)) / 4, Hits: rng.Uint64() & rng.Uint64(), Neutral: rng.Uint64() & rng.Uint64() & rng.Uint64()}
				f.Hits &^= f.Neutral
				row.Findings = append(row.Findings, f)
			}
			slices.SortStableFunc(row.Findings, downwards)
			rows = append(rows, row)
		}
	}
	return rows
}

// byDefinition is a figure as pycocotools accumulates it, step by step.
func byDefinition(rows []results.Found, category string, f Figure) float64 {
	var all []results.Finding
	objects := 0
	for _, row := range rows {
		if row.Category == category {
			objects += row.Objects[f.Area]
			for i, one := range row.Findings {
				if f.Most == 0 || i < f.Most {
					all = append(all, one)
				}
			}
		}
	}
	if objects == 0 {
		return math.NaN()
	}
	slices.SortStableFunc(all, downwards)
	from, to := f.thresholds()
	sum := 0.0
	for t := from; t < to; t++ {
		bit := results.Bit(f.Area, t)
		var precision, recall []float64
		right, wrong := 0.0, 0.0
		for _, one := range all {
			if one.Hits&bit != 0 {
				right++
			} else if one.Neutral&bit == 0 {
				wrong++
			}
			recall, precision = append(recall, right/float64(objects)), append(precision, right/(right+wrong+0x1p-52))
		}
		for i := len(precision) - 2; i >= 0; i-- {
			precision[i] = max(precision[i], precision[i+1])
		}
		if f.Recall && len(recall) > 0 {
			sum += recall[len(recall)-1]
		}
		for r := range Recalls {
			if at, _ := slices.BinarySearch(recall, atRecall(r)); !f.Recall && at < len(precision) {
				sum += precision[at] / Recalls
			}
		}
	}
	return sum / float64(to-from)
}

func downwards(a, b results.Finding) int { return cmp.Compare(b.Score, a.Score) }

func TestByDefinition(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 2))
	for round := range 40 {
		rows := scene(rng, 1+rng.IntN(8))
		d := NewDetection(rows)
		for _, name := range OfCOCO {
			f, _ := FigureOf(name)
			sum, n := 0.0, 0.0
			for _, category := range d.Categories() {
				want := byDefinition(rows, category, f)
				if got := d.OfCategory(category, f); !equal(got, want) {
					t.Fatalf("round %d, %s of %s: got %v, want %v", round, name, category, got, want)
				}
				if !math.IsNaN(want) {
					sum, n = sum+want, n+1
				}
			}
			if got := d.Value(f, nil); !equal(got, sum/n) {
				t.Fatalf("round %d, %s: got %v, want %v", round, name, got, sum/n)
			}
		}
	}
}

// TestWeights: a picture of weight 3 counts as three pictures with the same findings. No scores are
// equal, since copies of a picture would move those of others.
func TestWeights(t *testing.T) {
	rng := rand.New(rand.NewPCG(4, 3))
	for round := range 40 {
		rows := scene(rng, 1+rng.IntN(8))
		n := 0.0
		for _, row := range rows {
			for i := range row.Findings {
				row.Findings[i].Score -= n
				n += 1e-6
			}
		}
		weights := make([]int32, len(rows)/2)
		var repeated []results.Found
		for i := range weights {
			weights[i] = int32(rng.IntN(4))
			for copy := range weights[i] {
				for _, row := range rows[2*i : 2*i+2] {
					row.Image = fmt.Sprint(row.Image, "/", copy)
					repeated = append(repeated, row)
				}
			}
		}
		d, copies := NewDetection(rows), NewDetection(repeated)
		for _, name := range OfCOCO {
			f, _ := FigureOf(name)
			if got, want := d.Value(f, weights), copies.Value(f, nil); !equal(got, want) {
				t.Fatalf("round %d, %s with weights %v: got %v, want %v", round, name, weights, got, want)
			}
		}
	}
}

func equal(got, want float64) bool {
	return math.IsNaN(got) && math.IsNaN(want) || math.Abs(got-want) < 1e-12
}

func TestFigureOf(t *testing.T) {
	for name, want := range map[string]Figure{
		"AP50-novel": {At: 1, Group: "novel"}, "AR@300": {Recall: true, Most: 300}, "APr": {Group: "r"}, "APs": {Area: 1},
	} {
		if got, ok := FigureOf(name); !ok || got != want {
			t.Errorf("%s: got %+v, %v", name, got, ok)
		}
	}
	for _, name := range []string{"", "AP51", "AP-", "APr-novel", "mIoU", "-novel", "AR@", "AR@0", "AR@x"} {
		if f, ok := FigureOf(name); ok {
			t.Errorf("%q is %+v", name, f)
		}
	}
	for _, name := range slices.Concat(OfCOCO, OfLVIS) {
		if _, ok := FigureOf(name); !ok {
			t.Errorf("no figure %s", name)
		}
	}
}

func TestGroups(t *testing.T) {
	hit := []results.Finding{{Score: 1, Hits: results.Bit(0, 0)}}
	d := NewDetection([]results.Found{
		{Image: "a", Category: "cat", Group: "novel", Objects: [4]int{1}, Findings: hit},
		{Image: "b"},
		{Image: "c", Category: "car", Group: "base", Objects: [4]int{1}},
		{Image: "c", Category: "sky", Findings: hit}, // of no object: no figure
	})
	for name, want := range map[string]float64{"AP50-novel": 1, "AP50-base": 0, "AP50": 0.5, "AP50-other": math.NaN()} {
		f, _ := FigureOf(name)
		if got := d.Value(f, nil); !equal(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if got := fmt.Sprint(d.Images(), d.Categories(), d.Groups()); got != "[a b c] [car cat sky] [base novel]" {
		t.Error(got)
	}
	if p := d.Precision("cat", Figure{At: 1}); len(p) != Recalls || !equal(slices.Min(p), 1) {
		t.Errorf("precision %v", p)
	}
	if p := d.Precision("sky", Figure{At: 1}); p != nil {
		t.Errorf("precision of no object is %v", p)
	}
}

// TestTruth: the same pictures with the same objects, whatever was found.
func TestTruth(t *testing.T) {
	row := results.Found{Image: "a", Category: "cat", Objects: [4]int{1}}
	other, more := row, row
	other.Findings, more.Objects = []results.Finding{{Score: 1}}, [4]int{2}
	a := NewDetection([]results.Found{row})
	for name, tt := range map[string]struct {
		rows []results.Found
		want bool
	}{
		"other findings":            {[]results.Found{other, {Image: "a", Category: "cow", Findings: other.Findings}}, true},
		"more objects":              {[]results.Found{more}, false},
		"one more picture":          {[]results.Found{row, {Image: "b"}}, false},
		"its objects are elsewhere": {[]results.Found{{Image: "a", Category: "cow", Objects: [4]int{1}}}, false},
	} {
		if got := a.Truth() == NewDetection(tt.rows).Truth(); got != tt.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
	p := results.Pixels{Image: "a", Class: "sky", Right: 1, Predicted: 2, All: 3}
	q := p
	q.Right, q.Predicted = 0, 1
	s := NewSegmentation([]results.Pixels{p})
	if s.Truth() != NewSegmentation([]results.Pixels{q}).Truth() {
		t.Error("other predictions are another set")
	}
	if q.All = 4; s.Truth() == NewSegmentation([]results.Pixels{q}).Truth() {
		t.Error("other true pixels are the same set")
	}
}

// TestPixelsByHand: a class that is nowhere among the drawn pictures has no figure, one that is only
// said counts 0.
func TestPixelsByHand(t *testing.T) {
	s := NewSegmentation([]results.Pixels{
		{Image: "a", Class: "sky", Right: 2, Predicted: 4, All: 2},
		{Image: "a", Class: "cow", Predicted: 0, All: 2},
		{Image: "b", Class: "car", Predicted: 6},
		{Image: "b", Class: "sky", Right: 0, Predicted: 0, All: 6},
	})
	for _, tt := range []struct {
		weights         []int32
		iou, acc, right float64
	}{
		{nil, (2.0/10 + 0 + 0) / 3, (2.0/8 + 0) / 2, 2.0 / 10},
		{[]int32{1, 0}, (2.0/4 + 0) / 2, (1.0 + 0) / 2, 2.0 / 4},
		{[]int32{2, 1}, (4.0/14 + 0 + 0) / 3, (4.0/10 + 0) / 2, 4.0 / 14},
	} {
		got := []float64{s.Value("mIoU", tt.weights), s.Value("mAcc", tt.weights), s.Value("aAcc", tt.weights)}
		for i, want := range []float64{tt.iou, tt.acc, tt.right} {
			if !equal(got[i], want) {
				t.Errorf("weights %v: got %v, want %v", tt.weights, got, want)
			}
		}
	}
}

// BenchmarkValue accumulates 5,000 pictures of 40 findings of 80 categories once.
func BenchmarkValue(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	var rows []results.Found
	for i := range 5000 {
		for c := range 40 {
			row := results.Found{Image: fmt.Sprint(i), Category: fmt.Sprint((i + c) % 80)}
			row.Findings = []results.Finding{{Score: rng.Float64()}}
			if c < 7 {
				row.Objects[0] = 1
				row.Findings[0].Hits = 1<<rng.IntN(11) - 1
			}
			rows = append(rows, row)
		}
	}
	d := NewDetection(rows)
	weights := make([]int32, 5000)
	for range weights {
		weights[rng.IntN(5000)]++
	}
	for b.Loop() {
		d.Value(Figure{}, weights)
	}
}
