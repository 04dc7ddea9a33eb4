package clip_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
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
func resizeModel(grid, context int) *clip.Checkpoint {
	cfg := clip.Config{Model: clip.Model{EmbedDim: 2,
		Vision: clip.Vision{Layers: 1, Width: 3, HeadWidth: 3, MLPRatio: 4, PatchSize: 4, ImageSize: 4 * grid},
		Text:   clip.Text{ContextLength: context, VocabSize: 5, Width: 3, Heads: 1, Layers: 1, MLPRatio: 4}}}
	c := &clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, 1)}
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
	cliptest.ReadJSON(t, filepath.Join("testdata", "resize", "golden.json"), &golden)
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
		if _, err := r.Weights.Check(r.Config); err != nil {
			t.Errorf("%s %d to %d: %v", g.Kind, g.Old, g.New, err)
		}
		if err := cliptest.CloseTo(r.Weights.At(name).Data, g.Values, 2e-6); err != nil {
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

func TestResizeErrors(t *testing.T) {
	for _, x := range []struct {
		name               string
		c                  *clip.Checkpoint
		imageSize, context int
		want               string
	}{
		{"patches", cliptest.SmallModel(0, true), 10, 0, "image_size: 10 is not a multiple of patch_size 4"},
		{"ResNet", cliptest.SmallResNet(), 100, 0, "image_size: 100 is not a multiple of 32"},
		{"negative", cliptest.SmallModel(0, true), -4, 0, "image_size: -4 is not a size"},
		{"context", cliptest.SmallModel(0, true), 0, -1, "context_length: -1 is not a size"},
		{"weights of another model", &clip.Checkpoint{Config: cliptest.SmallModel(0, true).Config, Weights: &clip.Weights{}}, 16, 0, "is missing"},
	} {
		if _, err := x.c.Resize(x.imageSize, x.context); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v, want %q", x.name, err, x.want)
		}
	}
}
