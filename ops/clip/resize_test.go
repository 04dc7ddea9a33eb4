package clip

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// drawnRows are the rows of testdata/resize/make.py.
func drawnRows(n, width int) []float32 {
	out := make([]float32, n*width)
	for i := range out {
		out[i] = float32(float64(i*37%101-50) / 50)
	}
	return out
}

// resizeModel is a model whose towers are 3 wide, of a grid and a context.
func resizeModel(grid, context int) *Checkpoint {
	cfg := Config{Model: Model{EmbedDim: 2,
		Vision: Vision{Layers: 1, Width: 3, HeadWidth: 3, MLPRatio: 4, PatchSize: 4, ImageSize: 4 * grid},
		Text:   Text{ContextLength: context, VocabSize: 5, Width: 3, Heads: 1, Layers: 1, MLPRatio: 4}}}
	c := &Checkpoint{Config: cfg, Weights: Init(cfg, 1)}
	c.Weights.Put("visual.positional_embedding", []int{grid*grid + 1, 3}, drawnRows(grid*grid+1, 3))
	c.Weights.Put("positional_embedding", []int{context, 3}, drawnRows(context, 3))
	return c
}

func TestResizeAgreesWithPyTorch(t *testing.T) {
	var golden []struct {
		Kind     string
		Old, New int
		Values   []float32
	}
	readJSON(t, filepath.Join("testdata", "resize", "golden.json"), &golden)
	for _, g := range golden {
		c := resizeModel(2, g.Old)
		imageSize, context, name := 0, g.New, "positional_embedding"
		if g.Kind == "image" {
			c = resizeModel(g.Old, 2)
			imageSize, context, name = 4*g.New, 0, "visual.positional_embedding"
		}
		before := c.Weights.Clone()
		r, err := c.Resize(imageSize, context)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Weights.check(r.Config); err != nil {
			t.Errorf("%s %d to %d: %v", g.Kind, g.Old, g.New, err)
		}
		if err := closeTo(r.Weights.At(name).Data, g.Values, 2e-6); err != nil {
			t.Errorf("%s %d to %d: %v", g.Kind, g.Old, g.New, err)
		}
		for _, other := range c.Weights.Names() {
			if !slices.Equal(c.Weights.At(other).Data, before.At(other).Data) {
				t.Errorf("%s %d to %d: the base's %s changed", g.Kind, g.Old, g.New, other)
			}
			if other != name && !slices.Equal(r.Weights.At(other).Data, before.At(other).Data) {
				t.Errorf("%s %d to %d: %s changed", g.Kind, g.Old, g.New, other)
			}
		}
	}
}

// TestResizedModelsRun resizes a ViT and a ResNet, both ways, and embeds.
func TestResizedModelsRun(t *testing.T) {
	e := openEngine(t, "go")
	for name, c := range map[string]*Checkpoint{"ViT": smallModel(1, true), "ResNet": smallResNet()} {
		for _, imageSize := range []int{32, 96} {
			r, err := c.Resize(imageSize, 9)
			if err != nil {
				t.Fatal(err)
			}
			if r.Config.ImageSize() != imageSize || r.Config.ContextLength() != 9 || c.Config.ContextLength() != 6 {
				t.Errorf("%s: config %+v of %+v", name, r.Config.Model, c.Config.Model)
			}
			enc, err := NewEncoder(e, r, 1)
			if err != nil {
				t.Fatal(err)
			}
			b := randomBatch(r.Config, 1, 1)
			if u, err := enc.Images(b.Pixels, 1); err != nil || len(u) != r.Config.Dim() {
				t.Errorf("%s of %d: %v, %v", name, imageSize, u, err)
			}
			if u, err := enc.Texts(b.Tokens, 1); err != nil || len(u) != r.Config.Dim() {
				t.Errorf("%s: %v, %v", name, u, err)
			}
			enc.Close()
		}
		same, err := c.Resize(0, 0)
		if err != nil || sameBits(c, same) != nil {
			t.Errorf("%s to its own size: %v", name, err)
		}
	}
}

func TestResizeErrors(t *testing.T) {
	for _, x := range []struct {
		name               string
		c                  *Checkpoint
		imageSize, context int
		want               string
	}{
		{"patches", smallModel(0, true), 10, 0, "image_size: 10 is not a multiple of patch_size 4"},
		{"ResNet", smallResNet(), 100, 0, "image_size: 100 is not a multiple of 32"},
		{"negative", smallModel(0, true), -4, 0, "image_size: -4 is not a size"},
		{"context", smallModel(0, true), 0, -1, "context_length: -1 is not a size"},
		{"weights of another model", &Checkpoint{Config: smallModel(0, true).Config, Weights: &Weights{}}, 16, 0, "is missing"},
	} {
		if _, err := x.c.Resize(x.imageSize, x.context); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", x.name, err, x.want)
		}
	}
}
