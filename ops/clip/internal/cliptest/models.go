package cliptest

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"react/ops/clip"
)

// LoadFixture is the model of a folder of fixtures, its weights read by a reader of safetensors.
func LoadFixture(t *testing.T, dir string, read func(path string) (*clip.Weights, error)) *clip.Checkpoint {
	t.Helper()
	var cfg clip.Config
	ReadJSON(t, Fixture(t, dir, "open_clip_config.json"), &cfg)
	file := "open_clip_model.safetensors"
	if strings.HasPrefix(dir, "train_") {
		file = "initial.safetensors"
	}
	w, err := read(Fixture(t, dir, file))
	if err != nil {
		t.Fatal(err)
	}
	if w, err = w.Check(cfg); err != nil {
		t.Fatal(err)
	}
	return &clip.Checkpoint{Config: cfg, Weights: w}
}

// SmallModel is a model for tests of seconds: two blocks in each tower.
func SmallModel(gates int, quick bool) *clip.Checkpoint {
	cfg := clip.Config{Model: clip.Model{EmbedDim: 8, QuickGELU: quick,
		Vision: clip.Vision{Layers: 2, Width: 12, HeadWidth: 6, MLPRatio: 4, PatchSize: 4, ImageSize: 8},
		Text:   clip.Text{ContextLength: 6, VocabSize: 20, Width: 8, Heads: 2, Layers: 2, MLPRatio: 4}}}
	c := &clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, 1)}
	if gates > 0 {
		c, _ = c.WithGates(gates, 2)
	}
	return c
}

// Stir moves every parameter off the values that hide mistakes: gates of 0,
// gains of 1, biases of 0.
func Stir(c *clip.Checkpoint) *clip.Checkpoint {
	rng := rand.New(rand.NewPCG(5, 5))
	w := c.Weights.Clone()
	for _, name := range w.Names() {
		for i := range w.At(name).Data {
			w.At(name).Data[i] += float32(0.2 * rng.NormFloat64())
		}
	}
	return &clip.Checkpoint{Config: c.Config, Weights: w}
}

// Drawn is n numbers in [-1, 1), as testdata/resnet/make.py draws them.
func Drawn(name string, n int) []float32 {
	h := fnv.New64a()
	h.Write([]byte(name))
	out := make([]float32, n)
	for i := range out {
		z := h.Sum64() + uint64(i+1)*0x9E3779B97F4A7C15
		z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
		z = (z ^ z>>27) * 0x94D049BB133111EB
		z ^= z >> 31
		out[i] = float32(float64(z>>40)/(1<<23) - 1)
	}
	return out
}

var gains = regexp.MustCompile(`(\.bn\d|downsample\.1|ln_\d|ln_final)\.weight$`)

// DrawnResNet is the model of make.py.
func DrawnResNet() *clip.Checkpoint {
	c := SmallResNet()
	for _, name := range c.Weights.Names() {
		p := c.Weights.At(name)
		mean, scale := 0.0, 0.0
		switch {
		case name == "logit_scale":
			mean = 2
		case strings.HasSuffix(name, clip.RunningVar):
			mean, scale = 1, 0.5
		case strings.HasSuffix(name, clip.RunningMean):
			scale = 0.3
		case strings.HasSuffix(name, "bias"):
			scale = 0.2
		case gains.MatchString(name):
			mean, scale = 1, 0.3
		default:
			scale = math.Sqrt(3 / (float64(len(p.Data)) / float64(p.Shape[0])))
		}
		for i, u := range Drawn(name, len(p.Data)) {
			p.Data[i] = float32(mean + scale*float64(u))
		}
	}
	return c
}

// SameBits says which parameters of two checkpoints differ.
func SameBits(a, b *clip.Checkpoint) (differ []string) {
	for _, name := range a.Weights.Names() {
		if !slices.Equal(a.Weights.At(name).Data, b.Weights.At(name).Data) {
			differ = append(differ, name)
		}
	}
	return differ
}

// LargestDifference is that of any value of two checkpoints.
func LargestDifference(a, b *clip.Checkpoint) float64 {
	largest := 0.0
	for _, name := range a.Weights.Names() {
		other := b.Weights.At(name).Data
		for i, x := range a.Weights.At(name).Data {
			largest = max(largest, math.Abs(float64(x)-float64(other[i])))
		}
	}
	return largest
}

// SmallResNet is a ResNet with a shortcut that is projected and one that is not.
func SmallResNet() *clip.Checkpoint {
	cfg := clip.Config{Model: clip.Model{EmbedDim: 8, QuickGELU: true,
		Vision: clip.Vision{Stages: []int{2, 1, 1, 1}, Width: 4, HeadWidth: 32, ImageSize: 64},
		Text:   clip.Text{ContextLength: 6, VocabSize: 20, Width: 8, Heads: 2, Layers: 2, MLPRatio: 4}}}
	return &clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, 1)}
}
