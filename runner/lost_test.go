package main

import (
	"context"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"react/data/columns"
	"react/data/laion"
	"react/data/shards"
)

// makeLost is the script command "lost DIR TO": the pool of DIR again as img2dataset
// would have left it in two shards. Of the first five downloads failed and two images
// do not decode; the tar of the second is in TO/second.
func makeLost(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: lost DIR TO")
	}
	from, to := ts.MkAbs(args[0]), ts.MkAbs(args[1])
	reader, err := laion.Open([]string{filepath.Join(from, "pool", "00000.parquet")}, laion.Options{})
	ts.Check(err)
	set, err := shards.Index(context.Background(), []string{filepath.Join(from, "pool", "00000.tar")}, 0)
	ts.Check(err)
	var rows []laion.Row
	for row, err := range reader.All() {
		ts.Check(err)
		rows = append(rows, row)
	}
	half := len(rows) / 2
	writeLost(ts, set, rows[:half], filepath.Join(to, "00000.parquet"), filepath.Join(to, "00000.tar"))
	writeLost(ts, set, rows[half:], filepath.Join(to, "00001.parquet"), filepath.Join(to, "second", "00001.tar"))
}

func writeLost(ts *testscript.TestScript, set *shards.Set, rows []laion.Row, meta, tar string) {
	for _, dir := range []string{filepath.Dir(meta), filepath.Dir(tar)} {
		ts.Check(os.MkdirAll(dir, 0o777))
	}
	m, err := columns.Create(meta, []columns.Column{{Name: "url"}, {Name: "caption"}, {Name: "key"}, {Name: "status"}})
	ts.Check(err)
	w, err := shards.Create(tar)
	ts.Check(err)
	v := []*columns.Vector{{}, {}, {}, {}}
	for i, row := range rows {
		status, first := "success", filepath.Base(meta) == "00000.parquet"
		if first && i < 5 {
			status = "failed_to_download"
		} else {
			sample, _ := set.Find(row.Key)
			image, err := set.Read(sample, nil)
			ts.Check(err)
			if first && i < 7 {
				image = []byte("<html>")
			}
			ts.Check(w.Put(row.Key, "png", image, row.Text, map[string]string{"url": row.URL}))
		}
		for c, text := range []string{row.URL, row.Text, row.Key, status} {
			v[c].Strings = append(v[c].Strings, text)
		}
	}
	ts.Check(m.Append(len(rows), v))
	ts.Check(m.Close())
	ts.Check(w.Close())
}
