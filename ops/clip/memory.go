package clip

import (
	"fmt"
	"strings"

	. "github.com/gomlx/gomlx/core/graph"
)

// Memory is an estimate of what a run takes at its peak, in bytes. The first
// five are on the device, which is the machine's own memory on CPU engines.
type Memory struct {
	Parameters  int64 `json:"parameters"`            // of the model, f32
	Moments     int64 `json:"moments,omitempty"`     // of AdamW, f32, of what trains
	Gradients   int64 `json:"gradients,omitempty"`   // of weights
	Activations int64 `json:"activations,omitempty"` // of the pairs that go through the towers at a time
	Inputs      int64 `json:"inputs,omitempty"`      // pixels and tokens
	Host        int64 `json:"host,omitempty"`        // weights as loaded and as saved, batches in preparation, the program and its libraries
}

// Device is what the device holds.
func (m Memory) Device() int64 {
	return m.Parameters + m.Moments + m.Gradients + m.Activations + m.Inputs
}

// Total is Device and Host.
func (m Memory) Total() int64 { return m.Device() + m.Host }

// String names the parts, the largest unit first.
func (m Memory) String() string {
	var parts []string
	for _, p := range []struct {
		name  string
		bytes int64
	}{{"parameters", m.Parameters}, {"moments", m.Moments}, {"gradients", m.Gradients}, {"activations", m.Activations}, {"inputs", m.Inputs}, {"host", m.Host}} {
		if p.bytes > 0 {
			parts = append(parts, p.name+" "+FormatBytes(p.bytes))
		}
	}
	return strings.Join(parts, ", ")
}

// FormatBytes writes 1.5 GiB, or 12 MiB.
func FormatBytes(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
}

// count is the number of values of a model's parameters, of those that a
// function takes.
func count(cfg Config, of func(name string) bool) int64 {
	n := int64(0)
	for _, p := range parameters(cfg) {
		if !of(p.name) {
			continue
		}
		size := int64(1)
		for _, d := range p.shape {
			size *= int64(d)
		}
		n += size
	}
	return n
}

// Parameters is the number of a model's values that train in the mode.
func (m Mode) Parameters(cfg Config) int64 { return count(cfg, m.trains) }

// Parameters is the number of values of a model.
func (c Config) Parameters() int64 { return count(c, everyName) }

// VisualParameters is the number of values of the image tower.
func (c Config) VisualParameters() int64 { return count(c, isVisual) }

func everyName(string) bool { return true }

// bytesOf is the size of an f32.
const bytesOf = 4

// EstimateTraining says what a training takes on an engine ("go", "onnx" or
// "xla:..."). Activations and gradients are read off the step's own graph.
func EstimateTraining(cfg Config, o TrainOptions, engineName string) (Memory, error) {
	names, err := o.trainable(cfg)
	if err != nil {
		return Memory{}, err
	}
	dtype, err := dtypeOf(o.Precision)
	if err != nil {
		return Memory{}, err
	}
	if engineName == "go" {
		o.Recompute = false // it runs what is ready, and so all second forward passes' ends together: measured, no less
	}
	t := &Trainer{cfg: cfg, opts: o, names: names, dtype: dtype}
	step, err := t.footprint(engineName)
	if err != nil {
		return Memory{}, fmt.Errorf("memory of a step: %w", err)
	}
	all, training := cfg.Parameters()*bytesOf, (o.mode().Parameters(cfg)+int64(o.Head.Classes*(cfg.Dim()+1)))*bytesOf
	pixels := int64(3*cfg.ImageSize()*cfg.ImageSize()) * bytesOf
	m := Memory{Parameters: all, Moments: int64(len(o.stateful())-1) * training, Gradients: step.gradients, Activations: step.other,
		Inputs: int64(o.rows()) * pixels, Host: ProcessBytes + 2*all + batchesAhead*int64(o.Batch)*pixels}
	if o.parts() > 1 {
		m.Gradients += training // the sums
	}
	return m, nil
}

// batchesAhead is how many batches are in preparation or waiting (see
// training.prefetch in package ops).
const batchesAhead = 3

// EstimateEncoding says what embedding of images and captions takes.
func EstimateEncoding(cfg Config, batch int, precision, engineName string) (Memory, error) {
	dtype, err := dtypeOf(precision)
	if err != nil {
		return Memory{}, err
	}
	t := &Trainer{cfg: cfg, opts: TrainOptions{Mode: Full, Batch: batch}, dtype: dtype}
	activations, err := t.measureAll(programs{
		func(g *Graph) (outputs, grads []*Node) { u, _ := t.buildImage(t.tape(g, nil)); return []*Node{u}, nil },
		func(g *Graph) (outputs, grads []*Node) { v, _ := t.buildText(t.tape(g, nil)); return []*Node{v}, nil },
	}, engineName)
	if err != nil {
		return Memory{}, fmt.Errorf("memory of embedding: %w", err)
	}
	all := cfg.Parameters() * bytesOf
	pixels := int64(batch) * int64(3*cfg.ImageSize()*cfg.ImageSize()) * bytesOf
	m := Memory{Parameters: all, Activations: activations.total(), Inputs: pixels, Host: ProcessBytes + all + pixels}
	return m, nil
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

// ProcessBytes is the program with its libraries, before any model.
const ProcessBytes = 80 << 20

// slack is how much more an engine takes for activations than the graph's values
// that are needed at once, as measured on tiny models of several batches. The
// whole estimate is then 0.9 to 1.7 times the measured peak there (see
// TestEstimateAgainstMeasured), and of ViT-B/32 on ONNX Runtime 1.17 times in
// full (7.6 GiB, batch 8), 1.17 in locked-text and 1.08 in gated-image (batch
// 16), 0.73 for embedding 32 images (2.3 GiB). ONNX Runtime's arenas grow by
// doubling and fragment, the Go backend runs operations side by side and its
// garbage waits to be collected. XLA fuses and was not measured: its values are
// taken as they are.
func slack(engineName string, recompute bool) float64 {
	switch {
	case engineName == "onnx" && recompute: // which frees blocks, but leaves holes
		return 5.5
	case engineName == "onnx":
		return 3.2
	case engineName == "go":
		return 2.2
	}
	return 1
}
