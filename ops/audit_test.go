package ops

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/data/npy"
	"react/ops/audit"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/knn"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/pools"
	"react/ops/retrieve"
)

// auditOf audits a pairs stage of a world, with fingerprints of no pool image unless they are
// given.
func auditOf(t *testing.T, w *pairsWorld, in map[string]string, list string, depth int) (audit.Audit, string) {
	t.Helper()
	four := 4
	in["pairs"] = list
	if in["fingerprint"] == "" {
		dir := t.TempDir()
		row := make([]float32, 16)
		row[0] = 1
		if err := errors.Join(parquet.WriteFile(filepath.Join(dir, "fingerprints.parquet"), []pairs.Fingerprint{{Key: "a", SHA256: "none", Hash: 0x5555}}),
			npy.Write(filepath.Join(dir, embed.FeaturesFile), []int{1, 16}, row, "<f4")); err != nil {
			t.Fatal(err)
		}
		in["fingerprint"] = dir
	}
	classes := ""
	for _, name := range retrieve.ClassNames(w.asked(t)) {
		classes += name + "\n"
	}
	_, dir := do(t, "audit", audit.Params{Depth: depth, LeakHash: &four, LeakCosine: 0.9999}, in, map[string]op.Files{"classes": classesFile(t, "classes", "c.txt", classes)})
	a, err := audit.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	return a, dir
}

// TestAuditCounts: what it says of the pairs is what they are.
func TestAuditCounts(t *testing.T) {
	w := spreadWorld(t, 120, 6, 24)
	_, dir := do(t, "pairs", pairs.Params{K: 6, Per: "prompt", Overfetch: 4, Dedup: true, Source: "retrieved"}, w.in(), nil)
	list, err := pairs.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	a, out := auditOf(t, w, w.in(), dir, 24)
	var overlap, named int
	of := map[string]int{}
	shared := 0
	for _, p := range list {
		classes := map[string]bool{}
		for _, f := range p.Found {
			classes[f.Class] = true
		}
		if len(classes) > 1 {
			overlap++
		}
		shared += len(classes) * (len(classes) - 1) / 2
		byName := false
		for c := range classes {
			of[c]++
			byName = byName || strings.Contains(p.Caption+" ", c+" ")
		}
		if byName {
			named++
		}
	}
	n := float64(len(list))
	if a.Pairs != len(list) || math.Abs(a.Overlap-float64(overlap)/n) > 1e-9 || math.Abs(a.NameRate-float64(named)/n) > 1e-9 || named == 0 || overlap == 0 {
		t.Errorf("got %d pairs, overlap %v, names %v; want %d, %v, %v", a.Pairs, a.Overlap, a.NameRate, len(list), float64(overlap)/n, float64(named)/n)
	}
	for _, c := range a.Classes {
		if c.Pairs != of[c.Class] {
			t.Errorf("class %s: %d pairs, want %d", c.Class, c.Pairs, of[c.Class])
		}
	}
	for _, s := range a.Shared {
		shared -= s.Pairs
	}
	if shared != 0 {
		t.Errorf("the overlap matrix lacks %d", shared)
	}
	if s := a.Scores["t2t"]; s.Least > s.Q25 || s.Q25 > s.Median || s.Median > s.Q75 || s.Q75 > s.Most || s.Most > 1.001 {
		t.Errorf("scores %+v", s)
	}
	if len(a.Recall) != 1 || a.Recall[0].Recall != 1 || a.Recall[0].By != "t2t" || a.Leaks["any"] != 0 || a.Dead != 0 {
		t.Errorf("recall of a flat index %+v, leaks %v, dead %v", a.Recall, a.Leaks, a.Dead)
	}
	checkRows(t, out, []string{"unique", "shortfall", "class-least", "class-median", "overlap", "name-rate", "precision", "leaks", "leaks-hash", "t2t-recall", "t2t-recall-worst", "t2t-score"})
}

