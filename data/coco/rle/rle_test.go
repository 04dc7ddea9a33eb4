package rle

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"react/data/fixture"
	"react/data/npy"
)

// cases are pycocotools' answers about a few masks.
type cases struct {
	Masks []struct {
		Uncompressed []uint32
		Compressed   string
		Area         int
		Box          Box `json:"bbox"`
	}
	MaskIoU  [][]float64 `json:"mask_iou"`
	Crowd    []int       `json:"iscrowd"`
	Boxes    []Box
	BoxIoU   [][]float64 `json:"box_iou"`
	Polygons []struct {
		Polygon    [][]float64
		Compressed string
		Area       int
	}
	Size [2]int
}

// reference are the cases and the masks' pixels, [masks, height·width].
func reference(t *testing.T) (cases, [][]uint8) {
	t.Helper()
	var c cases
	fixture.JSON(t, "dense/rle/cases.json", &c)
	shape, values, err := npy.Read(fixture.Path(t, "dense/rle/masks.npy"))
	if err != nil {
		t.Fatal(err)
	}
	var pixels [][]uint8
	for mask := range slices.Chunk(values, shape[1]*shape[2]) {
		var one []uint8
		for _, v := range mask {
			one = append(one, uint8(v))
		}
		pixels = append(pixels, one)
	}
	if len(pixels) != len(c.Masks) || len(pixels) == 0 {
		t.Fatalf("%d masks of pixels, %d of run lengths", len(pixels), len(c.Masks))
	}
	return c, pixels
}

func (c cases) masks(t *testing.T) []Mask {
	t.Helper()
	var out []Mask
	for _, m := range c.Masks {
		mask, err := Parse(m.Compressed, c.Size[0], c.Size[1])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, mask)
	}
	return out
}

// TestMasksEqualPycocotools holds run lengths, strings, areas and boxes to the bit.
func TestMasksEqualPycocotools(t *testing.T) {
	c, pixels := reference(t)
	for i, want := range c.Masks {
		m, err := Encode(pixels[i], c.Size[0], c.Size[1])
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(m.Runs, want.Uncompressed) {
			t.Errorf("mask %d: got run lengths %v, want %v", i, m.Runs, want.Uncompressed)
		}
		if m.String() != want.Compressed {
			t.Errorf("mask %d: got %s, want %s", i, m, want.Compressed)
		}
		if m.Area() != want.Area || m.Box() != want.Box {
			t.Errorf("mask %d: got area %d and box %v, want %d and %v", i, m.Area(), m.Box(), want.Area, want.Box)
		}
		read, err := Parse(want.Compressed, c.Size[0], c.Size[1])
		if err != nil || !slices.Equal(read.Pixels(), pixels[i]) {
			t.Errorf("mask %d: the string does not give the pixels: %v", i, err)
		}
	}
}

func TestOverlapEqualsPycocotools(t *testing.T) {
	c, _ := reference(t)
	masks := c.masks(t)
	var crowd []bool
	for _, flag := range c.Crowd {
		crowd = append(crowd, flag == 1)
	}
	got := IoU(masks, masks, crowd)
	for i, row := range c.MaskIoU {
		for j, want := range row {
			if g := got[i*len(masks)+j]; math.Abs(g-want) > 1e-12 {
				t.Errorf("masks %d and %d: got %v, want %v", i, j, g, want)
			}
		}
	}
	for i, row := range c.BoxIoU {
		for j, want := range row {
			if got := BoxIoU(c.Boxes[i], c.Boxes[j], crowd[j]); math.Abs(got-want) > 1e-12 {
				t.Errorf("boxes %d and %d: got %v, want %v", i, j, got, want)
			}
		}
	}
}

func TestPolygonsEqualPycocotools(t *testing.T) {
	c, _ := reference(t)
	for i, p := range c.Polygons {
		var parts []Mask
		for _, outline := range p.Polygon {
			m, err := Polygon(outline, c.Size[0], c.Size[1])
			if err != nil {
				t.Fatal(err)
			}
			parts = append(parts, m)
		}
		m := Union(parts...)
		if m.String() != p.Compressed || m.Area() != p.Area {
			t.Errorf("polygon %d: got %s of %d pixels, want %s of %d", i, m, m.Area(), p.Compressed, p.Area)
		}
	}
}

