// Package optest runs ops in tests, and compares what they write. It knows no op: a test gives its
// own.
package optest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	stdimage "image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"react/data/embeddings"
	"react/data/image"
	"react/data/lost"
	dataworld "react/data/world"
	"react/ops/clip"
	"react/ops/engine"
	"react/ops/op"
)

// Run is a Run on real directories that keeps warnings and facts; engines are Go's, which need
// nothing installed.
type Run struct {
	op.Run
	Warnings []string
	Facts    map[string]any
	told     bytes.Buffer // lines of a training's log
}

// New is a Run with inputs by role.
func New(t *testing.T, in map[string]string, files map[string]op.Files) *Run {
	t.Helper()
	r := &Run{Facts: map[string]any{}}
	r.Run = op.Run{Dir: t.TempDir(), In: in, Files: files, Workers: 2, Log: &bytes.Buffer{}, Progress: func(op.Progress) {},
		Warn:       func(format string, args ...any) { r.Warnings = append(r.Warnings, format) },
		Fact:       func(key string, value any) { r.Facts[key] = value },
		OpenEngine: func() (*engine.Engine, error) { return engine.Open("go") },
		Lines: func(lines []byte, before bool) {
			if before {
				r.told.Reset()
			}
			r.told.Write(lines)
		}}
	return r
}

// ToldLog holds what a training told of its log to the file.
func (r *Run) ToldLog(t *testing.T, name string) {
	t.Helper()
	if log, err := os.ReadFile(r.Path(name)); err != nil || r.told.String() != string(log) {
		t.Errorf("told of the lines\n%s\nthe log is (%v)\n%s", r.told.String(), err, log)
	}
}

// OpenEngine opens an engine for a test, which is skipped where it is absent. XLA's plugin for CPUs
// is where make puts it.
func OpenEngine(t *testing.T, name string) *engine.Engine {
	t.Helper()
	if name == "xla:cpu" && testing.Short() {
		t.Skip("-short: XLA compiles a step for seconds")
	}
	spec := name
	for dir := ".."; name == spec && len(dir) < 16; dir = filepath.Join(dir, "..") {
		plugin := filepath.Join(dir, "cache", "xla-cpu", "pjrt_c_api_cpu_plugin.so")
		if _, err := os.Stat(plugin); name == "xla:cpu" && err == nil {
			spec = "xla:" + plugin
		}
	}
	eng, err := engine.Open(spec)
	if err != nil {
		t.Skipf("not on %s: %v", name, err)
	}
	t.Cleanup(eng.Close)
	return eng
}

// WriteFolder makes a clip-retrieval folder with given vectors for both sides, which have length 1.
func WriteFolder(t *testing.T, dim int, vectors []float32, meta []embeddings.Meta) string {
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

// speed is what differs from run to run in metrics.jsonl.
var speed = regexp.MustCompile(`,"imagesPerSecond":\d+`)

// Contents are a directory's files by path, without speeds.
func Contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(speed.ReplaceAll(data, nil))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// SameFiles compares Contents of an attempt that was stopped and went on with those of an unbroken
// one.
func SameFiles(t *testing.T, got, want map[string]string) {
	t.Helper()
	for name := range want {
		if got[name] != want[name] {
			t.Errorf("%s: %d bytes that are not those of an unbroken run (%d)", name, len(got[name]), len(want[name]))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

// FlipByte damages the last byte of a file.
func FlipByte(t *testing.T, path string) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)-1] ^= 1
	if err := os.WriteFile(path, data, 0o666); err != nil {
		t.Fatal(err)
	}
}

// SmallWorld is a pool that is made and embedded in a moment.
var SmallWorld = dataworld.Params{Seed: 1, Rows: 300, Classes: 4, TestPerClass: 3, Named: 0.3, Irrelevant: 0.2, Duplicates: 0.1, Wrong: 0.2, Vague: 0.2, Photo: 0.1, Size: 32}

// SmallModel is the least that has every part: two vision blocks, two heads.
func SmallModel(t *testing.T) clip.Config {
	t.Helper()
	cfg, err := clip.Arch("tiny")
	if err != nil {
		t.Fatal(err)
	}
	cfg.Model.Vision.Layers, cfg.Model.Vision.Width, cfg.Model.Vision.HeadWidth = 2, 32, 16
	cfg.Model.Text.Layers, cfg.Model.Text.Width, cfg.Model.Text.Heads = 1, 32, 2
	cfg.Model.EmbedDim = 32
	return cfg
}

// NoAugment trains on whole images.
var NoAugment = image.Augment{Crop: [2]float64{1, 1}, Ratio: [2]float64{1, 1}}

// SameFile compares a file of two directories.
func SameFile(t *testing.T, a, b, name string) {
	t.Helper()
	x, errX := os.ReadFile(filepath.Join(a, name))
	y, errY := os.ReadFile(filepath.Join(b, name))
	if err := errors.Join(errX, errY); err != nil {
		t.Fatal(err)
	}
	if string(x) != string(y) {
		t.Errorf("%s differs between two runs", name)
	}
}

// Do runs an op with typed params and returns its directory.
func Do(t *testing.T, o op.Op, params any, in map[string]string, files map[string]op.Files) (*Run, string) {
	t.Helper()
	r := New(t, in, files)
	if err := Try(r, o, params); err != nil {
		t.Fatalf("%s: %v", o.Name, err)
	}
	return r, r.Dir
}

// Try is optestDo on a run that is there, of which an error is wanted.
func Try(r *Run, o op.Op, params any) error {
	raw, err := op.Canonical(params)
	if err != nil {
		return err
	}
	return o.Run(context.Background(), &r.Run, raw)
}

// GreyImage is a picture of one grey, given as a number, or the bytes of another text.
func GreyImage(t *testing.T, grey string) []byte {
	var level int
	if _, err := fmt.Sscanf(grey, "%d", &level); err != nil {
		return []byte(grey)
	}
	img := stdimage.NewGray(stdimage.Rect(0, 0, 12, 12))
	for i := range img.Pix {
		img.Pix[i] = color.Gray{uint8(level)}.Y
	}
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// LostIn is what a stage that reads one pool or set says was lost.
func LostIn(run *Run) lost.Count {
	if counts, _ := run.Facts[op.LostFact].([]lost.Count); len(counts) == 1 {
		return counts[0]
	}
	return lost.Count{}
}
