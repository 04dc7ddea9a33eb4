package image

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"react/data/peer"
)

// random makes an image of noise and edges, which overshoot when resized.
func random(w, h int, seed uint64) *RGB {
	rng := rand.New(rand.NewPCG(seed, 4))
	img := New(w, h)
	for i := range img.Pix {
		img.Pix[i] = uint8(rng.Uint32())
		if i/3%7 < 3 {
			img.Pix[i] = uint8(255 * (i / 3 / 11 % 2))
		}
	}
	return img
}

// obvious resizes by the definition, in floating point and in one pass.
func obvious(img *RGB, w, h int, f Filter) []float64 {
	weights := func(in, out int) [][]float64 {
		scale := float64(in) / float64(out)
		wide := max(scale, 1)
		rows := make([][]float64, out)
		for i := range rows {
			rows[i] = make([]float64, in)
			sum := 0.0
			for x := range rows[i] {
				rows[i][x] = f.at((float64(x) + 0.5 - (float64(i)+0.5)*scale) / wide)
				sum += rows[i][x]
			}
			for x := range rows[i] {
				rows[i][x] /= sum
			}
		}
		return rows
	}
	across, down := weights(img.W, w), weights(img.H, h)
	out := make([]float64, 0, w*h*3)
	for y := range h {
		for x := range w {
			for c := range 3 {
				sum := 0.0
				for r, wr := range down[y] {
					row := 0.0
					for q, wq := range across[x] {
						row += wq * float64(img.Pix[(r*img.W+q)*3+c])
					}
					sum += wr * min(max(row, 0), 255)
				}
				out = append(out, min(max(sum, 0), 255))
			}
		}
	}
	return out
}

// TestResizeEqualsDefinition allows the rounding of two 8-bit passes.
func TestResizeEqualsDefinition(t *testing.T) {
	for _, tc := range []struct{ w, h, toW, toH int }{{20, 30, 10, 10}, {7, 9, 21, 5}, {16, 16, 16, 8}, {16, 16, 5, 16}, {1, 1, 4, 4}, {40, 3, 3, 3}, {8, 8, 8, 8}} {
		for _, f := range []Filter{Bicubic, Bilinear} {
			img := random(tc.w, tc.h, 1)
			got, want := Resize(img, tc.toW, tc.toH, f), obvious(img, tc.toW, tc.toH, f)
			if got.W != tc.toW || got.H != tc.toH {
				t.Fatalf("%v: got %dx%d", tc, got.W, got.H)
			}
			for i, v := range want {
				if math.Abs(float64(got.Pix[i])-v) > 1.3 {
					t.Errorf("%v, filter %d: value %d: got %d, want %.2f", tc, f, i, got.Pix[i], v)
					break
				}
			}
		}
	}
}

// needVectors skips where the vector passes cannot run.
func needVectors(t testing.TB) {
	t.Helper()
	if !vectorColumns(New(16, 1), newWeights(Bicubic, 1, 1, 0, 1), 0, New(16, 1)) {
		t.Skip("no vector passes: want GOEXPERIMENT=simd, amd64 and AVX2")
	}
}

// TestVectorPassesAreScalar holds the vector passes to the scalar ones, byte for byte, for random
// sizes, filters and windows; every other input is only what the taps need.
func TestVectorPassesAreScalar(t *testing.T) {
	needVectors(t)
	rng := rand.New(rand.NewPCG(1, 6))
	draw := func(length int) (w weights) { // of a window of the axis at a random scale
		out := 1 + rng.IntN(2*length)
		from := rng.IntN(out)
		return newWeights(Filter(rng.IntN(int(lanczos)+1)), length, out, from, 1+rng.IntN(out-from))
	}
	vectors := 0
	check := func(vector bool, name string, img, got, want *RGB) {
		if !vector {
			return
		}
		vectors++
		if !bytes.Equal(got.Pix, want.Pix) {
			t.Fatalf("%s of %dx%d to %dx%d: differ", name, img.W, img.H, got.W, got.H)
		}
	}
	for i := range 400 {
		side := 1 + 40*(i%8) // from tall to wide
		img := random(1+rng.IntN(side+20), 1+rng.IntN(340-side), rng.Uint64())
		across, down := draw(img.W), draw(img.H)
		x0, x1, y0, y1 := 0, img.W, 0, img.H
		if i%2 == 0 {
			x0, x1 = across.inputs()
			y0, y1 = down.inputs()
		}
		part := crop(img, x0, 0, x1-x0, img.H)
		y := rng.IntN(img.H)
		got, want := New(len(across.first), img.H-y), New(len(across.first), img.H-y)
		scalarRows(part, across, x0, y, want)
		check(vectorRows(part, across, x0, y, got), "rows", part, got, want)

		part = crop(img, 0, y0, img.W, y1-y0)
		got, want = New(img.W, len(down.first)), New(img.W, len(down.first))
		scalarColumns(part, down, y0, want)
		check(vectorColumns(part, down, y0, got), "columns", part, got, want)
	}
	if vectors < 650 {
		t.Errorf("of 800 passes only %d by vectors", vectors)
	}
}

