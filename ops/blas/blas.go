// Package blas multiplies matrices outside of any graph, for scores of cached features and for
// probes trained on them: OpenBLAS's sgemm, from the same static library that FAISS is linked with.
// Graphs of models are ops/clip's.
//
// Matrices are row-major slices. The products of one call run on as many threads as OpenBLAS takes
// (OMP_NUM_THREADS), and a call is deterministic for that number.
package blas

/*
#cgo LDFLAGS: -lm
extern void cblas_sgemm(int order, int transA, int transB, int m, int n, int k, float alpha, const float *a, int lda, const float *b, int ldb,
	float beta, float *c, int ldc);
extern void cblas_dgemm(int order, int transA, int transB, int m, int n, int k, double alpha, const double *a, int lda, const double *b, int ldb,
	double beta, double *c, int ldc);
*/
import "C"

import (
	"fmt"
	"react/data/caught"
	"runtime"
)

// CBLAS's codes.
const (
	rowMajor = 101
	plain    = 111
	turned   = 112
)

// Matrix is a view of Rows × Cols values, row-major.
type Matrix struct {
	Rows, Cols int
	Values     []float32
}

// New is a matrix of zeros.
func New(rows, cols int) Matrix {
	return Matrix{Rows: rows, Cols: cols, Values: make([]float32, rows*cols)}
}

// Row is the values of row i.
func (m Matrix) Row(i int) []float32 { return m.Values[i*m.Cols : (i+1)*m.Cols] }

// Slice is the rows from start to end, of the same memory.
func (m Matrix) Slice(start, end int) Matrix {
	return Matrix{Rows: end - start, Cols: m.Cols, Values: m.Values[start*m.Cols : end*m.Cols]}
}

func (m Matrix) check() {
	if len(m.Values) != m.Rows*m.Cols || m.Rows < 1 || m.Cols < 1 {
		panic(fmt.Sprintf("blas: matrix of %d x %d with %d values", m.Rows, m.Cols, len(m.Values)))
	}
}

// Times sets c to alpha·a·bᵀ + beta·c, where b's rows are as long as a's: scores of a's rows
// against b's.
func Times(c Matrix, alpha float32, a, b Matrix, beta float32) {
	if a.Cols != b.Cols || c.Rows != a.Rows || c.Cols != b.Rows {
		panic(fmt.Sprintf("blas: %dx%d = %dx%d times %dx%d turned", c.Rows, c.Cols, a.Rows, a.Cols, b.Rows, b.Cols))
	}
	gemm(c, alpha, a, plain, b, turned, a.Cols, beta)
}

// Gradient sets c to alpha·aᵀ·b + beta·c, where a and b have as many rows: a sum over rows of outer
// products.
func Gradient(c Matrix, alpha float32, a, b Matrix, beta float32) {
	if a.Rows != b.Rows || c.Rows != a.Cols || c.Cols != b.Cols {
		panic(fmt.Sprintf("blas: %dx%d = %dx%d turned times %dx%d", c.Rows, c.Cols, a.Rows, a.Cols, b.Rows, b.Cols))
	}
	gemm(c, alpha, a, turned, b, plain, a.Rows, beta)
}

// Wide is a Matrix in double precision, for what is minimised to its end: a line search needs
// differences of sums.
type Wide struct {
	Rows, Cols int
	Values     []float64
}

// NewWide is a matrix of zeros.
func NewWide(rows, cols int) Wide {
	return Wide{Rows: rows, Cols: cols, Values: make([]float64, rows*cols)}
}

// Row is the values of row i.
func (m Wide) Row(i int) []float64 { return m.Values[i*m.Cols : (i+1)*m.Cols] }

// Slice is the rows from start to end, of the same memory.
func (m Wide) Slice(start, end int) Wide {
	return Wide{Rows: end - start, Cols: m.Cols, Values: m.Values[start*m.Cols : end*m.Cols]}
}

// WideTimes sets c to a·bᵀ.
func WideTimes(c, a, b Wide) {
	if a.Cols != b.Cols || c.Rows != a.Rows || c.Cols != b.Rows {
		panic(fmt.Sprintf("blas: %dx%d = %dx%d times %dx%d turned", c.Rows, c.Cols, a.Rows, a.Cols, b.Rows, b.Cols))
	}
	wide(c, a, plain, b, turned, a.Cols, 0)
}

// WideGradient sets c to aᵀ·b + beta·c.
func WideGradient(c, a, b Wide, beta float64) {
	if a.Rows != b.Rows || c.Rows != a.Cols || c.Cols != b.Cols {
		panic(fmt.Sprintf("blas: %dx%d = %dx%d turned times %dx%d", c.Rows, c.Cols, a.Rows, a.Cols, b.Rows, b.Cols))
	}
	wide(c, a, turned, b, plain, a.Rows, beta)
}

func wide(c, a Wide, turnA C.int, b Wide, turnB C.int, k int, beta float64) {
	for _, m := range []Wide{a, b, c} {
		if len(m.Values) != m.Rows*m.Cols || m.Rows < 1 || m.Cols < 1 {
			panic(fmt.Sprintf("blas: matrix of %d x %d with %d values", m.Rows, m.Cols, len(m.Values)))
		}
	}
	C.cblas_dgemm(rowMajor, turnA, turnB, C.int(c.Rows), C.int(c.Cols), C.int(k), 1, (*C.double)(&a.Values[0]), C.int(a.Cols),
		(*C.double)(&b.Values[0]), C.int(b.Cols), C.double(beta), (*C.double)(&c.Values[0]), C.int(c.Cols))
}

// Share splits 0..n among the processors, calls fn for each part at once and waits. What fn writes
// must not depend on the parts.
func Share(n int, fn func(start, end int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var group caught.Group
	for w := range workers {
		group.Go(func() { fn(w*n/workers, (w+1)*n/workers) })
	}
	group.Wait()
}

func gemm(c Matrix, alpha float32, a Matrix, turnA C.int, b Matrix, turnB C.int, k int, beta float32) {
	a.check()
	b.check()
	c.check()
	C.cblas_sgemm(rowMajor, turnA, turnB, C.int(c.Rows), C.int(c.Cols), C.int(k), C.float(alpha), (*C.float)(&a.Values[0]), C.int(a.Cols),
		(*C.float)(&b.Values[0]), C.int(b.Cols), C.float(beta), (*C.float)(&c.Values[0]), C.int(c.Cols))
}
