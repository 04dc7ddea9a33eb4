package places

import (
	"context"
	"fmt"
	"math"

	"react/data/image"
	"react/data/labelmap"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/clip/encode"
	"react/ops/clip/maskclip"
	"react/ops/clip/resample"
	"react/ops/op"
)

// regionBatch is the boxes of one run of a tower's end: pictures of benchmarks have few true ones.
const regionBatch = 16

// Reader reads pictures with a model.
type Reader struct {
	*preparer
	backbone *backbone.Backbone
	boxes    *encode.Encoder // of regions
}

// NewReader reads with a backbone, which stays the caller's. Close it.
func NewReader(b *backbone.Backbone, r Reading, precision string) (*Reader, error) {
	if err := r.check(b.Checkpoint.Config); err != nil {
		return nil, err
	}
	small, err := encode.NewIn(b.Engine, b.Checkpoint, regionBatch, precision)
	return &Reader{newPreparer(r, b.Checkpoint.Config), b, small}, err
}

// Close frees what is on the device.
func (r *Reader) Close() { r.boxes.Close() }

// group is how many pictures are prepared at a time: so many that their crops fill two batches, few
// where there are many in each, or where pictures are read whole.
func (r *Reader) group(run *op.Run, boxes [][]encode.Box) int {
	if r.Features != Crop {
		return max(1, run.Workers)
	}
	n := 1
	for _, of := range boxes {
		n += len(of)
	}
	return min(max(1, 2*backbone.Batch*len(boxes)/n), 32)
}

// embed gives each picture of a group the embeddings of its boxes, [boxes, dim], of length 1.
func (r *Reader) embed(group []read[prepared], boxes [][]encode.Box) error {
	if r.Features == Crop {
		return r.embedCrops(group, boxes)
	}
	for i := range group {
		p, own := &group[i].value, boxes[group[i].at]
		if len(own) == 0 {
			continue
		}
		var err error
		if r.Features == Window {
			p.regions, err = r.windowRegions(p, own)
		} else {
			p.regions, err = r.boxes.Regions(r.Features, p.picture, p.scaled(own))
		}
		if err != nil {
			return err
		}
		p.picture, p.crops = encode.Picture{}, nil
	}
	return nil
}

// embedCrops is the same of crops, which fill batches together.
func (r *Reader) embedCrops(group []read[prepared], boxes [][]encode.Box) error {
	var all []float32
	n := 0
	for i := range group {
		p := &group[i].value
		all, n = append(all, p.crops...), n+len(boxes[group[i].at])
		p.crops = nil
	}
	u, err := r.backbone.Encoder.Images(all, n)
	for i := range group {
		if size := len(boxes[group[i].at]) * r.cfg.Dim(); err == nil {
			group[i].value.regions, u = u[:size], u[size:]
		}
	}
	return err
}

// scaled are boxes in pixels of what the tower reads.
func (p *prepared) scaled(boxes []encode.Box) []encode.Box {
	y, x := float32(p.read[0])/float32(p.height), float32(p.read[1])/float32(p.width)
	out := make([]encode.Box, len(boxes))
	for i, b := range boxes {
		out[i] = encode.Box{b[0] * x, b[1] * y, b[2] * x, b[3] * y}
	}
	return out
}

// windowRegions are means over the pixels of boxes, each of which is weighed by its windows.
func (r *Reader) windowRegions(p *prepared, boxes []encode.Box) ([]float32, error) {
	u, err := r.backbone.Encoder.Images(p.crops, p.windows[0]*p.windows[1])
	if err != nil {
		return nil, err
	}
	dim := r.cfg.Dim()
	rows, columns := r.windowTaps(p)
	out := make([]float32, len(boxes)*dim)
	for i, b := range p.scaled(boxes) {
		down := meanWeights(rows, b[1], b[3], p.windows[0])
		across := meanWeights(columns, b[0], b[2], p.windows[1])
		sum := out[i*dim : (i+1)*dim]
		for w := range p.windows[0] * p.windows[1] {
			weight := down[w/p.windows[1]] * across[w%p.windows[1]]
			for d := range sum {
				sum[d] += weight * u[w*dim+d]
			}
		}
		if !blas.Normalize(sum) {
			return nil, fmt.Errorf("the windows of box %v have no mean direction", b)
		}
	}
	return out, nil
}

