package knn

import (
	"context"
	"strings"
	"testing"
)

// ivfpq is an index with codes.
func ivfpq(lists, code, sample int) Params {
	return Params{Kind: "ivf-pq", NList: lists, NProbe: 1, Code: code, TrainSize: sample}
}

func factory(name string) Params {
	return Params{Kind: "factory", Factory: name, NProbe: 1, EfSearch: 16, TrainSize: 1000}
}

// TestCheck: what FAISS would refuse is said before it is asked, by rows and length where they are
// known.
func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		p          Params
		rows, each int64
		dim        int
		want       string
	}{
		"few rows for codes": {ivfpq(2, 8, 1000), 24, 0, 64, "index kind ivf-pq: codes need 256 rows to train on, and the pool has 24 (another kind)"},
		"few rows for opq": {Params{Kind: "opq-ivf-pq", NList: 2, NProbe: 1, Code: 8, TrainSize: 1000}, 255, 0, 64,
			"index kind opq-ivf-pq: codes need 256 rows"},
		"a small sample":     {ivfpq(2, 8, 100), 5000, 0, 64, "codes need 256 rows to train on, and trainSize is 100"},
		"few rows for lists": {ivfpq(512, 8, 1000), 300, 0, 64, "512 lists need as many rows to train on, and the pool has 300 (fewer lists, or another kind)"},
		"no divisor":         {ivfpq(2, 7, 1000), 5000, 0, 12, "code 7 does not divide the embedding's length 12 (1, 2, 3, 4, 6, 12 do; opq-ivf-pq takes any)"},
		"auto, few rows":     {Params{Kind: "auto", MemoryGiB: 1.2e-6}, 100, 0, 64, "codes need 256 rows"},
		"auto, no memory":    {Params{Kind: "auto", MemoryGiB: 1e-9}, 100, 0, 64, "index kind auto: 100 rows in codes of 4 bytes take"},
		"auto, in shards":    {Params{Kind: "auto", MemoryGiB: 1e-6}, 50_000, 2, 64, ""},
		"rows unknown":       {ivfpq(2, 8, 1000), 0, 0, 64, ""},
		"length unknown":     {ivfpq(2, 7, 1000), 5000, 0, 0, ""},
		"enough":             {ivfpq(2, 8, 1000), 256, 0, 64, ""},
		"factory":            {factory("IVF16,PQ8"), 300, 0, 64, ""},
		"factory, lists":     {factory("IVF512,Flat"), 300, 0, 64, "512 lists need"},
		"factory, codes":     {factory("IVF16,PQ8"), 200, 0, 64, "codes need 256 rows"},
		"factory, few bits":  {factory("IVF16,PQ8x4"), 200, 0, 64, ""},
		"factory, more bits": {factory("PQ8x10"), 300, 0, 64, "codes need 1024 rows"},
		"factory, rotation":  {factory("OPQ8,PQ8x4"), 200, 0, 64, "codes need 256 rows"},
		"factory, divisor":   {factory("PQ7"), 5000, 0, 64, `index kind factory: "PQ7": FAISS makes no such index of vectors of 64: a code needs as many numbers in each of its parts`},
		"factory, nonsense":  {factory("IVF,Falt"), 5000, 0, 64, `"IVF,Falt": FAISS makes no such index of vectors of 64: it does not know the name IVF,Falt`},
		"factory, zero":      {factory("PQ0"), 5000, 0, 64, `"PQ0": a number is 0`},
		"factory, zero bits": {factory("PQ8x0"), 5000, 0, 64, `a number is 0`},
		"factory, no lists":  {factory("IVF0,Flat"), 5000, 0, 64, `a number is 0`},
		"factory, huge code": {factory("PQ8x24"), 5000, 0, 64, `codes of 24 bits (at most 16)`},
		"factory, one link":  {factory("HNSW1"), 5000, 0, 64, "1 links a row (2 to 512)"},
		"factory, overflow":  {factory("IVF99999999999999999999,Flat"), 5000, 0, 64, "lists need as many rows"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.p.Check(c.rows, c.each, c.dim)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			inPlainWords(t, err)
		})
	}
}

// inPlainWords refuses what only a reader of FAISS's source understands.
func inPlainWords(t *testing.T, err error) {
	t.Helper()
	for _, word := range []string{"::", ".cpp", ".h:", "Error in", "failed:", "const ", "idx_t", "faiss"} {
		if err != nil && strings.Contains(err.Error(), word) {
			t.Errorf("%q has C++'s %q", err, word)
		}
	}
}

// TestNoNameCrashes: names of all sorts are built or refused, in plain words, and nothing dies.
func TestNoNameCrashes(t *testing.T) {
	const dim, rows = 12, 300
	vectors := units(1, rows, dim)
	src := memory{vectors: vectors, dim: dim}
	for _, name := range []string{
		"Flat", "PQ4x4np", "PQ5", "PQ4x4fs", "PQ6x5np", "PQ12x8np", "OPQ2_4,PQ2x4np", "OPQ5,PQ5np", "PCA6,Flat", "PCA20,Flat",
		"PCAR6,IVF4,SQ8", "SQ4", "SQ6", "SQfp16", "SQ5", "IVF4,Flat", "IVF4_HNSW8,Flat", "IVF400,Flat", "IVF,Flat",
		"HNSW8", "HNSW4,PQ4x4np", "HNSW4,SQ8", "NSG8", "LSH", "LSHrt", "RQ2x4", "PQ4x4np,RFlat", "PQ4x4np,Refine(SQ8)",
		"IDMap,Flat", "L2norm,Flat", "RR8,Flat", "ITQ8,LSH", "Pad16,Flat", "IMI2x2,Flat", "ZnLattice3x2_4", "Flat,Flat", ",", "x", "(", "IVF4,",
		"IVF2x3,Flat", "PQ4xx8", "PQ-4", "IVF4,PQ4+4", "IVF4,PQ4x4fsr", "Residual4x2,PQ4x4np", "RCQ2x4,Flat", "SH4", "Cone3",
	} {
		x, err := Build(context.Background(), src, factory(name), nil)
		if err == nil {
			_, err = x.Search(context.Background(), vectors[:dim], 3)
			x.Close()
		}
		inPlainWords(t, err)
		t.Logf("%s: %v", name, err)
	}
}
