package optim

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/graph"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// promptLayout has three classes of names of one to three tokens after, around or before two
// context vectors.
func promptLayout(cfg clip.Config) clip.PromptLayout {
	end := int32(cfg.VocabSize() - 1)
	return clip.PromptLayout{Classes: 3, Length: 2,
		Tokens: []int32{1, 0, 0, 5, end, 0 /**/, 1, 0, 7, 8, 0, end /**/, 1, 9, 0, 0, end, 0},
		Slots:  []int32{-1, 0, 1, -1, -1, -1 /**/, -1, 0, -1, -1, 1, -1 /**/, -1, -1, 0, 1, -1, -1}}
}

// unitRows are n random rows of length 1.
func unitRows(n, dim int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 3))
	out := make([]float32, n*dim)
	for i := range n {
		sum := 0.0
		row := out[i*dim : (i+1)*dim]
		for d := range row {
			row[d] = float32(rng.NormFloat64())
			sum += float64(row[d]) * float64(row[d])
		}
		for d := range row {
			row[d] /= float32(math.Sqrt(sum))
		}
	}
	return out
}

func startPrompt(t *testing.T, c *clip.Checkpoint, contexts string) *clip.Weights {
	t.Helper()
	w, err := clip.InitPrompt(c, clip.PromptShape{Contexts: contexts, Length: 2, Classes: 3}, nil, 4)
	if err != nil {
		t.Fatal(err)
	}
	for i := range w.At(clip.ContextName).Data { // off 0, where everything is flat
		w.At(clip.ContextName).Data[i] *= 20
	}
	return w
}

// TestPromptGradients holds the gradients of context vectors and of CoCoOp's network, through the
// whole frozen text tower, against GoMLX's own.
func TestPromptGradients(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	c := cliptest.Stir(cliptest.SmallModel(0, true))
	const batch = 4
	for _, contexts := range clip.Contexts {
		t.Run(contexts, func(t *testing.T) {
			w := startPrompt(t, c, contexts)
			l := promptLayout(c.Config)
			key, _ := graph.ProgramKey("prompt gradients", c.Config, contexts)
			program, err := e.Program(key, func(g *Graph) []*Node {
				shape := clip.PromptShape{Contexts: contexts, Length: 2, Classes: 3}
				loss, params, grads := graph.PromptLoss(g, c.Config, shape, w, batch)
				return append(grads, Gradient(Reshape(loss), params...)...)
			})
			if err != nil {
				t.Fatal(err)
			}
			values, dims := promptInputs(c, w, l, batch)
			out := runPrompt(t, e, program, values, dims, l, c.Config)
			for i, name := range w.Names() {
				own, derived := out[i], out[len(w.Names())+i]
				if err := cliptest.CloseTo(own, derived, 1e-6+1e-4*cliptest.Largest(derived)); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if cliptest.Largest(derived) == 0 {
					t.Errorf("%s: the gradient is 0, which compares nothing", name)
				}
			}
		})
	}
}

func promptInputs(c *clip.Checkpoint, w *clip.Weights, l clip.PromptLayout, batch int) (map[string][]float32, map[string][]int) {
	values := map[string][]float32{graph.ImageFeaturesInput: unitRows(batch, c.Config.Dim(), 1), graph.EmbeddedInput: l.Embedded(c), graph.PlaceInput: l.Places(),
		graph.TargetsInput: {1, 0, 0, 0, 1, 0, 0, 0.25, 0.75, 0, 0, 1}}
	dims := map[string][]int{graph.ImageFeaturesInput: {batch, c.Config.Dim()}, graph.EmbeddedInput: {len(l.Tokens), c.Config.Model.Text.Width},
		graph.PlaceInput: {len(l.Tokens), l.Length}, graph.TargetsInput: {batch, 3}}
	for _, of := range []*clip.Weights{c.Weights, w} {
		for _, name := range of.Names() {
			values[graph.ParamPrefix+name], dims[graph.ParamPrefix+name] = of.At(name).Data, graph.DeviceShape(of.At(name).Shape)
		}
	}
	return values, dims
}

