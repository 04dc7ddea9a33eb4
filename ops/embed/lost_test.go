package embed_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/columns"
	"react/data/embeddings"
	"react/data/lost"
	"react/data/shards"
	"react/ops/embed"
	"react/ops/engine"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/pools"
)

// lostRow is a row of metadata, and its sample where Image is not "": the grey of a small image, or
// bytes that are none.
type lostRow struct {
	Key, URL, Text, Status string
	Image                  string
	NoJSON, NoText         bool
}

// lostPool writes the rows of each shard as img2dataset does, or leaves a shard's tar out; a name
// is "FOLDER/NUMBER".
func lostPool(t *testing.T, byShard map[string][]lostRow, without ...string) map[string]op.Files {
	t.Helper()
	dir := t.TempDir()
	files := map[string]op.Files{"pool.laion": {Root: dir}, "pool.shards": {Root: dir}}
	add := func(role, path string) {
		f := files[role]
		f.Paths = append(f.Paths, path)
		files[role] = f
	}
	for _, name := range slices.Sorted(maps.Keys(byShard)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		writeLostMetadata(t, path+".parquet", byShard[name])
		add("pool.laion", path+".parquet")
		if !slices.Contains(without, name) {
			writeLostTar(t, path+".tar", byShard[name])
			add("pool.shards", path+".tar")
		}
	}
	return files
}

