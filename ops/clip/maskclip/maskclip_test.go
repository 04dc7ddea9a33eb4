package maskclip_test

import (
	"slices"
	"testing"

	"react/data/npy"
	"react/ops/blas"
	"react/ops/clip/encode"
	"react/ops/clip/internal/cliptest"
	"react/ops/clip/layout"
	"react/ops/clip/maskclip"
	"react/ops/engine"
)

// refinements are what the reference makes of cosines.
var refinements = map[string]func(logits, keys blas.Matrix){
	"cosines":    func(blas.Matrix, blas.Matrix) {},
	"pd":         func(l, _ blas.Matrix) { maskclip.Denoise(l, 0.5) },
	"ks":         func(l, k blas.Matrix) { maskclip.Smooth(l, k, 1, maskclip.OverPlaces) },
	"ks_paper":   func(l, k blas.Matrix) { maskclip.Smooth(l, k, 1, maskclip.OverChannels) },
	"pdks":       func(l, k blas.Matrix) { maskclip.Denoise(l, 0.5); maskclip.Smooth(l, k, 1, maskclip.OverPlaces) },
	"pdks_paper": func(l, k blas.Matrix) { maskclip.Denoise(l, 0.5); maskclip.Smooth(l, k, 1, maskclip.OverChannels) },
}

// folders are the reference's pictures.
var folders = []struct {
	model, folder string
}{{"vit", "native"}, {"vit", "square"}, {"vit", "wide"}, {"resnet", "native"}, {"resnet", "wide"}}

// TestRefinementsAgreeWithReference refines each picture's cosines in every way, on each engine, and
// labels its pixels where the reference is sure.
func TestRefinementsAgreeWithReference(t *testing.T) {
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		for _, f := range folders {
			dir := "dense/" + f.model
			c := cliptest.LoadFixture(t, dir, layout.ReadSafetensors)
			enc, err := encode.New(e, c, 1)
			if err != nil {
				t.Fatal(err)
			}
			defer enc.Close()
			_, text := cliptest.ReadArray(t, cliptest.Fixture(t, dir, "text.npy"))
			texts := blas.Matrix{Rows: len(text) / c.Config.Dim(), Cols: c.Config.Dim(), Values: text}
			sizes := map[string]struct {
				Input    [2]int `json:"input_height_width"`
				Original [2]int `json:"original_height_width"`
			}{}
			cliptest.ReadJSON(t, cliptest.Fixture(t, dir, "expected.json"), &sizes)
			dir += "/" + f.folder
			shape, pixels := cliptest.ReadArray(t, cliptest.Fixture(t, dir, "pixels.npy"))
			for i := range shape[0] {
				size := len(pixels) / shape[0]
				m, err := enc.Map(encode.Value, encode.Picture{Height: shape[2], Width: shape[3], Pixels: pixels[i*size : (i+1)*size]})
				if err != nil {
					t.Fatal(err)
				}
				places := m.Height * m.Width
				cosines := blas.New(places, texts.Rows)
				blas.Times(cosines, 1, blas.Matrix{Rows: places, Cols: texts.Cols, Values: m.Embeddings}, texts, 0)
				part := func(name string) []float32 {
					_, all := cliptest.ReadArray(t, cliptest.Fixture(t, dir, name+".npy"))
					return all[i*len(all)/shape[0] : (i+1)*len(all)/shape[0]]
				}
				for name, refine := range refinements {
					logits := blas.Matrix{Rows: places, Cols: texts.Rows, Values: slices.Clone(cosines.Values)}
					refine(logits, blas.Matrix{Rows: places, Cols: len(m.Keys) / places, Values: slices.Clone(m.Keys)})
					if err := cliptest.CloseTo(classesFirst(logits), part(name), 1e-3); err != nil {
						t.Errorf("%s %d: %s: %v", dir, i, name, err)
					}
					if name != "cosines" && name != "pdks" {
						continue
					}
					s := sizes[f.folder]
					got := maskclip.OfMap([2]int{m.Height, m.Width}, s.Input, s.Input, s.Original).Labels(logits, m.Width)
					compareLabels(t, dir+" "+name, got, i, cliptest.Fixture(t, dir, name+"_labels.npy"), cliptest.Fixture(t, dir, name+"_sure.npy"))
				}
			}
		}
	})
}

// classesFirst is [classes, places].
func classesFirst(m blas.Matrix) []float32 {
	out := make([]float32, len(m.Values))
	for i, v := range m.Values {
		out[i%m.Cols*m.Rows+i/m.Cols] = v
	}
	return out
}

func compareLabels(t *testing.T, what string, got []uint8, picture int, labels, sure string) {
	t.Helper()
	_, want, err := npy.ReadInts(labels)
	if err != nil {
		t.Fatal(err)
	}
	_, counts, err := npy.ReadInts(sure)
	if err != nil {
		t.Fatal(err)
	}
	wrong, seen := 0, 0
	for i, label := range got {
		if at := picture*len(got) + i; counts[at] == 1 {
			seen++
			if int(label) != want[at] {
				wrong++
			}
		}
	}
	if wrong > 0 || seen < len(got)/2 {
		t.Errorf("%s %d: %d of %d labels differ", what, picture, wrong, seen)
	}
}
