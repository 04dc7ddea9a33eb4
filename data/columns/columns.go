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

import (
	"errors"
	"fmt"
	"io"
	"math"
)

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

// Field is a column of rows of a type: At is where the value of a row is, a *string, *int64, *int,
// *int32, *bool or *float64. That gives Kind and Narrow, which only int64 is not.
type Field[T any] struct {
	Column
	At   func(row *T) any
	Null bool // "" and 0 are written as null; NaN always is
}

// Of are the columns of fields.
func Of[T any](fields []Field[T]) []Column {
	cols := make([]Column, len(fields))
	for i, f := range fields {
		cols[i] = f.Column
		switch f.At(new(T)).(type) {
		case *string:
		case *float64:
			cols[i].Kind = Float
		case *int64:
			cols[i].Kind = Int
		default:
			cols[i].Kind, cols[i].Narrow = Int, true
		}
	}
	return cols
}

// Vectors are rows as the columns of fields.
func Vectors[T any](fields []Field[T], rows []T) []*Vector {
	cols := make([]*Vector, len(fields))
	for k, c := range Of(fields) {
		v := newVector(c.Kind, len(rows))
		v.Null = make([]bool, len(rows))
		for i := range rows {
			switch at := fields[k].At(&rows[i]).(type) {
			case *string:
				v.Strings[i], v.Null[i] = *at, fields[k].Null && *at == ""
			case *float64:
				v.Floats[i], v.Null[i] = *at, math.IsNaN(*at)
			default:
				v.Ints[i] = whole(at)
				v.Null[i] = fields[k].Null && v.Ints[i] == 0
			}
		}
		cols[k] = v
	}
	return cols
}

func whole(at any) int64 {
	switch at := at.(type) {
	case *int64:
		return *at
	case *int:
		return int64(*at)
	case *int32:
		return int64(*at)
	case *bool:
		n, _ := boolToInt(*at)
		return n
	}
	panic(fmt.Sprintf("columns: a field is a %T", at))
}

// Scan sets a row to row i of columns. What is null or absent becomes "", 0 or NaN, and a number
// that does not fit an int32, a size, the nearest that does.
func Scan[T any](fields []Field[T], cols []*Vector, i int, row *T) {
	for k, v := range cols {
		switch at := fields[k].At(row).(type) {
		case *string:
			*at = v.String(i)
		case *float64:
			if *at = math.NaN(); v != nil {
				*at = v.Floats[i]
			}
		case *int64:
			*at = v.Int(i)
		case *int:
			*at = int(v.Int(i))
		case *int32:
			*at = int32(min(max(v.Int(i), 0), math.MaxInt32))
		case *bool:
			*at = v.Int(i) == 1
		}
	}
}

// WriteFile writes rows as a file of their fields.
func WriteFile[T any](path string, fields []Field[T], rows []T) error {
	w, err := Create(path, Of(fields))
	if err != nil {
		return err
	}
	return errors.Join(w.Append(len(rows), Vectors(fields, rows)), w.Close())
}

// EachRow reads the rows of a file. What fn is given is valid until it returns, but for strings.
func EachRow[T any](path string, fields []Field[T], fn func(row *T)) error {
	f, err := Open(path, Of(fields))
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		b, err := f.Next(8192)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for i := range b.Len {
			var row T
			Scan(fields, b.Cols, i, &row)
			fn(&row)
		}
	}
}
