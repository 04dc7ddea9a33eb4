package embeddings

import (
	"fmt"
	"sort"

	"react/data/dtype"
	"react/data/npy"
)

// Matrix is one side of a folder, [rows, dim], read from its files as needed.
// Its methods may be called concurrently.
type Matrix struct {
	parts []part
	rows  int64
	dim   int
}

// open opens the files and checks their shapes.
func (m *Matrix) open() error {
	for i := range m.parts {
		p := &m.parts[i]
		f, err := npy.Open(p.path)
		if err != nil {
			return err
		}
		p.npy = f
		shape := f.Shape()
		if len(shape) != 2 || shape[1] == 0 || f.DType() != "<f2" && f.DType() != "<f4" {
			return fmt.Errorf("file %s: array %v of %s, want [rows, dim] of <f2 or <f4", p.path, shape, f.DType())
		}
		if i == 0 {
			m.dim = shape[1]
		}
		if shape[1] != m.dim {
			return fmt.Errorf("file %s: vectors of %d, and of %d in %s", p.path, shape[1], m.dim, m.parts[0].path)
		}
		p.rows = int64(shape[0])
	}
	return nil
}

// Rows is the number of vectors.
func (m *Matrix) Rows() int64 { return m.rows }

// Dim is their length.
func (m *Matrix) Dim() int { return m.dim }

// Row reads vector i into dst [dim].
func (m *Matrix) Row(i int64, dst []float32) error { return m.Block(i, 1, dst) }

// Block reads vectors start to start+n into dst [n, dim]. A NaN or infinite
// value is an error that names file and row.
func (m *Matrix) Block(start int64, n int, dst []float32) error {
	if start < 0 || n < 0 || start > m.rows-int64(n) {
		return fmt.Errorf("%s: rows %d to %d are outside 0 to %d", m.parts[0].path, start, start+int64(n), m.rows)
	}
	if len(dst) != n*m.dim {
		return fmt.Errorf("%s: room for %d values, want %d rows of %d", m.parts[0].path, len(dst), n, m.dim)
	}
	for n > 0 {
		p, at := m.part(start)
		k := int(min(int64(n), p.rows-at))
		if err := p.npy.ReadRows(int(at), k, dst[:k*m.dim]); err != nil {
			return err
		}
		if i, _ := dtype.NotFinite(dst[:k*m.dim]); i >= 0 {
			return fmt.Errorf("file %s: row %d: value %d is %v", p.path, at+int64(i/m.dim), i%m.dim, dst[i])
		}
		start, n, dst = start+int64(k), n-k, dst[k*m.dim:]
	}
	return nil
}

// HalfBlock reads vectors start to start+n into dst [n, dim] as IEEE halves, without
// a look at their values; not ok, and dst is as it was, where a file has float32.
func (m *Matrix) HalfBlock(start int64, n int, dst []uint16) (ok bool, err error) {
	if start < 0 || n < 0 || start > m.rows-int64(n) || len(dst) != n*m.dim {
		return false, fmt.Errorf("%s: rows %d to %d of %d with room for %d values", m.parts[0].path, start, start+int64(n), m.rows, len(dst))
	}
	for _, p := range m.parts {
		if p.npy.DType() != "<f2" {
			return false, nil
		}
	}
	for n > 0 {
		p, at := m.part(start)
		k := int(min(int64(n), p.rows-at))
		if err := p.npy.ReadHalves(int(at), k, dst[:k*m.dim]); err != nil {
			return false, err
		}
		start, n, dst = start+int64(k), n-k, dst[k*m.dim:]
	}
	return true, nil
}

// part finds the file of row i and the row in it.
func (m *Matrix) part(i int64) (part, int64) {
	k := sort.Search(len(m.parts), func(k int) bool { return m.parts[k].start > i }) - 1
	return m.parts[k], i - m.parts[k].start
}