// TestAuditSeesWhatAnIndexMisses: the recall is that of the curve at the same probes.
func TestAuditSeesWhatAnIndexMisses(t *testing.T) {
	w := spreadWorld(t, 300, 3, 20)
	x := knn.Params{Kind: "ivf-flat", NList: 12, NProbe: 1, TrainSize: 300}
	curve, in, err := indexCurveOf(t, w, retrieve.TuneIndexParams{By: "t2t", Index: x, K: 20})
	if err != nil {
		t.Fatal(err)
	}
	delete(in, "tuned")
	_, hits := do(t, "retrieve", retrieve.Params{By: "t2t", Index: x, Depth: 20}, in, nil)
	w.hits = hits
	_, pairs := do(t, "pairs", pairs.Params{K: 5, Per: "prompt", Overfetch: 4, Dedup: true, Source: "retrieved"}, w.in(), nil)
	a, _ := auditOf(t, w, w.in(), pairs, 20)
	if r := a.Recall[0].Recall; r >= 1 || math.Abs(r-curve.Points[0].Recall) > 1e-9 {
		t.Errorf("recall %v, on the curve %v with one probe", r, curve.Points[0].Recall)
	}
}

// TestAuditFindsTestImagesAmongPairs although no guard looked.
func TestAuditFindsTestImagesAmongPairs(t *testing.T) {
	w := drawnWorld(t, 120, 3)
	_, dir := do(t, "pairs", pairs.Params{K: 3, Per: "prompt", Overfetch: 8, Dedup: true, Source: "retrieved"}, w.in(), nil)
	list, err := pairs.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	of := pairs.Fingerprint{Key: "a"}
	if err := of.Look(drawn(t, int(list[0].Index)/3, uint64(list[0].Index))); err != nil {
		t.Fatal(err)
	}
	set := t.TempDir()
	row := make([]float32, 16)
	row[0] = 1
	if err := errors.Join(parquet.WriteFile(filepath.Join(set, "fingerprints.parquet"), []pairs.Fingerprint{of}), npy.Write(filepath.Join(set, embed.FeaturesFile), []int{1, 16}, row, "<f4")); err != nil {
		t.Fatal(err)
	}
	in := w.in()
	in["fingerprint"] = set
	a, out := auditOf(t, w, in, dir, 24)
	if a.Leaks["file"] != 1 || a.Leaks["hash"] < 1 || a.Leaks["any"] < 1 {
		t.Errorf("leaks %v, want the file and its hash", a.Leaks)
	}
	leaks, err := pairs.ReadPassed(out)
	if err != nil || len(leaks) != a.Leaks["file"]+a.Leaks["hash"]+a.Leaks["caption"]+a.Leaks["cosine"] || !slices.ContainsFunc(leaks, func(p pairs.Passed) bool { return p.Index == list[0].Index && p.Why == pairs.Leak && p.By == "file" }) {
		t.Errorf("the leaks by name are %+v, %v", leaks, err)
	}
}

// TestFingerprint of a world's set: every image once, with what a pool is searched for.
func TestFingerprint(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	_, dir := do(t, "fingerprint", pairs.FingerprintParams{Set: "task"}, map[string]string{"checkpoint": base, "dataset": pool}, nil)
	prints, vectors, err := pairs.ReadFingerprints(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(prints) != 12 || len(vectors) != 12*32 {
		t.Fatalf("%d images, %d values; want 4 classes of 3, of 32", len(prints), len(vectors))
	}
	for i, p := range prints {
		if len(p.SHA256) != 64 || p.Hash == 0 || p.Key == "" || math.Abs(blas.Inner(vectors[i*32:(i+1)*32], vectors[i*32:(i+1)*32])-1) > 1e-4 {
			t.Errorf("image %d: %+v", i, p)
		}
	}
}

// TestEmbeddingsOfAnotherEncoderAreRefused: a folder is taken if this checkpoint made it, in the
// order of its metadata; else the error says what differs.
func TestEmbeddingsOfAnotherEncoderAreRefused(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	params := small.Pretrain(t)
	_, base := do(t, "pretrain", params, map[string]string{"pool": pool}, nil)
	params.Seed = 9
	_, stranger := do(t, "pretrain", params, map[string]string{"pool": pool}, nil)
	_, folder := do(t, "embed", embed.Params{}, map[string]string{"checkpoint": base, "pool": pool}, nil)
	check := func(checkpoint, folder string) (*optest.Run, error) {
		r := optest.New(t, map[string]string{"checkpoint": checkpoint, "embeddings": folder, "pool": pool}, nil)
		return r, try(r, "check-encoder", embed.CheckEncoderParams{})
	}
	r, err := check(base, folder)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Facts["encoder"].(embed.EncoderCheck); got.Captions != 64 || got.Images != 64 || got.Text < 0.999 || got.Image < 0.999 {
		t.Errorf("of its own: %+v", got)
	}
	if _, err := check(stranger, folder); err == nil || !strings.Contains(err.Error(), "64 captions embedded again have a median cosine of") || !strings.Contains(err.Error(), folder) {
		t.Errorf("another checkpoint: got %v", err)
	}
	for side, want := range map[string]string{"text": "captions embedded again", "image": "images embedded again"} {
		if _, err := check(base, turned(t, folder, side)); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "another order") {
			t.Errorf("%s rows in another order: got %v", side, err)
		}
	}
}

