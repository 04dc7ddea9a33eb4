package ops

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	stdimage "image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/data/npy"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/knn"
	"react/ops/pairs"
	"react/ops/pools"
	"react/ops/retrieve"
)

// pairsOf runs pairs on given inputs.
func (w *pairsWorld) pairsOf(t *testing.T, p pairs.Params, in map[string]string) ([]pairs.Pair, pairs.PairsReport) {
	t.Helper()
	_, dir := do(t, "pairs", p, in, nil)
	list, err := pairs.Read(dir)
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
	return list, report
}

// spreadWorld is a pairsWorld whose captions and images point in directions of their own, so that
// T2T and T2I rank differently.
func spreadWorld(t *testing.T, n, classes, depth int) *pairsWorld {
	t.Helper()
	const dim = 16
	w := newPairsWorld(t, n, classes, func(i int) int { return i }, nil)
	all := spreadVectors(2*n, dim)
	sides := [][]float32{all[:n*dim], all[n*dim:]}
	meta := make([]embeddings.Meta, n)
	for i := range meta {
		meta[i] = embeddings.Meta{Key: fmt.Sprintf("%09d", i), Caption: fmt.Sprintf("kind %d", i%classes), URL: fmt.Sprintf("u%d", i), Row: int64(i), Label: fmt.Sprintf("kind %d", i%classes)}
	}
	w.folder = t.TempDir()
	out, err := embeddings.Create(w.folder, dim, embeddings.Options{Image: true, Text: true})
	if err == nil {
		err = errors.Join(out.Append(sides[0], sides[1], meta), out.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	w.hits = w.retrieve(t, "t2t", depth)
	return w
}

// spreadVectors are n random unit vectors.
func spreadVectors(n, dim int) []float32 {
	rng := rand.New(rand.NewPCG(5, 5))
	out := make([]float32, n*dim)
	for i := range out {
		out[i] = float32(rng.NormFloat64())
	}
	for i := 0; i < len(out); i += dim {
		blas.Normalize(out[i : i+dim])
	}
	return out
}

func (w *pairsWorld) retrieve(t *testing.T, by string, depth int) string {
	t.Helper()
	in := map[string]string{"embeddings": w.folder, "queries": w.queries}
	_, dir := do(t, "retrieve", retrieve.Params{By: by, Index: knn.Params{Kind: "exact"}, Depth: depth}, in, nil)
	return dir
}

func (w *pairsWorld) both(t *testing.T, depth int) map[string]string {
	in := w.in()
	in["hits.t2i"] = w.retrieve(t, "t2i", depth)
	return in
}

// scoresOf are the cosines of all rows with a query.
func (w *pairsWorld) scoresOf(t *testing.T, query int) (t2t, t2i []float64) {
	t.Helper()
	folder, err := embeddings.Open(w.folder)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	asked, err := embeddings.Open(w.queries)
	if err != nil {
		t.Fatal(err)
	}
	defer asked.Close()
	q, _ := asked.Text()
	text, _ := folder.Text()
	image, _ := folder.Image()
	u, v := make([]float32, folder.Dim()), make([]float32, folder.Dim())
	if err := q.Row(int64(query), u); err != nil {
		t.Fatal(err)
	}
	for i := range folder.Rows() {
		for side, into := range map[*embeddings.Matrix]*[]float64{text: &t2t, image: &t2i} {
			if err := side.Row(i, v); err != nil {
				t.Fatal(err)
			}
			*into = append(*into, blas.Inner(u, v))
		}
	}
	return t2t, t2i
}

// TestWeightedSumIsTheSumOverThePool: with lists as deep as the pool, the pairs of each query are
// those of a sum over all rows; with shallow lists what cannot be known is counted.
func TestWeightedSumIsTheSumOverThePool(t *testing.T) {
	const n, k = 120, 5
	w := spreadWorld(t, n, 3, n)
	weight := 0.3
	in := w.both(t, n)
	list, report := w.pairsOf(t, pairs.Params{K: k, Per: "prompt", Overfetch: n / k, Dedup: true, Source: "retrieved", Fuse: "sum", Weight: &weight}, in)
	if report.Unproven != 0 || report.Wanted != 6*k {
		t.Errorf("report %+v: want 30 wanted, none unproven", report)
	}
	got := map[int][]int64{} // query → rows by rank
	for _, p := range list {
		for _, f := range p.Found {
			if f.Modality != "sum" {
				continue
			}
			q := slices.IndexFunc(w.asked(t), func(q embed.Query) bool { return q.Class == f.Class && q.Prompt == f.Prompt })
			for len(got[q]) < int(f.Rank) {
				got[q] = append(got[q], -1)
			}
			got[q][f.Rank-1] = p.Index
		}
	}
	for q := range w.asked(t) {
		t2t, t2i := w.scoresOf(t, q)
		want := make([]int64, n)
		for i := range want {
			want[i] = int64(i)
		}
		slices.SortFunc(want, func(a, b int64) int {
			return cmp.Compare(weight*t2t[b]+(1-weight)*t2i[b], weight*t2t[a]+(1-weight)*t2i[a])
		})
		if !slices.Equal(got[q], want[:k]) {
			t.Errorf("query %d: got rows %v, want %v", q, got[q], want[:k])
		}
	}
	_, shallow := w.pairsOf(t, pairs.Params{K: k, Per: "prompt", Overfetch: 1, Dedup: true, Source: "retrieved", Fuse: "sum", Weight: &weight}, in)
	if shallow.Unproven == 0 {
		t.Error("lists of 5 prove every sum")
	}
}

func (w *pairsWorld) asked(t *testing.T) []embed.Query {
	t.Helper()
	rows, err := parquet.ReadFile[embed.Query](filepath.Join(w.queries, embed.QueriesFile))
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestLeastScoresAndBudgets: hits under the least score are left out without a shortfall, and a
// budget is a prefix.
func TestLeastScoresAndBudgets(t *testing.T) {
	w := spreadWorld(t, 200, 4, 60)
	p := pairs.Params{K: 10, Per: "prompt", Overfetch: 4, Dedup: true, Source: "retrieved"}
	all, _ := w.pairsOf(t, p, w.in())
	least := 0.5
	p.MinT2T = &least
	some, report := w.pairsOf(t, p, w.in())
	if len(some) == 0 || len(some) >= len(all) || report.Shortfall != 0 || report.Below == 0 {
		t.Fatalf("%d pairs of %d, %+v", len(some), len(all), report)
	}
	for _, pair := range some {
		for _, f := range pair.Found {
			if f.Score < 0.5 {
				t.Errorf("found with %v", f.Score)
			}
		}
	}
	p.MinT2T, p.Budget = nil, 7
	few, _ := w.pairsOf(t, p, w.in())
	if len(few) != 7 {
		t.Fatalf("%d pairs, the budget is 7", len(few))
	}
	for i := range few {
		if few[i].Index != all[i].Index {
			t.Errorf("pair %d: row %d, without a budget row %d", i, few[i].Index, all[i].Index)
		}
	}
}

// TestNoImageStandsForTwoClasses under each policy; lists are refilled, and the order of the lists
// does not matter.
func TestNoImageStandsForTwoClasses(t *testing.T) {
	w := newPairsWorld(t, 300, 6, func(i int) int { return i / 2 }, nil)
	p := pairs.Params{K: 4, Per: "prompt", Overfetch: 12, Dedup: true, Source: "retrieved"}
	before, kept := w.pairsOf(t, p, w.in())
	if kept.Collision == 0 {
		t.Fatalf("no image is found for two classes among %d: the world is too easy", len(before))
	}
	for _, policy := range []string{"best", "first", "drop"} {
		p.Collisions = policy
		list, report := w.pairsOf(t, p, w.in())
		if report.Collision != 0 || report.Lost == 0 {
			t.Errorf("%s: %d pairs of two classes, %d lost", policy, report.Collision, report.Lost)
		}
		perQuery, full := map[string]int{}, 0
		for _, pair := range list {
			for _, f := range pair.Found {
				perQuery[f.Class+f.Prompt]++
			}
		}
		for _, n := range perQuery {
			if n == p.K {
				full++
			}
		}
		if full+report.Shortfall == 0 || full < len(perQuery)/2 {
			t.Errorf("%s: %d of %d queries have their K, shortfall %d", policy, full, len(perQuery), report.Shortfall)
		}
	}
}

// drawn is a picture of blurred blobs, a function of kind; noise changes a few pixels a little, as
// compression does.
func drawn(t *testing.T, kind int, noise uint64) []byte {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(kind), 77))
	img := stdimage.NewRGBA(stdimage.Rect(0, 0, 48, 48))
	type blob struct{ x, y, r, v float64 }
	blobs := make([]blob, 6)
	for i := range blobs {
		blobs[i] = blob{rng.Float64() * 48, rng.Float64() * 48, 4 + rng.Float64()*12, rng.Float64()*400 - 200}
	}
	jitter := rand.New(rand.NewPCG(noise, 78))
	for y := range 48 {
		for x := range 48 {
			v := 128.0
			for _, b := range blobs {
				v += b.v * math.Exp(-((float64(x)-b.x)*(float64(x)-b.x)+(float64(y)-b.y)*(float64(y)-b.y))/(2*b.r*b.r))
			}
			if noise > 0 {
				v += jitter.Float64()*4 - 2
			}
			g := uint8(min(max(v, 0), 255))
			img.Set(x, y, color.RGBA{g, g, uint8(255 - g), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestNearDuplicatesAreRefilled: with the hash, K images of a query are K pictures, not K files of
// few pictures; a smaller K is a prefix.
func TestNearDuplicatesAreRefilled(t *testing.T) {
	w := drawnWorld(t, 240, 3)
	four := 4
	p := pairs.Params{K: 5, Per: "prompt", Overfetch: 12, Dedup: true, Source: "retrieved", NearHash: &four}
	plain := p
	plain.NearHash = nil
	picture := func(p pairs.Pair) int { return int(p.Index) / 3 }
	repeats := func(list []pairs.Pair) int {
		seen := map[int]bool{}
		n := 0
		for _, pair := range list {
			if seen[picture(pair)] {
				n++
			}
			seen[picture(pair)] = true
		}
		return n
	}
	exact, _ := w.pairsOf(t, plain, w.in())
	list, report := w.pairsOf(t, p, w.in())
	if repeats(exact) == 0 || repeats(list) != 0 || report.Near == 0 || report.Shortfall != 0 {
		t.Fatalf("%d repeats in %d exact pairs, %d in %d near ones; %+v", repeats(exact), len(exact), repeats(list), len(list), report)
	}
	p.K = 2
	small, _ := w.pairsOf(t, p, w.in())
	for i := range small {
		if small[i].Index != list[i].Index {
			t.Errorf("pair %d at k 2 is row %d, at k 5 row %d", i, small[i].Index, list[i].Index)
		}
	}
	p.Source, p.Seed = "random", 4
	if control, _ := w.pairsOf(t, p, w.in()); repeats(control) != 0 || len(control) != len(small) {
		t.Errorf("the control: %d pairs with %d repeats beside %d", len(control), repeats(control), len(small))
	}
}

// drawnWorld has three files of each picture, that differ by noise.
func drawnWorld(t *testing.T, n, classes int) *pairsWorld {
	t.Helper()
	w := newPairsWorld(t, n, classes, func(i int) int { return i }, nil)
	rewriteShard(t, w, func(i int) []byte { return drawn(t, i/3, uint64(i)) })
	return w
}

// plainly is a caption of these worlds, of letters, figures and single spaces, as fingerprints have
// it.
func plainly(caption string) string { return strings.ToLower(strings.TrimRight(caption, "!")) }

// TestLeaksAreDroppedAndRefilled: rows that are a test file, nearly its picture, its embedding or
// its caption are left out of pairs and controls, each noted with its reason, and their places are
// refilled.
func TestLeaksAreDroppedAndRefilled(t *testing.T) {
	w := drawnWorld(t, 240, 3)
	p := pairs.Params{K: 4, Per: "prompt", Overfetch: 12, Dedup: true, Source: "retrieved"}
	without, _ := w.pairsOf(t, p, w.in())
	folder, err := embeddings.Open(w.folder)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	var meta []embeddings.Meta
	if err := pools.EachMeta(t.Context(), folder, func(_ int64, m embeddings.Meta) error { meta = append(meta, m); return nil }); err != nil {
		t.Fatal(err)
	}
	image, _ := folder.Image()
	dim := folder.Dim()
	row := make([]float32, dim)
	far := make([]float32, dim)
	for i := range far {
		far[i] = float32(i%2)*2 - 1
	}
	blas.Normalize(far)
	// four test images, each like one of the pairs in one way
	prints := make([]pairs.Fingerprint, 4)
	vectors := slices.Concat(far, far, far, far)
	for i := range prints {
		prints[i] = pairs.Fingerprint{Key: fmt.Sprint("test", i), SHA256: "none", Hash: int64(0x5555555555555555)}
	}
	probe := &pairs.Fingerprint{}
	if err := probe.Look(drawn(t, int(without[0].Index)/3, uint64(without[0].Index))); err != nil {
		t.Fatal(err)
	}
	prints[0].SHA256 = probe.SHA256
	if err := probe.Look(drawn(t, int(without[1].Index)/3, 1<<40)); err != nil {
		t.Fatal(err)
	}
	prints[1].Hash = probe.Hash
	if err := image.Row(without[2].Index, row); err != nil {
		t.Fatal(err)
	}
	copy(vectors[2*dim:], row)
	prints[3].Texts = []string{plainly(strings.ToUpper(without[3].Caption) + "!")}
	dir := t.TempDir()
	if err := errors.Join(parquet.WriteFile(filepath.Join(dir, "fingerprints.parquet"), prints), npy.Write(filepath.Join(dir, embed.FeaturesFile), []int{4, dim}, vectors, "<f4")); err != nil {
		t.Fatal(err)
	}
	in := w.in()
	in["guard.task"] = dir
	four := 4
	p.LeakHash, p.LeakCosine = &four, 0.99
	for _, control := range []string{"retrieved", "random", "pool"} {
		p.Source = control
		_, out := do(t, "pairs", p, in, nil)
		list, err := pairs.Read(out)
		if err != nil {
			t.Fatal(err)
		}
		passed, err := pairs.ReadPassed(out)
		if err != nil {
			t.Fatal(err)
		}
		reasons := map[string]bool{}
		for _, x := range passed {
			if x.Why != pairs.Leak || !strings.HasPrefix(x.Of, "task: test") {
				t.Errorf("%s: passed %+v", control, x)
			}
			reasons[x.By] = true
		}
		for _, pair := range list {
			if pair.SHA256 == prints[0].SHA256 || plainly(pair.Caption) == prints[3].Texts[0] {
				t.Errorf("%s: row %d is a test image and a pair", control, pair.Index)
			}
		}
		if control == "none" && (len(list) < len(without)/2 || len(reasons) != 4) {
			t.Errorf("%d pairs, %d without a guard; reasons %v, want file, hash, cosine and caption", len(list), len(without), reasons)
		}
		if control == "pool" && len(reasons) != 4 {
			t.Errorf("the whole pool: reasons %v", reasons)
		}
	}
}
