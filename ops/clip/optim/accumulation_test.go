package optim

import (
	"fmt"
	"testing"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// accumulationCases are what a step in micro-batches must be equal in: all
// modes, text features given or not, positives of the base, a micro-batch that
// does not divide the batch, both kinds of image tower.
func accumulationCases() []accumulationCase {
	vit, resnet := cliptest.Stir(cliptest.SmallModel(2, true)), cliptest.DrawnResNet()
	return []accumulationCase{
		{"full", vit, Options{Mode: clip.Full, GradClip: 1}},
		{"full, uneven", vit, Options{Mode: clip.Full, MicroBatch: 4, GradClip: 1}},
		{"full, fixed positives", vit, Options{Mode: clip.Full, PositivesFixed: true}},
		{"full, ResNet", resnet, Options{Mode: clip.Full, GradClip: 1}},
		{"full, many tokens", manyTokens(), Options{Mode: clip.Full, MicroBatch: 1}},
		{"locked-image", vit, Options{Mode: clip.LockedImage, GradClip: 1}},
		{"locked-text", vit, Options{Mode: clip.LockedText, GradClip: 1}},
		{"locked-text, cached", vit, Options{Mode: clip.LockedText, CachedText: true, GradClip: 1}},
		{"locked-text, ResNet", resnet, Options{Mode: clip.LockedText, MicroBatch: 1, CachedText: true}},
		{"gated-image, cached", vit, Options{Mode: clip.GatedImage, MicroBatch: 5, CachedText: true, GradClip: 1}},
		{"gated-image", vit, Options{Mode: clip.GatedImage, PositivesFixed: true}},
		{"locked-text, classes", vit, Options{Mode: clip.LockedText, Classes: testClasses, GradClip: 1}},
	}
}

type accumulationCase struct {
	name  string
	start *clip.Checkpoint
	opts  Options
}

// bound is relative. ONNX Runtime chooses its way to a convolution by the batch,
// and its rounding opens a ReLU at 0 or not.
func (c accumulationCase) bound() float64 {
	if c.start.Config.ResNet() {
		return 2e-4
	}
	return 1e-5
}

// manyTokens has a vocabulary whose gradient goes by the distinct ids.
func manyTokens() *clip.Checkpoint {
	cfg := cliptest.SmallModel(0, true).Config.WithVocab(graph.OneHotVocab + 1)
	return cliptest.Stir(&clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, 1)})
}

// TestMicroBatchesTrainAsTheWholeBatch holds steps in micro-batches to steps of
// the whole batch: losses, norms and summed gradients (as the first moment
// shows them) within 1e-5 relative to each parameter's largest.
func TestMicroBatchesTrainAsTheWholeBatch(t *testing.T) {
	for _, c := range accumulationCases() {
		t.Run(c.name, func(t *testing.T) {
			if testing.Short() && c.name != "full, uneven" && c.name != "gated-image, cached" {
				t.Skip("-short: the two others cover both towers and what is cached")
			}
			cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) { checkAccumulation(t, e, c) })
		})
	}
}

func checkAccumulation(t *testing.T, e *engine.Engine, c accumulationCase) {
	const batch, steps = 6, 4
	whole, parted := c.opts, c.opts
	whole.Batch, whole.MicroBatch, parted.Batch = batch, 0, batch
	if parted.MicroBatch == 0 {
		parted.MicroBatch = 2
	}
	a, _ := train(t, e, c.start, whole, 0)
	b, _ := train(t, e, c.start, parted, 0)
	if a.parts != nil || b.parts == nil {
		t.Fatal("the options chose the wrong programs")
	}
	for step := range steps {
		pairs := randomBatch(c.start.Config, batch, uint64(step))
		// A small rate: Adam makes a step of the same size of any gradient, so a
		// gradient of rounding alone would part the two runs.
		p := StepParams{LR: 1e-5, WeightDecay: 0.1, Gamma: 0.5}
		want, err := a.Step(pairs, p)
		if err != nil {
			t.Fatal(err)
		}
		got, err := b.Step(pairs, p)
		if err != nil {
			t.Fatal(err)
		}
		if !cliptest.Relative(got.Loss, want.Loss, 1e-5) || !cliptest.Relative(got.GradNorm, want.GradNorm, 1e-5) || got.MeanPositives != want.MeanPositives {
			t.Errorf("step %d: %+v, the whole batch has %+v", step+1, got, want)
		}
		if step == 0 {
			sameMoments(t, a, b, c.bound())
		}
	}
	first, second := checkpointOf(t, a), checkpointOf(t, b)
	for _, name := range a.names {
		if err := cliptest.CloseTo(second.Weights.At(name).Data, first.Weights.At(name).Data, 1e-4); err != nil {
			t.Errorf("%s after %d steps: %v", name, steps, err)
		}
	}
}

// sameMoments compares the first moments, which are the gradients times a
// factor that is the same for all, by the size of the largest of each parameter.
func sameMoments(t *testing.T, a, b *Trainer, bound float64) {
	t.Helper()
	want, err := a.State()
	if err != nil {
		t.Fatal(err)
	}
	got, err := b.State()
	if err != nil {
		t.Fatal(err)
	}
	all := 0.0
	for _, name := range a.names {
		all = max(all, cliptest.Largest(want.Moments.At(meanPrefix+name).Data))
	}
	for _, name := range a.names {
		x := want.Moments.At(meanPrefix + name).Data
		// 1e-7 of the largest gradient of all is rounding, as in the keys' bias, whose gradient is 0.
		if err := cliptest.CloseTo(got.Moments.At(meanPrefix+name).Data, x, bound*cliptest.Largest(x)+1e-7*all); err != nil {
			t.Errorf("gradient of %s: %v", name, err)
		}
	}
}

// TestMicroBatchesAreNotSummedLosses shows that the loss is of the whole batch:
// one micro-batch alone has fewer negatives and so a smaller loss.
func TestMicroBatchesAreNotSummedLosses(t *testing.T) {
	c := cliptest.Stir(cliptest.SmallModel(0, true))
	e := cliptest.OpenEngine(t, "go")
	pairs := randomBatch(c.Config, 6, 1)
	var losses []float64
	for _, batch := range []int{6, 2} {
		tr, _ := train(t, e, c, Options{Mode: clip.Full, Batch: batch, MicroBatch: min(2, batch)}, 0)
		b := Batch{Pixels: graph.PartOf(pairs.Pixels, 0, len(pairs.Pixels)*batch/6), Tokens: graph.PartOf(pairs.Tokens, 0, len(pairs.Tokens)*batch/6)}
		s, err := tr.Step(b, StepParams{Gamma: 2})
		if err != nil {
			t.Fatal(err)
		}
		losses = append(losses, s.Loss)
	}
	if losses[0] < losses[1]+0.5 {
		t.Errorf("the loss of a batch of 6 is %v, of 2 of them %v", losses[0], losses[1])
	}
}

// TestMicroBatchesResume moves the state between trainers that take the batch in parts.
func TestMicroBatchesResume(t *testing.T) {
	resumesExactly(t, Options{Mode: clip.GatedImage, Batch: 6, MicroBatch: 2, GradClip: 1})
}

func TestPartOf(t *testing.T) {
	x := []int{1, 2, 3, 4, 5}
	if got := fmt.Sprint(graph.PartOf(x, 0, 2), graph.PartOf(x, 1, 2), graph.PartOf(x, 2, 2)); got != "[1 2] [3 4] [5 0]" {
		t.Error(got)
	}
}
