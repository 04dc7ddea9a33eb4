package embeddings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/columns"
	"react/data/npy"
)

// vectors makes n of length 1 that are exact as halves only approximately.
func vectors(n, dim int, seed uint64) []float32 {
	rng := rand.New(rand.NewPCG(seed, 3))
	v := make([]float32, n*dim)
	for i := range n {
		sum := 0.0
		for j := range dim {
			v[i*dim+j] = float32(rng.NormFloat64())
			sum += float64(v[i*dim+j]) * float64(v[i*dim+j])
		}
		for j := range dim {
			v[i*dim+j] /= float32(math.Sqrt(sum))
		}
	}
	return v
}

func rows(n int) []Meta {
	meta := make([]Meta, n)
	for i := range meta {
		meta[i] = Meta{Key: fmt.Sprintf("%09d", i), Caption: fmt.Sprintf("caption é %d", i), URL: fmt.Sprintf("u%d", i), Similarity: float64(i) / float64(n), Row: int64(3 * i), Label: "cat"}
	}
	meta[0].Similarity, meta[0].Label = math.NaN(), ""
	return meta
}

// build writes a folder in pieces of step rows.
func build(t testing.TB, dir string, image, text []float32, meta []Meta, dim, step, perFile int) string {
	t.Helper()
	w, err := Create(dir, dim, Options{Image: image != nil, Text: text != nil, RowsPerFile: perFile})
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(meta); at += step {
		to := min(at+step, len(meta))
		if err := w.Append(piece(image, at*dim, to*dim), piece(text, at*dim, to*dim), meta[at:to]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func piece(v []float32, from, to int) []float32 {
	if v == nil {
		return nil
	}
	return v[from:to]
}

// tree is a folder's files and their contents.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		files[filepath.ToSlash(name)] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestRoundTrip(t *testing.T) {
	const n, dim = 1234, 16
	image, text, meta := vectors(n, dim, 1), vectors(n, dim, 2), rows(n)
	dir := build(t, t.TempDir(), image, text, meta, dim, 100, 100)
	names := tree(t, dir)
	for _, want := range []string{"img_emb/img_emb_00.npy", "text_emb/text_emb_12.npy", "metadata/metadata_07.parquet"} {
		if _, ok := names[want]; !ok {
			t.Errorf("no file %s", want)
		}
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Rows() != n || f.Dim() != dim || len(f.Warnings()) != 0 {
		t.Fatalf("got %d rows of %d, %v", f.Rows(), f.Dim(), f.Warnings())
	}
	for side, want := range map[string][]float32{"image": image, "text": text} {
		m, err := f.Image()
		if side == "text" {
			m, err = f.Text()
		}
		if err != nil {
			t.Fatal(err)
		}
		got := make([]float32, n*dim)
		if err := m.Block(0, n, got); err != nil {
			t.Fatal(err)
		}
		for i, v := range want {
			if math.Abs(float64(got[i]-v)) > 1e-3 {
				t.Fatalf("%s value %d: got %v, want %v", side, i, got[i], v)
			}
		}
		row := make([]float32, dim)
		for _, i := range []int{0, 99, 100, 1233} { // ends of parts
			if err := m.Row(int64(i), row); err != nil || !slices.Equal(row, got[i*dim:(i+1)*dim]) {
				t.Errorf("%s row %d is not that of the block, %v", side, i, err)
			}
		}
		block := make([]float32, 250*dim)
		if err := m.Block(95, 250, block); err != nil || !slices.Equal(block, got[95*dim:345*dim]) {
			t.Errorf("%s rows 95 to 345 differ, %v", side, err)
		}
		if err := m.Block(n, 1, row); err == nil {
			t.Errorf("%s: a row after the end is no error", side)
		}
	}
	got, err := readMeta(f)
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range got {
		if fmt.Sprint(m) != fmt.Sprint(meta[i]) {
			t.Errorf("row %d: got %v, want %v", i, m, meta[i])
		}
	}
	if len(got) != n {
		t.Errorf("got %d rows of metadata, want %d", len(got), n)
	}
}

func readMeta(f *Folder) ([]Meta, error) {
	r, err := f.Meta(context.Background())
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var all []Meta
	for {
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, m)
	}
}

func TestWriterIsDeterministic(t *testing.T) {
	const n, dim = 5000, 4
	text, meta := vectors(n, dim, 1), rows(n)
	a := tree(t, build(t, t.TempDir(), nil, text, meta, dim, n, 0))
	b := tree(t, build(t, t.TempDir(), nil, text, meta, dim, 77, 0))
	if len(a) != 2 || len(b) != 2 {
		t.Errorf("files: got %d and %d, want 2", len(a), len(b))
	}
	for name := range a {
		if a[name] != b[name] {
			t.Errorf("%s: other bytes for the same rows in other pieces", name)
		}
	}
}

// foreign writes parts as other tools name them: counts of rows by part number.
func foreign(t testing.TB, dir, side, format string, counts ...int) {
	t.Helper()
	os.MkdirAll(filepath.Join(dir, side), 0o777)
	for i, n := range counts {
		path := filepath.Join(dir, side, fmt.Sprintf(format, i))
		if side != metaSide {
			if err := npy.Write(path, []int{n, 4}, vectors(n, 4, uint64(i)), "<f2"); err != nil {
				t.Fatal(err)
			}
			continue
		}
		w, err := columns.Create(path, []columns.Column{{Name: "caption"}, {Name: "key"}, {Name: "NSFW"}})
		if err != nil {
			t.Fatal(err)
		}
		v := &columns.Vector{}
		for r := range n {
			v.Strings = append(v.Strings, fmt.Sprintf("%d.%d", i, r))
		}
		if err := errors.Join(w.Append(n, []*columns.Vector{v, v, v}), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOrder(t *testing.T) {
	counts := []int{3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2}
	dir := t.TempDir()
	foreign(t, dir, imageSide, "img_emb_%d.npy", counts...)
	foreign(t, dir, metaSide, "metadata_%d.parquet", counts...)
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	meta, err := readMeta(f)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, m := range meta {
		if m.Row != int64(i) || m.Key != m.Caption {
			t.Errorf("row %d: got %+v", i, m)
		}
		got = append(got, m.Caption)
	}
	if want := "0.0 0.1 0.2 1.0 10.0 10.1 2.0 3.0 4.0 5.0 6.0 7.0 8.0 9.0"; strings.Join(got, " ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, " "), want)
	}
	if len(f.Warnings()) != 1 || !strings.Contains(f.Warnings()[0], "lexicographic order of the files (img_emb_0.npy, img_emb_1.npy, img_emb_10.npy, img_emb_2.npy, ...)") {
		t.Errorf("warnings: got %v", f.Warnings())
	}

	// Metadata with zeros in front would be read with other vectors.
	for name, counts := range map[string][]int{"in rows": counts, "only in names": {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}} {
		dir = t.TempDir()
		foreign(t, dir, imageSide, "img_emb_%d.npy", counts...)
		foreign(t, dir, metaSide, "metadata_%04d.parquet", counts...)
		_, err = Open(dir)
		if err == nil || !strings.Contains(err.Error(), "in numeric order they agree") || !strings.Contains(err.Error(), dir) {
			t.Errorf("mixed names that differ %s: got %v", name, err)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	const dim = 4
	good := func(t *testing.T) string {
		return build(t, t.TempDir(), vectors(10, dim, 1), vectors(10, dim, 2), rows(10), dim, 10, 0)
	}
	write := func(t *testing.T, path string, shape []int, data []float32) {
		if err := npy.Write(path, shape, data, "<f2"); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, dir, image, meta string)
		want  string
	}{
		{"fewer vectors", func(t *testing.T, dir, image, meta string) { write(t, image, []int{9, dim}, vectors(9, dim, 1)) }, "img_emb_0.npy has 9 rows and text_emb_0.npy 10"},
		{"other dim", func(t *testing.T, dir, image, meta string) { write(t, image, []int{10, 2}, vectors(10, 2, 1)) }, "vectors of 4, and of 2"},
		{"one axis", func(t *testing.T, dir, image, meta string) { write(t, image, []int{40}, make([]float32, 40)) }, "img_emb_0.npy: array [40] of <f2, want [rows, dim]"},
		{"not normalized", func(t *testing.T, dir, image, meta string) { write(t, image, []int{10, dim}, make([]float32, 40)) }, "img_emb_0.npy: row 0: vector of length 0, want 1"},
		{"truncated npy", func(t *testing.T, dir, image, meta string) { os.Truncate(image, 150) }, "img_emb_0.npy: ends in row 2 of 10"},
		{"truncated metadata", func(t *testing.T, dir, image, meta string) { os.Truncate(meta, 300) }, "metadata_0.parquet"},
		{"one more part", func(t *testing.T, dir, image, meta string) {
			write(t, filepath.Join(filepath.Dir(image), "img_emb_1.npy"), []int{1, dim}, vectors(1, dim, 1))
		}, "2 parts like img_emb_0.npy and 1 like text_emb_0.npy"},
		{"nothing", func(t *testing.T, dir, image, meta string) {
			os.RemoveAll(filepath.Join(dir, imageSide))
			os.RemoveAll(filepath.Join(dir, textSide))
		}, "no embeddings"},
		{"no rows", func(t *testing.T, dir, image, meta string) {
			for _, side := range []string{imageSide, textSide, metaSide} {
				os.RemoveAll(filepath.Join(dir, side))
			}
			write(t, mkdir(filepath.Join(dir, textSide, "text_emb_0.npy")), []int{0, dim}, nil)
		}, "no rows"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := good(t)
			tc.spoil(t, dir, filepath.Join(dir, imageSide, "img_emb_0.npy"), filepath.Join(dir, metaSide, "metadata_0.parquet"))
			_, err := Open(dir)
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), dir) {
				t.Errorf("got %v, want %q and the folder", err, tc.want)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing folder: got %v", err)
	}
	f, err := Open(build(t, t.TempDir(), nil, vectors(3, dim, 1), rows(3), dim, 3, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Image(); err == nil || !strings.Contains(err.Error(), "no img_emb") {
		t.Errorf("image side of captions: got %v", err)
	}
}

func mkdir(path string) string {
	os.MkdirAll(filepath.Dir(path), 0o777)
	return path
}

func TestNaNNamesFileAndRow(t *testing.T) {
	const n, dim = 200, 4
	for _, value := range []float32{float32(math.NaN()), float32(math.Inf(-1))} {
		v := vectors(n, dim, 1)
		v[55*dim+2] = value // between the rows that Open samples
		dir := t.TempDir()
		path := mkdir(filepath.Join(dir, textSide, "text_emb_0.npy"))
		if err := npy.Write(path, []int{n, dim}, v, "<f4"); err != nil {
			t.Fatal(err)
		}
		f, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		m, _ := f.Text()
		err = m.Block(40, 100, make([]float32, 100*dim))
		if want := fmt.Sprintf("file %s: row 55: value 2 is %v", path, value); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
		if _, err := f.Meta(t.Context()); err == nil {
			t.Error("no metadata: no error")
		}
	}
}

func TestBadCaptions(t *testing.T) {
	dir := t.TempDir()
	foreign(t, dir, textSide, "text_emb_%d.npy", 3)
	w, err := columns.Create(mkdir(filepath.Join(dir, metaSide, "metadata_0.parquet")), []columns.Column{{Name: "caption"}})
	if err != nil {
		t.Fatal(err)
	}
	v := &columns.Vector{Strings: []string{"fine", "caf\xe9", ""}, Null: []bool{false, false, true}}
	if err := errors.Join(w.Append(3, []*columns.Vector{v}), w.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	f.MaxBad = 1
	_, err = readMeta(f)
	if err == nil || !strings.Contains(err.Error(), "metadata_0.parquet: row 2: caption is null (bad row 2, and 1 are allowed)") {
		t.Errorf("got %v", err)
	}
	f.MaxBad = 2
	meta, err := readMeta(f)
	if err != nil || meta[0].Bad || !meta[1].Bad || !meta[2].Bad || meta[1].Caption != "" {
		t.Errorf("got %v, %v", meta, err)
	}
}

func TestAppendErrors(t *testing.T) {
	if _, err := Create(t.TempDir(), 0, Options{Image: true}); err == nil {
		t.Error("dim 0: no error")
	}
	if _, err := Create(t.TempDir(), 4, Options{}); err == nil {
		t.Error("no side: no error")
	}
	w, err := Create(t.TempDir(), 2, Options{Image: true})
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(math.NaN())
	for _, tc := range []struct {
		image, text []float32
		meta        []Meta
		want        string
	}{
		{[]float32{1}, nil, make([]Meta, 1), "1 image values for 1 rows of 2"},
		{[]float32{1, 0}, []float32{1, 0}, make([]Meta, 1), "2 text values"},
		{[]float32{1, 0, 0, nan}, nil, make([]Meta, 2), "row 1: image value 1 is NaN"},
		{[]float32{1, 0}, nil, []Meta{{Caption: "\xff"}}, "row 0: \"\\xff\" is not UTF-8"},
	} {
		if err := w.Append(tc.image, tc.text, tc.meta); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
	if err := w.Append([]float32{1, 0}, nil, make([]Meta, 1)); err != nil {
		t.Errorf("after refused rows: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}

// TestFullDisk writes to parts that are links to a device without room.
func TestFullDisk(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full on this system")
	}
	for _, name := range []string{"text_emb/text_emb_0.npy", "metadata/metadata_0.parquet"} {
		dir := t.TempDir()
		if err := os.Symlink("/dev/full", mkdir(filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
		w, err := Create(dir, 4, Options{Text: true})
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(w.Append(nil, vectors(9, 4, 1), rows(9)), w.Close())
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "no space left") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestRowsAt reads single rows, rising and falling, over parts, row groups and batches.
func TestRowsAt(t *testing.T) {
	const n = 30_000
	meta := rows(n)
	f, err := Open(build(t, t.TempDir(), nil, vectors(n, 2, 1), meta, 2, 7000, 12_345))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := f.Meta(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for _, at := range []int64{0, 0, 1, 9000, 12_344, 12_345, 29_999, 5, 20_000, 20_001, 19_000} {
		got, err := r.At(at)
		if err != nil || got.Key != meta[at].Key || got.Caption != meta[at].Caption || got.Row != meta[at].Row {
			t.Errorf("row %d: got %+v, %v", at, got, err)
		}
	}
	for _, at := range []int64{-1, n} {
		if _, err := r.At(at); err == nil || !strings.Contains(err.Error(), "is outside 0 to 30000") {
			t.Errorf("row %d: %v", at, err)
		}
	}
}

// TestColumnsOfOthers: key, label and truth of other types in the metadata are passed over,
// or taken as text, with a warning.
func TestColumnsOfOthers(t *testing.T) {
	dir := build(t, t.TempDir(), vectors(2, 4, 1), nil, rows(2), 4, 2, 2)
	path := filepath.Join(dir, "metadata", "metadata_0.parquet")
	w, err := columns.Create(path, []columns.Column{{Name: "caption"}, {Name: "key", Kind: columns.Int}, {Name: "label", Kind: columns.Int}, {Name: "truth", Kind: columns.Float}})
	if err != nil {
		t.Fatal(err)
	}
	null := []bool{true, true}
	v := []*columns.Vector{{Strings: []string{"a", "b"}}, {Ints: []int64{5, 6}}, {Ints: []int64{0, 1}}, {Floats: []float64{0, 0}, Null: null}}
	if err := errors.Join(w.Append(2, v), w.Close()); err != nil {
		t.Fatal(err)
	}
	f, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	meta, err := readMeta(f)
	if err != nil || meta[1].Key != "6" || meta[1].Label != "" || meta[1].Truth != "" {
		t.Errorf("got %+v, %v", meta, err)
	}
	if want := "file " + path + ": column label holds integers, want strings: it is passed over"; !slices.Equal(f.Warnings(), []string{want}) {
		t.Errorf("got %q, want %q", f.Warnings(), want)
	}
}
