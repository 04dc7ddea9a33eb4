package main

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"react/data/laion"
	"react/data/shards"
	"react/ops/pairs"
	"react/runner/cli"
	"react/runner/record"
	"react/runner/retrieved"
	"react/runner/store"
)

// TestFetch gets the images of a list from a server of the test's own: twice, the
// second time asking for nothing, and again for what failed.
func TestFetch(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	var body bytes.Buffer
	if err := png.Encode(&body, image.NewGray(image.Rect(0, 0, 80, 40))); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked[r.URL.Path]++
		n := asked[r.URL.Path]
		agent := r.Header.Get("User-Agent")
		mu.Unlock()
		switch {
		case !strings.Contains(agent, "; me@example.org)"):
			http.Error(w, "who are you?", http.StatusForbidden)
		case strings.HasPrefix(r.URL.Path, "/a/"), r.URL.Path == "/healing" && n > 1:
			w.Write(body.Bytes())
		case r.URL.Path == "/healing":
			w.WriteHeader(http.StatusInternalServerError)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	list, to := filepath.Join(dir, "list.parquet"), filepath.Join(dir, "images")
	w, err := laion.Create(list)
	if err != nil {
		t.Fatal(err)
	}
	var rows []laion.Row
	for i := range 7 {
		rows = append(rows, laion.Row{URL: fmt.Sprintf("%s/a/%d", server.URL, i), Text: "a caption"})
	}
	rows = append(rows, laion.Row{URL: server.URL + "/gone", Text: "b"}, laion.Row{URL: server.URL + "/healing", Text: "c"}, laion.Row{Text: "no address"})
	if err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	fetched := func(flags ...string) string {
		t.Helper()
		var out bytes.Buffer
		args := append([]string{"fetch", list, "--to", to, "--allow-private", "--retries", "0", "--host-rate", "1000", "--size", "20", "--contact", "me@example.org"}, flags...)
		if err := run(context.Background(), args, &out, io.Discard); err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(out.String(), to, "DIR")
	}
	const first = "DIR: 9 of 9 addresses answered, 7 images\n  failed: HTTP 404  1\n  failed: HTTP 500  1\n  1 may come now: --retry-failed\n  1 row without an address, not fetched\n"
	if got := fetched(); got != first {
		t.Errorf("printed\n%swant\n%s", got, first)
	}
	if got := fetched(); got != first || asked["/a/3"] != 1 || asked["/healing"] != 1 {
		t.Errorf("again: asked %v, printed\n%s", asked, got)
	}
	if got, want := fetched("--retry-failed"), "DIR: 9 of 9 addresses answered, 8 images\n  failed: HTTP 404  1\n  1 row without an address, not fetched\n"; got != want || asked["/gone"] != 1 {
		t.Errorf("retried: asked %v, printed\n%s", asked, got)
	}
	set, err := shards.Index(t.Context(), []string{filepath.Join(to, "00000.tar")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	if sample, ok := set.Match("", server.URL+"/healing", "c"); !ok || sample.Key != "000000008" || len(set.Samples()) != 8 {
		t.Errorf("%+v, %d images", sample, len(set.Samples()))
	}
}

// TestFetchItems reads what is to be fetched from the pairs of a sweep, and of a
// trial; nothing is asked for.
func TestFetchItems(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep")
	}
	generated := tinyDir(t)
	sweepTiny(t, generated)
	pools, err := filepath.Glob(filepath.Join(generated, ".runner/cache/*/*/pool"))
	if err != nil || len(pools) != 1 {
		t.Fatalf("the generated pool: %v, %v", pools, err)
	}
	dir := tinyDir(t) // its pool is those files, as if they had come from elsewhere
	spec := strings.NewReplacer(`retrieve: {pool: "w"`, `retrieve: {pool: "found"`, "pool: w:",
		fmt.Sprintf("pool: found: {laion: %q, shards: %q}\npool: w:", pools[0]+"/*.parquet", pools[0]+"/*.tar")).Replace(tinySpec)
	if err := os.WriteFile(filepath.Join(dir, "tiny.cue"), []byte(spec), 0o666); err != nil {
		t.Fatal(err)
	}
	sweepTiny(t, dir)
	s, err := store.Open(filepath.Join(dir, ".runner"))
	if err != nil {
		t.Fatal(err)
	}
	found, err := record.FindTrial(s, "tuned")
	if err != nil {
		t.Fatal(err)
	}
	entry, _, err := s.Lookup(found.Trial.Stages["pairs"])
	if err != nil {
		t.Fatal(err)
	}
	pairs, err := pairs.Read(entry.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tiny", "tuned"} {
		items, err := retrieved.Items(s.Root(), name, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for item, err := range items {
			if err != nil || item.URL != pairs[n].URL || item.Caption != pairs[n].Caption {
				t.Fatalf("%s: item %d is %+v, %v; the pair is %+v", name, n, item, err, pairs[n])
			}
			n++
		}
		if n != len(pairs) || n == 0 {
			t.Errorf("%s: %d items of %d pairs", name, n, len(pairs))
		}
	}
	if _, err := retrieved.Items(s.Root(), "base", io.Discard); cli.ExitCode(err) != 2 {
		t.Errorf("a trial without pairs: %v", err)
	}
}
