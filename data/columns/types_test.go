package columns

import (
	"fmt"
	"strings"
	"testing"
)

// TestTypes reads columns of the types that pyarrow gives them (testdata/make.py): in the
// kind that was asked for, without a value, passed over, or refused in words.
func TestTypes(t *testing.T) {
	const path = "testdata/types.parquet"
	for _, c := range []struct {
		col  Column
		want string // values, "" as null; or the error; or "absent" and what is said of it
	}{
		{Column{Name: "string"}, "a  é"},
		{Column{Name: "large"}, "a  é"},
		{Column{Name: "view"}, "a  é"},
		{Column{Name: "dictionary"}, "a  é"},
		{Column{Name: "binary"}, "a  é"},
		{Column{Name: "null"}, "  "},
		{Column{Name: "null", Kind: Int}, "  "},
		{Column{Name: "null", Kind: Float}, "  "},
		{Column{Name: "emptyFloat"}, "  "},
		{Column{Name: "emptyText", Kind: Int}, "  "},
		{Column{Name: "emptyText", Kind: Float}, "  "},
		{Column{Name: "null", Common: true}, "  "},
		{Column{Name: "flag", Kind: Int}, "1  0"},
		{Column{Name: "flag", AsText: true}, "column flag holds true and false, want strings"},
		{Column{Name: "int"}, "column int holds integers, want strings"},
		{Column{Name: "int", AsText: true}, "7  -1"},
		{Column{Name: "uint32", Kind: Int}, "4000000000  1"},
		{Column{Name: "uint32", AsText: true}, "4000000000  1"},
		{Column{Name: "uint64", Kind: Int}, "-1  1"}, // the bits of a hash
		{Column{Name: "uint64", Kind: Float}, "1.8446744073709552e+19  1"},
		{Column{Name: "uint64", AsText: true}, "18446744073709551615  1"},
		{Column{Name: "half", Kind: Float}, "0.5  -2"},
		{Column{Name: "half", AsText: true}, "column half holds numbers, want strings"},
		{Column{Name: "decimal", Kind: Float}, "column decimal holds decimal numbers, want numbers"},
		{Column{Name: "date", Kind: Int}, "column date holds dates or times, want integers"},
		{Column{Name: "time", Kind: Int}, "column time holds dates or times, want integers"},
		{Column{Name: "string", Kind: Float}, "column string holds strings, want numbers"},
		{Column{Name: "list"}, "column list holds lists or groups, want strings"},
		{Column{Name: "group", Optional: true}, "column group holds lists or groups, want strings"},
		{Column{Name: "list", Common: true, Optional: true}, "absent column list holds lists or groups, want strings: it is passed over"},
		{Column{Name: "flag", Common: true, Optional: true}, "absent column flag holds true and false, want strings: it is passed over"},
		{Column{Name: "none", Common: true, Optional: true}, "absent "},
		{Column{Name: "mixed"}, "a  é"},
		{Column{Name: "TEXT", Aliases: []string{"mixed"}}, "a  é"},
		{Column{Name: "mixed", Common: true, Optional: true}, "absent "},
		{Column{Name: "one"}, "a  é"},
		{Column{Name: "One"}, "columns one and ONE are both One: which one is meant is not clear"},
	} {
		if got := readOne(path, c.col); got != c.want && got != "file "+path+": "+c.want {
			t.Errorf("%+v: got %s, want %s", c.col, got, c.want)
		}
	}
	if got, want := readOne("testdata/twice.parquet", Column{Name: "text"}), "file testdata/twice.parquet: two columns are named text"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// readOne shows a column of three rows.
func readOne(path string, col Column) string {
	f, err := Open(path, []Column{col})
	if err != nil {
		return err.Error()
	}
	defer f.Close()
	b, err := f.Next(10)
	if err != nil {
		return err.Error()
	}
	v := b.Cols[0]
	if v == nil {
		passed := Passed{}
		passed.Add(f)
		return strings.ReplaceAll("absent "+strings.Join(passed.Notes(), ", "), "file "+path+": ", "")
	}
	var cells []string
	for i := range b.Len {
		switch {
		case v.IsNull(i):
			cells = append(cells, "")
		case col.Kind == String:
			cells = append(cells, v.Strings[i])
		case col.Kind == Int:
			cells = append(cells, fmt.Sprint(v.Ints[i]))
		default:
			cells = append(cells, fmt.Sprint(v.Floats[i]))
		}
	}
	return strings.Join(cells, " ")
}
