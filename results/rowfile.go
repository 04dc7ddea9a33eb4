package results

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// ReadFile reads rows from a .jsonl or .parquet file. Errors name the file and
// the line or row.
func ReadFile(path string) ([]Row, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if !isParquet(path) {
		return readJSONL(f, path)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return readRows(f, info.Size(), path)
}

// WriteFile writes rows as .jsonl or .parquet, in the order given. The file
// appears whole or not at all.
func WriteFile(path string, rows []Row) error {
	write := writeJSONL
	if isParquet(path) {
		write = WriteParquet
	}
	var b bytes.Buffer
	if err := write(&b, rows); err != nil {
		return fmt.Errorf("file %s: %w", path, err)
	}
	return WriteBytes(path, b.Bytes())
}

func isParquet(path string) bool { return strings.EqualFold(filepath.Ext(path), ".parquet") }

// writeJSONL writes one row a line.
func writeJSONL(w io.Writer, rows []Row) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	shared := paramsTexts{}
	for i := range rows {
		form, err := rows[i].json(shared)
		if err == nil {
			err = enc.Encode(form)
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return out.Flush()
}

// readJSONL reads one row a line; empty lines are skipped and unknown fields
// ignored. name is the file's name for errors.
func readJSONL(r io.Reader, name string) ([]Row, error) {
	var rows []Row
	in, shared := bufio.NewReader(r), paramsCache{}
	for number := 1; ; number++ {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return nil, fmt.Errorf("file %s: line %d: %w", name, number, err)
		}
		if text := bytes.TrimSpace(line); len(text) > 0 {
			row, bad := parseRow(text, shared)
			if bad == nil {
				bad = row.Check()
			}
			if bad != nil {
				return nil, fmt.Errorf("file %s: line %d: %w", name, number, bad)
			}
			rows = append(rows, row)
		}
		if err == io.EOF {
			return rows, nil
		}
	}
}

// parquetRow is Row as a line of Parquet.
type parquetRow struct {
	Trial  string  `parquet:"trial,dict"`
	Label  string  `parquet:"label,dict"`
	Set    string  `parquet:"set,dict"`
	Metric string  `parquet:"metric,dict"`
	Class  string  `parquet:"class,dict"`
	Params string  `parquet:"params,dict,json"` // a JSON object with sorted names
	Seed   *int64  `parquet:"seed,optional"`
	Value  float64 `parquet:"value"`
	N      int64   `parquet:"n"`
	Engine string  `parquet:"engine,dict"`
	Key    string  `parquet:"key,dict"`
}

// CreatedBy replaces parquet-go's build string, so that bytes do not depend on
// how the program was built.
var CreatedBy = parquet.CreatedBy("runner", "1", "")

// WriteParquet writes rows with params as a JSON column. The same rows give
// the same bytes.
func WriteParquet(w io.Writer, rows []Row) error {
	out := parquet.NewGenericWriter[parquetRow](w, CreatedBy, parquet.Compression(&parquet.Snappy))
	shared := paramsTexts{}
	for i, r := range rows {
		params, err := shared.text(r.Params)
		if err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
		if params == nil {
			params = []byte("{}")
		}
		p := parquetRow{r.Trial, r.Label, r.Set, r.Metric, r.Class, string(params), nil, r.Value, int64(r.N), r.Engine, r.Key}
		if r.Seed != nil {
			seed := int64(*r.Seed)
			p.Seed = &seed
		}
		if _, err := out.Write([]parquetRow{p}); err != nil {
			return fmt.Errorf("row %d: %w", i, err)
		}
	}
	return out.Close()
}

// readRows reads rows that WriteParquet wrote. Unknown columns are ignored;
// name is the file's name for errors.
func readRows(r io.ReaderAt, size int64, name string) (rows []Row, err error) {
	in, err := readParquet[parquetRow](r, size, "trial", "set", "metric", "value")
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", name, err)
	}
	rows = make([]Row, len(in))
	shared := paramsCache{}
	for i, p := range in {
		row := Row{p.Trial, p.Label, p.Set, p.Metric, p.Class, nil, nil, p.Value, int(p.N), p.Engine, p.Key}
		if math.IsInf(row.Value, 0) {
			row.Value = math.NaN()
		}
		if p.Seed != nil {
			row.Seed = Seed(int(*p.Seed))
		}
		if row.Params, err = shared.parse([]byte(p.Params)); err != nil {
			err = fmt.Errorf("params: %w", err)
		} else {
			err = row.Check()
		}
		if err != nil {
			return nil, fmt.Errorf("file %s: row %d: %w", name, i, err)
		}
		rows[i] = row
	}
	return rows, nil
}

// readParquet reads a whole file into structs, after a look that the columns
// are there. Damaged files make parquet-go panic in places; that becomes an
// error.
func readParquet[T any](r io.ReaderAt, size int64, columns ...string) (rows []T, err error) {
	defer func() {
		if p := recover(); p != nil {
			rows, err = nil, fmt.Errorf("damaged parquet: %v", p)
		}
	}()
	if err := checkFooter(r, size); err != nil {
		return nil, err
	}
	f, err := parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, err
	}
	if err := checkParquet(f, columns); err != nil {
		return nil, err
	}
	in := parquet.NewGenericReader[T](f)
	defer in.Close()
	buffer := make([]T, 1024)
	for {
		n, err := in.Read(buffer)
		rows = append(rows, buffer[:n]...)
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(rows), err)
		}
		clear(buffer)
	}
}

// checkFooter makes sure that the footer lies within the file: parquet-go makes
// room for whatever length the last bytes name.
func checkFooter(r io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < 12 {
		return fmt.Errorf("%d bytes are no parquet file", size)
	}
	if _, err := r.ReadAt(tail[:], size-8); err != nil {
		return err
	}
	length := int64(binary.LittleEndian.Uint32(tail[:4]))
	if string(tail[4:]) != "PAR1" || length > size-12 {
		return fmt.Errorf("damaged parquet: no footer at its end")
	}
	return nil
}

// checkParquet looks for the columns, "list.element" of one in another, and for codecs that no
// writer of such files uses: parquet-go's LZ4 grows its buffer without end on damaged bytes.
func checkParquet(f *parquet.File, columns []string) error {
	for _, c := range columns {
		if _, ok := f.Schema().Lookup(strings.Split(c, ".")...); !ok {
			return fmt.Errorf("column %q is missing", c)
		}
	}
	for _, group := range f.Metadata().RowGroups {
		for _, c := range group.Columns {
			switch codec := c.MetaData.Codec; codec {
			case format.Uncompressed, format.Snappy, format.Gzip, format.Zstd:
			default:
				return fmt.Errorf("codec %v is not read here (snappy, gzip, zstd or none are)", codec)
			}
		}
	}
	return nil
}
