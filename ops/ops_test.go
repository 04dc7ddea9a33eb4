package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/embeddings"
	"react/ops/engine"
)

// stageRun is a Run on real directories that keeps warnings and facts; engines are Go's, which need nothing installed.
type stageRun struct {
	Run
	warnings []string
	facts    map[string]any
}

func newRun(t *testing.T, in map[string]string, files map[string]Files) *stageRun {
	t.Helper()
	r := &stageRun{facts: map[string]any{}}
	r.Run = Run{Dir: t.TempDir(), In: in, Files: files, Workers: 2, Log: &bytes.Buffer{}, Progress: func(Progress) {},
		Warn:       func(format string, args ...any) { r.warnings = append(r.warnings, format) },
		Fact:       func(key string, value any) { r.facts[key] = value },
		OpenEngine: func() (*engine.Engine, error) { return engine.Open("go") }}
	return r
}

// do runs an op with typed params and returns its directory.
func do(t *testing.T, op string, params any, in map[string]string, files map[string]Files) (*stageRun, string) {
	t.Helper()
	r := newRun(t, in, files)
	if err := try(r, op, params); err != nil {
		t.Fatalf("%s: %v", op, err)
	}
	return r, r.Dir
}

func try(r *stageRun, op string, params any) error {
	raw, err := Canonical(params)
	if err != nil {
		return err
	}
	return All[op].Run(context.Background(), &r.Run, raw)
}

func TestParamsAreDecodedStrictly(t *testing.T) {
	r := newRun(t, nil, nil)
	err := All["pairs"].Run(context.Background(), &r.Run, json.RawMessage(`{"k":1,"kk":2}`))
	if err == nil || !strings.Contains(err.Error(), `params of pairs: json: unknown field "kk"`) {
		t.Errorf("got %v, want an error that names the unknown field", err)
	}
}

// writeFolder makes a clip-retrieval folder with given vectors for both sides, which have length 1.
func writeFolder(t *testing.T, dim int, vectors []float32, meta []embeddings.Meta) string {
	t.Helper()
	dir := t.TempDir()
	w, err := embeddings.Create(dir, dim, embeddings.Options{Image: true, Text: true})
	if err == nil {
		err = errors.Join(w.Append(vectors, vectors, meta), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// nothing is an Inspector of a stage without inputs.
type nothing struct{ Inspector }

func (nothing) Files(string) Files           { return Files{} }
func (nothing) Images(string) Images         { return Images{} }
func (nothing) Labelled(Images)              {}
func (nothing) Captioned(Images)             {}
func (nothing) Training(Images, Images, int) {}
func (nothing) Prompts(Images)               {}
func (nothing) Index(IndexParams)            {}
func (nothing) Metadata([]string)            {}
func (nothing) Shards(int, float64)          {}

// TestEveryOpSpeaksOfItsStages: what nothing is known of is no work and takes no memory, and is no fault.
func TestEveryOpSpeaksOfItsStages(t *testing.T) {
	for name, op := range All {
		if op.Name != name {
			t.Errorf("op %q is listed as %q", op.Name, name)
		}
		raw := json.RawMessage("{}")
		if w := op.Work(raw, Known{}); w != (Work{}) {
			t.Errorf("%s: %+v", name, w)
		}
		op.Pace(raw, Known{})
		op.Check(raw, nothing{})
		if _, err := op.Memory(json.RawMessage("[]"), Place{}); err == nil || !strings.Contains(err.Error(), "params of "+name) {
			t.Errorf("%s: params that are a list: %v", name, err)
		}
	}
}

func TestLearningRate(t *testing.T) {
	for _, c := range []struct {
		step int
		want float64
	}{{0, 0.1}, {4, 0.5}, {9, 1}, {10, 1}, {55, 0.5}} {
		if got := learningRate(1, c.step, 10, 100); got < c.want-1e-9 || got > c.want+1e-9 {
			t.Errorf("step %d: got %v, want %v", c.step, got, c.want)
		}
	}
	if last := learningRate(1, 99, 10, 100); last <= 0 || last > 1e-3 {
		t.Errorf("last step: got %v, want just over 0", last)
	}
	if got := learningRate(1, 0, 0, 1); got != 1 {
		t.Errorf("one step without warm-up: got %v, want 1", got)
	}
}

func TestSamplerIsAPermutationEachEpochAndStartsAnywhere(t *testing.T) {
	const n, batch = 10, 4
	whole := make([]int, 5*n)
	newSampler(n, 7).batch(0, whole)
	for epoch := range 5 {
		seen := map[int]bool{}
		for _, i := range whole[epoch*n : (epoch+1)*n] {
			seen[i] = true
		}
		if len(seen) != n {
			t.Errorf("epoch %d: got %d different pairs, want %d", epoch, len(seen), n)
		}
	}
	orders := map[string]bool{}
	for epoch := range 5 {
		orders[fmt.Sprint(whole[epoch*n:(epoch+1)*n])] = true
	}
	other := make([]int, n)
	newSampler(n, 8).batch(0, other)
	if orders[fmt.Sprint(other)] = true; len(orders) != 6 {
		t.Errorf("%d different orders of 5 epochs and another seed, want 6", len(orders))
	}
	for first := 0; first+batch <= len(whole); first++ {
		got := make([]int, batch)
		newSampler(n, 7).batch(first, got)
		for i := range got {
			if got[i] != whole[first+i] {
				t.Fatalf("from %d: got %v, want %v", first, got, whole[first:first+batch])
			}
		}
	}
}

func TestGlobPoolNamesTheFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := globPool(dir); err == nil || !strings.Contains(err.Error(), filepath.Base(dir)) {
		t.Errorf("got %v, want an error that names the folder", err)
	}
}

// TestOneCaptionOfEachImage: an epoch takes every image once, whichever batch it begins with; over epochs all captions come, and the seed decides which.
func TestOneCaptionOfEachImage(t *testing.T) {
	rows := []Pair{{SHA256: "a"}, {SHA256: "b"}, {SHA256: "a"}, {SHA256: "c"}, {SHA256: "a"}, {SHA256: "c"}}
	groups := byImage(rows)
	if len(groups) != 3 || len(groups[0]) != 3 || len(groups[1]) != 1 || len(groups[2]) != 2 {
		t.Fatalf("groups %v", groups)
	}
	const epochs = 40
	draw := func(seed uint64, first, n int) []int {
		out := make([]int, n)
		newSampler(len(groups), seed).batch(first, out)
		groups.choose(first, out, seed)
		return out
	}
	whole, seen := draw(7, 0, 3*epochs), map[int]int{}
	for epoch := range epochs {
		images := map[string]bool{}
		for _, pair := range whole[3*epoch : 3*epoch+3] {
			images[rows[pair].SHA256] = true
			seen[pair]++
		}
		if len(images) != 3 {
			t.Errorf("epoch %d: %v", epoch, whole[3*epoch:3*epoch+3])
		}
	}
	if len(seen) != len(rows) || seen[1] != epochs {
		t.Errorf("captions taken: %v", seen)
	}
	for first := range 20 {
		if got := draw(7, first, 5); !slices.Equal(got, whole[first:first+5]) {
			t.Errorf("from %d: got %v, want %v", first, got, whole[first:first+5])
		}
	}
	if slices.Equal(draw(8, 0, 60), whole[:60]) {
		t.Error("another seed gives the same captions")
	}
}