func runPrompt(t *testing.T, e *engine.Engine, p *engine.Program, values map[string][]float32, dims map[string][]int, l clip.PromptLayout, cfg clip.Config) [][]float32 {
	t.Helper()
	g := graph.NewGiven(e)
	defer g.Free()
	g.Put(graph.TokensInput, graph.WideIDs(l.Tokens), l.Classes, cfg.ContextLength())
	for _, name := range p.Inputs() {
		if name != graph.TokensInput {
			g.Put(name, values[name], dims[name]...)
		}
	}
	return runGiven(t, p, g)
}

// TestPromptsOfWordsAreTheirTexts: context vectors that are the embeddings of words give the
// features of the prompt in those words.
func TestPromptsOfWordsAreTheirTexts(t *testing.T) {
	e := cliptest.OpenEngine(t, "go")
	c := cliptest.Stir(cliptest.SmallModel(0, true))
	enc, err := encode.New(e, c, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	l := promptLayout(c.Config)
	for _, contexts := range []string{clip.SharedContext, clip.ClassContext} {
		w, err := clip.InitPrompt(c, clip.PromptShape{Contexts: contexts, Length: 2, Classes: 3}, []int32{11, 12}, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := enc.Prompts(w, contexts, l, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		ids := slices.Clone(l.Tokens)
		for i, s := range l.Slots {
			if s >= 0 {
				ids[i] = 11 + s
			}
		}
		want, err := enc.Texts(ids, 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := cliptest.CloseTo(got, want, 1e-5); err != nil {
			t.Errorf("%s: %v", contexts, err)
		}
	}
}

// TestPromptTraining: what is learned separates the images, for each kind of context; the features
// that scoring makes are those of training, so the loss of the trained prompt, computed from them,
// is the next step's.
func TestPromptTraining(t *testing.T) {
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		c := cliptest.Stir(cliptest.SmallModel(0, true))
		l := promptLayout(c.Config)
		images := unitRows(4, c.Config.Dim(), 1)
		targets := []float32{1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1}
		enc, err := encode.New(e, c, 2)
		if err != nil {
			t.Fatal(err)
		}
		defer enc.Close()
		for _, contexts := range clip.Contexts {
			w := startPrompt(t, c, contexts)
			tr, err := NewPromptTrainer(e, c, w, contexts, l, 4)
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			var first, last float64
			for step := range 60 {
				if last, err = tr.Step(images, targets, 0.05); err != nil {
					t.Fatal(err)
				}
				if step == 0 {
					first = last
				}
			}
			if last > 0.9*first {
				t.Errorf("%s: the loss went from %.4f to %.4f", contexts, first, last)
			}
			v, err := enc.Prompts(tr.Weights(), contexts, l, nil, images)
			if err != nil {
				t.Fatal(err)
			}
			want := plainPromptLoss(c, images, v, targets, contexts == clip.ImageContext)
			if next, err := tr.Step(images, targets, 0); err != nil || math.Abs(next-want) > 1e-4 {
				t.Errorf("%s: the step says %.6f, the scores %.6f, %v", contexts, next, want, err)
			}
		}
	})
}

// plainPromptLoss is the mean cross entropy by loops; moved: the texts are of each image.
func plainPromptLoss(c *clip.Checkpoint, images, texts, targets []float32, moved bool) float64 {
	dim := c.Config.Dim()
	scale := math.Exp(float64(c.Weights.At("logit_scale").Data[0]))
	total := 0.0
	for b := range 4 {
		logits := make([]float64, 3)
		sum := 0.0
		for k := range logits {
			at := k
			if moved {
				at += 3 * b
			}
			for d := range dim {
				logits[k] += scale * float64(images[b*dim+d]) * float64(texts[at*dim+d])
			}
			sum += math.Exp(logits[k])
		}
		for k, l := range logits {
			total += float64(targets[3*b+k]) * (math.Log(sum) - l) / 4
		}
	}
	return total
}
