// Package direct calls faiss_Index_search from C, without Go in between. It is the yardstick of a
// benchmark and nothing else: it checks nothing.
package direct

/*
#include <stdlib.h>
#include <time.h>
#include <faiss/c_api/Index_c.h>

// direct_search allocates its answers, as a caller of the C API would, and returns the nanoseconds
// of the whole; negative is failure.
static long long direct_search(void* x, idx_t n, const float* q, idx_t k) {
	struct timespec a, b;
	clock_gettime(CLOCK_MONOTONIC, &a);
	float* scores = malloc(sizeof(float) * n * k);
	idx_t* rows = malloc(sizeof(idx_t) * n * k);
	int rc = faiss_Index_search((FaissIndex*)x, n, q, k, scores, rows);
	free(scores);
	free(rows);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return rc ? -1 : (b.tv_sec - a.tv_sec) * 1000000000LL + (b.tv_nsec - a.tv_nsec);
}
*/
import "C"

import (
	"fmt"
	"time"
	"unsafe"
)

// Search times one search of n queries in C; index is FAISS's handle.
func Search(index unsafe.Pointer, queries []float32, n, k int) (time.Duration, error) {
	ns := C.direct_search(index, C.idx_t(n), (*C.float)(&queries[0]), C.idx_t(k))
	if ns < 0 {
		return 0, fmt.Errorf("faiss_Index_search failed")
	}
	return time.Duration(ns), nil
}
