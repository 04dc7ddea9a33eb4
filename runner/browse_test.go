package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"react/runner/browse"
	"react/runner/cli"
	"react/runner/record"
	"react/runner/store"
)

// said collects what a command that goes on prints.
type said struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// browsing runs browse and gives its address, until the test ends.
func browsing(t *testing.T, args ...string) string {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	out, ended := &said{}, make(chan error, 1)
	go func() { ended <- run(ctx, append([]string{"browse", "--listen", "127.0.0.1:0"}, args...), out, out) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("browse %q ended with %v", args, err)
		}
	})
	for range 3000 {
		if _, rest, ok := strings.Cut(out.String(), "http://"); ok {
			return "http://" + strings.Fields(rest)[0]
		}
		select {
		case err := <-ended:
			ended <- nil
			t.Fatalf("browse %q: %v\n%s", args, err, out)
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatalf("browse %q: no address in 30 s: %s", args, out)
	return ""
}

func fetchJSON(t *testing.T, address string, into any) {
	t.Helper()
	r, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != 200 {
		t.Fatalf("%s: %s, %s, %v", address, r.Status, body, err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		t.Fatal(err)
	}
}

// TestBrowse looks at a trial and at an index of a sweep: what is searched and
// shown is what the stages hold.
func TestBrowse(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep")
	}
	dir := tinyDir(t)
	sweepTiny(t, dir)
	root := filepath.Join(dir, ".runner")
	s, err := store.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	found, err := record.FindTrial(s, "tuned")
	if err != nil {
		t.Fatal(err)
	}
	browseTrial(t, browsing(t, "tuned", "--store", root, "--engine", "go"))
	for _, op := range []string{"index", "embed", "retrieve"} {
		stages := found.Plan.MadeFrom(found.Trial)
		key := stages[slices.IndexFunc(stages, func(r record.Stage) bool { return r.Op == op })].Key
		name := key[:12]
		if op == "index" {
			entry, _, err := s.Lookup(key)
			if err != nil {
				t.Fatal(err)
			}
			name = entry.Dir
		}
		var answer struct {
			Sides []struct{ Pairs []browse.Pair }
		}
		fetchJSON(t, browsing(t, name, "--store", root, "--engine", "go")+"api/search?q=a+red+circle&k=5", &answer)
		if len(answer.Sides) == 0 || len(answer.Sides[0].Pairs) != 5 {
			t.Errorf("%s %s: %+v", op, name, answer)
		}
	}
	for args, want := range map[string]string{"base": "retrieves nothing", "nobody": `no trial, index or embeddings "nobody"`, "tuned --listen 7788": "--listen 7788"} {
		err := run(context.Background(), append([]string{"browse", "--store", root}, strings.Fields(args)...), io.Discard, io.Discard)
		if cli.ExitCode(err) != 2 || !strings.Contains(err.Error(), want) {
			t.Errorf("browse %s: %v, want a usage error with %q", args, err, want)
		}
	}
	entry, _, err := s.Lookup(found.Plan.Stage(found.Trial.Stages["pairs"]).In["embeddings"])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(entry.Dir, entry.Dir+".gone"); err != nil {
		t.Fatal(err)
	}
	err = run(context.Background(), []string{"browse", "tuned", "--store", root}, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "no longer in the store") {
		t.Errorf("without embeddings: %v", err)
	}
}

// TestBrowseCurated shows what curation kept out, and the leaks that an audit found
// among what it let in.
func TestBrowseCurated(t *testing.T) {
	if testing.Short() {
		t.Skip("a sweep")
	}
	dir := tinyDir(t)
	sweepTiny(t, dir, "--set", "retrieve.k=3", "--set", "retrieve.overfetch=8", "--set", "pairs.nearCosine=0.99", "--set", "pairs.collisions=best",
		"--set", `evaluate.audit={kind: "pairs", dataset: "pool:w/task"}`, "--set", "pairs.leakCosine=0.5")
	address := browsing(t, "tuned", "--store", filepath.Join(dir, ".runner"), "--engine", "go")
	var site struct{ Classes []browse.Class }
	fetchJSON(t, address+"api/site", &site)
	kept, leaks := 0, 0
	for _, class := range site.Classes {
		var pairs []browse.Pair
		fetchJSON(t, address+"api/class?"+url.Values{"name": {class.Name}}.Encode(), &pairs)
		for _, pair := range pairs {
			if strings.HasPrefix(class.Name, "(kept out: ") {
				kept++
				if pair.Caption == "" || len(pair.Marks) != 1 {
					t.Errorf("%s: %+v", class.Name, pair)
				}
			}
			if slices.ContainsFunc(pair.Marks, func(m browse.Mark) bool { return m.Kind == "leak" && strings.HasPrefix(m.Text, "leak: ") }) {
				leaks++
			}
		}
	}
	if kept == 0 || leaks == 0 {
		t.Errorf("%d rows kept out, %d leaks: %+v", kept, leaks, site.Classes)
	}

	// An audit of before they named leaks: the page says that it lacks the names.
	forgetLeaks(t, dir)
	var older struct{ Facts []browse.Fact }
	fetchJSON(t, browsing(t, "tuned", "--store", filepath.Join(dir, ".runner"), "--engine", "go")+"api/site", &older)
	if !slices.ContainsFunc(older.Facts, func(f browse.Fact) bool {
		return f.Name == "leaks" && strings.HasSuffix(f.Value, ", which audit counted before audits named them")
	}) {
		t.Errorf("facts %+v", older.Facts)
	}
}

// forgetLeaks makes the audit in a store what it was before it named leaks.
func forgetLeaks(t *testing.T, dir string) {
	t.Helper()
	audits, _ := filepath.Glob(filepath.Join(dir, ".runner/cache/*/*/audit.json"))
	if len(audits) == 0 {
		t.Fatal("no audit")
	}
	for _, audit := range audits {
		entry := filepath.Dir(audit)
		name := filepath.Join(entry, "manifest.json")
		raw, err := os.ReadFile(name)
		var manifest map[string]any
		if err := errors.Join(err, json.Unmarshal(raw, &manifest), os.Chmod(entry, 0o777), os.Chmod(name, 0o666)); err != nil {
			t.Fatal(err)
		}
		files, _ := manifest["files"].([]any)
		manifest["files"] = slices.DeleteFunc(files, func(f any) bool { return f.(map[string]any)["path"] == "passed.parquet" })
		if raw, err = json.Marshal(manifest); err == nil {
			err = errors.Join(os.WriteFile(name, raw, 0o666), os.Remove(filepath.Join(entry, "passed.parquet")))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// browseTrial checks the page of a trial against itself.
func browseTrial(t *testing.T, address string) {
	t.Helper()
	var site struct {
		Facts   []browse.Fact
		By      []browse.Side
		Classes []browse.Class
	}
	fetchJSON(t, address+"api/site", &site)
	if len(site.By) == 0 || len(site.Classes) < 2 || len(site.Facts) < 5 {
		t.Fatalf("the site is %+v", site)
	}
	for _, class := range site.Classes {
		var pairs []browse.Pair
		fetchJSON(t, address+"api/class?"+url.Values{"name": {class.Name}}.Encode(), &pairs)
		if len(pairs) != class.Pairs || len(pairs) == 0 {
			t.Errorf("class %s: %d pairs, the list says %d", class.Name, len(pairs), class.Pairs)
		}
		for i, pair := range pairs {
			if pair.Rank < 1 || pair.Query == "" || pair.Caption == "" || len(pair.Found) == 0 || pair.Right != (pair.Label == class.Name) || i > 0 && pair.Rank < pairs[i-1].Rank {
				t.Errorf("class %s: pair %+v", class.Name, pair)
			}
		}
	}
	var answer struct {
		Sides []struct{ Pairs []browse.Pair }
	}
	fetchJSON(t, address+"api/search?q=a+red+circle&k=7", &answer)
	for _, side := range answer.Sides {
		if len(side.Pairs) != 7 {
			t.Fatalf("found %d rows, want 7", len(side.Pairs))
		}
		for i, pair := range side.Pairs {
			if pair.Rank != i+1 || pair.Caption == "" || pair.Key == "" || i > 0 && pair.Score > side.Pairs[i-1].Score {
				t.Errorf("hit %d: %+v", i, pair)
			}
		}
		r, err := http.Get(fmt.Sprintf("%simage?key=%s", address, url.QueryEscape(side.Pairs[0].Key)))
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
		if r.StatusCode != 200 || !strings.HasPrefix(r.Header.Get("Content-Type"), "image/") {
			t.Errorf("image: %s %s", r.Status, r.Header.Get("Content-Type"))
		}
	}
}
