package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"react/results"
	"react/results/grid"
	pages "react/results/report"
	"react/runner/internal/browsertest"
)

// largePage is the page of a sweep of 500 trials: 20 configurations by 5 K by 5
// seeds, with a table, a heat map, curves, 1,000 classes, and a gallery full of
// images that do not compress.
func largePage(t *testing.T) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	var rows []results.Row
	for c := range 100 {
		params := map[string]any{"tune.mode": fmt.Sprintf("mode-%02d", c/5), "retrieve.k": 1 << (c % 5)}
		for seed := range 5 {
			for _, metric := range []string{"acc@1", "acc@5", "mean-per-class"} {
				rows = append(rows, results.Row{Trial: fmt.Sprintf("%08x-s%d", c, seed), Set: "task", Metric: metric, Params: params, Seed: results.Seed(seed),
					Value: rng.Float64(), N: 10000, Engine: "onnx", Key: fmt.Sprint(c, seed)})
			}
		}
	}
	p := &pages.Page{Name: "large", Question: "Is it quick?", File: "experiments/large.cue", Command: "runner sweep experiments/large.cue", Spec: []byte("name: \"large\"\n")}
	for _, spec := range []grid.Table{
		{Name: "lines", Rows: grid.Names{"tune.mode", "retrieve.k"}, Metrics: grid.Names{"task/acc@1", "task/acc@5", "task/mean-per-class"}, Baseline: "tune.mode=mode-00"},
		{Name: "map", Rows: grid.Names{"tune.mode"}, Columns: grid.Names{"retrieve.k"}, Metrics: grid.Names{"task/acc@1"}, Figure: "heatmap"},
	} {
		g, err := grid.Build(spec, rows, grid.Options{})
		if err != nil {
			t.Fatal(err)
		}
		p.Grids = append(p.Grids, g)
	}
	p.Figures = []pages.Figure{{Name: "map", Title: "map", Table: "map"}}
	for i := range 1000 {
		p.Changes = append(p.Changes, pages.Change{Set: "task", Class: fmt.Sprintf("class %d", i), Images: 50, Before: rng.Float64(), After: rng.Float64()})
	}
	noise := image.NewNRGBA(image.Rect(0, 0, gallerySide, gallerySide))
	for c := range galleryClasses {
		class := pages.Class{Name: fmt.Sprintf("class %d", c)}
		for range galleryPairs {
			for i := range noise.Pix {
				noise.Pix[i] = byte(rng.UintN(256)) | 0xff*byte(i%4/3)
			}
			var b bytes.Buffer
			if err := png.Encode(&b, noise); err != nil {
				t.Fatal(err)
			}
			class.Pairs = append(class.Pairs, pages.Pair{Caption: "a caption of usual length, about this long", Found: "T2T, rank 1, 0.999", Image: "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())})
		}
		p.Gallery = append(p.Gallery, class)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLargeReport holds the page of a large sweep under 5 MB, and under a second
// until it can be used and for the sorting of its longest table, in the best of
// five loadings: tests run side by side.
func TestLargeReport(t *testing.T) {
	page := largePage(t)
	if len(page) > 5_000_000 {
		t.Errorf("the page has %d bytes", len(page))
	}
	p := browsertest.Open(t)
	file := filepath.Join(t.TempDir(), "large.html")
	if err := os.WriteFile(file, page, 0o666); err != nil {
		t.Fatal(err)
	}
	loaded, sorted := 1e9, 1e9
	for range 5 {
		p.Load(file)
		loaded = min(loaded, browsertest.Eval[float64](p, `performance.getEntriesByType("navigation")[0].domInteractive`))
		sorted = min(sorted, browsertest.Eval[float64](p, `new Promise(done => { const start = performance.now(); document.querySelector("#changes th.number.key").click(); document.body.offsetHeight; requestAnimationFrame(() => done(performance.now() - start)); })`))
	}
	t.Logf("%d bytes, usable after %.0f ms, 1,000 lines sorted in %.0f ms", len(page), loaded, sorted)
	if loaded > 1000 || sorted > 1000 {
		t.Errorf("usable after %.0f ms, sorted in %.0f ms", loaded, sorted)
	}
}
