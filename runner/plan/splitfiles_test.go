package plan

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"react/ops/op"
)

// fill writes small files below a folder, which is made.
func fill(t testing.TB, dir string, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAnEvaluationReadsItsSplit: an image more in train/ changes the keys of what learns from it,
// and no other; one more in test/ changes those of the test.
func TestAnEvaluationReadsItsSplit(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "set")
	fill(t, dir, "train/cat/1.png", "train/dog/1.png", "test/cat/2.png", "test/dog/2.png", "README.md")
	lines := fmt.Sprintf(`tune: mode: "none"
evaluate: {
	zero: {kind: "zeroshot", dataset: %[1]q}
	elevater: {kind: "zeroshot", dataset: %[1]q, protocol: "openai"}
	probe: {kind: "probe", dataset: %[1]q}
}
`, dir)
	keysNow := func() map[string]string {
		p := load(t, lines)
		out := map[string]string{}
		for name, stage := range p.Trials[0].Stages {
			out[name] = stage.Key
		}
		out["train"] = p.Trials[0].Stages["evaluate/probe"].In["train"].Key
		return out
	}
	for _, c := range []struct {
		file    string
		changes []string
	}{
		{"notes.txt", nil},
		{"train/cat/3.png", []string{"evaluate/probe", "train"}},
		{"test/cat/4.png", []string{"evaluate/zero", "evaluate/elevater", "evaluate/probe"}},
	} {
		before := keysNow()
		fill(t, dir, c.file)
		want := map[string]bool{}
		for _, name := range c.changes {
			want[name] = true
		}
		for name, key := range keysNow() {
			if (key != before[name]) != want[name] {
				t.Errorf("%s: the key of %s changed: %v, want %v", c.file, name, key != before[name], want[name])
			}
		}
	}
}

// TestLinkedCheckpoint: a folder of links, as the Hugging Face hub's cache is, is read through
// them.
func TestLinkedCheckpoint(t *testing.T) {
	blobs, dir := t.TempDir(), t.TempDir()
	fill(t, blobs, "0a", "0b")
	for name, blob := range map[string]string{"model.safetensors": "0a", "config.json": "0b"} {
		if err := os.Symlink(filepath.Join(blobs, blob), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	f, err := checkpointFiles(dir)
	if err != nil || len(f.Paths) != 2 || f.Paths[1] != filepath.Join(dir, "model.safetensors") {
		t.Errorf("got %v, %v", f, err)
	}
}

// TestManyImagesAreOneLine, and which they are still decides the key.
func TestManyImagesAreOneLine(t *testing.T) {
	b := &builder{fileLine: map[roleFiles][]string{}}
	b.opts.Digest = func(path string) (string, error) { return "digest of " + path, nil }
	lines := func(role string, n, last int) []string {
		f := op.Files{Root: "/r"}
		for i := range n {
			f.Paths = append(f.Paths, fmt.Sprintf("/r/%d.png", i))
		}
		f.Paths[n-1] = fmt.Sprintf("/r/%d.png", last)
		lines, err := b.roleLines(role, f)
		if err != nil {
			t.Fatal(err)
		}
		return lines
	}
	for _, c := range []struct {
		role    string
		n, want int
	}{{"pool.shards", 100, 100}, {"pool.shards", 101, 1}, {"dataset", 10_000, 10_000}, {"dataset", 10_001, 1}} {
		got := lines(c.role, c.n, c.n-1)
		if len(got) != c.want {
			t.Errorf("%d files of %s: %d lines, want %d", c.n, c.role, len(got), c.want)
		}
		if other := lines(c.role, c.n, c.n); hash(got) == hash(other) {
			t.Errorf("%d files of %s: another file, the same lines", c.n, c.role)
		}
	}
}

// BenchmarkManyImages plans nine trials of an evaluation of images in files.
func BenchmarkManyImages(b *testing.B) {
	for _, n := range []int{10_000, 40_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			dir := filepath.Join(b.TempDir(), "set")
			for i := range n {
				fill(b, dir, fmt.Sprintf("test/%d/%d.png", i%10, i))
			}
			for b.Loop() {
				load(b, fmt.Sprintf(`evaluate: many: {kind: "zeroshot", dataset: %q}
sweep: {grid: tune: mode: ["full", "locked-text", "gated-image"], seeds: 3}
`, dir))
			}
		})
	}
}
