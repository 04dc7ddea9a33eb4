package figures

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	record "gonum.org/v1/plot/vg/recorder"

	"react/results"
	"react/results/grid"
	"react/results/internal/modes"
	"react/results/internal/sample"
	"react/results/render"
)

func svg(t *testing.T, spec grid.Table, rows []results.Row, opts grid.Options) string {
	t.Helper()
	spec.Figure = "lines"
	grid, err := grid.Build(spec, rows, opts)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := SVG(&out, grid); err != nil {
		t.Fatal(err)
	}
	wellFormed(t, out.Bytes())
	return out.String()
}

func wellFormed(t *testing.T, raw []byte) {
	t.Helper()
	dec := xml.NewDecoder(bytes.NewReader(raw))
	for {
		if _, err := dec.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("not XML: %v", err)
		}
	}
}

func TestFigure(t *testing.T) {
	spec := sample.Table()
	spec.Rows, spec.Columns = grid.Names{"tune.mode", "retrieve.k"}, nil
	got := svg(t, spec, modes.Rows(), grid.Options{})
	sample.Golden(t, "figure.svg", got)
	// legend and lines; levels; legend; panels
	for what, n := range map[string]int{`stroke-width="1.6"`: 3 + 2*3, ">base<": 2, ">gated-image<": 1, "font-weight": 2} {
		if strings.Count(got, what) != n {
			t.Errorf("%q: got %d times, want %d", what, strings.Count(got, what), n)
		}
	}
}

// TestFigureOfAHalfDoneSweep has gaps where cells have no number.
func TestFigureOfAHalfDoneSweep(t *testing.T) {
	spec, rows, opts := sample.HalfDone()
	spec.Rows, spec.Columns, spec.Fixed = grid.Names{"tune.mode", "retrieve.k"}, nil, nil
	if strings.Contains(svg(t, spec, rows, opts), "NaN") {
		t.Error("a missing value is drawn")
	}
}

func TestFigureEscapes(t *testing.T) {
	rows := []results.Row{{Trial: "a", Set: "s", Metric: "acc@1", Params: map[string]any{"tune.mode": `<b>&"`}, Value: 0.5, N: 10}}
	if got := svg(t, grid.Table{Name: "x", Caption: "a < b & c", Rows: grid.Names{"tune.mode"}, Metrics: grid.Names{"s/acc@1"}}, rows, grid.Options{}); strings.Contains(got, "<b>") {
		t.Error(got)
	}
}

func TestScaleEnclosesWhatIsDrawn(t *testing.T) {
	for _, c := range []struct {
		means, stds []float64
		low, high   float64
	}{
		{[]float64{0.21, 0.34}, []float64{math.NaN(), math.NaN()}, 0.2, 0.35},
		{[]float64{0.21, 0.34}, []float64{0.02, 0.02}, 0.15, 0.4},
		{[]float64{3, 3}, []float64{math.NaN(), math.NaN()}, 1, 5},
		{[]float64{-2, 7}, []float64{0, 0}, -5, 10},
		{nil, nil, 0, 1},
	} {
		p := panel{}
		for i, m := range c.means {
			p.lines = append(p.lines, series{"", []*grid.Cell{{Mean: m, Std: c.stds[i]}, nil}})
		}
		p.scale()
		if math.Abs(p.low-c.low) > 1e-9 || math.Abs(p.high-c.high) > 1e-9 {
			t.Errorf("%v ± %v: got %g to %g by %g, want %g to %g", c.means, c.stds, p.low, p.high, p.step, c.low, c.high)
		}
	}
}

// TestFigureNumbersAscend though the table's first line has K = 4 only.
func TestFigureNumbersAscend(t *testing.T) {
	row := func(mode string, k int) results.Row {
		return results.Row{Trial: mode + string(rune('0'+k)), Set: "s", Metric: "acc@1", Params: map[string]any{"tune.mode": mode, "retrieve.k": k}, Value: 0.5, N: 10}
	}
	got := svg(t, grid.Table{Name: "x", Rows: grid.Names{"tune.mode", "retrieve.k"}, Metrics: grid.Names{"s/acc@1"}}, []results.Row{row("a", 4), row("a", 8), row("b", 1), row("b", 2), row("b", 4)}, grid.Options{})
	last := -1
	for _, k := range []string{">1<", ">2<", ">4<", ">8<"} {
		at := strings.Index(got, k)
		if at < last || at < 0 {
			t.Errorf("%s stands before a smaller one, or nowhere", k)
		}
		last = at
	}
}

