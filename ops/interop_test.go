package ops

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"

	"react/data/embeddings"
	"react/data/fetch"
	pixels "react/data/image"
	"react/data/laion"
	"react/data/npy"
	"react/data/shards"
	"react/ops/blas"
	"react/ops/knn"
	"react/ops/retrieve"
)

// What testdata/interop.py makes and expects.
const interopRows, interopDim, interopK = 300, 16, 5

// TestReadsOthers reads what faiss 1.15.1, numpy 2.4, pyarrow 26, webdataset 0.2
// and img2dataset 1.47 wrote (testdata/interop.py write).
func TestReadsOthers(t *testing.T) { readOthers(t, "testdata/interop") }

// readOthers checks a folder that interop.py wrote.
func readOthers(t *testing.T, dir string) {
	t.Helper()
	_, queries, err := npy.Read(filepath.Join(dir, "queries.npy"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"flat", "ivf-flat", "hnsw", "ivf-pq", "opq"} {
		if err := readIndex(dir, name, queries); err != nil {
			t.Errorf("index %s by faiss: %v", name, err)
		}
	}
	readFolder(t, dir)
	readTar(t, filepath.Join(dir, "webdataset.tar"), 10)
	readTar(t, filepath.Join(dir, "img2dataset", "00000.tar"), 6)
	reader, err := laion.Open([]string{filepath.Join(dir, "img2dataset", "00000.parquet")}, laion.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	batch, err := reader.Next()
	if err != nil || reader.NumRows() != 8 || !strings.HasPrefix(batch.Rows[0].Text, "caption ") {
		t.Errorf("img2dataset's parquet: %+v, %v", batch, err)
	}
}

// readIndex searches an index of faiss's and compares with what faiss found.
func readIndex(dir, name string, queries []float32) error {
	x, err := knn.Open(filepath.Join(dir, name+".index"), knn.Params{})
	if err != nil {
		return err
	}
	defer x.Close()
	hits, err := x.Search(context.Background(), queries, interopK)
	if err != nil {
		return err
	}
	_, want, err := npy.ReadInts(filepath.Join(dir, name+".rows.npy"))
	if err != nil {
		return err
	}
	_, scores, err := npy.Read(filepath.Join(dir, name+".scores.npy"))
	if err != nil {
		return err
	}
	same := 0
	for i, row := range hits.Rows {
		if row == int64(want[i]) {
			same++
		}
		if math.Abs(float64(hits.Scores[i]-scores[i])) > 1e-3 {
			return fmt.Errorf("hit %d: score %v, want %v", i, hits.Scores[i], scores[i])
		}
	}
	if same < len(want)*98/100 { // rows of equal codes may change places
		return fmt.Errorf("%d of %d rows are the same", same, len(want))
	}
	return nil
}

// readFolder reads the embeddings that numpy and pyarrow wrote.
func readFolder(t *testing.T, dir string) {
	t.Helper()
	folder, err := embeddings.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	meta, err := folder.Meta(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer meta.Close()
	if folder.Rows() != interopRows || folder.Dim() != interopDim {
		t.Errorf("%d rows of %d", folder.Rows(), folder.Dim())
	}
	for i := range int64(interopRows) {
		m, err := meta.Next()
		if err != nil || m.Key != fmt.Sprintf("%09d", i) || m.Caption != fmt.Sprintf("caption %d é", i) || math.Abs(m.Similarity-float64(i)/interopRows) > 1e-12 {
			t.Fatalf("row %d: %+v, %v", i, m, err)
		}
	}
}

// readTar reads samples of others: keys, captions and images.
func readTar(t *testing.T, name string, n int) {
	t.Helper()
	set, err := shards.Index(t.Context(), []string{name}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if len(set.Samples()) != n {
		t.Errorf("%s: %d samples, want %d", name, len(set.Samples()), n)
	}
	for _, s := range set.Samples() {
		i := 0
		fmt.Sscan(strings.TrimLeft(s.Key, "0"), &i)
		raw, err := set.Read(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		img, err := pixels.DecodeOnWhite(raw)
		if err != nil || math.Abs(float64(img.Pix[0])-float64(20*i)) > 2 || s.Caption != fmt.Sprintf("caption %d é", i) || s.URL == "" {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
}

// TestInterop has the packages of others read what we write, and reads what they
// write now: make interop.
func TestInterop(t *testing.T) {
	python := os.Getenv("INTEROP_PYTHON")
	if python == "" {
		t.Skip("INTEROP_PYTHON names no Python with the packages of others (make interop)")
	}
	script, err := filepath.Abs("testdata/interop.py")
	if err != nil {
		t.Fatal(err)
	}
	ask := func(what, dir string) string {
		cmd := exec.Command(python, script, what, dir)
		cmd.Env = append(os.Environ(), "NO_ALBUMENTATIONS_UPDATE=1", "PYTHONWARNINGS=ignore")
		var errs bytes.Buffer
		cmd.Stderr = &errs
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("interop.py %s: %v\n%s", what, err, errs.Bytes())
		}
		return string(out)
	}
	theirs, ours := filepath.Join(t.TempDir(), "theirs"), t.TempDir()
	ask("write", theirs)
	readOthers(t, theirs)
	t.Log("ok: what faiss, numpy, pyarrow, webdataset and img2dataset wrote is read by us")
	writeOurs(t, ours)
	for line := range strings.Lines(ask("read", ours)) {
		switch word, _, _ := strings.Cut(line, " "); word {
		case "ok", "absent":
			t.Log(strings.TrimSpace(line))
		case "no":
			t.Error(strings.TrimSpace(line))
		}
	}
}

// writeOurs writes a file of every format of ours that others read.
func writeOurs(t *testing.T, dir string) {
	t.Helper()
	image, text := unitRows(1, interopRows, interopDim), unitRows(2, interopRows, interopDim)
	queries := unitRows(3, 20, interopDim)
	w, err := embeddings.Create(dir, interopDim, embeddings.Options{Image: true, Text: true, RowsPerFile: 80})
	check(t, err)
	var meta []embeddings.Meta
	var rows []laion.Row
	for i := range interopRows {
		caption := fmt.Sprintf("caption %d é", i)
		meta = append(meta, embeddings.Meta{Key: fmt.Sprintf("%09d", i), Caption: caption, URL: fmt.Sprintf("https://a.invalid/%d.jpg", i), Similarity: float64(i) / interopRows, Row: int64(i)})
		rows = append(rows, laion.Row{Index: int64(i), URL: meta[i].URL, Text: caption, Width: int32(100 + i), Height: 50, NSFW: "UNLIKELY", License: "?", Similarity: float64(i) / interopRows})
	}
	check(t, w.Append(image, text, meta))
	check(t, w.Close())
	pool, err := laion.Create(filepath.Join(dir, "pool.parquet"))
	check(t, err)
	check(t, pool.Write(rows))
	check(t, pool.Close())
	for name, values := range map[string][]float32{"img": image, "text": text, "queries": queries} {
		check(t, npy.Write(filepath.Join(dir, name+".npy"), []int{len(values) / interopDim, interopDim}, values, "<f4"))
	}
	writeIndexes(t, dir, queries)
	writeTars(t, dir)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// unitRows are random vectors of length 1, as halves have them.
func unitRows(seed uint64, n, dim int) []float32 {
	rng := rand.New(rand.NewPCG(seed, 9))
	v := make([]float32, n*dim)
	for i := range v {
		v[i] = float32(rng.NormFloat64())
	}
	for i := range n {
		blas.Normalize(v[i*dim : (i+1)*dim])
	}
	return v
}

// writeIndexes saves an index of each kind over the folder's images, those of both
// sides as clip-retrieval names them, and what a search of ours finds.
func writeIndexes(t *testing.T, dir string, queries []float32) {
	t.Helper()
	folder, err := embeddings.Open(dir)
	check(t, err)
	defer folder.Close()
	image, err := folder.Image()
	check(t, err)
	text, err := folder.Text()
	check(t, err)
	ivf := knn.Params{NList: 8, NProbe: 3, TrainSize: interopRows, Code: 4}
	kinds := map[string]knn.Params{"image": {Kind: "flat"}, "text": {Kind: "flat"}, "hnsw": {Kind: "hnsw", M: 8, EfConstruction: 40, EfSearch: 64}}
	for _, kind := range []string{"ivf-flat", "opq-ivf-pq", "ivf-pq"} {
		ivf.Kind = kind
		kinds[kind] = ivf
	}
	var hits []retrieve.Hit
	for name, p := range kinds {
		matrix := image
		if name == "text" {
			matrix = text
		}
		x, err := knn.Build(t.Context(), matrix, p, nil)
		check(t, err)
		check(t, x.Save(filepath.Join(dir, name+".index")))
		found, err := x.Search(t.Context(), queries, interopK)
		check(t, err)
		check(t, x.Close())
		values := make([]float32, len(found.Rows))
		for i, row := range found.Rows {
			values[i] = float32(row)
			if name == "image" {
				hits = append(hits, retrieve.Hit{Query: int32(i / interopK), Rank: int32(i%interopK + 1), Row: row, Score: found.Scores[i], Modality: "t2i"})
			}
		}
		check(t, npy.Write(filepath.Join(dir, name+".rows.npy"), []int{len(values)}, values, "<f4"))
		check(t, npy.Write(filepath.Join(dir, name+".scores.npy"), []int{len(values)}, found.Scores, "<f4"))
	}
	check(t, parquet.WriteFile(filepath.Join(dir, retrieve.HitsFile), hits))
}

// writeTars writes a shard, and has fetch write one with what stands beside it.
func writeTars(t *testing.T, dir string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Join(dir, "shards"), 0o777))
	w, err := shards.Create(filepath.Join(dir, "shards", "00000.tar"))
	check(t, err)
	var body bytes.Buffer
	check(t, png.Encode(&body, image.NewNRGBA(image.Rect(0, 0, 20, 10))))
	var items []fetch.Item
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/a/") {
			out.Write(body.Bytes())
			return
		}
		http.NotFound(out, r)
	}))
	defer server.Close()
	for i := range 10 {
		caption, key := fmt.Sprintf("caption %d é", i), fmt.Sprintf("%09d", i)
		check(t, w.Put(key, "png", body.Bytes(), caption, map[string]any{"url": "u", "caption": caption, "key": key}))
		items = append(items, fetch.Item{URL: fmt.Sprintf("%s/a/%d", server.URL, i), Caption: caption})
	}
	check(t, w.Close())
	items = append(items, fetch.Item{URL: server.URL + "/gone", Caption: "gone"})
	_, err = fetch.Run(t.Context(), func(yield func(fetch.Item, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}, fetch.Options{Dir: filepath.Join(dir, "fetched"), HostRate: 1000, Timeout: 10 * time.Second, AllowPrivate: true, Shape: fetch.Shape{Fit: pixels.Fit{Mode: "keep_ratio", Size: 8}}})
	check(t, err)
	if left, _ := filepath.Glob(filepath.Join(dir, "fetched", "*")); !slices.Contains(left, filepath.Join(dir, "fetched", "00000_stats.json")) {
		t.Errorf("fetched: %v", left)
	}
}
