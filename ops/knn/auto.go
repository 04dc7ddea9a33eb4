package knn

import (
	"fmt"
	"math"
)

// Auto chooses an index for rows vectors of dim numbers within p.MemoryGiB, and says why. The choice depends on nothing else: no clock, no
// machine. The rules follow autofaiss's (indices by size, cells by rows, codes by memory), with two differences: a graph is never chosen, since
// one that is the same on every machine is built by one thread, and where nothing fits it says what would.
func Auto(p Params, rows int64, dim int) (Params, string, error) {
	memory := int64(p.MemoryGiB * (1 << 30))
	if memory <= 0 {
		return p, "", fmt.Errorf("index kind auto: memoryGiB %v", p.MemoryGiB)
	}
	out := Params{Seed: p.Seed}
	flat := rows * int64(dim) * 4
	if rows <= 20_000 && flat <= memory {
		out.Kind = "flat"
		return out, fmt.Sprintf("flat: %d rows are searched exactly in no time", rows), nil
	}
	out.Lists = cells(rows)
	out.Probes = max(1, out.Lists/16)
	out.TrainSize = int(min(rows, int64(max(64*out.Lists, 256*39))))
	if need := rows * int64(dim*4+8); need <= memory {
		out.Kind = "ivf-flat"
		return out, fmt.Sprintf("ivf-flat with %d cells: %d rows whole take %s of %s", out.Lists, rows, gib(need), gib(memory)), nil
	}
	for _, code := range []int{256, 128, 64, 48, 32, 24, 16, 8, 4} {
		if need := rows * int64(code+8); code < dim && need <= memory {
			out.Kind, out.Code = "opq-ivf-pq", code
			return out, fmt.Sprintf("opq-ivf-pq with codes of %d bytes and %d cells: %d rows whole would take %s, in codes they take %s of %s", code, out.Lists, rows, gib(flat), gib(need), gib(memory)), nil
		}
	}
	return out, "", fmt.Errorf("index kind auto: %d rows in codes of 4 bytes take %s, and memoryGiB is %g", rows, gib(rows*12), p.MemoryGiB)
}

// cells is the number of cells for rows: the power of 2 nearest to 4 sqrt(rows) below a million, then autofaiss's steps.
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
