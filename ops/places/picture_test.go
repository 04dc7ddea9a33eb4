package places

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"react/data/image"
	"react/ops/clip"
	"react/ops/clip/encode"
)

// TestSizes compares sides with detectron2's shortest edge and mmcv's rescaling.
func TestSizes(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "sizes.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Of       [2]int `json:"height_width"`
		Detector [2]int `json:"detector_800_1333"`
		Stuff    [2]int `json:"rescale_2048_512"`
		Context  [2]int `json:"rescale_520_520"`
	}
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases) == 0 {
		t.Fatal(len(cases), err)
	}
	for _, c := range cases {
		for _, x := range []struct {
			side []int
			want [2]int
		}{{[]int{800, 1333}, c.Detector}, {[]int{2048, 512}, c.Stuff}, {[]int{520, 520}, c.Context}, {nil, c.Of}} {
			if h, w := (Reading{Side: x.side}).sizeOf(c.Of[0], c.Of[1]); [2]int{h, w} != x.want {
				t.Errorf("%v at %v: %d x %d, want %v", c.Of, x.side, h, w, x.want)
			}
		}
	}
}

// white is a model whose tower reads white as 1 and the mean colour as 0.
func white(patch, size int) clip.Config {
	cfg := clip.Config{Model: clip.Model{Vision: clip.Vision{PatchSize: patch, ImageSize: size}}}
	cfg.Preprocess = &clip.Preprocess{Mean: clip.Channels{0.2, 0.2, 0.2}, Std: clip.Channels{0.8, 0.8, 0.8}}
	return cfg
}

func blank(h, w int) *image.RGB {
	img := image.New(w, h)
	for i := range img.Pix {
		img.Pix[i] = 255
	}
	return img
}

// TestFilled: a picture stands at the upper left of a bucket, and the rest is the mean.
func TestFilled(t *testing.T) {
	got, err := newPreparer(Reading{Features: encode.Value}, white(16, 16)).prepare(blank(30, 70), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := got.picture
	if p.Height != 32 || p.Width != 96 || got.read != [2]int{30, 70} {
		t.Fatalf("%d x %d of %v", p.Height, p.Width, got.read)
	}
	for i, v := range p.Pixels {
		y, x := i/p.Width%p.Height, i%p.Width
		if want := map[bool]float64{true: 1, false: 0}[y < 30 && x < 70]; math.Abs(float64(v)-want) > 1e-6 {
			t.Fatalf("pixel %d, %d is %v, want %v", y, x, v, want)
		}
	}
	for patch, want := range map[int]int{8: 32, 14: 42, 16: 32, 32: 32} {
		if got := bucket(white(patch, 2*patch)); got != want {
			t.Errorf("patches of %d: sides in steps of %d, want %d", patch, got, want)
		}
	}
}

// TestCrop: the square around a box has its margin, and the mean colour beyond the picture.
func TestCrop(t *testing.T) {
	p := newPreparer(Reading{Features: Crop, Margin: 1}, white(2, 4))
	got, err := p.prepare(blank(8, 8), []encode.Box{{6, 2, 8, 4}}) // x 5 to 9, y 1 to 5
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Repeat([]float32{1, 1, 1, 0}, 3*4)
	for i, v := range got.crops {
		if math.Abs(float64(v-want[i])) > 0.2 { // resizing is none, rounding of the mean colour is
			t.Fatalf("got %v", got.crops)
		}
	}
	if len(got.crops) != len(want) {
		t.Errorf("%d values", len(got.crops))
	}
}

// TestWindowsCover: windows begin a stride apart and the last reach to the end.
func TestWindowsCover(t *testing.T) {
	for _, x := range []struct{ h, w, stride, rows, columns int }{
		{96, 144, 8, 9, 15}, {32, 32, 8, 1, 1}, {20, 33, 8, 1, 2}, {40, 41, 8, 2, 3}, {64, 64, 0, 3, 3},
	} {
		p := newPreparer(Reading{Features: Window, Stride: x.stride}, white(8, 32))
		got, err := p.prepare(blank(x.h, x.w), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.windows != [2]int{x.rows, x.columns} || len(got.crops) != x.rows*x.columns*3*32*32 {
			t.Errorf("%d x %d: %v windows, want %d x %d", x.h, x.w, got.windows, x.rows, x.columns)
		}
		rows, columns := p.windowTaps(&got)
		if len(rows) != x.h || len(columns) != x.w {
			t.Errorf("%d x %d: weights of %d x %d pixels", x.h, x.w, len(rows), len(columns))
		}
		sum := float32(0)
		for _, v := range meanWeights(columns, 3.5, 9, x.columns) {
			sum += v
		}
		if math.Abs(float64(sum)-1) > 1e-6 {
			t.Errorf("weights of a box sum to %v", sum)
		}
	}
}

// TestManyWindows: a picture whose windows are more than memory is kept for is refused.
func TestManyWindows(t *testing.T) {
	p := newPreparer(Reading{Features: Window, Stride: 1}, white(16, 224))
	_, err := p.prepare(blank(226, 2000), nil)
	if want := "5331 windows, and 1783 of a picture are read at most (a larger stride, or smaller sides)"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
