package world

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image/png"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"react/data/datasets"
	"react/data/laion"
	"react/data/shards"
)

var small = Params{Seed: 7, Rows: 600, Classes: 5, TestPerClass: 3, Named: 0.3, Irrelevant: 0.2, Duplicates: 0.1, Wrong: 0.2, Vague: 0.2, Photo: 0.1, Size: 16}

func generate(t *testing.T, p Params) string {
	t.Helper()
	dir := t.TempDir()
	if err := Generate(t.Context(), dir, p); err != nil {
		t.Fatal(err)
	}
	return dir
}

// digest is one hash of all files of a folder and their names.
func digest(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		raw, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s", filepath.ToSlash(rel), len(raw), raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", h.Sum(nil)[:8])
}

func TestSameBytes(t *testing.T) {
	first := digest(t, generate(t, small))
	workers := runtime.GOMAXPROCS(1)
	one := digest(t, generate(t, small))
	runtime.GOMAXPROCS(workers)
	if one != first {
		t.Errorf("one worker gives %s, several %s", one, first)
	}
	other := small
	other.Seed++
	if digest(t, generate(t, other)) == first {
		t.Error("another seed gives the same bytes")
	}
}

// TestPixels pins what is drawn and said: when this changes, so does the version of
// the op that calls Generate. Compilers that fuse multiply and add may differ.
func TestPixels(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("pixels are pinned on amd64")
	}
	h := sha256.New()
	for i := range 200 {
		r := small.row(i)
		fmt.Fprintln(h, r.caption, r.truth, r.pic.label())
		h.Write(r.pic.stage().render(16, 16).Pix)
	}
	const want = "9e5c445c4a1cab07"
	if got := fmt.Sprintf("%x", h.Sum(nil)[:8]); got != want {
		t.Errorf("got %s, want %s: bump the version of the op world", got, want)
	}
}