// TestPreprocessIsResizeAndCrop compares the fast path, which computes only the
// window, with the whole image resized and then cropped.
func TestPreprocessIsResizeAndCrop(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 5))
	for range 60 {
		img := random(1+rng.IntN(90), 1+rng.IntN(90), rng.Uint64())
		size := 1 + rng.IntN(40)
		w, h := size, size*img.H/img.W
		if img.W > img.H {
			w, h = size*img.W/img.H, size
		}
		want := CenterCrop(Resize(img, w, h, Bicubic), size)
		if got := Preprocess(img, size); !bytes.Equal(got.Pix, want.Pix) {
			t.Errorf("%dx%d to %d: differs from resize and crop", img.W, img.H, size)
		}
	}
}

func TestCenterCropRoundsHalfToEven(t *testing.T) {
	for length, want := range map[int]int{4: 0, 5: 0, 6: 1, 7: 2, 8: 2, 9: 2, 11: 4, 3: 0, 2: -1, 1: -1} {
		if got := cropOffset(length, 4); got != want {
			t.Errorf("%d to 4: got %d, want %d", length, got, want)
		}
	}
	img := &RGB{W: 1, H: 2, Pix: []byte{1, 2, 3, 4, 5, 6}}
	if got, want := CenterCrop(img, 2).Pix, []byte{1, 2, 3, 0, 0, 0, 4, 5, 6, 0, 0, 0}; !bytes.Equal(got, want) {
		t.Errorf("border: got %v, want %v", got, want)
	}
}

func TestNormalize(t *testing.T) {
	img := &RGB{W: 2, H: 1, Pix: []byte{0, 255, 51, 255, 0, 102}}
	dst := make([]float32, 6)
	Normalize(img, [3]float32{0.5, 0.5, 0}, [3]float32{0.5, 0.25, 1}, dst)
	for i, want := range []float32{-1, 1, 2, -2, 0.2, 0.4} {
		if math.Abs(float64(dst[i]-want)) > 1e-6 {
			t.Errorf("value %d: got %v, want %v", i, dst[i], want)
		}
	}
}

func TestAugment(t *testing.T) {
	img := random(40, 30, 2)
	draw := func(a Augment, seed uint64) *RGB { return a.Apply(img, 32, rand.New(rand.NewPCG(seed, 0))) }
	if got := draw(Augment{}, 1); !bytes.Equal(got.Pix, Preprocess(img, 32).Pix) {
		t.Error("the zero value changes the image")
	}
	whole := bytes.Clone(img.Pix)
	full := Augment{Crop: [2]float64{0.6, 1}, Flip: 0.5, Color: 0.4}
	seen := map[string]bool{}
	for seed := range uint64(20) {
		a, b := draw(full, seed), draw(full, seed)
		if a.W != 32 || a.H != 32 || !bytes.Equal(a.Pix, b.Pix) {
			t.Fatalf("seed %d: %dx%d, or two views differ", seed, a.W, a.H)
		}
		seen[string(a.Pix)] = true
	}
	if len(seen) != 20 {
		t.Errorf("20 seeds give %d views", len(seen))
	}
	if !bytes.Equal(img.Pix, whole) {
		t.Error("the image itself was changed")
	}
	flipped := draw(Augment{Flip: 1}, 1)
	flip(flipped)
	if !bytes.Equal(flipped.Pix, Preprocess(img, 32).Pix) {
		t.Error("a flip of a flip is not the image")
	}
	square := random(32, 32, 3)
	same := Augment{Crop: [2]float64{1, 1}, Ratio: [2]float64{1, 1}}.Apply(square, 32, rand.New(rand.NewPCG(1, 0)))
	if !bytes.Equal(same.Pix, square.Pix) {
		t.Error("a crop of everything changes the image")
	}
	same.Pix[0]++
	if same.Pix[0] == square.Pix[0] {
		t.Error("the view shares memory with the image")
	}
}