// meanWeights are the windows' shares of the pixels from low to high, one pixel at least.
func meanWeights(t resample.Taps, low, high float32, windows int) []float32 {
	out := make([]float32, windows)
	first := min(max(int(math.Floor(float64(low))), 0), len(t)-1)
	end := min(max(int(math.Ceil(float64(high))), first+1), len(t))
	for _, tap := range t[first:end] {
		for k, weight := range tap.Weights {
			out[tap.First+k] += float32(weight) / float32(end-first)
		}
	}
	return out
}

// Labelling is how places become labels.
type Labelling struct {
	Denoise float64 // least probability of a class somewhere in a picture; 0: none is left out
	Smooth  float64 // probability from which a place keeps its own; 0: all do
	Keys    string  // maskclip.OverPlaces or OverChannels
}

// Label gives the labels of pictures in their order: of each pixel the class of text that its place
// is nearest to. A picture of another size than its label map is an error.
func (r *Reader) Label(ctx context.Context, run *op.Run, m *Maps, text blas.Matrix, how Labelling,
	maxShare float64, use func(at int, labels *labelmap.Map) error) error {
	prepare := func(at int, img *image.RGB) (prepared, error) {
		if err := m.fits(at, img.H, img.W); err != nil {
			return prepared{}, err
		}
		return r.prepare(img, nil)
	}
	return each(ctx, run, m.Pictures, r.group(run, nil), maxShare, prepare, func(group []read[prepared]) (err error) {
		for i := range group {
			p := &group[i].value
			if p.labels, err = r.label(p, text, how); err != nil {
				return fmt.Errorf("picture %s: %w", m.Files[group[i].at], err)
			}
			p.picture, p.crops = encode.Picture{}, nil
		}
		return nil
	}, func(group []read[prepared]) error {
		for _, g := range group {
			if err := use(g.at, &labelmap.Map{Height: g.value.height, Width: g.value.width, Labels: g.value.labels}); err != nil {
				return err
			}
		}
		return nil
	})
}

// label labels the pixels of one picture.
func (r *Reader) label(p *prepared, text blas.Matrix, how Labelling) ([]uint8, error) {
	var m encode.Map
	var pixels maskclip.Pixels
	var err error
	original := [2]int{p.height, p.width}
	if r.Features == Window {
		m = encode.Map{Height: p.windows[0], Width: p.windows[1]}
		m.Embeddings, err = r.backbone.Encoder.Images(p.crops, m.Height*m.Width)
		rows, columns := r.windowTaps(p)
		pixels.Rows = resample.Linear(p.read[0], p.height).After(rows)
		pixels.Columns = resample.Linear(p.read[1], p.width).After(columns)
	} else if m, err = r.boxes.Map(r.Features, p.picture); err == nil {
		stride := p.picture.Height / m.Height
		places := [2]int{(p.read[0] + stride - 1) / stride, (p.read[1] + stride - 1) / stride}
		m = within(m, places, r.cfg.Dim())
		pixels = maskclip.OfMap(places, [2]int{places[0] * stride, places[1] * stride}, p.read, original)
	}
	if err != nil {
		return nil, err
	}
	n := m.Height * m.Width
	logits := blas.New(n, text.Rows)
	blas.Times(logits, 1, blas.Matrix{Rows: n, Cols: text.Cols, Values: m.Embeddings}, text, 0)
	if how.Denoise > 0 {
		maskclip.Denoise(logits, how.Denoise)
	}
	if how.Smooth > 0 {
		maskclip.Smooth(logits, blas.Matrix{Rows: n, Cols: len(m.Keys) / n, Values: m.Keys}, how.Smooth, how.Keys)
	}
	return pixels.Labels(logits, m.Width), nil
}

// within leaves out places that show nothing of the picture.
func within(m encode.Map, places [2]int, dim int) encode.Map {
	if m.Height == places[0] && m.Width == places[1] {
		return m
	}
	out := encode.Map{Height: places[0], Width: places[1]}
	cut := func(x []float32, width int) (kept []float32) {
		for row := range out.Height {
			kept = append(kept, x[row*m.Width*width:(row*m.Width+out.Width)*width]...)
		}
		return kept
	}
	out.Embeddings = cut(m.Embeddings, dim)
	if m.Keys != nil {
		out.Keys = cut(m.Keys, len(m.Keys)/(m.Height*m.Width))
	}
	return out
}
