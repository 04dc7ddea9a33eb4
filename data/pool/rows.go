package pool

import (
	"fmt"
	"io"
	"path/filepath"

	"react/data/columns"
)

// Rows is a set of row numbers below Len.
type Rows struct {
	bits  []uint64
	rows  int64
	count int64
}

// NewRows is an empty set of n possible rows.
func NewRows(n int64) *Rows { return &Rows{bits: make([]uint64, (n+63)/64), rows: n} }

// Add puts row i in.
func (r *Rows) Add(i int64) {
	if !r.Has(i) {
		r.bits[i/64] |= 1 << (i % 64)
		r.count++
	}
}

// Has says whether row i is in; a nil set has all rows.
func (r *Rows) Has(i int64) bool { return r == nil || r.bits[i/64]>>(i%64)&1 == 1 }

// Len is the number of rows that could be in.
func (r *Rows) Len() int64 { return r.rows }

// Count is the number of rows that are in.
func (r *Rows) Count() int64 { return r.count }

// ReadAlive reads which rows of a manifest's folder are alive.
func ReadAlive(dir string) (*Rows, error) {
	man, err := Read(dir)
	if err != nil {
		return nil, err
	}
	alive := NewRows(man.Rows)
	at := int64(0)
	err = eachRow(filepath.Join(dir, RowsFile), func(_ Hash, cause string) error {
		if at >= man.Rows {
			return fmt.Errorf("more rows than the %d of %s", man.Rows, ManifestFile)
		}
		if cause == "" {
			alive.Add(at)
		}
		at++
		return nil
	})
	if err == nil && at != man.Rows {
		err = fmt.Errorf("folder %s: %s has %d rows, %s says %d", dir, RowsFile, at, ManifestFile, man.Rows)
	}
	return alive, err
}

// readAliveHashes reads the hashes of the alive rows of a rows.parquet.
func readAliveHashes(path string) (hashSet, error) {
	var out hashSet
	err := eachRow(path, func(h Hash, cause string) error {
		if cause == "" {
			out = append(out, h[0])
		}
		return nil
	})
	return out, err
}

// eachRow reads a rows.parquet.
func eachRow(path string, fn func(h Hash, cause string) error) error {
	f, err := columns.Open(path, rowColumns)
	if err != nil {
		return err
	}
	defer f.Close()
	f.Reuse = true
	for {
		b, err := f.Next(hashBatch)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.Len {
			if b.Cols[0].IsNull(i) || b.Cols[1].IsNull(i) {
				return fmt.Errorf("file %s: row %d: hash is null", path, b.Row+int64(i))
			}
			if err := fn(Hash{uint64(b.Cols[0].Int(i)), uint64(b.Cols[1].Int(i))}, b.Cols[2].String(i)); err != nil {
				return fmt.Errorf("file %s: row %d: %w", path, b.Row+int64(i), err)
			}
		}
	}
}
