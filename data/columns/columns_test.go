package columns

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// foreign writes a file with Arrow's own writer: nulls, several row groups,
// pages of a few values, the given codec and encoding.
func foreign(t testing.TB, rows int, dict bool, codec compress.Compression) string {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "required", Type: arrow.BinaryTypes.String},
		{Name: "float", Type: arrow.PrimitiveTypes.Float32, Nullable: true},
		{Name: "int", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "nested", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32), Nullable: true},
		{Name: "flag", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
	}, nil)
	rng := rand.New(rand.NewPCG(uint64(rows), 9))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for range rows {
		if rng.IntN(5) == 0 {
			b.Field(0).AppendNull()
			b.Field(2).AppendNull()
			b.Field(3).AppendNull()
			b.Field(5).AppendNull()
		} else {
			b.Field(0).(*array.StringBuilder).Append(strings.Repeat("é", rng.IntN(30)))
			b.Field(2).(*array.Float32Builder).Append(rng.Float32())
			b.Field(3).(*array.Int32Builder).Append(rng.Int32())
			b.Field(5).(*array.BooleanBuilder).Append(rng.IntN(2) == 0)
		}
		b.Field(1).(*array.StringBuilder).Append(fmt.Sprint("r", rng.IntN(50)))
		b.Field(4).AppendNull()
	}
	rec := b.NewRecordBatch()
	defer rec.Release()
	path := filepath.Join(t.TempDir(), "foreign.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	props := parquet.NewWriterProperties(parquet.WithDictionaryDefault(dict), parquet.WithCompression(codec), parquet.WithDataPageSize(300), parquet.WithBatchSize(16), parquet.WithMaxRowGroupLength(700))
	w, err := pqarrow.NewFileWriter(schema, f, props, pqarrow.DefaultWriterProps())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(rec), w.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

var foreignColumns = []Column{{Name: "text"}, {Name: "required"}, {Name: "float", Kind: Float}, {Name: "int", Kind: Int}, {Name: "flag", Kind: Int}, {Name: "none", Optional: true}, {Name: "no", Aliases: []string{"text"}}}

// obvious renders the rows by way of Arrow's table reader.
func obvious(t testing.TB, path string) []string {
	t.Helper()
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	table, err := r.ReadTable(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer table.Release()
	tr := array.NewTableReader(table, 0)
	defer tr.Release()
	var rows []string
	for tr.Next() {
		rec := tr.RecordBatch()
		for i := range int(rec.NumRows()) {
			var cells []string
			for _, c := range []int{0, 1, 2, 3, 5} {
				switch col := rec.Column(c).(type) {
				case *array.String:
					cells = append(cells, cell(col.IsNull(i), col.Value(i)))
				case *array.Float32:
					cells = append(cells, cell(col.IsNull(i), float64(col.Value(i))))
				case *array.Int32:
					cells = append(cells, cell(col.IsNull(i), int64(col.Value(i))))
				case *array.Boolean:
					n, _ := boolToInt(col.Value(i))
					cells = append(cells, cell(col.IsNull(i), n))
				}
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
	}
	return rows
}

func cell(null bool, v any) string {
	if null {
		return "null"
	}
	return fmt.Sprint(v)
}

// fast renders the rows by way of File.
func fast(t testing.TB, path string, batch int, reuse bool) []string {
	t.Helper()
	f, err := Open(path, foreignColumns)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.Reuse = reuse
	var rows []string
	for {
		b, err := f.Next(batch)
		if err == io.EOF {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		if b.Row != int64(len(rows)) {
			t.Fatalf("batch at row %d, want %d", b.Row, len(rows))
		}
		for i := range b.Len {
			c := b.Cols
			if c[5] != nil || !c[5].IsNull(i) || c[6].String(i) != c[0].String(i) {
				t.Fatal("optional or aliased column")
			}
			rows = append(rows, strings.Join([]string{cell(c[0].IsNull(i), c[0].Strings[i]), cell(false, c[1].Strings[i]),
				cell(c[2].IsNull(i), c[2].Floats[i]), cell(c[3].IsNull(i), c[3].Ints[i]), cell(c[4].IsNull(i), c[4].Ints[i])}, "|"))
		}
	}
}

// TestFastEqualsObvious compares with Arrow's table reader, over page and group
// ends, encodings and codecs, with and without reuse.
func TestFastEqualsObvious(t *testing.T) {
	for _, dict := range []bool{false, true} {
		for _, codec := range []compress.Compression{compress.Codecs.Snappy, compress.Codecs.Zstd, compress.Codecs.Uncompressed} {
			path := foreign(t, 2000, dict, codec)
			want := obvious(t, path)
			if len(want) != 2000 {
				t.Fatalf("got %d rows, want 2000", len(want))
			}
			for _, batch := range []int{1, 13, 100, 699, 5000} {
				for _, reuse := range []bool{false, true} {
					if got := fast(t, path, batch, reuse); !slices.Equal(got, want) {
						t.Errorf("dict %v, %v, batch %d, reuse %v: rows differ", dict, codec, batch, reuse)
					}
				}
			}
		}
	}
}

// TestBatchesOwnTheirMemory keeps all batches before it looks at them.
func TestBatchesOwnTheirMemory(t *testing.T) {
	path := foreign(t, 2000, true, compress.Codecs.Snappy)
	want := obvious(t, path)
	f, err := Open(path, foreignColumns)
	if err != nil {
		t.Fatal(err)
	}
	var kept []*Batch
	for {
		b, err := f.Next(37)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		kept = append(kept, b)
	}
	f.Close()
	for _, b := range kept {
		for i := range b.Len {
			if got := cell(b.Cols[0].IsNull(i), b.Cols[0].Strings[i]); got != strings.Split(want[b.Row+int64(i)], "|")[0] {
				t.Fatalf("row %d: got %q, want %q", b.Row+int64(i), got, want[b.Row+int64(i)])
			}
		}
	}
}

func TestCoercion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.parquet")
	w, err := Create(path, []Column{{Name: "f", Kind: Float}, {Name: "i", Kind: Int}, {Name: "n", Kind: Int, Narrow: true}})
	if err != nil {
		t.Fatal(err)
	}
	floats := []float64{1, 1.5, math.NaN(), 1e300, -7, 0}
	err = w.Append(6, []*Vector{{Floats: floats, Null: []bool{5: true}}, {Ints: []int64{1 << 60, 2, 3, 4, 5, 6}}, nil})
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, []Column{{Name: "f", Kind: Int}, {Name: "i", Kind: Float}, {Name: "f", Kind: Float}, {Name: "n", Kind: Int}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := f.Next(10)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := fmt.Sprint(b.Cols[0].Ints, b.Cols[0].Null), "[1 0 0 0 -7 0] [false true true true false true]"; got != want {
		t.Errorf("floats as integers: got %s, want %s", got, want)
	}
	if b.Cols[1].Floats[0] != 1<<60 || !math.IsNaN(b.Cols[2].Floats[5]) || !b.Cols[3].IsNull(0) {
		t.Errorf("got %v %v %v", b.Cols[1].Floats, b.Cols[2].Floats, b.Cols[3].Null)
	}
}

func TestOpenErrors(t *testing.T) {
	path := foreign(t, 10, false, compress.Codecs.Snappy)
	for _, tc := range []struct {
		col  Column
		want string
	}{
		{Column{Name: "none"}, "no column none (it has text, required, float, int, nested.list.element, flag)"},
		{Column{Name: "int"}, "column int holds integers, want strings"},
		{Column{Name: "text", Kind: Int}, "column text holds strings, want integers"},
		{Column{Name: "nested.list.element", Kind: Int}, "holds lists or groups"},
	} {
		_, err := Open(path, []Column{tc.col})
		if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
	f, err := Open(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Next(0); err == nil || !strings.Contains(err.Error(), "batch of 0 rows") {
		t.Errorf("got %v", err)
	}
}

// TestWriterIsAFunctionOfTheRows writes more than a row group in odd pieces.
func TestWriterIsAFunctionOfTheRows(t *testing.T) {
	const n = groupRows + 5000
	cols := []Column{{Name: "s"}, {Name: "d", Dict: true}, {Name: "i", Kind: Int}}
	v := []*Vector{{}, {}, {}}
	for i := range n {
		v[0].Strings = append(v[0].Strings, fmt.Sprint(i*i))
		v[1].Strings = append(v[1].Strings, fmt.Sprint(i%7))
		v[2].Ints = append(v[2].Ints, int64(i))
	}
	var first []byte
	for _, step := range []int{n, 777} {
		path := filepath.Join(t.TempDir(), "a.parquet")
		w, err := Create(path, cols)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < n; at += step {
			to := min(at+step, n)
			piece := []*Vector{{Strings: v[0].Strings[at:to]}, {Strings: v[1].Strings[at:to]}, {Ints: v[2].Ints[at:to]}}
			if err := w.Append(to-at, piece); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		raw, _ := os.ReadFile(path)
		if first == nil {
			first = raw
		}
		if !bytes.Equal(raw, first) {
			t.Errorf("pieces of %d give other bytes", step)
		}
		f, err := Open(path, cols)
		if err != nil {
			t.Fatal(err)
		}
		if f.NumRows() != n || f.r.NumRowGroups() != 2 {
			t.Errorf("got %d rows in %d groups", f.NumRows(), f.r.NumRowGroups())
		}
		f.Close()
	}
}

func TestWriteErrors(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "a.parquet"), []Column{{Name: "n", Kind: Int, Narrow: true}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(1, []*Vector{{Ints: []int64{1 << 40}}}); err == nil || !strings.Contains(err.Error(), "does not fit 32 bits") {
		t.Errorf("got %v", err)
	}
	if err := w.Close(); err == nil {
		t.Error("close after an error: no error")
	}
	if err := w.Close(); err == nil || !strings.Contains(err.Error(), "closed") {
		t.Errorf("second close: got %v", err)
	}
	if _, err := Create(filepath.Join(t.TempDir(), "no", "a.parquet"), nil); err == nil {
		t.Error("no folder: no error")
	}
}

func TestSkipTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.parquet")
	w, err := Create(path, []Column{{Name: "n", Kind: Int}})
	if err != nil {
		t.Fatal(err)
	}
	const rows = 2*groupRows + 500
	v := &Vector{}
	for i := range int64(rows) {
		v.Ints = append(v.Ints, i)
	}
	if err := errors.Join(w.Append(rows, []*Vector{v}), w.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := Open(path, []Column{{Name: "n", Kind: Int}})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, c := range []struct{ to, next int64 }{{0, 0}, {50, 10}, {groupRows, groupRows}, {groupRows + 5, groupRows + 10}, {rows - 1, 2 * groupRows}} {
		f.SkipTo(c.to)
		b, err := f.Next(10)
		if err != nil || b.Row != c.next || b.Cols[0].Ints[0] != c.next {
			t.Errorf("to %d: got %+v, %v, want a batch from %d", c.to, b, err, c.next)
		}
	}
	f.SkipTo(rows)
	if _, err := f.Next(1); err != io.EOF {
		t.Errorf("past the end: %v", err)
	}
}
