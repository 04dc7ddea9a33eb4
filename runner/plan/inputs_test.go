package plan

import (
	"archive/zip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/columns"
	"react/runner/spec"
)

// TestSharedImagesInArchives: an image of the test split that also lies in a zip of the training
// images, under another name.
func TestSharedImagesInArchives(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"test/cat/a.png": "cat a", "test/dog/b.png": "dog b", "train/labels.txt": "cat\ndog\n",
		"train/train.txt": "z.zip@1.png 0\nz.zip@2.png 1\n", "train/test.txt": "z.zip@1.png 0\nz.zip@2.png 1\n"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ second, want string }{
		{"dog c", ""},
		{"dog b", "evaluate.e.train: images shared with the test images: 1 (z.zip@2.png is dog/b.png)"},
	} {
		f, err := os.Create(filepath.Join(dir, "train", "z.zip"))
		if err != nil {
			t.Fatal(err)
		}
		z := zip.NewWriter(f)
		for name, text := range map[string]string{"1.png": "cat c", "2.png": c.second} {
			w, err := z.Create(name)
			if err == nil {
				_, err = w.Write([]byte(text))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(dir, "x.cue")
		text := header + "tune: mode: \"none\"\nevaluate: e: {kind: \"probe\", init: \"random\", dataset: \"" + dir + "/test\", train: \"" + dir + "/train\"}\n"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		checkInputs(t, file, c.want)
	}
}

// TestAPanicIsAFaultOfItsFiles: a reader that panics on one input names its files, and the other
// inputs are looked at.
func TestAPanicIsAFaultOfItsFiles(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"train/cat/a.png", "train/dog/b.png", "test/cat/c.png", "test/dog/d.png", "prompts.json"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "x.cue")
	text := header + "tune: mode: \"none\"\nevaluate: a: {kind: \"probe\", init: \"random\", dataset: \"" + dir + "/test\", train: \"" + dir + "/train\"}\n" +
		"evaluate: b: {kind: \"zeroshot\", dataset: \"" + dir + "/test\", promptsFile: \"" + dir + "/prompts.json\"}\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	exp, err := spec.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	name := func(path string) (string, error) { return path, nil }
	p, err := New(exp, Options{Digest: name})
	if err != nil {
		t.Fatal(err)
	}
	err = p.CheckInputs(t.Context(), func(int) bool { return true }, func(path string) (string, error) {
		if strings.HasSuffix(path, "b.png") {
			panic("odd bytes")
		}
		return path, nil
	})
	for _, want := range []string{file + ":", dir + "/train", "odd bytes", "evaluate.b.promptsFile: "} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, no %q", err, want)
		}
	}
}

// TestContextsOfOtherClasses: a context of each class says nothing of a class that it was not
// learned for, which is known before it is learned.
func TestContextsOfOtherClasses(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"learned/cat/a.png", "learned/dog/b.png", "test/cat/c.png", "test/owl/d.png"} {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for contexts, want := range map[string]string{"shared": "", "class": `evaluate.e.dataset: class "owl" has no context: tune.labelled has 2 other classes`} {
		file := filepath.Join(dir, contexts+".cue")
		text := header + "tune: {mode: \"prompt\", labelled: \"" + dir + "/learned\", contexts: \"" + contexts + "\"}\nevaluate: e: {kind: \"zeroshot\", dataset: \"" + dir + "/test\"}\n"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		checkInputs(t, file, want)
	}
}

// TestMetadataColumns: columns of a pool that cannot be used are told before anything runs, those
// that are passed over are warned of.
func TestMetadataColumns(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.parquet")
	w, err := columns.Create(path, []columns.Column{{Name: "URL"}, {Name: "TEXT"}, {Name: "label", Kind: columns.Int}, {Name: "NSFW", Kind: columns.Int}})
	if err != nil {
		t.Fatal(err)
	}
	one := &columns.Vector{Strings: []string{"u"}}
	number := &columns.Vector{Ints: []int64{1}}
	if err := errors.Join(w.Append(1, []*columns.Vector{one, one, number, number}), w.Close()); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"classes.txt": "cat\ndog\n", "set/cat/a.png": "A", "set/dog/b.png": "B"} {
		name := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for filter, want := range map[string]string{
		"":                             "",
		`, filter: nsfw: ["UNLIKELY"]`: "pool.w.laion: file " + path + ": column NSFW holds integers, want strings",
		`, filter: maxPunsafe: 0.5`:    "pool.w.laion: file " + path + ": no column punsafe (it has URL, TEXT, label, NSFW)",
	} {
		file := filepath.Join(dir, "x.cue")
		text := `apiVersion: "runner/v2"
name: "t"
pool: w: {laion: "` + path + `", shards: "` + path + `"` + filter + `}
backbone: {arch: "tiny", pretrain: {pool: "w", steps: 10, warmup: 1, batch: 8}}
task: {classes: "` + dir + `/classes.txt", prompts: ["a {}"]}
retrieve: {pool: "w", k: 1}
tune: {mode: "full", steps: 5, warmup: 1, batch: 8}
evaluate: e: {kind: "zeroshot", dataset: "` + dir + `/set"}
`
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		p := checkInputs(t, file, want)
		if note := "file " + path + ": column label holds integers, want strings: it is passed over"; !slices.Equal(p.Warnings, []string{note}) {
			t.Errorf("%s: warnings %q, want %s", filter, p.Warnings, note)
		}
	}
}

// checkInputs looks at what a spec names, if anything of it is to run.
func checkInputs(t *testing.T, file, want string) *Plan {
	t.Helper()
	exp, err := spec.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	digest := func(path string) (string, error) {
		raw, err := os.ReadFile(path)
		sum := sha256.Sum256(raw)
		return hex.EncodeToString(sum[:]), err
	}
	p, err := New(exp, Options{Digest: digest})
	if err != nil {
		t.Fatal(err)
	}
	err = p.CheckInputs(t.Context(), func(int) bool { return true }, digest)
	if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), file+":")) {
		t.Errorf("got %v, want %q and the place", err, want)
	}
	if err := p.CheckInputs(t.Context(), func(int) bool { return false }, digest); err != nil {
		t.Errorf("with nothing to run: %v", err)
	}
	return p
}

// TestIndexesThatCannotBeTrained are said by plan, where rows and lengths are known before anything
// is made.
func TestIndexesThatCannotBeTrained(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.cue")
	for index, want := range map[string]string{
		`kind: "flat"`:                        "",
		`kind: "ivf-pq", nlist: 2, code: 8`:   "index.kind: index kind ivf-pq: codes need 256 rows to train on, and the pool has 100",
		`kind: "ivf-flat", nlist: 200`:        "index.kind: index kind ivf-flat: 200 lists need as many rows to train on, and the pool has 100",
		`kind: "factory", factory: "PQ7x4np"`: `index.kind: index kind factory: "PQ7x4np": FAISS makes no such index of vectors of 96`,
	} {
		text := header + "index: {" + index + "}\nsweep: grid: tune: mode: [\"full\"]\n"
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		checkInputs(t, file, want)
	}
}