// TestNameOfALevel holds that a name stands at the right end where that is free,
// and elsewhere where it would hide marks or another name.
func TestNameOfALevel(t *testing.T) {
	c := draw.NewCanvas(&record.Canvas{}, 200, 100)
	first := nameLevel(c, "base", 40, nil)
	if at := first[len(first)-1]; at.X != 200 || at.Y < 40 {
		t.Errorf("the name ends at %v, want at the right end, over the level", at)
	}
	if last := nameLevel(c, "base", 2, nil); last[0].Y < 2 {
		t.Errorf("a name at %v is under the axis", last[0])
	}
	taken := append([]vg.Point{{X: 100, Y: 45}, {X: 100, Y: 35}, {X: 60, Y: 46}}, first...)
	second := nameLevel(c, "random pairs", 41, taken)
	if box := (vg.Rectangle{Min: second[0], Max: second[len(second)-1]}); within(box, taken) > 0 {
		t.Errorf("the name in %v hides %d points", box, within(box, taken))
	}
}

// TestFiguresAreTheSame holds that each kind of figure has the same bytes in
// each format when it is drawn again, and what the formats need to be read.
func TestFiguresAreTheSame(t *testing.T) {
	spec, rows, opts := sample.HalfDone()
	spec.Labels = map[string]string{"base": "γ = 0.9"}
	drawings := map[string]func() render.Drawing{
		"chart": Chart{"γ", "x", "y", []Curve{{"γ ± 1", []float64{1, 2}, []float64{-1, 2}}}}.Drawing,
		"moves": Moves{"γ", "x", []Move{{"γ", 0.2, 0.7}}}.Drawing,
	}
	for _, kind := range []string{"lines", "heatmap", "bars"} {
		spec := spec
		spec.Figure, spec.Caption = kind, "γ"
		drawings[kind] = func() render.Drawing {
			d, err := Drawing(sample.Build(t, spec, rows, opts))
			if err != nil {
				t.Fatal(err)
			}
			return d
		}
	}
	for kind, drawing := range drawings {
		first, err := Files(kind, drawing())
		again, other := Files(kind, drawing())
		if err != nil || other != nil {
			t.Fatal(err, other)
		}
		for i, parts := range [][]string{
			{"<title>γ</title>"}, {"%PDF-1.", "/FontFile2", "/CreationDate (D:19700101000000)"}, {"PNG"},
		} {
			if !bytes.Equal(first[i].Data, again[i].Data) {
				t.Errorf("%s has other bytes the second time", first[i].Path)
			}
			for _, part := range parts {
				if !bytes.Contains(first[i].Data, []byte(part)) {
					t.Errorf("%s lacks %s", first[i].Path, part)
				}
			}
		}
	}
}

func TestHeatmapAndBars(t *testing.T) {
	spec, rows, opts := sample.HalfDone()
	spec.Labels = map[string]string{"base": "base <b> & co"}
	for _, kind := range []string{"heatmap", "bars"} {
		spec.Figure = kind
		var svg strings.Builder
		if err := SVG(&svg, sample.Build(t, spec, rows, opts)); err != nil {
			t.Fatal(err)
		}
		got := svg.String()
		sample.Golden(t, kind+".svg", got)
		wellFormed(t, []byte(got))
		for _, want := range []string{"pending", "base &lt;b&gt; &amp; co"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: no %q", kind, want)
			}
		}
	}
}

// TestShadesRise holds that a larger value is lighter, for print in grey.
func TestShadesRise(t *testing.T) {
	last := -1.0
	for i := range 101 {
		fill, _ := shade(float64(i) / 100)
		light := 0.2126*float64(fill.R) + 0.7152*float64(fill.G) + 0.0722*float64(fill.B)
		if light < last-0.5 {
			t.Errorf("at %d %%: lightness %v after %v", i, light, last)
		}
		last = light
	}
}
