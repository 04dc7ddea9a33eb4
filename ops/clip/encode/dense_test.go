package encode

import (
	"slices"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/clip/internal/cliptest"
	"react/ops/clip/layout"
	"react/ops/engine"
)

// dense are the reference's pictures of a model: all those of one folder have the same sides.
type dense struct {
	dir      string
	model    *clip.Checkpoint
	pictures []Picture
	bound    float64
}

func denseSets(t *testing.T) (sets []dense) {
	for model, folders := range map[string][]string{"vit": {"native", "square", "wide"}, "resnet": {"native", "wide"}} {
		c := cliptest.LoadFixture(t, "dense/"+model, layout.ReadSafetensors)
		for _, folder := range folders {
			set := dense{dir: "dense/" + model + "/" + folder, model: c, bound: 5e-5}
			if model == "resnet" {
				set.bound = 1e-4
			}
			shape, pixels := cliptest.ReadArray(t, cliptest.Fixture(t, set.dir, "pixels.npy"))
			size := len(pixels) / shape[0]
			for i := range shape[0] {
				set.pictures = append(set.pictures, Picture{shape[2], shape[3], pixels[i*size : (i+1)*size]})
			}
			sets = append(sets, set)
		}
	}
	slices.SortFunc(sets, func(a, b dense) int { return strings.Compare(a.dir, b.dir) })
	return sets
}

// array is one picture's part of an array of the reference.
func (d dense) array(t *testing.T, name string, picture int) []float32 {
	t.Helper()
	_, all := cliptest.ReadArray(t, cliptest.Fixture(t, d.dir, name+".npy"))
	size := len(all) / len(d.pictures)
	return all[picture*size : (picture+1)*size]
}

// cosines are those of places with texts, [texts, places].
func cosines(places, texts []float32, dim int) []float32 {
	var out []float32
	for c := 0; c < len(texts); c += dim {
		for p := 0; p < len(places); p += dim {
			sum := float32(0)
			for d := range dim {
				sum += texts[c+d] * places[p+d]
			}
			out = append(out, sum)
		}
	}
	return out
}

// turned is [places, channels] of [channels, places].
func turned(x []float32, channels int) []float32 {
	out, places := make([]float32, len(x)), len(x)/channels
	for i, v := range x {
		out[i%places*channels+i/places] = v
	}
	return out
}

// TestPlacesAgreeWithReference compares tokens, values, keys and cosines with texts, of pictures of
// several sides: rectangles, positions resized, odd maps.
func TestPlacesAgreeWithReference(t *testing.T) {
	sets := denseSets(t)
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		for _, set := range sets {
			enc, err := New(e, set.model, 4)
			if err != nil {
				t.Fatal(err)
			}
			defer enc.Close()
			_, texts := cliptest.ReadArray(t, cliptest.Fixture(t, "dense/"+strings.Split(set.dir, "/")[1], "text.npy"))
			for i, p := range set.pictures {
				m, err := enc.Map(Value, p)
				if err != nil {
					t.Fatal(err)
				}
				check := func(what string, got, want []float32) {
					t.Helper()
					if err := cliptest.CloseTo(got, want, set.bound); err != nil {
						t.Errorf("%s %d: %s: %v", set.dir, i, what, err)
					}
				}
				check("cosines", cosines(m.Embeddings, texts, set.model.Config.Dim()), set.array(t, "cosines", i))
				if !set.model.Config.ResNet() {
					check("keys", m.Keys, set.array(t, "keys", i))
					width := set.model.Config.Model.Vision.Width
					check("tokens", enc.read(t, p, Tokens), set.array(t, "tokens", i)[width:])
					check("value", enc.read(t, p, Value), set.array(t, "value", i)[width:])
					continue
				}
				check("c4", enc.read(t, p, C4), turned(set.array(t, "c4", i), 64))
				last := enc.reads(t, p, "last map", func(t *graph.Tape, pixels *Node) *Node {
					x, _ := t.FeatureMap(pixels, clip.ResNetStages)
					return x
				})
				check("last", last, turned(set.array(t, "last", i), 128))
			}
		}
	})
}

// read is the map that regions of a picture are cut from.
func (e *Encoder) read(t *testing.T, p Picture, from string) []float32 {
	return e.reads(t, p, "map of "+from, func(t *graph.Tape, pixels *Node) *Node { return mapOf(t, from, pixels) })
}

