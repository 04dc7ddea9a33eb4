package knn

/*
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <faiss/c_api/Index_c.h>
#include <faiss/c_api/IndexShards_c.h>
#include <faiss/c_api/error_c.h>
#include <faiss/c_api/index_io_c.h>

int omp_get_max_threads(void);
void omp_set_num_threads(int);
char* openblas_get_corename(void);
int openblas_get_num_threads(void);

enum { knn_text = 512 };

// knn_fail copies FAISS's message where it is safe from other calls on this thread.
static int knn_fail(char* text) {
	const char* last = faiss_get_last_error();
	snprintf(text, knn_text, "%s", last ? last : "unknown error");
	return -1;
}

// knn_add_one_thread adds with one OpenMP thread. The setting belongs to the calling thread and is
// put back.
static int knn_add_one_thread(FaissIndex* x, idx_t n, const float* v, char* text) {
	int threads = omp_get_max_threads();
	omp_set_num_threads(1);
	int rc = faiss_Index_add(x, n, v);
	if (rc) rc = knn_fail(text);
	omp_set_num_threads(threads);
	return rc;
}

// knn_write writes the index and reports what FAISS's own writer only prints: that the last bytes
// did not reach the disk.
static int knn_write(const FaissIndex* x, const char* name, char* text) {
	FILE* f = fopen(name, "wb");
	if (!f) {
		snprintf(text, knn_text, "%s", strerror(errno));
		return -1;
	}
	int rc = faiss_write_index(x, f);
	if (rc) rc = knn_fail(text);
	if (!rc && (fflush(f) || fsync(fileno(f)))) {
		snprintf(text, knn_text, "%s", strerror(errno));
		rc = -1;
	}
	if (fclose(f) && !rc) {
		snprintf(text, knn_text, "%s", strerror(errno));
		rc = -1;
	}
	return rc;
}

static int knn_search(const FaissIndex* x, idx_t n, const float* queries, idx_t k, float* scores, idx_t* rows, char* text) {
	return faiss_Index_search(x, n, queries, k, scores, rows) ? knn_fail(text) : 0;
}

static int knn_shards_new(FaissIndex** out, int dim, char* text) {
	FaissIndexShards* x = NULL;
	if (faiss_IndexShards_new(&x, dim)) return knn_fail(text);
	*out = (FaissIndex*)x;
	return 0;
}

static int knn_shards_add(FaissIndex* x, FaissIndex* shard, char* text) {
	return faiss_IndexShards_add_shard((FaissIndexShards*)x, shard) ? knn_fail(text) : 0;
}
*/
import "C"

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	faiss "github.com/DataIntelligenceCrew/go-faiss"
)

// What go-faiss does not wrap, or not as it is wanted here.

// pointer is FAISS's own handle. go-faiss hides it: an IndexImpl embeds an interface that holds a
// pointer to a struct with the handle as its only field. A test notices if that changes.
func pointer(x *faiss.IndexImpl) *C.FaissIndex {
	type iface struct{ table, data unsafe.Pointer }
	inner := (*iface)(unsafe.Pointer(&x.Index)).data
	return *(**C.FaissIndex)(inner)
}

// addOneThread is Add with one thread, whatever OMP_NUM_THREADS says.
func addOneThread(x *faiss.IndexImpl, block []float32, dim int) error {
	text := make([]byte, C.knn_text)
	rc := C.knn_add_one_thread(pointer(x), C.idx_t(len(block)/dim), (*C.float)(&block[0]), (*C.char)(unsafe.Pointer(&text[0])))
	runtime.KeepAlive(x)
	return result(rc, text)
}

// write stores the index in a file and returns when it is on the disk.
func write(x *faiss.IndexImpl, name string) error {
	cname := C.CString(name)
	defer C.free(unsafe.Pointer(cname))
	text := make([]byte, C.knn_text)
	rc := C.knn_write(pointer(x), cname, (*C.char)(unsafe.Pointer(&text[0])))
	runtime.KeepAlive(x)
	return result(rc, text)
}

// searchFAISS asks an index for the k best rows of each query. Queries are split evenly, so that no
// rest is small enough for FAISS's other path.
func searchFAISS(ctx context.Context, x *C.FaissIndex, dim int, queries []float32, k int) (Hits, error) {
	n, err := countQueries(queries, dim, k)
	if err != nil {
		return Hits{}, err
	}
	hits := Hits{K: k, Rows: make([]int64, n*k), Scores: make([]float32, n*k)}
	text := make([]byte, C.knn_text)
	chunks := (n + searchChunk - 1) / searchChunk
	for i := range chunks {
		if err := ctx.Err(); err != nil {
			return Hits{}, err
		}
		from, to := i*n/chunks, (i+1)*n/chunks
		rc := C.knn_search(x, C.idx_t(to-from), (*C.float)(&queries[from*dim]), C.idx_t(k), (*C.float)(&hits.Scores[from*k]),
			(*C.idx_t)(unsafe.Pointer(&hits.Rows[from*k])), (*C.char)(unsafe.Pointer(&text[0])))
		if err := result(rc, text); err != nil {
			return Hits{}, fmt.Errorf("search: %w", err)
		}
	}
	return hits, nil
}

// joined searches several indexes as one whose rows go on through all of them. They stay open while
// it is used, and are not its own.
type joined struct{ index *C.FaissIndex }

func join(shards []*Index) (*joined, error) {
	j, text := &joined{}, make([]byte, C.knn_text)
	if err := result(C.knn_shards_new(&j.index, C.int(shards[0].dim), (*C.char)(unsafe.Pointer(&text[0]))), text); err != nil {
		return nil, err
	}
	for i, x := range shards {
		if err := result(C.knn_shards_add(j.index, pointer(x.faiss), (*C.char)(unsafe.Pointer(&text[0]))), text); err != nil {
			j.free()
			return nil, fmt.Errorf("shard %d: %w", i, err)
		}
	}
	return j, nil
}

func (j *joined) free() { C.faiss_Index_free(j.index) }

func result(rc C.int, text []byte) error {
	if rc == 0 {
		return nil
	}
	return plain(errors.New(C.GoString((*C.char)(unsafe.Pointer(&text[0])))))
}

// Describe names what computes, for `runner version` and records: "faiss 1.7.3, OpenBLAS Haswell, 2
// threads".
func Describe() string {
	return fmt.Sprintf("faiss 1.7.3, OpenBLAS %s, %d threads", blasCore(), int(C.omp_get_max_threads()))
}

// blasCore is the processor whose kernels OpenBLAS chose at the start.
func blasCore() string { return C.GoString(C.openblas_get_corename()) }
