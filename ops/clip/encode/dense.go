package encode

import (
	"fmt"
	"maps"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip"
	"react/ops/clip/graph"
	"react/ops/clip/resample"
	"react/ops/engine"
)

// What regions and places of a picture are read from.
const (
	C4     = "c4"     // a ResNet's map before its last stage, which each region passes alone
	Value  = "value"  // MaskCLIP's values: the last attention looks at nothing but the place itself
	Tokens = "tokens" // a ViT's last tokens
)

// Picture is one image of any sides: normalised pixels [3, Height, Width].
type Picture struct {
	Height, Width int
	Pixels        []float32
}

// Map has an embedding for each place of a picture, in rows from the top left.
type Map struct {
	Height, Width int
	Embeddings    []float32 // [places, E], of length 1
	Keys          []float32 // [places, width] of the attention that gave values; nil of tokens
}

// Map embeds the places of a picture, by MaskCLIP's values or by a ViT's tokens, which have no keys.
// Each size of pictures is a program of its own.
func (e *Encoder) Map(from string, p Picture) (Map, error) {
	if err := CanRead(e.cfg, from); err != nil {
		return Map{}, err
	}
	outputs, err := e.readPicture(e.nextDevice(), "places of "+from, p, func(t *graph.Tape, pixels *Node) []*Node {
		if from == Tokens {
			x, _ := t.Tokens(pixels)
			return []*Node{t.Projected(x)}
		}
		values, keys, _ := t.Values(pixels)
		return []*Node{t.Projected(values), keys}
	})
	if err != nil {
		return Map{}, err
	}
	defer finalizeAll(outputs)
	m := Map{Height: e.mapSide(clip.ResNetStages, p.Height), Width: e.mapSide(clip.ResNetStages, p.Width)}
	m.Embeddings = make([]float32, m.Height*m.Width*e.cfg.Dim())
	if err := outputs[0].ToFlatData(m.Embeddings); err != nil {
		return Map{}, err
	}
	if len(outputs) > 1 {
		m.Keys = make([]float32, m.Height*m.Width*e.cfg.Model.Vision.Features())
		if err := outputs[1].ToFlatData(m.Keys); err != nil {
			return Map{}, err
		}
	}
	return m, checkEmbeddings(m.Embeddings, e.cfg.Dim())
}

// Box is x1, y1, x2, y2 in pixels of a picture.
type Box [4]float32

// Regions embeds boxes of a picture: [boxes, E], of length 1. From C4 each box passes the ResNet's
// last stage and attention pool; from Value and Tokens it is the mean of its places.
func (e *Encoder) Regions(from string, p Picture, boxes []Box) ([]float32, error) {
	if err := CanRead(e.cfg, from); err != nil {
		return nil, err
	}
	on := e.nextDevice()
	outputs, err := e.readPicture(on, "regions of "+from, p, func(t *graph.Tape, pixels *Node) []*Node {
		return []*Node{mapOf(t, from, pixels)}
	})
	if err != nil {
		return nil, err
	}
	defer finalizeAll(outputs)
	return e.regionsOf(on, from, p, outputs[0], boxes)
}

// mapOf is the map [places, channels] that regions are cut from.
func mapOf(t *graph.Tape, from string, pixels *Node) (x *Node) {
	switch from {
	case C4:
		x, _ = t.FeatureMap(pixels, clip.ResNetStages-1)
	case Value:
		x, _, _ = t.Values(pixels)
	default:
		x, _ = t.Tokens(pixels)
	}
	return graph.Wide(x)
}

// CanRead says why a tower has no such map.
func CanRead(cfg clip.Config, from string) error {
	switch {
	case from == C4 && !cfg.ResNet():
		return fmt.Errorf("features %s are a ResNet's, and the backbone is a ViT: take %s", from, Value)
	case from == Tokens && cfg.ResNet():
		return fmt.Errorf("features %s are a ViT's, and the backbone is a ResNet: take %s", from, C4)
	case from != C4 && from != Value && from != Tokens:
		return fmt.Errorf("unknown features %q of regions: %s, %s or %s", from, C4, Value, Tokens)
	}
	return nil
}

const (
	mapInput     = "map"
	rowsInput    = "rows"
	columnsInput = "columns"
)

// roiBins is the side of what boxes are RoIAligned to where their mean is taken.
const roiBins = 14

// regionsOf embeds boxes of a map that is on the device, a batch at a time.
func (e *Encoder) regionsOf(on *device, from string, p Picture, whole compute.Buffer, boxes []Box) ([]float32, error) {
	stage, stride, bins := clip.ResNetStages, e.stride(), roiBins
	if from == C4 {
		stage, stride = clip.ResNetStages-1, clip.ResNetStride/2
		bins = e.cfg.ImageSize() / stride
	}
	s := graph.Plane{Batch: 1, Height: e.mapSide(stage, p.Height), Width: e.mapSide(stage, p.Width)}
	shape, err := whole.Shape()
	if err != nil {
		return nil, err
	}
	program, err := e.boxesProgram(on, from, s, shape.Dimensions, bins)
	if err != nil {
		return nil, err
	}
	dim := e.cfg.Dim()
	out := make([]float32, 0, len(boxes)*dim)
	result := make([]float32, e.batch*dim)
	for len(boxes) > 0 {
		n := min(e.batch, len(boxes))
		given := graph.NewGiven(on.eng)
		e.putBoxes(given, from == C4, resample.Adaptive(stride), boxes[:n], bins, s)
		if err := e.runOn(on, program, whole, given, result); err != nil {
			return nil, err
		}
		out, boxes = append(out, result[:n*dim]...), boxes[n:]
	}
	return out, checkEmbeddings(out, dim)
}

