package ops

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/ops/clip"
	"react/ops/internal/optest"
	"react/ops/knn"
	"react/ops/modality"
	"react/ops/op"
	"react/ops/retrieve"
)

// TestIndexInShardsFindsTheSame: an index in shards gives retrieve and tune-index what one index of
// all rows gives.
func TestIndexInShardsFindsTheSame(t *testing.T) {
	w := newPairsWorld(t, 300, 3, func(i int) int { return i }, nil)
	for name, x := range map[string]knn.Params{"flat": {Kind: "flat"}, "ivf-flat": {Kind: "ivf-flat", NList: 12, NProbe: 4, TrainSize: 300}, "auto": {Kind: "auto", MemoryGiB: 1}} {
		in := map[string]string{"embeddings": w.folder, "queries": w.queries}
		hits, curves := map[int64][]retrieve.Hit{}, map[int64]retrieve.IndexCurve{}
		for _, each := range []int64{0, 70} {
			var run *optest.Run
			run, in["index"] = do(t, "index", retrieve.IndexParams{Side: "text", Params: x, ShardRows: each}, in, nil)
			if each > 0 && (run.Facts["shards"] != 5 || run.Facts["rows"] != int64(300)) {
				t.Errorf("%s: facts %v, want 5 shards of 300 rows", name, run.Facts)
			}
			_, dir := do(t, "retrieve", retrieve.Params{By: "t2t", Index: x, Depth: 20}, in, nil)
			var err error
			if hits[each], err = parquet.ReadFile[retrieve.Hit](filepath.Join(dir, retrieve.HitsFile)); err != nil {
				t.Fatal(err)
			}
			if name == "flat" {
				continue
			}
			_, dir = do(t, "tune-index", retrieve.TuneIndexParams{By: "t2t", Index: x, K: 20}, in, nil)
			if curves[each], err = retrieve.ReadIndexCurve(dir); err != nil {
				t.Fatal(err)
			}
		}
		if len(hits[0]) == 0 || !slices.Equal(hits[0], hits[70]) {
			t.Errorf("%s: the shards find other hits than one index", name)
		}
		for i, p := range curves[0].Points {
			if got := curves[70].Points[i]; got.Recall != p.Recall || got.Worst != p.Worst {
				t.Errorf("%s: %s %d: recall %v in shards, %v in one index", name, curves[0].Param, p.Value, got, p)
			}
		}
	}
}

// TestStoppedIndexGoesOn stops the building of shards: the next attempt builds what is missing, and
// the output is that of an unbroken run.
func TestStoppedIndexGoesOn(t *testing.T) {
	w := newPairsWorld(t, 300, 3, func(i int) int { return i }, nil)
	p := retrieve.IndexParams{Side: "text", Params: knn.Params{Kind: "ivf-flat", NList: 12, NProbe: 4, TrainSize: 300}, ShardRows: 70}
	in := map[string]string{"embeddings": w.folder}
	_, whole := do(t, "index", p, in, nil)
	want := optest.Contents(t, whole)
	if len(want) != 11 { // five shards with what stands beside them, and the list
		t.Errorf("left %d files", len(want))
	}
	partial := filepath.Join(t.TempDir(), "partial")
	ctx, cancel := context.WithCancel(t.Context())
	r := optest.New(t, in, nil)
	r.Partial, r.Progress = partial, func(p op.Progress) {
		if p.Done > 140 {
			cancel()
		}
	}
	raw, err := op.Canonical(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := All["index"].Run(ctx, &r.Run, raw); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	again := optest.New(t, in, nil)
	again.Partial = partial
	if err := try(again, "index", p); err != nil {
		t.Fatal(err)
	}
	if again.Facts["resumedShards"] != 3 {
		t.Errorf("resumed %v shards, want 3", again.Facts["resumedShards"])
	}
	if err := os.RemoveAll(partial); err != nil { // as the store does
		t.Fatal(err)
	}
	optest.SameFiles(t, optest.Contents(t, again.Dir), want)
}

// TestSearchMemoryIsOfOneShard: estimates follow what is in memory at a time.
func TestSearchMemoryIsOfOneShard(t *testing.T) {
	var model clip.Config
	model.Model.EmbedDim = 512
	const rows, vector = 10_000_000, 512 * 4
	for _, c := range []struct {
		op     string
		params any
		shard  int64
		want   int64
	}{
		{"index", retrieve.IndexParams{Params: knn.Params{Kind: "flat"}}, 0, 2 * rows * vector},
		{"index", retrieve.IndexParams{Params: knn.Params{Kind: "flat"}, ShardRows: 100_000}, 0, 2 * 100_000 * vector},
		{"index", retrieve.IndexParams{Params: knn.Params{Kind: "ivf-pq", NList: 1024, TrainSize: 65536, Code: 32}}, 0, 2*(rows*40+1024*vector) + 65536*vector},
		{"retrieve", retrieve.Params{By: "t2t", Index: knn.Params{Kind: "exact"}}, 0, 0},
		{"retrieve", retrieve.Params{By: modality.TextMatch}, 0, -clip.ProcessBytes},
		{"retrieve", retrieve.Params{By: "t2t", Index: knn.Params{Kind: "flat"}}, 0, rows * vector},
		{"retrieve", retrieve.Params{By: "t2t", Index: knn.Params{Kind: "flat"}}, 100_000, 100_000 * vector},
		{"retrieve", retrieve.Params{By: "t2t", Index: knn.Params{Kind: "ivf-flat", NList: 1024}}, 0, 1024*vector + 1<<30},
		{"tune-index", retrieve.TuneIndexParams{By: "t2t", Index: knn.Params{Kind: "auto", MemoryGiB: 1}}, 400_000, 400_000*(vector+8) + 65536*vector},
	} {
		raw, err := op.Canonical(c.params)
		if err != nil {
			t.Fatal(err)
		}
		m, err := All[c.op].Memory(raw, op.Place{Known: op.Known{Model: &model, Rows: func() int { return rows }}, ShardRows: c.shard})
		if got := m.Host - clip.ProcessBytes; err != nil || got != c.want {
			t.Errorf("%s %s in shards of %d: %d bytes, %v, want %d", c.op, raw, c.shard, got, err, c.want)
		}
	}
}