// reads is what a graph makes of a picture.
func (e *Encoder) reads(t *testing.T, p Picture, kind string, build func(t *graph.Tape, pixels *Node) *Node) []float32 {
	t.Helper()
	outputs, err := e.readPicture(e.nextDevice(), kind, p, func(t *graph.Tape, pixels *Node) []*Node { return []*Node{build(t, pixels)} })
	if err != nil {
		t.Fatal(err)
	}
	defer finalizeAll(outputs)
	shape, err := outputs[0].Shape()
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, shape.Size())
	if err := outputs[0].ToFlatData(x); err != nil {
		t.Fatal(err)
	}
	return x
}

// TestRegionsAgreeWithReference embeds boxes of the wide pictures in runs of four, the last filled
// up, from each map that a tower has.
func TestRegionsAgreeWithReference(t *testing.T) {
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		for _, set := range denseSets(t) {
			if !strings.HasSuffix(set.dir, "wide") {
				continue
			}
			enc, err := New(e, set.model, 4)
			if err != nil {
				t.Fatal(err)
			}
			defer enc.Close()
			dir, dim := set.dir+"/regions", set.model.Config.Dim()
			_, rows := cliptest.ReadArray(t, cliptest.Fixture(t, dir, "boxes.npy"))
			files := map[string]string{C4: "embeddings.npy"}
			if !set.model.Config.ResNet() {
				files = map[string]string{Value: "value_embeddings.npy", Tokens: "tokens_embeddings.npy"}
			}
			for from, file := range files {
				_, want := cliptest.ReadArray(t, cliptest.Fixture(t, dir, file))
				for i, p := range set.pictures {
					var boxes []Box
					var wanted []float32
					for j := 0; j < len(rows); j += 5 {
						if int(rows[j]) == i {
							boxes = append(boxes, Box(rows[j+1:j+5]))
							wanted = append(wanted, want[j/5*dim:(j/5+1)*dim]...)
						}
					}
					got, err := enc.Regions(from, p, boxes)
					if err == nil {
						err = cliptest.CloseTo(unitRows(got, dim), unitRows(wanted, dim), set.bound)
					}
					if err != nil {
						t.Errorf("%s of picture %d: %v", from, i, err)
					}
				}
			}
		}
	})
}

// unitRows are rows of length 1: the reference's are not everywhere.
func unitRows(x []float32, dim int) []float32 {
	out := slices.Clone(x)
	for i := 0; i < len(out); i += dim {
		sum := float32(0)
		for _, v := range out[i : i+dim] {
			sum += v * v
		}
		for d := range dim {
			out[i+d] /= cliptest.Sqrt32(sum)
		}
	}
	return out
}

func TestPicturesThatNoTowerReads(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	vit, err := New(e, cliptest.SmallModel(1, false), 2)
	if err != nil {
		t.Fatal(err)
	}
	resnet, err := New(e, cliptest.SmallResNet(), 2)
	if err != nil {
		t.Fatal(err)
	}
	picture := func(h, w int) Picture { return Picture{h, w, make([]float32, 3*h*w)} }
	for _, x := range []struct {
		name, from string
		enc        *Encoder
		p          Picture
		want       string
	}{
		{"sides", Value, vit, picture(8, 10), "a picture of 10 x 8: the tower reads places of 4 pixels"},
		{"small", C4, resnet, picture(31, 64), "a picture of 64 x 31: the tower reads places of 32 pixels"},
		{"pixels", Value, vit, Picture{8, 8, make([]float32, 5)}, "5 pixel values for a picture of 8 x 8"},
		{"c4 of a ViT", C4, vit, picture(8, 8), "features c4 are a ResNet's, and the backbone is a ViT: take value"},
		{"tokens of a ResNet", Tokens, resnet, picture(64, 64), "features tokens are a ViT's, and the backbone is a ResNet: take c4"},
		{"other", "crop", vit, picture(8, 8), `unknown features "crop" of regions: c4, value or tokens`},
	} {
		if _, err := x.enc.Regions(x.from, x.p, []Box{{0, 0, 4, 4}}); err == nil || err.Error() != x.want {
			t.Errorf("%s: %v, want %q", x.name, err, x.want)
		}
	}
}