// TestAugmentBox holds boxes to their range, for shapes that allow it.
func TestAugmentBox(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	a := Augment{Crop: [2]float64{0.3, 1}}
	for range 2000 {
		x, y, w, h := a.box(64, 48, rng)
		area, ratio := float64(w*h)/(64*48), float64(w)/float64(h)
		if x < 0 || y < 0 || x+w > 64 || y+h > 48 || area < 0.28 || ratio < 0.7 || ratio > 1.42 {
			t.Fatalf("box %d,%d %dx%d: area %.2f, ratio %.2f", x, y, w, h, area, ratio)
		}
	}
	if _, _, w, h := a.box(1000, 3, rng); w != 4 || h != 3 {
		t.Errorf("a strip: got %dx%d, want the centre 4x3", w, h)
	}
}

func TestAugmentColor(t *testing.T) {
	grey := New(4, 4)
	for i := range grey.Pix {
		grey.Pix[i] = 100
	}
	for seed := range uint64(50) {
		out := Augment{Color: 0.5}.Apply(grey, 4, rand.New(rand.NewPCG(seed, 0)))
		// Contrast and saturation leave a plain grey; brightness is 0.5 to 1.5.
		if v := out.Pix[0]; v < 50 || v > 150 || bytes.Count(out.Pix, []byte{v}) != len(out.Pix) {
			t.Fatalf("seed %d: got %v", seed, out.Pix[:6])
		}
	}
}

func BenchmarkPreprocess(b *testing.B) {
	for _, tc := range []struct{ w, h, size int }{{640, 480, 224}, {256, 256, 224}, {64, 64, 32}, {32, 32, 32}} {
		b.Run(fmt.Sprintf("%dx%d to %d", tc.w, tc.h, tc.size), func(b *testing.B) {
			img := random(tc.w, tc.h, 1)
			for b.Loop() {
				Preprocess(img, tc.size)
			}
		})
	}
}

// BenchmarkVectorPasses takes turns between the scalar and the vector passes, by processor
// time.
func BenchmarkVectorPasses(b *testing.B) {
	needVectors(b)
	for _, side := range []int{256, 640} {
		b.Run(fmt.Sprintf("%d to 224", side), func(b *testing.B) {
			img, taps := random(side, side, 1), newWeights(Bicubic, side, 224, 0, 224)
			mid, out := New(224, side), New(224, 224)
			var ours, theirs []float64
			for b.Loop() {
				start := peer.CPUSeconds(b)
				scalarRows(img, taps, 0, 0, mid)
				scalarColumns(mid, taps, 0, out)
				scalar := peer.CPUSeconds(b)
				vectorRows(img, taps, 0, 0, mid)
				vectorColumns(mid, taps, 0, out)
				ours, theirs = append(ours, peer.CPUSeconds(b)-scalar), append(theirs, scalar-start)
			}
			b.ReportMetric(peer.Median(theirs)/peer.Median(ours), "times-as-fast")
			b.ReportMetric(1e6*peer.Median(ours), "µs/vector")
		})
	}
}

func BenchmarkAugment(b *testing.B) {
	a := Augment{Crop: [2]float64{0.6, 1}, Color: 0.4}
	for _, size := range []int{32, 64} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			img, rng := random(size, size, 1), rand.New(rand.NewPCG(1, 1))
			for b.Loop() {
				a.Apply(img, size, rng)
			}
		})
	}
}
