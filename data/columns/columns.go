// Package columns reads and writes flat parquet files, column by column, with
// Arrow's file layer. It is what the packages of parquet formats (laion, shards,
// embeddings) have in common: projection, coercion of drifted types, memory
// bounded by pages and not by the file, errors that name file and row.
//
// It is not a general parquet reader: nested and repeated columns are refused,
// and every value is delivered as a string, an int64 or a float64. Rows are
// numbered from 0 in errors.
//
// Columns are read with ColumnChunkReaders rather than record batches: a scan of
// two string columns then costs half as much, for Arrow's own builders copy
// each value twice.
package columns

import "fmt"

// Kind is the type in which a column's values are delivered.
type Kind uint8

const (
	String Kind = iota // UTF-8 is not checked here
	// Int is from any integer (of 64 bits without a sign: the same bits), boolean, or float
	// without a fraction (else null).
	Int
	Float // from any number; null is NaN
)

func (k Kind) String() string { return [...]string{"strings", "integers", "numbers"}[k] }

// Column names a column to read or write.
type Column struct {
	Name     string
	Aliases  []string // read, the first that the file has, when it has no Name
	Kind     Kind
	Optional bool // may be absent from a file that is read
	// AsText takes whole numbers for the text of a String column that they would be.
	AsText bool
	// Common is a name that people give to columns of their own: one of another type is
	// passed over as if it were absent, and File.Passed tells.
	Common bool
	Narrow bool // written as int32 (Int) instead of int64; ignored when read
	Dict   bool // written with a dictionary: for columns of few values
}

// Vector is the values of one column of a batch; the slice of its kind is set.
// A nil Vector stands for an optional column that the file does not have.
type Vector struct {
	Strings []string  // null is ""
	Ints    []int64   // null is 0
	Floats  []float64 // null is NaN
	Null    []bool    // nil when no value is null
}

// IsNull says whether value i is null.
func (v *Vector) IsNull(i int) bool { return v == nil || v.Null != nil && v.Null[i] }

// String is value i of a String column, "" when null or absent.
func (v *Vector) String(i int) string {
	if v == nil {
		return ""
	}
	return v.Strings[i]
}

// Int is value i of an Int column, 0 when null or absent.
func (v *Vector) Int(i int) int64 {
	if v == nil {
		return 0
	}
	return v.Ints[i]
}

// setNull marks value i of n.
func (v *Vector) setNull(i, n int) {
	if v.Null == nil {
		v.Null = make([]bool, n)
	}
	v.Null[i] = true
}

// Batch is some successive rows of a file. It owns its memory (see File.Reuse
// for when not): values stay valid, and a kept string keeps the strings around
// it alive.
type Batch struct {
	Row  int64     // row in the file of the batch's first
	Len  int       // number of rows
	Cols []*Vector // as the columns asked for
}

// caught turns a panic of the library on a damaged file into an error.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged parquet: %v", p)
	}
}