// turned copies a folder with one side's rows moved by one.
func turned(t *testing.T, dir, side string) string {
	t.Helper()
	folder, err := embeddings.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	read := func(m *embeddings.Matrix, err error) []float32 {
		if err != nil {
			t.Fatal(err)
		}
		v := make([]float32, int(folder.Rows())*folder.Dim())
		if err := m.Block(0, int(folder.Rows()), v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	sides := map[string][]float32{"text": read(folder.Text()), "image": read(folder.Image())}
	v := sides[side]
	sides[side] = slices.Concat(v[len(v)-folder.Dim():], v[:len(v)-folder.Dim()])
	var meta []embeddings.Meta
	if err := pools.EachMeta(t.Context(), folder, func(_ int64, m embeddings.Meta) error { meta = append(meta, m); return nil }); err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	w, err := embeddings.Create(out, folder.Dim(), embeddings.Options{Image: true, Text: true})
	if err == nil {
		err = errors.Join(w.Append(sides["image"], sides["text"], meta), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTheSimilarityColumnGuardsTheOrder of images where there are no shards to embed them again.
func TestTheSimilarityColumnGuardsTheOrder(t *testing.T) {
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	_, made := do(t, "embed", embed.Params{}, map[string]string{"checkpoint": base, "pool": pool}, nil)
	// its images are random: those of an untrained model are all alike
	folder := withSimilarity(t, made)
	check := func(folder string) error {
		return try(optest.New(t, map[string]string{"checkpoint": base, "embeddings": folder}, nil), "check-encoder", embed.CheckEncoderParams{})
	}
	if err := check(folder); err != nil {
		t.Errorf("in order: %v", err)
	}
	if err := check(turned(t, folder, "image")); err == nil || !strings.Contains(err.Error(), "have a correlation of") {
		t.Errorf("images in another order: got %v", err)
	}

	// Without text_emb the checkpoint embeds the captions.
	params := small.Pretrain(t)
	params.Seed = 9
	_, stranger := do(t, "pretrain", params, map[string]string{"pool": pool}, nil)
	alone := func(folder string) string {
		if err := os.RemoveAll(filepath.Join(folder, "text_emb")); err != nil {
			t.Fatal(err)
		}
		return folder
	}
	turned := alone(turned(t, folder, "image"))
	images := alone(folder)
	if err := check(images); err != nil {
		t.Errorf("images alone: %v", err)
	}
	if err := check(turned); err == nil || !strings.Contains(err.Error(), "have a correlation of") {
		t.Errorf("images alone in another order: got %v", err)
	}
	base = stranger
	if err := check(images); err == nil || !strings.Contains(err.Error(), "have a correlation of") {
		t.Errorf("images alone with another checkpoint: got %v", err)
	}
}

// withSimilarity copies a folder with random images and the cosines of its rows as similarity.
func withSimilarity(t *testing.T, dir string) string {
	t.Helper()
	folder, err := embeddings.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	text, _ := folder.Text()
	n, dim := int(folder.Rows()), folder.Dim()
	u, v := spreadVectors(n, dim), make([]float32, n*dim)
	if err := text.Block(0, n, v); err != nil {
		t.Fatal(err)
	}
	var meta []embeddings.Meta
	err = pools.EachMeta(t.Context(), folder, func(i int64, m embeddings.Meta) error {
		m.Similarity = blas.Inner(u[int(i)*dim:int(i+1)*dim], v[int(i)*dim:int(i+1)*dim])
		meta = append(meta, m)
		return nil
	})
	out := t.TempDir()
	w, createErr := embeddings.Create(out, dim, embeddings.Options{Image: true, Text: true})
	if err = errors.Join(err, createErr); err == nil {
		err = errors.Join(w.Append(u, v, meta), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}