func writeLostMetadata(t *testing.T, path string, rows []lostRow) {
	t.Helper()
	w, err := columns.Create(path, []columns.Column{{Name: "url"}, {Name: "caption"}, {Name: "key"}, {Name: "status"}})
	if err != nil {
		t.Fatal(err)
	}
	v := make([]*columns.Vector, 4)
	for i := range v {
		v[i] = &columns.Vector{}
	}
	for _, r := range rows {
		for i, text := range []string{r.URL, r.Text, r.Key, r.Status} {
			v[i].Strings = append(v[i].Strings, text)
		}
	}
	if err := w.Append(len(rows), v); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func writeLostTar(t *testing.T, path string, rows []lostRow) {
	t.Helper()
	w, err := shards.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if r.Image == "" {
			continue
		}
		var meta any
		if !r.NoJSON {
			meta = map[string]string{"url": r.URL, "caption": r.Text}
		}
		caption := r.Text
		if r.NoText {
			caption = ""
		}
		if err := w.Put(r.Key, "png", optest.GreyImage(t, r.Image), caption, meta); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// lostRows are n rows whose keys begin at a number; change alters a copy of each.
func lostRows(first, n int, change func(i int, r *lostRow)) []lostRow {
	rows := make([]lostRow, n)
	for i := range rows {
		at := first + i
		rows[i] = lostRow{Key: fmt.Sprintf("%09d", at), URL: fmt.Sprintf("http://pool.invalid/%d", at), Text: fmt.Sprintf("picture %d", at), Status: "success", Image: fmt.Sprint(10 * (at%10 + at/10000))}
		if change != nil {
			change(i, &rows[i])
		}
	}
	return rows
}

// TestLostRowsAreCountedByCause: what becomes of a pool some of whose rows have no image, for each
// reason that there is.
func TestLostRowsAreCountedByCause(t *testing.T) {
	on, _, base := small.TwoStepBase(t)
	again := func(i int, r *lostRow) { // keys that start again; addresses and captions do not
		r.URL, r.Text, r.Image = r.URL+"b", r.Text+"b", "200"
	}
	both := func(change func(*lostRow)) map[string][]lostRow {
		return map[string][]lostRow{
			"run1/00000": lostRows(0, 6, func(_ int, r *lostRow) { change(r) }),
			"run2/00000": lostRows(0, 6, func(i int, r *lostRow) { again(i, r); change(r) }),
		}
	}
	shardsOf := func(change func(i int, r *lostRow)) map[string][]lostRow {
		return map[string][]lostRow{"p/00000": lostRows(0, 10, change), "p/00001": lostRows(10000, 10, nil)}
	}
	for _, c := range []struct {
		name    string
		rows    map[string][]lostRow
		without []string
		share   float64
		want    map[lost.Cause]int64 // where no error is wanted
		error   string
	}{
		{name: "all there", rows: shardsOf(nil)},
		{name: "downloads failed", share: 0.05, want: map[lost.Cause]int64{lost.NotDownloaded: 4}, rows: shardsOf(func(i int, r *lostRow) {
			if i < 4 {
				r.Status, r.Image = "failed_to_download", ""
			}
		})},
		{name: "half the tars", rows: shardsOf(nil), without: []string{"p/00001"}, share: 0.05,
			error: "10 of 20 rows (50.0 %) are of a shard whose tar is not there, over maxBadShare 0.05; the first: file "},
		{name: "half the tars, allowed", rows: shardsOf(nil), without: []string{"p/00001"}, share: 0.5, want: map[lost.Cause]int64{lost.NoShard: 10}},
		{name: "keys that are not in their tar", share: 0.05, error: "3 of 20 rows (15.0 %) have an image that is not in the tars", rows: shardsOf(func(i int, r *lostRow) {
			if i < 3 {
				r.Image = ""
			}
		})},
		{name: "few", share: 0.05, want: map[lost.Cause]int64{lost.NoSample: 1}, rows: shardsOf(func(i int, r *lostRow) {
			if i == 3 {
				r.Image = ""
			}
		})},
		{name: "undecodable", share: 0.05, error: "2 of 20 images (10.0 %) do not decode, over maxBadShare 0.05", rows: shardsOf(func(i int, r *lostRow) {
			if i < 2 {
				r.Image = "<html>"
			}
		})},
		{name: "undecodable, allowed", share: 0.1, want: map[lost.Cause]int64{lost.Undecodable: 2}, rows: shardsOf(func(i int, r *lostRow) {
			if i < 2 {
				r.Image = "<html>"
			}
		})},
		{name: "captions that cannot be read", share: 0.05, error: "2 of 20 rows (10.0 %) have no caption that can be read", rows: shardsOf(func(i int, r *lostRow) {
			if i < 2 {
				r.Image, r.Text = "", "caf\xe9"
			}
		})},
		{name: "keys that start again, with addresses", rows: both(func(*lostRow) {})},
		{name: "keys that start again, without", rows: both(func(r *lostRow) { r.NoJSON = true }), share: 0.05,
			error: "12 of 12 rows (100.0 %) have a key that stands for several images, and no address that says which, over maxBadShare 0.05"},
		{name: "keys that start again, and the tar of one", rows: both(func(r *lostRow) { r.NoJSON = true }), without: []string{"run2/00000"}, share: 0.5,
			want: map[lost.Cause]int64{lost.OtherCaption: 6}},
		{name: "keys that start again, the tar of one, which says nothing", rows: both(func(r *lostRow) { r.NoJSON, r.NoText = true, true }), without: []string{"run2/00000"}, share: 0.05,
			error: "12 of 12 rows (100.0 %) have a key that stands for several images"},
		{name: "several causes", share: 0.05, without: []string{"p/00001"},
			error: "3 of 20 rows (15.0 %) were not downloaded, as their status says, 10 (50.0 %) are of a shard whose tar is not there: 10 (58.8 % of what was downloaded), over maxBadShare 0.05",
			rows: shardsOf(func(i int, r *lostRow) {
				if i < 3 {
					r.Status, r.Image = "failed_to_resize", ""
				}
			})},
	} {
		t.Run(c.name, func(t *testing.T) {
			run := optest.New(t, map[string]string{"checkpoint": base}, lostPool(t, c.rows, c.without...))
			run.OpenEngine = func() (*engine.Engine, error) { return on, nil }
			err := embed.Pool(t.Context(), &run.Run, embed.Params{MaxBad: 100, MaxBadShare: c.share}, 7)
			if c.error != "" {
				if err == nil || !strings.Contains(err.Error(), c.error) {
					t.Fatalf("got %v, want %q", err, c.error)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			count := optest.LostIn(run)
			if !maps.Equal(count.By, c.want) || len(c.want) > 0 && len(run.Warnings) == 0 {
				t.Errorf("got %v, want %v, and said: %v", count.By, c.want, run.Warnings)
			}
			checkEmbedded(t, on, base, run.Dir, c.rows, count)
		})
	}
}

// checkEmbedded compares the rows of a folder with what each row's own image gives.
func checkEmbedded(t *testing.T, on *engine.Engine, base, dir string, rows map[string][]lostRow, count lost.Count) {
	t.Helper()
	of := map[string]lostRow{}
	total := 0
	for _, list := range rows {
		for _, r := range list {
			of[r.URL], total = r, total+1
		}
	}
	folder, err := embeddings.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	if want := int64(total) - count.Faults() - count.By[lost.NotDownloaded]; folder.Rows() != want {
		t.Errorf("%d rows are embedded, want %d", folder.Rows(), want)
	}
	side, err := folder.Image()
	if err != nil {
		t.Fatal(err)
	}
	vectors := map[string][]float32{} // by the image that a row should have
	err = pools.EachMeta(t.Context(), folder, func(i int64, meta embeddings.Meta) error {
		v := make([]float32, folder.Dim())
		if err := side.Row(i, v); err != nil {
			return err
		}
		image := of[meta.URL].Image
		if vectors[image] == nil {
			for other, u := range vectors {
				if slices.Equal(u, v) {
					t.Errorf("row %s has the image %q and should have %q", meta.URL, other, image)
				}
			}
			vectors[image] = v
		} else if !slices.Equal(vectors[image], v) {
			t.Errorf("row %s has not the image %q", meta.URL, image)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestPretrainCountsLostRows: a base is trained on the same rows as are searched, and refuses the
// same pools.
func TestPretrainCountsLostRows(t *testing.T) {
	rows := map[string][]lostRow{"p/00000": lostRows(0, 10, func(i int, r *lostRow) {
		if i < 2 {
			r.Image = "<html>"
		}
	}), "p/00001": lostRows(10000, 10, nil)}
	files := lostPool(t, rows)
	p := small.Pretrain(t)
	p.Steps, p.Batch, p.MaxBad, p.MaxBadShare = 2, 8, 100, 0.05
	if err := try(optest.New(t, nil, files), "pretrain", p); err == nil || !strings.Contains(err.Error(), "2 of 20 images (10.0 %) do not decode, over maxBadShare 0.05") {
		t.Errorf("got %v, want the count", err)
	}
	p.MaxBadShare = 0.1
	r, _ := do(t, "pretrain", p, nil, files)
	if count := optest.LostIn(r); count.By[lost.Undecodable] != 2 || count.Of != 20 {
		t.Errorf("got %+v, want 2 of 20", count)
	}
}

// TestPairsCountLostRows: of a folder of embeddings whose images were fetched later, some are not
// there.
func TestPairsCountLostRows(t *testing.T) {
	_, _, base := small.TwoStepBase(t)
	whole := lostRows(0, 20, nil)
	_, folder := do(t, "embed", embed.Params{}, map[string]string{"checkpoint": base}, lostPool(t, map[string][]lostRow{"p/00000": whole}))
	fetched := lostRows(0, 20, func(i int, r *lostRow) {
		switch {
		case i < 3:
			r.Status, r.Image = "failed_to_download", ""
		case i < 6:
			r.Image = ""
		}
	})
	files := lostPool(t, map[string][]lostRow{"fetched/00000": fetched})
	delete(files, "pool.laion")
	files["embeddings"] = op.Files{Root: folder}
	p := pairs.Params{Source: "pool", MaxBad: 100, MaxBadShare: 0.05}
	err := try(optest.New(t, nil, files), "pairs", p)
	want := "3 of 20 rows (15.0 %) were not downloaded, as their status says, 3 (15.0 %) have an image that is not in the tars: 3 (17.6 % of what was downloaded), over maxBadShare 0.05"
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	p.MaxBadShare = 0.2
	r, dir := do(t, "pairs", p, nil, files)
	if list, err := pairs.Read(dir); err != nil || len(list) != 14 {
		t.Errorf("%d pairs, %v, want 14", len(list), err)
	}
	raw, err := json.Marshal(r.Facts[op.LostFact])
	if err != nil || !strings.Contains(string(raw), `"by":{"noSample":3,"notDownloaded":3}`) {
		t.Errorf("fact %s, %v", raw, err)
	}
}
