package pool

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/columns"
	"react/data/laion"
)

func ptr(v float64) *float64 { return &v }

// metadata writes a parquet with given columns; values are strings or numbers, nil is null.
func metadata(t *testing.T, path string, names []string, rows [][]any) {
	t.Helper()
	cols, vectors := make([]columns.Column, len(names)), make([]*columns.Vector, len(names))
	for c, name := range names {
		cols[c] = columns.Column{Name: name}
		v := &columns.Vector{Null: make([]bool, len(rows))}
		for _, row := range rows {
			switch row[c].(type) {
			case int:
				cols[c].Kind = columns.Int
			case float64:
				cols[c].Kind = columns.Float
			}
		}
		for i, row := range rows {
			v.Null[i] = row[c] == nil
			switch cols[c].Kind {
			case columns.String:
				s, _ := row[c].(string)
				v.Strings = append(v.Strings, s)
			case columns.Int:
				n, _ := row[c].(int)
				v.Ints = append(v.Ints, int64(n))
			case columns.Float:
				x, _ := row[c].(float64)
				v.Floats = append(v.Floats, x)
			}
		}
		vectors[c] = v
	}
	w, err := columns.Create(path, cols)
	if err == nil {
		err = errors.Join(w.Append(len(rows), vectors), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// joined is LAION-5B's joined and aesthetic columns, with sizes as floats, as some re-exports have
// them.
var joined = []string{"URL", "TEXT", "WIDTH", "HEIGHT", "similarity", "LANGUAGE", "punsafe", "pwatermark", "aesthetic", "NSFW", "LICENSE"}

func joinedRows() [][]any {
	good := func() []any {
		return []any{"u", "a photo of a red cat", 640.0, 480.0, 0.31, "en", 0.01, 0.1, 6.5, "UNLIKELY", "?"}
	}
	rows := [][]any{good(), good()}
	change := func(column string, v any) {
		row := good()
		row[slices.Index(joined, column)] = v
		rows = append(rows, row)
	}
	change("similarity", 0.2)
	change("similarity", 6016.0)
	change("similarity", nil)
	change("WIDTH", 100.0)
	change("WIDTH", 4000.0)
	change("HEIGHT", nil)
	change("NSFW", "NSFW")
	change("punsafe", 0.7)
	change("pwatermark", 0.9)
	change("aesthetic", 3.0)
	change("LANGUAGE", "fr")
	change("LICENSE", "no")
	change("TEXT", "cat")
	change("TEXT", nil)
	for i := range rows {
		rows[i][0] = fmt.Sprintf("http://host/%d", i)
	}
	return rows
}

var strict = Filter{MinSimilarity: ptr(0.3), MinSide: 200, MaxAspect: 3, NSFW: []string{"UNLIKELY"}, MaxUnsafe: ptr(0.5), MaxWatermark: ptr(0.8),
	MinAesthetic: ptr(5), Language: []string{"en"}, License: []string{"?"}, MinWords: 3}

func scan(t *testing.T, f Filter, lists Lists, files ...string) (*Manifest, string) {
	t.Helper()
	m, err := NewMatcher(f, lists)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	man, err := Write(context.Background(), dir, Source{Metadata: files, MaxBad: 10}, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	return man, dir
}

func TestEveryCauseIsCountedOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "part-0.parquet")
	metadata(t, path, joined, joinedRows())
	man, dir := scan(t, strict, Lists{}, path)
	want := map[string]int64{"similarity": 1, "no similarity": 2, "size": 1, "aspect": 1, "no size": 1, "nsfw": 1, "punsafe": 1, "pwatermark": 1, "aesthetic": 1,
		"language": 1, "license": 1, "caption": 1, "unreadable": 1}
	if fmt.Sprint(man.Dropped) != fmt.Sprint(want) || man.Alive != 2 || man.Rows != 16 || man.BadValues != 1 {
		t.Errorf("got %v, %d alive of %d, %d bad values; want %v, 2 of 16, 1", man.Dropped, man.Alive, man.Rows, man.BadValues, want)
	}
	if man.Example["size"] != "part-0.parquet row 5" {
		t.Errorf("the first row dropped for its size is %q", man.Example["size"])
	}
	alive, err := ReadAlive(dir)
	if err != nil || alive.Len() != 16 || alive.Count() != 2 || !alive.Has(0) || !alive.Has(1) || alive.Has(2) {
		t.Errorf("alive rows: got %+v, %v; want 0 and 1 of 16", alive, err)
	}
	keep := strict
	keep.Unknown = "keep"
	if man, _ := scan(t, keep, Lists{}, path); man.Alive != 5 || man.Dropped["no similarity"] != 0 {
		t.Errorf("unknown keep: got %d alive, %v; want the 3 rows with missing values too", man.Alive, man.Dropped)
	}
}

// TestDrift reads the same rows from the types and names that other releases have.
func TestDrift(t *testing.T) {
	f := Filter{MinSimilarity: ptr(0.25), MinSide: 100}
	for name, c := range map[string]struct {
		names []string
		row   []any
	}{
		"laion-400m":  {[]string{"SAMPLE_ID", "URL", "TEXT", "HEIGHT", "WIDTH", "LICENSE", "NSFW", "similarity"}, []any{1, "u", "t", 200, 300, "?", "UNLIKELY", 0.3}},
		"re-export":   {[]string{"URL", "TEXT", "WIDTH", "HEIGHT", "similarity", "hash", "__index_level_0__"}, []any{"u", "t", 300.0, 200.0, 0.3, 5, 0}},
		"datacomp":    {[]string{"uid", "url", "text", "original_width", "original_height", "clip_b32_similarity_score", "clip_l14_similarity_score"}, []any{"00ff", "u", "t", 300, 200, 0.1, 0.3}},
		"img2dataset": {[]string{"url", "caption", "key", "status", "width", "height", "original_width", "original_height", "similarity"}, []any{"u", "t", "000", "success", 50, 50, 300, 200, 0.3}},
	} {
		path := filepath.Join(t.TempDir(), "x.parquet")
		metadata(t, path, c.names, [][]any{c.row})
		man, dir := scan(t, f, Lists{}, path)
		if man.Alive != 1 {
			t.Errorf("%s: got %d alive, dropped %v", name, man.Alive, man.Dropped)
		}
		var got Hash
		if err := eachRow(filepath.Join(dir, RowsFile), func(h Hash, _ string) error { got = h; return nil }); err != nil || got != hashOf("u", "t") {
			t.Errorf("%s: row hash %v, %v; want that of url+text", name, got, err)
		}
	}
}

// TestHash holds what Python's mmh3.hash64 gives, as compute_hashes.py of LAION-5B calls it.
func TestHash(t *testing.T) {
	for _, c := range []struct {
		url, text    string
		first, other int64
	}{
		{"", "", 0, 0},
		{"http://a/1.jpg", "café", -3053913621384876753, -5726867947333915416},
		{"https://example.org/cat.png", "a photo of a cat, sitting", 7074570387476618620, -7967043230259010816},
	} {
		got := hashOf(c.url, c.text)
		if int64(got[0]) != c.first || int64(got[1]) != c.other {
			t.Errorf("%q + %q: got %d, %d, want %d, %d", c.url, c.text, int64(got[0]), int64(got[1]), c.first, c.other)
		}
	}
}

// TestAMissingColumnIsAnError: a condition on a column that a file lacks must not pass or drop
// everything unseen.
func TestAMissingColumnIsAnError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.parquet")
	metadata(t, path, []string{"URL", "TEXT", "similarity"}, [][]any{{"u", "t", 0.3}})
	m, err := NewMatcher(Filter{MaxUnsafe: ptr(0.5)}, Lists{})
	if err == nil {
		_, err = Write(context.Background(), t.TempDir(), Source{Metadata: []string{path}}, m, nil)
	}
	if err == nil || !strings.Contains(err.Error(), "no column punsafe (it has URL, TEXT, similarity)") || !strings.Contains(err.Error(), path) {
		t.Errorf("got %v, want the file, the column and what there is", err)
	}
}

func many(t *testing.T, n, first int) string {
	t.Helper()
	rows := make([][]any, n)
	for i := range rows {
		rows[i] = []any{fmt.Sprintf("http://host/%d", first+i), fmt.Sprintf("caption %d", first+i)}
	}
	path := filepath.Join(t.TempDir(), "x.parquet")
	metadata(t, path, []string{"URL", "TEXT"}, rows)
	return path
}

func TestFractionsAreNestedAndFollowTheRows(t *testing.T) {
	const n = 20000
	path := many(t, n, 0)
	var before *Rows
	for _, share := range []float64{0.5, 0.1, 0.01} {
		man, dir := scan(t, Filter{Fraction: share, Seed: 3}, Lists{}, path)
		if got := float64(man.Alive) / n; math.Abs(got-share) > 4*math.Sqrt(share/n) {
			t.Errorf("fraction %g leaves %g", share, got)
		}
		alive, err := ReadAlive(dir)
		if err != nil {
			t.Fatal(err)
		}
		for i := int64(0); before != nil && i < n; i++ {
			if alive.Has(i) && !before.Has(i) {
				t.Fatalf("row %d is in fraction %g and not in a larger one", i, share)
			}
		}
		before = alive
	}
	// The same rows in another place of another pool: the same choice.
	_, a := scan(t, Filter{Fraction: 0.3, Seed: 4}, Lists{}, many(t, 1000, 0))
	_, b := scan(t, Filter{Fraction: 0.3, Seed: 4}, Lists{}, many(t, 1000, 500))
	x, errA := ReadAlive(a)
	y, errB := ReadAlive(b)
	if errA != nil || errB != nil {
		t.Fatal(errA, errB)
	}
	for i := range int64(500) {
		if x.Has(500+i) != y.Has(i) {
			t.Fatalf("row %d is chosen in one pool only", 500+i)
		}
	}
}

func TestBlocklists(t *testing.T) {
	path := many(t, 10, 0)
	dir := t.TempDir()
	text := filepath.Join(dir, "list.txt")
	a, b := hashOf("http://host/2", "caption 2")[0], hashOf("http://host/3", "caption 3")[0]
	if err := os.WriteFile(text, fmt.Appendf(nil, "# taken down\n%d\n\n%d # signed\n", a, int64(b)), 0o644); err != nil {
		t.Fatal(err)
	}
	hashes, rows := filepath.Join(dir, "hash.parquet"), filepath.Join(dir, "rows.parquet")
	metadata(t, hashes, []string{"hash"}, [][]any{{int(hashOf("http://host/5", "caption 5")[0])}})
	metadata(t, rows, []string{"URL", "TEXT"}, [][]any{{"http://host/7", "caption 7"}, {"http://host/7", "another"}})
	man, out := scan(t, Filter{}, Lists{Block: []string{text, hashes, rows}}, path)
	alive, err := ReadAlive(out)
	if err != nil || man.Dropped["blocklist"] != 4 || man.BlockList != 5 {
		t.Fatalf("got %v, list of %d, %v; want 4 dropped by 5 hashes", man.Dropped, man.BlockList, err)
	}
	for _, i := range []int64{2, 3, 5, 7} {
		if alive.Has(i) {
			t.Errorf("row %d is on a list and alive", i)
		}
	}
	for name, text := range map[string]string{"bad.txt": "12x\n", "bad.csv": "1\n"} {
		bad := filepath.Join(dir, name)
		if err := os.WriteFile(bad, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := readHashes(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: got %v, want an error that names it", name, err)
		}
	}
}

func TestDiffAndIntersection(t *testing.T) {
	old, now := many(t, 1000, 0), many(t, 1000, 300)
	_, a := scan(t, Filter{Fraction: 0.5}, Lists{}, old)
	_, b := scan(t, Filter{}, Lists{}, now)
	for _, part := range []int64{1 << 20, 64} { // in memory at once, and in many passes
		d, err := diff(a, b, part)
		if err != nil {
			t.Fatal(err)
		}
		if d.Both != 700 || d.Only != [2]int64{300, 300} || d.Distinct != [2]int64{1000, 1000} || d.SameDigest {
			t.Errorf("got %+v, want 700 rows in both and 300 in each alone", d)
		}
		if d.AliveBoth+d.DroppedIn[0]["fraction"] != 700 || d.Alive[1] != 1000 || len(d.Files[0]) != 1 {
			t.Errorf("got %+v, want the dropped ones of A counted by cause", d)
		}
		both, _ := scan(t, Filter{}, Lists{Within: []string{filepath.Join(a, RowsFile)}}, now)
		if both.Alive != d.AliveBoth || both.Dropped["within"] != 1000-d.AliveBoth {
			t.Errorf("the rows within A are %d, the difference says %d", both.Alive, d.AliveBoth)
		}
	}
	_, again := scan(t, Filter{}, Lists{}, now)
	if d, err := Diff(b, again); err != nil || !d.SameDigest || len(d.Files[0]) != 0 {
		t.Errorf("the same pool twice: got %+v, %v", d, err)
	}
}

func TestRows(t *testing.T) {
	r := NewRows(130)
	for _, i := range []int64{0, 63, 64, 65, 129} {
		r.Add(i)
		r.Add(i)
	}
	for i := range int64(130) {
		if want := i == 0 || i >= 63 && i <= 65 || i == 129; r.Has(i) != want {
			t.Errorf("row %d: got %v", i, !want)
		}
	}
	if r.Count() != 5 || r.Len() != 130 {
		t.Errorf("%d of %d rows, want 5 of 130", r.Count(), r.Len())
	}
}

func TestTheReaderAndTheManifestAgree(t *testing.T) {
	path := many(t, 100, 0)
	man, dir := scan(t, Filter{Fraction: 0.5}, Lists{}, path)
	if err := os.WriteFile(filepath.Join(dir, ManifestFile), []byte(`{"schema":"runner.pool/v1","rows":101,"numbering":"pool","rowHash":"","digest":"","alive":1,"dropped":{},"filter":{},"columns":{},"badValues":0,"blocklist":0,"metadata":[]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadAlive(dir); err == nil || !strings.Contains(err.Error(), "has 100 rows") {
		t.Errorf("a manifest of another length: got %v", err)
	}
	r, err := laion.Open([]string{path}, laion.Options{})
	if err != nil || r.NumRows() != man.Rows {
		t.Errorf("the reader has %d rows, the manifest %d, %v", r.NumRows(), man.Rows, err)
	}
}