// TestAgainstPixels compares what run lengths give with the same, pixel by pixel.
func TestAgainstPixels(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		h, w := 1+random.IntN(9), 1+random.IntN(9)
		a, b, both := make([]uint8, h*w), make([]uint8, h*w), make([]uint8, h*w)
		shared, all, inA := 0, 0, 0
		for i := range a {
			a[i], b[i] = uint8(random.IntN(2)), uint8(random.IntN(2))
			both[i] = a[i] | b[i]
			shared, all, inA = shared+int(a[i]&b[i]), all+int(both[i]), inA+int(a[i])
		}
		ma, mb := encode(t, a, h, w), encode(t, b, h, w)
		if got, want := Union(ma, mb), encode(t, both, h, w); !slices.Equal(got.Runs, want.Runs) {
			t.Fatalf("union: got %v, want %v", got.Runs, want.Runs)
		}
		if ma.Area() != inA {
			t.Fatalf("area: got %d, want %d", ma.Area(), inA)
		}
		iou, crowd := IoU([]Mask{ma}, []Mask{mb}, nil)[0], IoU([]Mask{ma}, []Mask{mb}, []bool{true})[0]
		if iou != share(shared, all) || crowd != share(shared, inA) {
			t.Fatalf("got %v, of a crowd %v, want %d of %d, of a crowd of %d", iou, crowd, shared, all, inA)
		}
	}
}

func share(part, all int) float64 {
	if part == 0 {
		return 0
	}
	return float64(part) / float64(all)
}

func encode(t *testing.T, pixels []uint8, h, w int) Mask {
	t.Helper()
	m, err := Encode(pixels, h, w)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestBadMasks(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		h, w int
		want string
	}{
		"another size": {"aQ1", 29, 38, "run lengths sum to 1073, want 29·38 = 1102"},
		"no size":      {"aQ1", 0, 37, "a mask of 0×37 pixels (height by width), want at least one pixel"},
		"huge":         {"aQ1", 1 << 20, 1 << 20, "is over the 268435456 that are read"},
		"cut":          {"aQ", 29, 37, "character 2 of the run lengths: the text ends inside a number"},
		"no digit":     {"a 1", 29, 37, "character 1 of the run lengths: ' ' is no digit of COCO's run lengths"},
		"endless":      {"aaaaaaaaaaaaaa", 29, 37, "is no digit of COCO's run lengths"},
		"negative":     {"O", 29, 37, "run length 0 is -1, want 0 to 1073"},
	} {
		if _, err := Parse(c.text, c.h, c.w); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
	for want, outline := range map[string][]float64{
		"a polygon of 4 numbers, want x and y of at least three points": {1, 2, 3, 4},
		"a polygon of 7 numbers, want x and y of at least three points": {1, 2, 3, 4, 5, 6, 7},
		"number 2 of a polygon is 1e+09, want at most 131072":           {1, 2, 1e9, 4, 5, 6},
		"number 5 of a polygon is NaN, want at most 131072":             {1, 2, 3, 4, 5, math.NaN()},
	} {
		if _, err := Polygon(outline, 20, 30); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// FuzzParse: what is read is written as a string that gives the same mask.
func FuzzParse(f *testing.F) {
	f.Add("4>?1N2O0O101O0001O0O2O0O2N3M3Lgc0", 29, 37)
	f.Add("0aQ1", 29, 37)
	f.Add("aQ1", 29, 37)
	f.Fuzz(func(t *testing.T, text string, h, w int) {
		m, err := Parse(text, h, w)
		if err != nil {
			return
		}
		again, err := Parse(m.String(), h, w)
		if err != nil || !slices.Equal(again.Runs, m.Runs) {
			t.Errorf("%q gives %v, then %v, %v", text, m.Runs, again.Runs, err)
		}
		if box := m.Box(); m.Area() > int(box[2]*box[3]) {
			t.Errorf("%d pixels in a box of %v", m.Area(), box)
		}
	})
}

// FuzzPolygon: every outline gives a mask of the picture's size, or an error.
func FuzzPolygon(f *testing.F) {
	f.Add(-5.5, -3.0, 20.25, -3.0, 20.25, 12.5, 29, 37)
	f.Add(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1, 1)
	f.Fuzz(func(t *testing.T, a, b, c, d, e, g float64, h, w int) {
		m, err := Polygon([]float64{a, b, c, d, e, g}, h, w)
		if err != nil {
			return
		}
		if _, err := New(h, w, m.Runs); err != nil {
			t.Error(err)
		}
	})
}
