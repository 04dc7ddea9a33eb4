package graph

import (
	"fmt"
	"slices"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"react/ops/clip/internal/cliptest"
	"react/ops/clip/resample"
	"react/ops/engine"
)

// roiCase is one of the reference's RoIAligns.
type roiCase struct {
	File          string
	OutputSize    [2]int  `json:"output_size"`
	SpatialScale  float32 `json:"spatial_scale"`
	SamplingRatio int     `json:"sampling_ratio"`
	Aligned       bool
}

// roiMaps are the reference's two maps, channels last, and its boxes.
type roiMaps struct {
	channels int
	form     Plane // of one map
	features []float32
	boxes    []float32 // [n, 5]: the map, then x1, y1, x2, y2
}

func readROIMaps(t *testing.T) roiMaps {
	shape, features := cliptest.ReadArray(t, cliptest.Fixture(t, "dense/roi_align", "features.npy"))
	_, boxes := cliptest.ReadArray(t, cliptest.Fixture(t, "dense/roi_align", "boxes.npy"))
	m := roiMaps{channels: shape[1], form: Plane{1, shape[2], shape[3]}, boxes: boxes}
	m.features = channelsLast(features, shape[0], shape[1])
	return m
}

// channelsLast is [n, channels, places] as [n, places, channels].
func channelsLast(x []float32, n, channels int) []float32 {
	places := len(x) / n / channels
	out := make([]float32, len(x))
	for i, v := range x {
		out[(i/places/channels*places+i%places)*channels+i/places%channels] = v
	}
	return out
}

// of are the boxes of a map, their weights, and where they stand.
func (m roiMaps) of(image int, c roiCase) (rows, columns []float32, at []int) {
	align := resample.Align{Scale: c.SpatialScale, Sampling: c.SamplingRatio, Aligned: c.Aligned}
	for i := 0; i < len(m.boxes); i += 5 {
		if b := m.boxes[i+1 : i+5]; int(m.boxes[i]) == image {
			rows = append(rows, align.Weights(b[1], b[3], c.OutputSize[0], m.form.Height)...)
			columns = append(columns, align.Weights(b[0], b[2], c.OutputSize[1], m.form.Width)...)
			at = append(at, i/5)
		}
	}
	return rows, columns, at
}

// TestRoIAlignAgreesWithTorchvision pools boxes inside, over the edges, without extent and outside,
// and takes the gradient of one case.
func TestRoIAlignAgreesWithTorchvision(t *testing.T) {
	var cases []roiCase
	cliptest.ReadJSON(t, cliptest.Fixture(t, "dense/roi_align", "cases.json"), &cases)
	cases = append(cases, roiCase{"gradient.npy", [2]int{3, 3}, 1.0 / 16, 0, true})
	m := readROIMaps(t)
	_, cotangent := cliptest.ReadArray(t, cliptest.Fixture(t, "dense/roi_align", "cotangent.npy"))
	cliptest.OnEngines(t, func(t *testing.T, e *engine.Engine) {
		for _, c := range cases {
			shape, want := cliptest.ReadArray(t, cliptest.Fixture(t, "dense/roi_align", c.File))
			gradient := c.File == "gradient.npy"
			want = channelsLast(want, shape[0], shape[1])
			got := make([]float32, len(want))
			for image := range 2 {
				rows, columns, at := m.of(image, c)
				h, w, size := c.OutputSize[0], c.OutputSize[1], c.OutputSize[0]*c.OutputSize[1]*m.channels
				map1 := m.features[image*m.form.places()*m.channels:][:m.form.places()*m.channels]
				dims := map[string][]int{"x": {m.form.places(), m.channels}, "rows": {len(at), h, m.form.Height},
					"columns": {len(at), w, m.form.Width}, "dy": {len(at) * h * w, m.channels}}
				p, err := e.Program(fmt.Sprint("RoIAlign ", c, len(at)), func(g *Graph) []*Node {
					tape := New(g, cliptest.SmallResNet().Config)
					x := Input(g, "x", dims["x"]...)
					y, _ := tape.RoIAlign(x, m.form, Input(g, "rows", dims["rows"]...), Input(g, "columns", dims["columns"]...))
					if gradient {
						return tape.Gradients([]*Node{y}, []*Node{Input(g, "dy", dims["dy"]...)}, []*Node{x})
					}
					return []*Node{y}
				})
				if err != nil {
					t.Fatal(err)
				}
				var dy []float32
				for _, i := range at {
					dy = append(dy, channelsLast(cotangent, len(m.boxes)/5, m.channels)[i*9*m.channels:(i+1)*9*m.channels]...)
				}
				out := cliptest.RunProgram(t, e, p, map[string][]float32{"x": map1, "rows": rows, "columns": columns, "dy": dy}, dims)[0]
				if gradient {
					copy(got[image*len(map1):], out)
					continue
				}
				for j, i := range at {
					copy(got[i*size:], out[j*size:(j+1)*size])
				}
			}
			if err := cliptest.CloseTo(got, want, 2e-5); err != nil {
				t.Errorf("%+v: %v", c, err)
			}
		}
	})
}

// TestMeanOfRegionsIsTheMean: the mean's weights give the mean of what the bins' give.
func TestMeanOfRegionsIsTheMean(t *testing.T) {
	m, c := readROIMaps(t), roiCase{"", [2]int{7, 7}, 1.0 / 16, 0, true}
	rows, columns, at := m.of(0, c)
	var meanRows, meanColumns []float32
	align := resample.Align{Scale: c.SpatialScale, Aligned: true}
	for _, i := range at {
		b := m.boxes[5*i+1:]
		meanRows = append(meanRows, align.MeanWeights(b[1], b[3], 7, m.form.Height)...)
		meanColumns = append(meanColumns, align.MeanWeights(b[0], b[2], 7, m.form.Width)...)
	}
	dims := map[string][]int{"x": {m.form.places(), m.channels}, "rows": {len(at), 7, m.form.Height}, "columns": {len(at), 7, m.form.Width},
		"meanRows": {len(at), m.form.Height}, "meanColumns": {len(at), m.form.Width}}
	e := cliptest.OpenEngine(t, "go")
	p, err := e.Program("mean of regions", func(g *Graph) []*Node {
		in := func(name string) *Node { return Input(g, name, dims[name]...) }
		tape := New(g, cliptest.SmallResNet().Config)
		x := in("x")
		bins, _ := tape.RoIAlign(x, m.form, in("rows"), in("columns"))
		mean := ReduceMean(Reshape(bins, len(at), 49, m.channels), 1)
		return []*Node{mean, tape.MeanOfRegions(x, in("meanRows"), in("meanColumns"))}
	})
	if err != nil {
		t.Fatal(err)
	}
	x := slices.Clone(m.features[:m.form.places()*m.channels])
	out := cliptest.RunProgram(t, e, p, map[string][]float32{"x": x, "rows": rows, "columns": columns, "meanRows": meanRows, "meanColumns": meanColumns}, dims)
	if err := cliptest.CloseTo(out[1], out[0], 1e-5); err != nil {
		t.Error(err)
	}
}
