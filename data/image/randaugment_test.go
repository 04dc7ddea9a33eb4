package image

import (
	"bytes"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/data/npy"
)

// readPixels reads an array of bytes from testdata/operations.
func readPixels(t testing.TB, name string) (shape []int, pix []uint8) {
	t.Helper()
	shape, values, err := npy.ReadInts(filepath.Join("testdata", "operations", name))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		pix = append(pix, uint8(v))
	}
	return shape, pix
}

// TestOperationsEqualPillow holds each operation of RandAugment to Pillow's
// pixels (testdata/make_operations.py).
func TestOperationsEqualPillow(t *testing.T) {
	shape, pix := readPixels(t, "input.npy")
	img := &RGB{W: shape[1], H: shape[0], Pix: pix}
	whole := bytes.Clone(pix)
	_, want := readPixels(t, "expected.npy")
	raw, err := os.ReadFile(filepath.Join("testdata", "operations", "cases.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases [][2]any
	if err := json.Unmarshal(raw, &cases); err != nil || len(cases)*len(pix) != len(want) {
		t.Fatalf("%d cases for %d values: %v", len(cases), len(want), err)
	}
	byName := map[string]operation{}
	for _, op := range operations {
		byName[op.name] = op
	}
	done := map[string]bool{}
	for i, c := range cases {
		name, arg := c[0].(string), c[1].(float64)
		done[name] = true
		got := byName[name].run(img, arg, [3]uint8{123, 117, 104})
		differ, worst := 0, 0
		for j, v := range want[i*len(pix):][:len(pix)] {
			if d := int(v) - int(got.Pix[j]); d != 0 {
				differ++
				worst = max(worst, d, -d)
			}
		}
		if differ > 0 {
			t.Errorf("%s(%v): %d of %d values differ, by up to %d", name, arg, differ, len(pix), worst)
		}
	}
	if !bytes.Equal(img.Pix, whole) {
		t.Error("an operation changed its input")
	}
	if len(done) != len(operations) {
		t.Errorf("%d of %d operations have cases", len(done), len(operations))
	}
}

// TestArguments holds magnitudes to timm's level functions, by hand.
func TestArguments(t *testing.T) {
	for _, c := range []struct {
		name               string
		magnitude          float64
		negate, increasing bool
		want               float64
	}{
		{"Rotate", 9, false, true, 27}, {"Rotate", 9, true, true, -27},
		{"Posterize", 9, false, true, 1}, {"Posterize", 9, false, false, 3}, {"Posterize", 10, false, true, 0},
		{"Solarize", 9, false, true, 26}, {"Solarize", 9, false, false, 230},
		{"SolarizeAdd", 9, false, true, 99},
		{"Color", 9, false, true, 1.81}, {"Color", 9, true, true, 0.19}, {"Color", 10, true, true, 0.1}, {"Contrast", 9, false, false, 1.72},
		{"ShearX", 9, true, true, -0.27}, {"TranslateY", 9, false, true, 0.405}, {"Invert", 9, false, true, 0},
	} {
		for _, op := range operations {
			if op.name != c.name {
				continue
			}
			if got := op.argument(c.magnitude, c.negate, c.increasing); math.Abs(got-c.want) > 1e-12 {
				t.Errorf("%s at %v: got %v, want %v", c.name, c.magnitude, got, c.want)
			}
		}
	}
}

func TestParsePolicy(t *testing.T) {
	p, err := parsePolicy("rand-m9-mstd0.5-inc1")
	if err != nil || *p != (policy{magnitude: 9, deviation: 0.5, layers: 2, increasing: true}) {
		t.Errorf("REACT's: %+v, %v", p, err)
	}
	if p, err := parsePolicy("rand-n3"); err != nil || *p != (policy{magnitude: 10, layers: 3}) {
		t.Errorf("rand-n3: %+v, %v", p, err)
	}
	for text, want := range map[string]string{
		"augmix-m3":   `does not begin with "rand"`,
		"rand-m11":    "m11 is out of range",
		"rand-m1.5":   "m1.5 is out of range",
		"rand-n0":     "n0 is out of range",
		"rand-n999":   "n999 is out of range",
		"rand-w0":     `"w" is not read here`,
		"rand-m9-inc": `"inc" has no number`,
		"rand-m9x":    `"9x" is not a number`,
		"rand-":       `"" has no number`,
	} {
		if err := (Augment{RandAugment: text}).Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

// react is the recipe of REACT.
var react = Augment{Crop: [2]float64{0.08, 1}, Flip: 0.5, RandAugment: "rand-m9-mstd0.5-inc1", Erasing: 0.25}

func TestViewDependsOnItsSeedAlone(t *testing.T) {
	img := random(60, 45, 2)
	whole := bytes.Clone(img.Pix)
	mean, std := [3]float32{0.5, 0.4, 0.3}, [3]float32{0.2, 0.3, 0.4}
	const size = 24
	draw := func(seed, position uint64) []float32 {
		dst := make([]float32, 3*size*size)
		react.View(img, Preparation{Size: size}, mean, std, rand.New(rand.NewPCG(seed, position)), dst)
		return dst
	}
	seen := map[float32]int{}
	for position := range uint64(50) {
		a, b := draw(1, position), draw(1, position)
		sum := float32(0)
		for i, v := range a {
			if b[i] != v {
				t.Fatalf("position %d: two views differ", position)
			}
			sum += v * float32(i%7+1)
		}
		seen[sum]++
	}
	if len(seen) < 49 {
		t.Errorf("50 positions give %d views", len(seen))
	}
	if !bytes.Equal(img.Pix, whole) {
		t.Error("the image itself was changed")
	}
}

// TestViewWithoutNewFieldsIsAsBefore: what was drawn before RandAugment and
// erasing were there is drawn still, to the bit.
func TestViewWithoutNewFieldsIsAsBefore(t *testing.T) {
	a := Augment{Crop: [2]float64{0.6, 1}, Flip: 0.5, Color: 0.4}
	img := random(40, 30, 2)
	want, got := make([]float32, 3*32*32), make([]float32, 3*32*32)
	mean, std := [3]float32{0.5, 0.4, 0.3}, [3]float32{0.2, 0.3, 0.4}
	for seed := range uint64(10) {
		Normalize(a.Apply(img, 32, rand.New(rand.NewPCG(seed, 0))), mean, std, want)
		a.View(img, Preparation{Size: 32}, mean, std, rand.New(rand.NewPCG(seed, 0)), got)
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("seed %d: value %d: got %v, want %v", seed, i, got[i], want[i])
			}
		}
	}
	raw, err := json.Marshal(a)
	if want := `{"crop":[0.6,1],"ratio":[0,0],"flip":0.5,"color":0.4}`; err != nil || string(raw) != want {
		t.Errorf("keys of stages would change: %s, want %s", raw, want)
	}
}

func TestErase(t *testing.T) {
	const size = 40
	rng := rand.New(rand.NewPCG(3, 3))
	hits, n, sum, squares := 0, 0, 0.0, 0.0
	for range 2000 {
		view := make([]float32, 3*size*size)
		erase(view, size, 0.25, rng)
		erased := 0
		for i, v := range view[:size*size] {
			for c := range 3 {
				if (view[c*size*size+i] != 0) != (v != 0) {
					t.Fatal("a pixel is erased in one channel alone")
				}
			}
			if v != 0 {
				erased++
				n, sum, squares = n+1, sum+float64(v), squares+float64(v*v)
			}
		}
		if erased == 0 {
			continue
		}
		hits++
		if share := float64(erased) / (size * size); share < 0.015 || share > 0.36 {
			t.Fatalf("a box of %.3f of the area", share)
		}
	}
	if hits < 420 || hits > 580 {
		t.Errorf("%d of 2000 views erased, want about 500", hits)
	}
	if mean, variance := sum/float64(n), squares/float64(n); math.Abs(mean) > 0.02 || math.Abs(variance-1) > 0.03 {
		t.Errorf("noise of mean %.3f and variance %.3f", mean, variance)
	}
}

// TestRandAugmentDrawsAll: every operation is drawn, and half of the draws do
// nothing.
func TestRandAugmentDrawsAll(t *testing.T) {
	p := policy{magnitude: 9, deviation: 0.5, layers: 1, increasing: true}
	img := random(16, 16, 5)
	rng := rand.New(rand.NewPCG(4, 4))
	unchanged := 0
	const draws = 2000
	for range draws {
		if bytes.Equal(p.apply(img, [3]uint8{}, rng).Pix, img.Pix) {
			unchanged++
		}
	}
	// AutoContrast does nothing to an image of full range: 1/2 + 1/30.
	if share := float64(unchanged) / draws; share < 0.48 || share > 0.6 {
		t.Errorf("%.2f of the draws change nothing", share)
	}
}

func BenchmarkView(b *testing.B) {
	img := random(256, 256, 1)
	dst := make([]float32, 3*224*224)
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		react.View(img, Preparation{Size: 224}, [3]float32{0.5, 0.5, 0.5}, [3]float32{0.5, 0.5, 0.5}, rng, dst)
	}
}
