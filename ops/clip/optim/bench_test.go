package optim

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
)

// benchModel is the 32/8 model of width 128 with 4 + 4 layers that the
// comparison with PyTorch uses (bench_torch.py builds the same).
func benchModel(gates int) *clip.Checkpoint {
	cfg := clip.Config{Model: clip.Model{EmbedDim: 128, QuickGELU: true,
		Vision: clip.Vision{Layers: 4, Width: 128, HeadWidth: 32, MLPRatio: 4, PatchSize: 8, ImageSize: 32},
		Text:   clip.Text{ContextLength: 32, VocabSize: 1000, Width: 128, Heads: 4, Layers: 4, MLPRatio: 4}}}
	c := &clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, 1)}
	if gates > 0 {
		c, _ = c.WithGates(gates, 2)
	}
	return c
}

func archModel(tb testing.TB, name string, gates int) *clip.Checkpoint {
	cfg, err := clip.Arch(name)
	if err != nil {
		tb.Fatal(err)
	}
	c := &clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, 1)}
	if gates > 0 {
		c, _ = c.WithGates(gates, 2)
	}
	return c
}

// randomBatch is a batch of captions that end at different places.
func randomBatch(cfg clip.Config, n int, seed uint64) Batch {
	rng := rand.New(rand.NewPCG(seed, 0))
	b := Batch{Pixels: make([]float32, n*3*cfg.ImageSize()*cfg.ImageSize()), Tokens: make([]int32, n*cfg.ContextLength()),
		TextFeatures: make([]float32, n*cfg.Dim()), BaseText: make([]float32, n*cfg.Dim()), Head: unitRows(testClasses, cfg.Dim(), 9)}
	for i := range n {
		b.Targets = append(b.Targets, make([]float32, testClasses)...)
		b.Targets[i*testClasses+i%testClasses] += 0.75
		b.Targets[i*testClasses+(i+int(seed))%testClasses] += 0.25
	}
	for _, x := range [][]float32{b.Pixels, b.TextFeatures, b.BaseText} {
		for i := range x {
			x[i] = float32(rng.NormFloat64())
		}
	}
	for i := range n {
		row := b.Tokens[i*cfg.ContextLength() : (i+1)*cfg.ContextLength()]
		end := 2 + rng.IntN(len(row)-2)
		for j := range row[:end] {
			row[j] = int32(1 + rng.IntN(cfg.VocabSize()-2))
		}
		row[end] = int32(cfg.VocabSize() - 1)
	}
	for _, x := range [][]float32{b.TextFeatures, b.BaseText} {
		for i := range n {
			row := x[i*cfg.Dim() : (i+1)*cfg.Dim()]
			sum := float32(0)
			for _, v := range row {
				sum += v * v
			}
			for j := range row {
				row[j] /= cliptest.Sqrt32(sum)
			}
		}
	}
	return b
}

func benchStep(b *testing.B, engineName string, c *clip.Checkpoint, opts Options) {
	e := cliptest.OpenEngine(b, engineName)
	tr, err := New(e, c.Config, opts)
	if err != nil {
		b.Fatal(err)
	}
	defer tr.Close()
	if err := tr.Reset(c); err != nil {
		b.Fatal(err)
	}
	batch := randomBatch(c.Config, opts.Batch, 3)
	p := StepParams{LR: 1e-4, WeightDecay: 0.1, Gamma: 0.9}
	for range 2 {
		if _, err := tr.Step(batch, p); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := tr.Step(batch, p); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/step")
}

func BenchmarkTiny(b *testing.B) {
	for _, name := range cliptest.EngineNames {
		for _, batch := range []int{64, 128} {
			for _, m := range []struct {
				mode   string
				cached bool
			}{{clip.Full, false}, {clip.LockedText, true}, {clip.GatedImage, true}} {
				b.Run(fmt.Sprintf("%s/%d/%s", name, batch, m.mode), func(b *testing.B) {
					gates := 0
					if m.mode == clip.GatedImage {
						gates = 2
					}
					benchStep(b, name, archModel(b, "tiny", gates), Options{Mode: m.mode, Batch: batch, CachedText: m.cached})
				})
			}
		}
	}
}

func BenchmarkMini(b *testing.B) {
	for _, name := range cliptest.EngineNames {
		for _, m := range []struct {
			mode   string
			cached bool
		}{{clip.Full, false}, {clip.LockedText, false}, {clip.LockedText, true}, {clip.GatedImage, false}, {clip.GatedImage, true}} {
			b.Run(fmt.Sprintf("%s/%s/cached=%v", name, m.mode, m.cached), func(b *testing.B) {
				gates := 0
				if m.mode == clip.GatedImage {
					gates = 2
				}
				benchStep(b, name, benchModel(gates), Options{Mode: m.mode, Batch: 128, CachedText: m.cached})
			})
		}
	}
}
