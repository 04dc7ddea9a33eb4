package knn

import (
	"fmt"
	"math"
)

// Auto chooses an index for rows vectors of dim numbers within p.MemoryGiB, and says why. The
// choice depends on nothing else: no clock, no machine. The rules follow autofaiss's (indices by
// size, cells by rows, codes by memory), with two differences: a graph is never chosen, since one
// that is the same on every machine is built by one thread, and where nothing fits it says what
// would. With shards of each rows (0 is none) one of them is to fit.
func Auto(p Params, rows, each int64, dim int) (Params, string, error) {
	memory := int64(p.MemoryGiB * (1 << 30))
	if memory <= 0 {
		return p, "", fmt.Errorf("index kind auto: memoryGiB %v", p.MemoryGiB)
	}
	out := Params{Seed: p.Seed}
	held, what := rows, fmt.Sprintf("%d rows", rows)
	if each > 0 && each < rows {
		held, what = each, fmt.Sprintf("%d of %d rows, a shard,", each, rows)
	}
	flat := held * int64(dim) * 4
	if rows <= 20_000 && flat <= memory {
		out.Kind = "flat"
		return out, fmt.Sprintf("flat: %d rows are searched exactly in no time", rows), nil
	}
	out.NList = cells(rows)
	out.NProbe = max(1, out.NList/16)
	out.TrainSize = int(min(rows, int64(max(64*out.NList, 256*39))))
	if need := held * int64(dim*4+8); need <= memory {
		out.Kind = "ivf-flat"
		return out, fmt.Sprintf("ivf-flat with %d cells: %s whole take %s of %s", out.NList, what, gib(need), gib(memory)), nil
	}
	fits := memory / int64(dim*4+8)
	for _, code := range []int{256, 128, 64, 48, 32, 24, 16, 8, 4} {
		if need := held * int64(code+8); code < dim && need <= memory {
			out.Kind, out.Code = "opq-ivf-pq", code
			return out, fmt.Sprintf("opq-ivf-pq with codes of %d bytes and %d cells: %s whole would take %s, in codes they take %s of %s (shardRows: %d would keep them whole, a shard at a time)",
				code, out.NList, what, gib(flat), gib(need), gib(memory), fits), nil
		}
	}
	return out, "", fmt.Errorf("index kind auto: %s in codes of 4 bytes take %s, and memoryGiB is %g (shards: index.shardRows up to %d)", what, gib(held*12), p.MemoryGiB, memory/12)
}

// Bytes is about what an index of so many rows takes in memory.
func (p Params) Bytes(rows int64, dim int) int64 {
	each := int64(dim) * 4
	switch {
	case p.Kind == "hnsw":
		// links of the lowest level, and about as much for offsets, locks and upper levels
		each += int64(p.M) * 2 * 4 * 2
	case p.Code > 0:
		each = int64(p.Code) + 8 // and the row's number
	case p.Kind != "flat":
		each += 8
	}
	return rows*each + int64(p.NList)*int64(dim)*4
}

// cells is the number of cells for rows: the power of 2 nearest to 4 sqrt(rows) below a million,
// then autofaiss's steps.
func cells(rows int64) int {
	switch {
	case rows < 1_000_000:
		return 1 << int(math.Round(math.Log2(4*math.Sqrt(float64(rows)))))
	case rows < 10_000_000:
		return 1 << 14
	case rows < 300_000_000:
		return 1 << 16
	}
	return 1 << 17
}

func gib(bytes int64) string { return fmt.Sprintf("%.3g GiB", float64(bytes)/(1<<30)) }

// Resident is Bytes less the lists that a search would map.
func (p Params) Resident(rows int64, dim int) int64 {
	size, cells := p.Bytes(rows, dim), int64(p.NList)*int64(dim)*4
	if p.isIVF() && size >= mapFrom {
		return cells + mapFrom
	}
	return size
}
