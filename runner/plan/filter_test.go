package plan

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFilterKeys: a filter touches the keys of what reads the pool's rows, and not those of
// embeddings and indexes.
func TestFilterKeys(t *testing.T) {
	plain := load(t, `tune: mode: "full"`)
	filtered := load(t, `tune: mode: "full"
pool: w: filter: minChars: 5`)
	again := load(t, `tune: mode: "full"
pool: w: filter: minChars: 6`)
	for op, same := range map[string]bool{"world": true, "pretrain": false, "embed": false, "retrieve": false, "pairs": false} {
		if maps.Equal(keys(plain, op), keys(filtered, op)) != same {
			t.Errorf("%s: the key without a filter is kept: %v, want %v", op, !same, same)
		}
	}
	if len(keys(plain, "filter")) != 0 || len(keys(filtered, "filter")) != 1 || maps.Equal(keys(filtered, "filter"), keys(again, "filter")) {
		t.Errorf("filters: got %v, %v and %v", keys(plain, "filter"), keys(filtered, "filter"), keys(again, "filter"))
	}
	for _, trial := range plain.Trials {
		for path := range trial.Params {
			if strings.Contains(path, "filter") {
				t.Errorf("a pool without a filter has the param %s", path)
			}
		}
	}
}

// TestFilterIsAnAxisThatCostsNoEmbedding: with a backbone from elsewhere, filters share embeddings,
// queries and indexes.
func TestFilterIsAnAxisThatCostsNoEmbedding(t *testing.T) {
	p := load(t, `tune: mode: "full"
pool: p: world: {rows: 50, seed: 1}
sweep: grid: {retrieve: pool: ["p"], pool: p: filter: minChars: [5, 10, 20]}`)
	for op, want := range map[string]int{"pretrain": 1, "embed": 1, "index": 2, "filter": 3, "retrieve": 6, "pairs": 3} {
		if got := len(keys(p, op)); got != want {
			t.Errorf("%s: got %d stages, want %d", op, got, want)
		}
	}
}

// TestManyFilesAreOneLine: the lines of a pool of many files give way to their digest, which still
// names every file's content.
func TestManyFilesAreOneLine(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.parquet", "x")
	write("classes.txt", "x")
	lines := func(n int) (embed []string, files int) {
		for i := range n {
			write(fmt.Sprintf("%03d.tar", i), "x")
		}
		p := load(t, fmt.Sprintf(`pool: mine: {laion: %q, shards: %q}
sweep: cases: [{label: "a", tune: mode: "full", retrieve: pool: "mine", task: classes: %q}]`, filepath.Join(dir, "*.parquet"), filepath.Join(dir, "*.tar"), filepath.Join(dir, "classes.txt")))
		for _, s := range p.Stages {
			if s.Op == "embed" {
				return s.Lines, len(s.Files["pool.shards"].Paths)
			}
		}
		t.Fatal("no embed stage")
		return nil, 0
	}
	few, _ := lines(maxFileLines)
	many, files := lines(maxFileLines + 1)
	if n := strings.Count(strings.Join(few, "\n"), "file pool.shards "); n != maxFileLines {
		t.Errorf("%d files have %d lines", maxFileLines, n)
	}
	text := strings.Join(many, "\n")
	if strings.Contains(text, "file pool.shards ") || !strings.Contains(text, fmt.Sprintf("files pool.shards %d ", maxFileLines+1)) || !strings.Contains(text, "file pool.laion a.parquet ") || files != maxFileLines+1 {
		t.Errorf("got %s", text)
	}
	if err := os.Rename(filepath.Join(dir, "005.tar"), filepath.Join(dir, "500.tar")); err != nil {
		t.Fatal(err)
	}
	if other, _ := lines(0); strings.Join(other, "\n") == text {
		t.Error("a file of another name leaves the key as it was")
	}
}
