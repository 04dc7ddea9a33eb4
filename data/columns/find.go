package columns

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/schema"
)

// find gives the leaf of a column, -1 for one that is absent or passed over, and whether it
// has no value at all.
func (f *File) find(col Column) (leaf int, nulls bool, err error) {
	leaf, err = f.named(col)
	if err == nil && leaf >= 0 {
		if err = f.fits(col, leaf); err != nil && f.isNull(leaf) {
			return leaf, true, nil
		}
	}
	if err != nil && col.Common {
		f.passed = append(f.passed, err.Error())
		return -1, false, nil
	}
	if leaf < 0 && err == nil && !col.Optional {
		err = fmt.Errorf("no column %s (it has %s)", col.Name, strings.Join(f.Names(), ", "))
	}
	return leaf, nulls, err
}

// named finds a column by its name, then by its aliases, then by any of them letter case
// aside; -1 where there is none.
func (f *File) named(col Column) (int, error) {
	names := f.Names()
	wanted := append([]string{col.Name}, col.Aliases...)
	for _, name := range wanted {
		leaf := slices.Index(names, name)
		if leaf < 0 {
			continue
		}
		if slices.Contains(names[leaf+1:], name) {
			return 0, fmt.Errorf("two columns are named %s", name)
		}
		return leaf, nil
	}
	found := -1
	for i, name := range names {
		top, _, nested := strings.Cut(name, ".")
		switch {
		case nested && slices.Contains(wanted, top):
			return 0, fmt.Errorf("column %s holds lists or groups, want %v", top, col.Kind)
		case col.Common || !slices.ContainsFunc(wanted, alike(name)):
		case found >= 0:
			return 0, fmt.Errorf("columns %s and %s are both %s: which one is meant is not clear",
				names[found], name, col.Name)
		default:
			found = i
		}
	}
	return found, nil
}

// alike compares with a name, letter case aside.
func alike(name string) func(string) bool {
	return func(other string) bool { return strings.EqualFold(name, other) }
}

// isNull says whether a column has no value: pandas and pyarrow then give it the null type,
// or that of any number.
func (f *File) isNull(leaf int) bool {
	descr := f.r.MetaData().Schema.Column(leaf)
	if isNested(descr) {
		return false
	}
	if _, ok := descr.LogicalType().(schema.NullLogicalType); ok {
		return true
	}
	rows := false
	for i := range f.r.NumRowGroups() {
		group := f.r.MetaData().RowGroup(i)
		col, err := group.ColumnChunk(leaf)
		if err != nil {
			return false
		}
		stats, err := col.Statistics()
		if err != nil || stats == nil || !stats.HasNullCount() || stats.NullCount() != group.NumRows() {
			return false
		}
		rows = rows || group.NumRows() > 0
	}
	return rows
}

func isNested(descr *schema.Column) bool {
	return descr.MaxRepetitionLevel() > 0 || descr.MaxDefinitionLevel() > 1
}

// fits says why a column's values cannot be had in the kind that is asked for.
func (f *File) fits(col Column, leaf int) error {
	descr := f.r.MetaData().Schema.Column(leaf)
	if isNested(descr) {
		return fmt.Errorf("column %s holds lists or groups, want %v", descr.Path(), col.Kind)
	}
	holds, kind := contents(descr)
	switch {
	case holds == col.Kind, holds == Int && col.Kind == Float, holds == Float && col.Kind == Int:
		return nil
	case holds == Int && col.AsText && descr.PhysicalType() != parquet.Types.Boolean:
		return nil
	}
	return fmt.Errorf("column %s holds %s, want %v", descr.Path(), kind, col.Kind)
}

// other is the kind of values that are not delivered.
const other Kind = 255

// contents says in which kind a column's values are, and in words.
func contents(descr *schema.Column) (Kind, string) {
	switch descr.LogicalType().(type) {
	case schema.DecimalLogicalType:
		return other, "decimal numbers"
	case schema.DateLogicalType, schema.TimeLogicalType, schema.TimestampLogicalType:
		return other, "dates or times"
	case schema.Float16LogicalType:
		return Float, "numbers"
	}
	switch descr.PhysicalType() {
	case parquet.Types.ByteArray:
		return String, "strings"
	case parquet.Types.Boolean:
		return Int, "true and false"
	case parquet.Types.Int32, parquet.Types.Int64:
		return Int, "integers"
	case parquet.Types.Float, parquet.Types.Double:
		return Float, "numbers"
	}
	return other, fmt.Sprintf("%v", descr.PhysicalType())
}

// isUnsigned says whether whole numbers have no sign.
func isUnsigned(descr *schema.Column) bool {
	t, ok := descr.LogicalType().(schema.IntLogicalType)
	return ok && !t.IsSigned()
}
