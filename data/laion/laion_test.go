package laion

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"react/data/columns"
)

// sample makes a pool of n rows from a seed; strings of many lengths, some not
// ASCII, some empty.
func sample(n int, seed uint64) []Row {
	rng := rand.New(rand.NewPCG(seed, 1))
	words := strings.Fields("a photo of the best über 写真 naïve café stock image 🐈 free — shipping")
	rows := make([]Row, n)
	for i := range rows {
		var text []string
		for range rng.IntN(12) {
			text = append(text, words[rng.IntN(len(words))])
		}
		rows[i] = Row{
			Index: int64(i), URL: fmt.Sprintf("https://img%d.example.org/%x.jpg", rng.IntN(50), rng.Uint64()),
			Text: strings.Join(text, " "), Key: fmt.Sprintf("%09d", i), Label: words[rng.IntN(3)],
			Width: rng.Int32N(4000), Height: rng.Int32N(4000), License: "?", NSFW: "UNLIKELY", Similarity: rng.Float64(),
		}
		if rng.IntN(10) == 0 {
			rows[i].License, rows[i].NSFW, rows[i].Label, rows[i].Similarity = "", "", "", math.NaN()
		}
	}
	return rows
}

func write(t testing.TB, path string, rows []Row) string {
	t.Helper()
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func readAll(files []string, opts Options) ([]Row, error) {
	r, err := Open(files, opts)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var rows []Row
	for row, err := range r.All() {
		if err != nil {
			return rows, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// same compares rows, a NaN being the same as another.
func same(a, b Row) bool {
	if math.IsNaN(a.Similarity) && math.IsNaN(b.Similarity) {
		a.Similarity, b.Similarity = 0, 0
	}
	for _, row := range []*Row{&a, &b} { // none of the files here has these columns
		if math.IsNaN(row.Unsafe) && math.IsNaN(row.Watermark) && math.IsNaN(row.Aesthetic) {
			row.Unsafe, row.Watermark, row.Aesthetic = 0, 0, 0
		}
	}
	return a == b
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rows := sample(3000, 1)
	// Names in lexicographic order: 0, 10, 9.
	files := []string{
		write(t, filepath.Join(dir, "9.parquet"), rows[2000:]),
		write(t, filepath.Join(dir, "0.parquet"), rows[:1500]),
		write(t, filepath.Join(dir, "10.parquet"), rows[1500:2000]),
	}
	every := []string{"key", "label", "truth", "HEIGHT", "WIDTH", "LICENSE", "NSFW", "similarity"}
	for _, size := range []int{1, 7, 1000, 0} {
		got, err := readAll(files, Options{Columns: every, BatchSize: size})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, rows, same) {
			t.Errorf("batch %d: rows differ", size)
		}
	}
	got, err := readAll(files, Options{Columns: []string{}})
	if err != nil {
		t.Fatal(err)
	}
	if want := (Row{Index: 5, URL: rows[5].URL, Text: rows[5].Text, Similarity: math.NaN()}); !same(got[5], want) {
		t.Errorf("projected: got %+v, want %+v", got[5], want)
	}
	r, err := Open(files, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.NumRows() != 3000 {
		t.Errorf("NumRows: got %d, want 3000", r.NumRows())
	}
}

func TestWriterIsDeterministic(t *testing.T) {
	dir := t.TempDir()
	rows := sample(10_000, 2)
	whole, err := os.ReadFile(write(t, filepath.Join(dir, "whole.parquet"), rows))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "parts.parquet")
	w, err := Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for part := range slices.Chunk(rows, 333) {
		if err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	parts, _ := os.ReadFile(path)
	if !bytes.Equal(whole, parts) {
		t.Error("the same rows in other parts give other bytes")
	}
}

// raw writes a file of any columns, past the checks of Writer.
func raw(t *testing.T, path string, n int, cols []columns.Column, vectors ...*columns.Vector) string {
	t.Helper()
	w, err := columns.Create(path, cols)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Append(n, vectors); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func texts(s ...string) *columns.Vector {
	v := &columns.Vector{Strings: s, Null: make([]bool, len(s))}
	for i := range s {
		v.Null[i] = s[i] == "NULL"
	}
	return v
}

func TestDriftedTypes(t *testing.T) {
	nan := math.NaN()
	path := raw(t, filepath.Join(t.TempDir(), "a.parquet"), 4,
		[]columns.Column{
			{Name: "hash", Kind: columns.Int}, {Name: "TEXT"}, {Name: "URL"},
			{Name: "WIDTH", Kind: columns.Float}, {Name: "HEIGHT", Kind: columns.Int}, {Name: "similarity", Kind: columns.Float},
		},
		&columns.Vector{Ints: []int64{1, 2, 3, 4}}, texts("a", "b", "c", "d"), texts("u", "v", "w", "NULL"),
		&columns.Vector{Floats: []float64{640, nan, 0.5, -3}}, &columns.Vector{Ints: []int64{1 << 40, 2, 3, 4}, Null: []bool{false, true, false, false}},
		&columns.Vector{Floats: []float64{6016, 0.25, nan, -1}})
	opts := Options{Columns: []string{"WIDTH", "HEIGHT", "similarity"}}
	got, err := readAll([]string{path}, opts)
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{Index: 0, URL: "u", Text: "a", Width: 640, Height: math.MaxInt32, Similarity: nan},
		{Index: 1, URL: "v", Text: "b", Width: 0, Height: 0, Similarity: 0.25},
		{Index: 2, URL: "w", Text: "c", Width: 0, Height: 3, Similarity: nan},
		{Index: 3, URL: "", Text: "d", Width: 0, Height: 4, Similarity: -1},
	}
	for i := range want {
		if !same(got[i], want[i]) {
			t.Errorf("row %d: got %+v, want %+v", i, got[i], want[i])
		}
	}
	r, _ := Open([]string{path}, opts)
	defer r.Close()
	r.Next()
	if r.BadSimilarities() != 2 {
		t.Errorf("bad similarities: got %d, want 2", r.BadSimilarities())
	}
}

func TestBadRows(t *testing.T) {
	dir := t.TempDir()
	cols := []columns.Column{{Name: "URL"}, {Name: "TEXT"}, {Name: "key"}}
	a := raw(t, filepath.Join(dir, "a.parquet"), 2, cols, texts("u0", "u1"), texts("x", "caf\xe9"), texts("0", "1"))
	b := raw(t, filepath.Join(dir, "b.parquet"), 3, cols, texts("u2", "u3", "u4"), texts("NULL", "", "x"), texts("2", "NULL", "\xff"))
	got, err := readAll([]string{a, b}, Options{MaxBad: 3})
	if err != nil {
		t.Fatal(err)
	}
	var bad []int
	for _, row := range got {
		if row.Bad {
			bad = append(bad, int(row.Index))
		}
	}
	if want := []int{1, 2, 4}; !slices.Equal(bad, want) {
		t.Errorf("bad rows: got %v, want %v", bad, want)
	}
	r, err := Open([]string{a, b}, Options{MaxBad: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for err = nil; err == nil; {
		_, err = r.Next()
	}
	if want := "file " + b + ": row 2: key is not UTF-8 (bad row 3, and 2 are allowed)"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if got, want := fmt.Sprint(r.Bad()[:2]), fmt.Sprintf("[file %s: row 1: TEXT is not UTF-8 file %s: row 0: TEXT is null]", a, b); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestOpenErrors(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	good := write(t, at("good.parquet"), sample(500, 3))
	body, _ := os.ReadFile(good)
	os.WriteFile(at("cut.parquet"), body[:len(body)*2/3], 0o666)
	os.WriteFile(at("short.parquet"), body[:7], 0o666)
	os.WriteFile(at("none.parquet"), nil, 0o666)
	os.WriteFile(at("garbage.parquet"), bytes.Repeat([]byte("garbage!"), 1000), 0o666)
	broken := slices.Clone(body)
	copy(broken[len(broken)-100:], bytes.Repeat([]byte{0xff}, 90))
	os.WriteFile(at("footer.parquet"), broken, 0o666)
	raw(t, at("other.parquet"), 1, []columns.Column{{Name: "link"}, {Name: "TEXT"}}, texts("u"), texts("c"))
	raw(t, at("types.parquet"), 1, []columns.Column{{Name: "URL"}, {Name: "TEXT", Kind: columns.Int}}, texts("u"), &columns.Vector{Ints: []int64{1}})
	write(t, at("empty.parquet"), nil)
	for _, tc := range []struct{ name, file, want string }{
		{"missing", "nothing.parquet", "no such file"},
		{"truncated", "cut.parquet", "magic bytes not found in footer"},
		{"seven bytes", "short.parquet", "file too small"},
		{"no bytes", "none.parquet", "file too small"},
		{"not parquet", "garbage.parquet", "smaller than indicated"},
		{"damaged footer", "footer.parquet", ""},
		{"other columns", "other.parquet", "no column URL (it has link, TEXT)"},
		{"other type", "types.parquet", "column TEXT holds integers, want strings"},
		{"no rows", "empty.parquet", "pool is empty"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Open([]string{at(tc.file)}, Options{})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), at(tc.file)) {
				t.Errorf("got %v, want %q and the file", err, tc.want)
			}
		})
	}
	if _, err := Open(nil, Options{}); err == nil || !strings.Contains(err.Error(), "pool is empty") {
		t.Errorf("no files: got %v", err)
	}
	if _, err := Open([]string{good, good}, Options{}); err == nil || !strings.Contains(err.Error(), "listed twice") {
		t.Errorf("twice: got %v", err)
	}
	if _, err := Open([]string{good}, Options{Columns: []string{"text"}}); err == nil || !strings.Contains(err.Error(), `no column "text"`) {
		t.Errorf("unknown column: got %v", err)
	}
}

// TestSidecars reads the files that img2dataset writes beside its tars, and
// refuses to take them for more rows of a LAION pool.
func TestSidecars(t *testing.T) {
	dir := t.TempDir()
	good := write(t, filepath.Join(dir, "00.parquet"), sample(3, 1))
	side := raw(t, filepath.Join(dir, "01.parquet"), 1, []columns.Column{{Name: "url"}, {Name: "caption"}, {Name: "key"}}, texts("u"), texts("c"), texts("k"))
	got, err := readAll([]string{side}, Options{})
	if want := (Row{URL: "u", Text: "c", Key: "k", Similarity: math.NaN()}); err != nil || !same(got[0], want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := Open([]string{side, good}, Options{}); err == nil || !strings.Contains(err.Error(), "has column url where "+good+" has URL") {
		t.Errorf("mixed: got %v", err)
	}
}

// TestDamagedPages overwrites each part of a file in turn: reading gives rows
// or an error that names the file, and never panics.
func TestDamagedPages(t *testing.T) {
	dir := t.TempDir()
	body, _ := os.ReadFile(write(t, filepath.Join(dir, "good.parquet"), sample(200, 4)))
	path := filepath.Join(dir, "bad.parquet")
	failed := 0
	for at := 4; at+8 < len(body); at += 61 {
		broken := slices.Clone(body)
		for i := range 8 {
			broken[at+i] ^= 0xa5
		}
		os.WriteFile(path, broken, 0o666)
		_, err := readAll([]string{path}, Options{MaxBad: 1000})
		if err == nil {
			continue
		}
		failed++
		if !strings.Contains(err.Error(), path) {
			t.Errorf("byte %d: error without the file: %v", at, err)
		}
	}
	if failed == 0 {
		t.Error("no damage was found")
	}
}

func TestWriteErrors(t *testing.T) {
	dir := t.TempDir()
	w, _ := Create(filepath.Join(dir, "a.parquet"))
	if err := w.Write([]Row{{Text: "ok"}, {Text: "\xff"}}); err == nil || !strings.Contains(err.Error(), "row 1") {
		t.Errorf("not UTF-8: got %v", err)
	}
	w, _ = Create(filepath.Join(dir, "b.parquet"))
	w.Write([]Row{{Text: "no key"}})
	if err := w.Write([]Row{{Text: "key", Key: "1"}}); err == nil || !strings.Contains(err.Error(), "row 1: has a key") {
		t.Errorf("late key: got %v", err)
	}
	w, _ = Create(filepath.Join(dir, "no", "dir.parquet"))
	if err := w.Write(nil); err == nil {
		t.Error("no folder: no error")
	}
}

func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system")
	}
	w, _ := Create("/dev/full")
	err := w.Write(sample(20_000, 5))
	if err == nil {
		err = w.Close()
	}
	if err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Errorf("got %v, want no space left", err)
	}
}

func FuzzValid(f *testing.F) {
	for _, s := range []string{"", "plain ascii text", "caf\xe9", "naïve café – 写真", "12345678\xff", "é2345678", "\xc3", "a\xed\xa0\x80 surrogate"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if got, want := valid(s), utf8.ValidString(s); got != want {
			t.Errorf("%q: got %v, want %v", s, got, want)
		}
	})
}

// TestBomb reads 5.7 KB in which one caption of 2 MB stands for 8,192 rows: 16 GB
// as a batch's strings.
func TestBomb(t *testing.T) {
	const name = "testdata/bomb.parquet"
	for _, reuse := range []bool{false, true} {
		r, err := Open([]string{name}, Options{MaxBad: 100, Reuse: reuse})
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.NextColumns()
		if err == nil || !strings.Contains(err.Error(), "file "+name+": row 0: column TEXT: a batch of over ") {
			t.Errorf("reuse %v: got %v, want an error with file and column", reuse, err)
		}
		r.Close()
	}
	r, err := Open([]string{name}, Options{MaxBad: 100, BatchSize: 4}) // so little is read as it is
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if b, err := r.Next(); err != nil || len(b.Rows[3].Text) < 1<<20 {
		t.Errorf("four rows: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	dir := f.TempDir()
	body, _ := os.ReadFile(write(f, filepath.Join(dir, "seed.parquet"), sample(20, 6)))
	f.Add(body)
	f.Add(body[:len(body)-9])
	f.Add([]byte("PAR1\x00\x00\x00\x00PAR1"))
	path := filepath.Join(dir, "fuzz.parquet") // workers are processes of their own
	f.Fuzz(func(t *testing.T, raw []byte) {
		os.WriteFile(path, raw, 0o666)
		r, err := Open([]string{path}, Options{MaxBad: 100})
		if err != nil {
			return
		}
		defer r.Close()
		var n int64
		for {
			b, err := r.Next()
			if err != nil {
				if err == io.EOF && n != r.NumRows() {
					t.Errorf("%d rows of %d and no error", n, r.NumRows())
				}
				return
			}
			if n += int64(len(b.Rows)); n > 1<<20 {
				return
			}
		}
	})
}

// TestColumnsOfOthers: key, label and truth are names that people give to columns of their
// own. Whole numbers are a key's text, a column without a value is null, others are passed
// over with a note.
func TestColumnsOfOthers(t *testing.T) {
	dir := t.TempDir()
	a, b, c := filepath.Join(dir, "a.parquet"), filepath.Join(dir, "b.parquet"), filepath.Join(dir, "c.parquet")
	ints := &columns.Vector{Ints: []int64{7, 0}, Null: []bool{false, true}}
	floats := &columns.Vector{Floats: []float64{0.5, 1}}
	ours := []columns.Column{{Name: "URL"}, {Name: "TEXT"}, {Name: "key"}, {Name: "label"}, {Name: "truth"}}
	cols := slices.Clone(ours)
	cols[2].Kind, cols[3].Kind, cols[4].Kind = columns.Int, columns.Int, columns.Float
	raw(t, a, 2, cols, texts("u", "v"), texts("c", "d"), ints, ints, floats)
	raw(t, b, 2, cols, texts("u", "v"), texts("c", "d"), ints, ints, &columns.Vector{Floats: []float64{0, 0}, Null: []bool{true, true}})
	raw(t, c, 2, ours, texts("u", "v"), texts("c", "d"), texts("k", "l"), texts("cat", "dog"), texts("x", "y"))
	r, err := Open([]string{a, b, c}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var got []string
	for row, err := range r.All() {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s/%s/%s", row.Key, row.Label, row.Truth))
	}
	if want := []string{"7//", "//", "7//", "//", "k/cat/x", "l/dog/y"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	want := []string{
		"file " + a + " and 1 more: column label holds integers, want strings: it is passed over",
		"file " + a + ": column truth holds numbers, want strings: it is passed over",
	}
	if !slices.Equal(r.Notes(), want) {
		t.Errorf("got %q, want %q", r.Notes(), want)
	}
	if notes, err := Notes([]string{c}, false); err != nil || len(notes) > 0 {
		t.Errorf("got %q, %v", notes, err)
	}
}
