package writers

import (
	"encoding/csv"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"

	"react/results"
	"react/results/grid"
)

// field is one column of the tidy form: its name and, for one cell, its value
// (string, float64, int64, bool, or nil for nothing). zero gives the type.
type field struct {
	name  string
	zero  any
	value any
}

// CSV writes one line for each cell, numbers in full. A cell that spans columns
// is one line with its column values empty. What the table is made from is on
// every line, since CSV has no other place that all readers skip.
func CSV(w io.Writer, g *grid.Grid) error {
	out := csv.NewWriter(w)
	header := []string{}
	for _, f := range recordOf(g, nil, 0, 0) {
		header = append(header, CSVCell(f.name))
	}
	out.Write(header)
	eachRecord(g, func(fields []field) error {
		line := make([]string, len(fields))
		for i, f := range fields {
			line[i] = csvText(f.value)
		}
		return out.Write(line)
	})
	out.Flush()
	return out.Error()
}

func csvText(v any) string {
	switch v := v.(type) {
	case string:
		return CSVCell(strings.ToValidUTF8(v, "\uFFFD"))
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case int64:
		return strconv.FormatInt(v, 10)
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

// CSVCell is a text as a cell of a CSV that a spreadsheet may open: one that it would run as
// a formula (a label or a class named =HYPERLINK(...)) gets a quote before it, as OWASP
// advises. Numbers stay as they are.
func CSVCell(text string) string {
	first, _ := utf8.DecodeRuneInString(text)
	if !strings.ContainsRune("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20", first) {
		return text
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return text
	}
	return "'" + text
}

// Parquet writes the same lines and columns as CSV, typed, with name, caption,
// remarks and origin in the file's metadata too.
func Parquet(w io.Writer, g *grid.Grid) error {
	schema, build := parquetSchema(g)
	options := []parquet.WriterOption{schema, results.CreatedBy, parquet.Compression(&parquet.Snappy)}
	for _, kv := range metadata(g) {
		options = append(options, parquet.KeyValueMetadata(kv[0], kv[1]))
	}
	out := parquet.NewWriter(w, options...)
	err := eachRecord(g, func(fields []field) error { return out.Write(build(fields)) })
	if err != nil {
		return err
	}
	return out.Close()
}

// parquetSchema makes a struct type with a field for each column, in order, and
// the function that fills one.
func parquetSchema(g *grid.Grid) (*parquet.Schema, func([]field) any) {
	var members []reflect.StructField
	for i, f := range recordOf(g, nil, 0, 0) {
		members = append(members, reflect.StructField{
			Name: "F" + strconv.Itoa(i),
			Type: reflect.PointerTo(reflect.TypeOf(f.zero)),
			Tag:  reflect.StructTag(`parquet:` + strconv.Quote(f.name+",optional")),
		})
	}
	kind := reflect.StructOf(members)
	build := func(fields []field) any {
		record := reflect.New(kind)
		for i, f := range fields {
			if f.value == nil {
				continue
			}
			v := reflect.New(reflect.TypeOf(f.zero))
			v.Elem().Set(reflect.ValueOf(f.value))
			record.Elem().Field(i).Set(v)
		}
		return record.Interface()
	}
	return parquet.SchemaOf(reflect.New(kind).Interface()), build
}

// metadata is the table's name, caption and origin for files that have a place
// for it.
func metadata(g *grid.Grid) [][2]string {
	return [][2]string{
		{"table", g.Table.Name}, {"caption", g.Table.Caption}, {"experiment", g.Experiment}, {"command", g.Command},
		{"keys", g.Keys}, {"trials", strings.Join(g.Trials, " ")}, {"over", strings.Join(g.Over, "\n")}, {"remarks", strings.Join(g.Remarks, "\n")}, {"notes", strings.Join(g.Notes, "\n")},
	}
}

// eachRecord visits the cells that are not empty, by line, metric, column; one
// that holds for several columns, with one difference, once.
func eachRecord(g *grid.Grid, visit func([]field) error) error {
	type visited struct {
		cell *grid.Cell
		d    *grid.Difference
	}
	for i := range g.Lines {
		for m, cells := range g.Lines[i].Cells {
			seen := map[visited]bool{}
			for c, cell := range cells {
				at := visited{cell, g.Lines[i].Differences[m][c]}
				if cell.Status == grid.Empty || seen[at] {
					continue
				}
				seen[at] = true
				if err := visit(recordOf(g, &g.Lines[i], m, c)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// recordOf is the tidy form of a cell; of a nil line it is the columns alone.
func recordOf(g *grid.Grid, line *grid.Line, metric, column int) []field {
	l, cell, d, m := &grid.Line{Names: make([]string, len(g.Stub)), Values: make([]grid.Value, len(g.Stub))}, &grid.Cell{Low: math.NaN(), High: math.NaN()}, (*grid.Difference)(nil), grid.Metric{}
	if line != nil {
		l, m = line, g.Metrics[metric]
		cell, d = line.Cells[metric][column], line.Differences[metric][column]
	}
	r := recorder{}
	r.text("table", g.Table.Name)
	r.text("row", l.Name)
	r.text("label", l.Label)
	for i, path := range g.Stub {
		r.value(path, l.Values[i])
	}
	r.spans(g, l, cell, d, metric, column)
	r.text("metric", m.Name)
	r.text("status", string(cell.Status))
	r.number("mean", cell.Mean)
	r.number("std", cell.Std)
	r.number("ciLow", cell.Low)
	r.number("ciHigh", cell.High)
	r.count("seeds", cell.Seeds)
	r.count("n", cell.N)
	r.flag("best", cell.Best)
	r.difference(d)
	r.text("residue", strings.Join(cell.Residue, "; "))
	r.text("engines", strings.Join(cell.Engines, " "))
	r.text("notes", strings.Join(notesOf(g, cell, d), "; "))
	r.text("trials", strings.Join(trialsOf(cell), " "))
	r.text("caption", g.Table.Caption)
	r.text("experiment", g.Experiment)
	r.text("command", g.Command)
	r.text("keys", g.Keys)
	return r.unique()
}

func trialsOf(c *grid.Cell) []string {
	set := map[string]bool{}
	for _, p := range c.Points {
		set[p.Trial] = true
	}
	return slices.Sorted(maps.Keys(set))
}

func notesOf(g *grid.Grid, cell *grid.Cell, d *grid.Difference) []string {
	notes := slices.Clone(cell.Notes)
	if d != nil {
		notes = append(notes, d.Notes...)
	}
	slices.Sort(notes)
	var out []string
	for _, n := range slices.Compact(notes) {
		out = append(out, g.Notes[n])
	}
	return out
}

// recorder collects fields.
type recorder struct{ fields []field }

func (r *recorder) add(name string, zero, v any) {
	r.fields = append(r.fields, field{name, zero, v})
}

func (r *recorder) text(name, v string) {
	r.add(name, "", strings.ToValidUTF8(v, "\uFFFD"))
}

func (r *recorder) value(name string, v grid.Value) {
	if v.Absent() {
		r.add(name, "", nil)
		return
	}
	r.text(name, v.String())
}

func (r *recorder) number(name string, v float64) {
	if !results.IsFinite(v) {
		r.add(name, 0.0, nil)
		return
	}
	r.add(name, 0.0, v)
}

func (r *recorder) count(name string, n int) {
	if n < 0 {
		r.add(name, int64(0), nil)
		return
	}
	r.add(name, int64(0), int64(n))
}

func (r *recorder) flag(name string, v bool) { r.add(name, false, v) }

// spans writes the column's name and values. Those of the params that a cell
// spans are empty, unless its difference is one column's alone.
func (r *recorder) spans(g *grid.Grid, l *grid.Line, cell *grid.Cell, d *grid.Difference, metric, column int) {
	spans := cell.Spans
	for c, other := range cellsOf(l, metric) {
		spans = spans && (other != cell || l.Differences[metric][c] == d)
	}
	name, values := "", make([]grid.Value, len(g.Table.Columns))
	switch {
	case spans:
		values = cell.Key
	case len(g.Columns) > 0:
		name, values = g.Columns[column].Name, g.Columns[column].Key
	}
	r.text("column", name)
	for i, path := range g.Table.Columns {
		r.value(path, values[i])
	}
	r.flag("spans", spans)
}

func cellsOf(l *grid.Line, metric int) []*grid.Cell {
	if l.Cells == nil {
		return nil
	}
	return l.Cells[metric]
}

func (r *recorder) difference(d *grid.Difference) {
	empty := d == nil
	if empty {
		nan := math.NaN()
		d = &grid.Difference{Value: nan, Std: nan, Low: nan, High: nan, P: nan, Adjusted: nan, AdjustedLow: nan, AdjustedHigh: nan, N: -1}
	}
	r.text("against", d.Against)
	r.number("difference", d.Value)
	r.number("differenceStd", d.Std)
	r.count("differenceSeeds", d.N)
	r.number("low", d.Low)
	r.number("high", d.High)
	r.text("method", string(d.Method))
	r.number("p", d.P)
	r.number("lowHolm", d.AdjustedLow)
	r.number("highHolm", d.AdjustedHigh)
	r.number("pHolm", d.Adjusted)
	clusters := -1
	if d.Flips != nil {
		clusters = d.Flips.Clusters
	}
	r.count("clusters", clusters)
	r.flag("fixed", d.Fixed)
}

// unique renames a column that has the name of an earlier one (a path "label",
// say), since readers want distinct names.
func (r *recorder) unique() []field {
	seen := map[string]bool{}
	for i := range r.fields {
		name := r.fields[i].name
		for seen[name] {
			name += "_"
		}
		seen[name] = true
		r.fields[i].name = name
	}
	return r.fields
}
