package ops

import (
	"bytes"
	"encoding/json"
	"fmt"
	stdimage "image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/data/laion"
	"react/data/shards"
	"react/ops/internal/optest"
	"react/ops/knn"
	"react/ops/pairs"
	"react/ops/retrieve"
)

// pairsWorld is a pool on disk with embeddings, queries and hits.
type pairsWorld struct {
	pool, folder, queries, hits string
	n                           int
	meta                        []embeddings.Meta
}

// pngOf is a picture of one colour, a function of kind, so that rows of a kind are the same image.
func pngOf(t *testing.T, kind int) []byte {
	t.Helper()
	img := stdimage.NewRGBA(stdimage.Rect(0, 0, 8, 8))
	for i := range 64 {
		img.Set(i%8, i/8, color.RGBA{uint8(kind), uint8(kind >> 8), 200, 255})
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// newPairsWorld makes n rows; imageOf gives the picture of a row, broken rows get bytes that do not
// decode.
func newPairsWorld(t *testing.T, n, classes int, imageOf func(row int) int, broken map[int]bool) *pairsWorld {
	t.Helper()
	const dim = 16
	vectors, meta := crowded(n, dim, 40, 11)
	root := t.TempDir()
	w := &pairsWorld{pool: root, n: n}
	dir := filepath.Join(root, "pool")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	rows := make([]laion.Row, n)
	for i := range n {
		rows[i] = laion.Row{URL: meta[i].URL, Text: meta[i].Caption, Key: meta[i].Key, Label: meta[i].Label}
	}
	writeShard(t, w, meta, func(i int) []byte {
		if broken[i] {
			return []byte("not a picture")
		}
		return pngOf(t, imageOf(i))
	})
	pq, err := laion.Create(filepath.Join(dir, "00000-meta.parquet"))
	if err == nil {
		if err = pq.Write(rows); err == nil {
			err = pq.Close()
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	w.folder = optest.WriteFolder(t, dim, vectors, meta)
	q, _ := crowded(2*classes, dim, 2*classes, 12)
	w.queries = queryFolder(t, dim, q, classes)
	_, index := do(t, "index", retrieve.IndexParams{Side: "text", Params: knn.Params{Kind: "flat"}}, map[string]string{"embeddings": w.folder}, nil)
	in := map[string]string{"embeddings": w.folder, "queries": w.queries, "index": index}
	_, w.hits = do(t, "retrieve", retrieve.Params{By: "t2t", Index: knn.Params{Kind: "flat"}, Depth: 64}, in, nil)
	return w
}

// writeShard writes the pool's images, one a row.
func writeShard(t *testing.T, w *pairsWorld, meta []embeddings.Meta, imageOf func(row int) []byte) {
	t.Helper()
	tar, err := shards.Create(filepath.Join(w.pool, "pool", "00000.tar"))
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range meta {
		if err := tar.Put(m.Key, "png", imageOf(i), m.Caption, map[string]any{"key": m.Key, "url": m.URL, "caption": m.Caption}); err != nil {
			t.Fatal(err)
		}
	}
	if err := tar.Close(); err != nil {
		t.Fatal(err)
	}
	w.meta = meta
}

// rewriteShard gives a world other images.
func rewriteShard(t *testing.T, w *pairsWorld, imageOf func(row int) []byte) {
	writeShard(t, w, w.meta, imageOf)
}

func (w *pairsWorld) in() map[string]string {
	return map[string]string{"embeddings": w.folder, "pool": w.pool, "queries": w.queries, "hits.t2t": w.hits}
}

func (w *pairsWorld) pairs(t *testing.T, p pairs.Params) ([]pairs.Pair, pairs.PairsReport, *optest.Run) {
	t.Helper()
	r, dir := do(t, "pairs", p, w.in(), nil)
	list, err := parquet.ReadFile[pairs.Pair](filepath.Join(dir, pairs.PairsFile))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(dir, pairs.ReportFile))
	if err != nil {
		t.Fatal(err)
	}
	var report pairs.PairsReport
	if err := json.Unmarshal(raw, &report); err != nil {
		t.Fatal(err)
	}
	return list, report, r
}

func TestPairsOfASmallerKAreAPrefix(t *testing.T) {
	w := newPairsWorld(t, 300, 3, func(i int) int { return i / 2 }, map[int]bool{5: true, 17: true})
	for _, dedup := range []bool{true, false} {
		for _, per := range []string{"prompt", "class"} {
			big, _, _ := w.pairs(t, pairs.Params{K: 8, Per: per, Overfetch: 4, Dedup: dedup, Source: "retrieved", MaxBad: 10, MaxBadShare: 1})
			for _, k := range []int{1, 2, 4} {
				small, _, _ := w.pairs(t, pairs.Params{K: k, Per: per, Overfetch: 4, Dedup: dedup, Source: "retrieved", MaxBad: 10, MaxBadShare: 1})
				if len(small) >= len(big) {
					t.Fatalf("k %d has %d pairs, k 8 has %d", k, len(small), len(big))
				}
				for i := range small {
					if small[i].Index != big[i].Index {
						t.Fatalf("dedup %v per %s k %d: pair %d is row %d, at k 8 row %d", dedup, per, k, i, small[i].Index, big[i].Index)
					}
				}
			}
		}
	}
}

func TestDedupRefillsToKDifferentImages(t *testing.T) {
	w := newPairsWorld(t, 300, 3, func(i int) int { return i / 3 }, map[int]bool{9: true})
	list, report, _ := w.pairs(t, pairs.Params{K: 5, Per: "prompt", Overfetch: 8, Dedup: true, Source: "retrieved", MaxBad: 10, MaxBadShare: 1})
	images := map[string]bool{}
	perQuery := map[string]int{}
	for _, p := range list {
		if images[p.SHA256] || p.SHA256 == "" {
			t.Fatalf("image %q of row %d stands twice or is none", p.SHA256, p.Row)
		}
		images[p.SHA256] = true
		for _, f := range p.Found {
			perQuery[f.Class+f.Prompt]++
		}
		if p.Index == 9 {
			t.Error("row 9 does not decode and is a pair")
		}
	}
	for q, n := range perQuery {
		if n != 5 {
			t.Errorf("query %q brought %d images, want 5", q, n)
		}
	}
	if report.Shortfall != 0 || report.Wanted != 6*5 || report.Repeats == 0 {
		t.Errorf("report %+v: want no shortfall of 30 wanted, and repeats passed over", report)
	}
}

func TestTooManyBadImagesNameTheRow(t *testing.T) {
	broken := map[int]bool{}
	for i := range 300 {
		broken[i] = true
	}
	w := newPairsWorld(t, 300, 3, func(i int) int { return i }, broken)
	r := optest.New(t, w.in(), nil)
	err := try(r, "pairs", pairs.Params{K: 2, Per: "prompt", Overfetch: 4, Source: "retrieved", MaxBad: 3})
	if err == nil || !strings.Contains(err.Error(), "4 images do not decode, more than maxBad 3: row ") || !strings.Contains(err.Error(), "00000.tar") {
		t.Errorf("got %v, want the count, the row and the shard", err)
	}
}

func TestControlsGiveAsManyPairs(t *testing.T) {
	w := newPairsWorld(t, 400, 4, func(i int) int { return i }, nil)
	retrieved, _, _ := w.pairs(t, pairs.Params{K: 3, Per: "prompt", Overfetch: 4, Dedup: true, Source: "retrieved"})
	rows := func(list []pairs.Pair) []int64 {
		var out []int64
		for _, p := range list {
			out = append(out, p.Row)
		}
		return out
	}
	for _, control := range []string{"random", "caption-match", "oracle"} {
		p := pairs.Params{K: 3, Per: "prompt", Overfetch: 4, Dedup: true, Source: control, Seed: 5}
		list, report, _ := w.pairs(t, p)
		if report.Shortfall < 0 || report.Shortfall != len(retrieved)-len(list) {
			t.Errorf("%s: %d pairs beside %d retrieved, shortfall %d", control, len(list), len(retrieved), report.Shortfall)
		}
		again, _, _ := w.pairs(t, p)
		if !slices.Equal(rows(list), rows(again)) {
			t.Errorf("%s: the same seed gives other rows", control)
		}
		for _, pair := range list {
			switch {
			case control == "oracle" && pair.Label != pair.Found[0].Class:
				t.Errorf("oracle: row %d of %q stands for %q", pair.Row, pair.Label, pair.Found[0].Class)
			case control == "caption-match" && !strings.Contains(pair.Caption, pair.Found[0].Class):
				t.Errorf("caption-match: %q stands for %q", pair.Caption, pair.Found[0].Class)
			}
		}
	}
	random := pairs.Params{K: 3, Per: "prompt", Overfetch: 4, Dedup: true, Source: "random", Seed: 5}
	seen := map[string]bool{}
	for draw := range 4 {
		random.Draw = draw
		list, _, _ := w.pairs(t, random)
		seen[fmt.Sprint(rows(list))] = true
	}
	if random.Draw, random.Seed = 0, 6; len(seen) != 4 {
		t.Errorf("4 draws of the random control give %d lists of rows", len(seen))
	}
	if list, _, _ := w.pairs(t, random); seen[fmt.Sprint(rows(list))] {
		t.Error("another seed gives the rows of a draw")
	}
	all, _, r := w.pairs(t, pairs.Params{Source: "pool"})
	if len(all) != w.n {
		t.Errorf("pool: %d pairs, want the whole pool of %d", len(all), w.n)
	}
	if len(r.Warnings) != 0 {
		t.Errorf("pool warns of its share: %v", r.Warnings)
	}
}

func TestKOverThePoolIsAnError(t *testing.T) {
	w := newPairsWorld(t, 60, 3, func(i int) int { return i }, nil)
	r := optest.New(t, w.in(), nil)
	err := try(r, "pairs", pairs.Params{K: 61, Per: "prompt", Overfetch: 4, Dedup: true, Source: "retrieved"})
	if err == nil || !strings.Contains(err.Error(), "k 61 is over the pool's 60 readable rows") {
		t.Errorf("got %v, want both numbers", err)
	}
}

func TestALargeShareOfThePoolWarns(t *testing.T) {
	w := newPairsWorld(t, 60, 3, func(i int) int { return i }, nil)
	_, report, r := w.pairs(t, pairs.Params{K: 12, Per: "prompt", Overfetch: 4, Dedup: true, Source: "retrieved"})
	if report.Share <= 0.4 || len(r.Warnings) == 0 || !strings.Contains(r.Warnings[0], "of the pool's rows") {
		t.Errorf("share %.2f gave warnings %v", report.Share, r.Warnings)
	}
}

// TestAControlHoldsAnImageOnce: with dedup the rows of a control are different images, as retrieved
// ones are.
func TestAControlHoldsAnImageOnce(t *testing.T) {
	w := newPairsWorld(t, 60, 2, func(i int) int { return i / 10 }, nil)
	for seed := range int64(10) { // one draw may hold no image twice by luck
		list, _, _ := w.pairs(t, pairs.Params{K: 4, Per: "prompt", Overfetch: 8, Dedup: true, Source: "random", Seed: seed})
		seen := map[string]bool{}
		for _, pair := range list {
			if seen[pair.SHA256] {
				t.Errorf("seed %d: the image of row %d stands twice", seed, pair.Row)
			}
			seen[pair.SHA256] = true
		}
		if len(list) < 3 {
			t.Errorf("seed %d: %d pairs, too few to tell", seed, len(list))
		}
	}
}
