package optim

import (
	"fmt"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
)

// EstimateTraining says what a training takes on an engine ("go", "onnx" or
// "xla:..."). Activations and gradients are read off the step's own graph.
func EstimateTraining(cfg clip.Config, o Options, engineName string) (clip.Memory, error) {
	names, err := o.trainable(cfg)
	if err != nil {
		return clip.Memory{}, err
	}
	dtype, err := graph.DType(o.Precision)
	if err != nil {
		return clip.Memory{}, err
	}
	t := &Trainer{cfg: cfg, opts: o, names: names, dtype: dtype}
	step, err := t.footprint(engineName)
	if err != nil {
		return clip.Memory{}, fmt.Errorf("memory of a step: %w", err)
	}
	all, training := cfg.Parameters()*clip.ValueBytes, (o.mode().Parameters(cfg)+int64(o.Head.Classes*(cfg.Dim()+1)))*clip.ValueBytes
	pixels := int64(3*cfg.ImageSize()*cfg.ImageSize()) * clip.ValueBytes
	inputs, waiting := inputBatches(o, engineName)
	m := clip.Memory{Parameters: all, Moments: int64(len(o.stateful())-1) * training, Gradients: step.gradients, Activations: step.other,
		Inputs: inputs * int64(o.rows()) * pixels, Host: processBytes(engineName, 350<<20) + 2*all + waiting*int64(o.Batch)*pixels}
	if o.parts() > 1 {
		m.Gradients += training // the sums
	}
	return m, nil
}

// inputBatches says how many batches are on the device, and how many on the host are in
// preparation or waiting (see Training.prefetch in ops/train). XLA has the one that
// it computes, the next, and one that waits; on CPU engines that one is counted to
// the host's.
func inputBatches(o Options, engineName string) (device, host int64) {
	if strings.HasPrefix(engineName, "xla:") && o.parts() == 1 {
		return 3, 2
	}
	return 1, 3
}

// estimateEncoding says what embedding of images and captions takes.
func estimateEncoding(cfg clip.Config, batch int, precision, engineName string) (clip.Memory, error) {
	dtype, err := graph.DType(precision)
	if err != nil {
		return clip.Memory{}, err
	}
	t := &Trainer{cfg: cfg, opts: Options{Mode: clip.Full, Batch: batch}, dtype: dtype}
	activations, err := t.measureAll(programs{
		func(g *Graph) (outputs, grads []*Node) { return []*Node{t.buildImage(t.tape(g))}, nil },
		func(g *Graph) (outputs, grads []*Node) { return []*Node{t.buildText(t.tape(g))}, nil },
	}, engineName)
	if err != nil {
		return clip.Memory{}, fmt.Errorf("memory of embedding: %w", err)
	}
	all := cfg.Parameters() * clip.ValueBytes
	pixels := int64(batch) * int64(3*cfg.ImageSize()*cfg.ImageSize()) * clip.ValueBytes
	calls := int64(1) // see Encoder.Calls and Pass in ops/backbone
	if strings.HasPrefix(engineName, "xla:") {
		calls = 2
	}
	m := clip.Memory{Parameters: all, Activations: activations.total(), Inputs: calls * pixels, Host: processBytes(engineName, 180<<20) + all + (calls+1)*pixels}
	return m, nil
}

// processBytes is the program with its libraries, and on a CPU what XLA takes of the same memory
// when it compiles programs.
func processBytes(engineName string, compiling int64) int64 {
	if engineName == "xla:cpu" {
		return clip.ProcessBytes + compiling
	}
	return clip.ProcessBytes
}

// programs build graphs; grads are the gradients of weights among their values.
type programs []func(g *Graph) (outputs, grads []*Node)

func (t *Trainer) footprint(engineName string) (footprint, error) {
	if t.opts.parts() == 1 {
		return t.measureAll(programs{t.buildStep}, engineName)
	}
	without := func(build func(g *Graph) []*Node) func(g *Graph) (outputs, grads []*Node) {
		return func(g *Graph) (outputs, grads []*Node) { return build(g), nil }
	}
	return t.measureAll(programs{without(t.buildFeatures), without(t.buildPartedLoss), t.buildSums, without(t.buildUpdate)}, engineName)
}

// measureAll is what the programs of a run hold: the largest alone, or on ONNX
// Runtime all of them, since each keeps its arena.
func (t *Trainer) measureAll(builds programs, engineName string) (all footprint, err error) {
	for _, build := range builds {
		f, err := measure(func(g *Graph) traced {
			outputs, grads := build(g)
			return traced{outputs: outputs, inPlace: replacing(outputs, engineName), gradients: setOf(grads)}
		})
		if err != nil {
			return all, err
		}
		if engineName == "onnx" {
			all.gradients += f.gradients
			all.other += f.other
		} else if f.total() > all.total() {
			all = f
		}
	}
	all.other = int64(float64(all.other) * slack(engineName, t.opts.Recompute))
	return all, nil
}

// replacing are the outputs that an engine writes over inputs that were donated
// to the run. ONNX Runtime makes them anew, and the old ones are freed after.
func replacing(outputs []*Node, engineName string) map[*Node]bool {
	if engineName == "onnx" {
		return nil
	}
	return setOf(outputs)
}

func setOf(nodes []*Node) map[*Node]bool {
	set := map[*Node]bool{}
	for _, n := range nodes {
		set[n] = true
	}
	return set
}

// slack is how much more an engine takes for activations than the graph's values
// that are needed at once, as measured on tiny models of several batches. The
// whole estimate is then 0.9 to 1.7 times the measured peak there (see
// TestEstimateAgainstMeasured), and of ViT-B/32 on ONNX Runtime 1.17 times in
// full (7.6 GiB, batch 8), 1.17 in locked-text and 1.08 in gated-image (batch
// 16), 0.73 for embedding 32 images (2.3 GiB). ONNX Runtime's arenas grow by
// doubling and fragment, the Go backend runs operations side by side and its
// garbage waits to be collected. On XLA the estimate is 0.87 to 1.29 times the
// peak of ViT-B/32 of batch 8 on a CPU (4.6 GiB in full). On a GPU it was not measured:
// its compiler says 1.06 times the values in full, 0.4 to 0.7 in gated-image, less with
// flash attention (results/accelerator/h200.md).
func slack(engineName string, recompute bool) float64 {
	switch {
	case engineName == "onnx" && recompute: // which frees blocks, but leaves holes
		return 5.5
	case engineName == "onnx":
		return 3.2
	case engineName == "go" && recompute: // which runs side by side what is ready
		return 4.5
	case engineName == "go":
		return 2.2
	case engineName == "xla:cpu" && recompute:
		return 3
	case engineName == "xla:cpu":
		return 1.5
	}
	return 1.15
}