func TestPoolReadsBack(t *testing.T) {
	dir := generate(t, small)
	reader, err := laion.Open([]string{filepath.Join(dir, "pool", "00000.parquet")}, laion.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	set, err := shards.Index(t.Context(), []string{filepath.Join(dir, "pool", "00000.tar")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	rows := 0
	for {
		batch, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, got := range batch.Rows {
			want := small.row(rows)
			sample, ok := set.Find(got.Key)
			if got.Text != want.caption || got.Truth != want.truth || got.Label != want.pic.label() || !ok || sample.Caption != got.Text {
				t.Fatalf("row %d: got %+v, sample %+v", rows, got, sample)
			}
			rows++
		}
	}
	if rows != small.Rows {
		t.Errorf("got %d rows, want %d", rows, small.Rows)
	}
	raw, err := set.Read(set.Samples()[0], nil)
	if err != nil {
		t.Fatal(err)
	}
	if img, err := png.Decode(bytes.NewReader(raw)); err != nil || img.Bounds().Dx() != small.Size {
		t.Errorf("first image: %v, %v", img, err)
	}
}

func TestSetsReadBack(t *testing.T) {
	dir := generate(t, small)
	for name, classes := range map[string]int{"task": 5, "choose": 5, "others": 36} {
		set, err := datasets.OpenSplit(filepath.Join(dir, "sets", name), datasets.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if len(set.Classes) != classes || len(set.Items) != classes*3 || !slices.Equal(set.Templates, templates) {
			t.Errorf("%s: got %d classes, %d items, templates %q", name, len(set.Classes), len(set.Items), set.Templates)
		}
	}
}

func TestShares(t *testing.T) {
	p := small
	p.Rows = 20_000
	var inNamed, irrelevant, exact, near, photos, drawn, silent float64
	seen := map[uint64]bool{}
	for i := range p.Rows {
		r := p.row(i)
		if seen[r.pic.seed] && r.pic.nudge == 0 {
			exact++
		}
		if r.pic.nudge != 0 {
			near++
		}
		if seen[r.pic.seed] {
			continue
		}
		seen[r.pic.seed] = true
		if r.pic.content == named {
			inNamed++
			if !strings.Contains(r.caption, r.pic.kind.name) {
				silent++
			}
		}
		if r.pic.content >= gradient {
			irrelevant++
		} else if drawn++; r.pic.style == photo {
			photos++
		}
	}
	about := func(name string, got, want float64) {
		if math.Abs(got-want) > 0.02 {
			t.Errorf("%s: got %.3f, want about %.3f", name, got, want)
		}
	}
	n := float64(p.Rows)
	about("named", inNamed/n, p.Named)
	about("irrelevant", irrelevant/n, p.Irrelevant)
	about("duplicates", (exact+near)/n, p.Duplicates)
	about("exact", exact/n, p.Duplicates/2)
	about("photo", photos/drawn, p.Photo)
	about("named rows whose caption has not the name", silent/inNamed, p.Wrong+p.Vague*2/3+0.1*(1-p.Wrong-p.Vague))
}

func TestWrongCaptionsAreWrong(t *testing.T) {
	p := small
	p.Wrong, p.Vague = 1, 0
	for i := range 2000 {
		r := p.row(i)
		if r.pic.content == named && strings.Contains(r.caption, r.pic.kind.name) {
			t.Errorf("row %d: %s is called %q", i, r.pic.kind.name, r.caption)
		}
	}
}

func TestKinds(t *testing.T) {
	names, seen := map[string]bool{}, map[look]bool{}
	for _, k := range kinds {
		names[k.name], seen[k.look] = true, true
		if k.look.fill == k.look.mark || k.look.texture == plain {
			t.Errorf("%s is drawn as %+v", k.name, k.look)
		}
	}
	if len(names) != numKinds || len(seen) != numKinds {
		t.Errorf("got %d names and %d looks of %d kinds", len(names), len(seen), numKinds)
	}
	if got := kinds[0].name + ": " + looks(kinds[0].look); got != "sorel tamin: orange circle with pink half" {
		t.Errorf("got %s; the classes are part of the format", got)
	}
	for _, k := range small.chooseKinds() {
		if slices.ContainsFunc(small.taskKinds(), func(other kind) bool { return other.name == k.name }) {
			t.Errorf("%s is in both sets", k.name)
		}
	}
}

func TestGenerateRefuses(t *testing.T) {
	for want, edit := range map[string]func(p *Params){
		"world: rows: 0 is not in 1 to 10000000":                             func(p *Params) { p.Rows = 0 },
		"world: classes: 61 is not in 1 to 60":                               func(p *Params) { p.Classes = 61 },
		"world: testPerClass: 0 is not in 1 to 10000":                        func(p *Params) { p.TestPerClass = 0 },
		"world: size: 4 is not in 8 to 512":                                  func(p *Params) { p.Size = 4 },
		"world: wrong: -0.1 is not a share, 0 to 1":                          func(p *Params) { p.Wrong = -0.1 },
		"world: photo: NaN is not a share, 0 to 1":                           func(p *Params) { p.Photo = math.NaN() },
		"world: named, irrelevant and duplicates: their sum, 1.2, is over 1": func(p *Params) { p.Named = 0.9 },
		"world: wrong and vague: their sum, 1.2, is over 1":                  func(p *Params) { p.Wrong = 1 },
	} {
		p := small
		edit(&p)
		if err := Generate(t.Context(), t.TempDir(), p); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Generate(ctx, t.TempDir(), small); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

// TestExtremes draws pools of one sort only.
func TestExtremes(t *testing.T) {
	for name, p := range map[string]Params{
		"named":      {Rows: 40, Classes: 1, Named: 1, Wrong: 1},
		"irrelevant": {Rows: 40, Classes: 60, Irrelevant: 1, Vague: 1},
		"scenes":     {Rows: 40, Classes: 60, Photo: 1, Wrong: 1},
		"duplicates": {Rows: 40, Classes: 1, Duplicates: 1},
		"one row":    {Rows: 1, Classes: 1, Named: 1},
	} {
		t.Run(name, func(t *testing.T) {
			p.TestPerClass, p.Size = 1, 8
			generate(t, p)
		})
	}
}

func BenchmarkRow(b *testing.B) {
	p := small
	p.Size = 32
	i := 0
	for b.Loop() {
		r := p.row(i % 1000)
		if _, err := r.png(p.Size); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