// boxesProgram embeds a batch of boxes of a map of a form and dimensions.
func (e *Encoder) boxesProgram(on *device, from string, s graph.Plane, dims []int, bins int) (*engine.Program, error) {
	key, err := graph.ProgramKey("boxes of "+from, e.cfg, fmt.Sprint(e.batch, e.dtype, s))
	if err != nil {
		return nil, err
	}
	return on.eng.Program(key, func(g *Graph) []*Node {
		t := graph.New(g, e.cfg)
		t.DType = e.dtype
		x := t.Narrow(graph.Input(g, mapInput, dims...))
		if from != C4 {
			rows, columns := graph.Input(g, rowsInput, e.batch, s.Height), graph.Input(g, columnsInput, e.batch, s.Width)
			return []*Node{t.Projected(t.MeanOfRegions(x, rows, columns))}
		}
		rows, columns := graph.Input(g, rowsInput, e.batch, bins, s.Height), graph.Input(g, columnsInput, e.batch, bins, s.Width)
		return []*Node{t.PooledRegions(t.RoIAlign(x, s, rows, columns))}
	})
}

// putBoxes gives a program the weights of boxes, of every bin or of their mean.
func (e *Encoder) putBoxes(given *graph.Given, each bool, align resample.Align, boxes []Box, bins int, s graph.Plane) {
	weights, shape := align.MeanWeights, []int{e.batch}
	if each {
		weights, shape = align.Weights, []int{e.batch, bins}
	}
	put := func(name string, axis, places int) {
		var all []float32
		for _, b := range boxes {
			all = append(all, weights(b[axis], b[axis+2], bins, places)...)
		}
		dims := append(shape[:len(shape):len(shape)], places)
		given.Put(name, graph.PartOf(all, 0, len(all)/len(boxes)*e.batch), dims...)
	}
	put(rowsInput, 1, s.Height)
	put(columnsInput, 0, s.Width)
}

// runOn runs a program on a map, which stays, and on what it is given, which is freed.
func (e *Encoder) runOn(on *device, program *engine.Program, whole compute.Buffer, given *graph.Given, result []float32) error {
	defer given.Free()
	if given.Err != nil {
		return given.Err
	}
	buffers := maps.Clone(given.Buffers)
	buffers[mapInput] = whole
	outputs, err := e.outputs(on, program, buffers)
	if err != nil {
		return err
	}
	defer outputs[0].Finalize()
	return outputs[0].ToFlatData(result)
}

// stride is the pixels between two places of the tower's last map.
func (e *Encoder) stride() int {
	if e.cfg.ResNet() {
		return clip.ResNetStride
	}
	return e.cfg.Model.Vision.PatchSize
}

// mapSide is the places along a side of so many pixels, of a ResNet after a stage.
func (e *Encoder) mapSide(stage, pixels int) int {
	if e.cfg.ResNet() {
		return clip.MapSide(stage, pixels)
	}
	return pixels / e.stride()
}

func (e *Encoder) checkPicture(p Picture) error {
	switch patch := e.stride(); {
	case len(p.Pixels) != 3*p.Height*p.Width:
		return fmt.Errorf("%d pixel values for a picture of %d x %d", len(p.Pixels), p.Width, p.Height)
	case min(p.Height, p.Width) < patch, !e.cfg.ResNet() && (p.Height%patch != 0 || p.Width%patch != 0):
		return fmt.Errorf("a picture of %d x %d: the tower reads places of %d pixels", p.Width, p.Height, patch)
	}
	return nil
}

// nextDevice is the device whose turn it is.
func (e *Encoder) nextDevice() *device {
	return e.devices[int(e.turn.Add(1)-1)%len(e.devices)]
}

// readPicture runs the program of a picture's size.
func (e *Encoder) readPicture(on *device, kind string, p Picture, build func(t *graph.Tape, pixels *Node) []*Node) ([]compute.Buffer, error) {
	if err := e.checkPicture(p); err != nil {
		return nil, err
	}
	key, err := graph.ProgramKey(kind, e.cfg, fmt.Sprint(e.dtype, p.Height, p.Width))
	if err != nil {
		return nil, err
	}
	program, err := on.eng.Program(key, func(g *Graph) []*Node {
		t := graph.New(g, e.cfg)
		t.DType = e.dtype
		return build(t, graph.Input(g, graph.PixelsInput, 1, 3, p.Height, p.Width))
	})
	if err != nil {
		return nil, err
	}
	given := graph.NewGiven(on.eng)
	defer given.Free()
	given.Put(graph.PixelsInput, p.Pixels, 1, 3, p.Height, p.Width)
	if given.Err != nil {
		return nil, given.Err
	}
	return e.outputs(on, program, given.Buffers)
}

func finalizeAll(buffers []compute.Buffer) {
	for _, b := range buffers {
		_ = b.Finalize()
	}
}
