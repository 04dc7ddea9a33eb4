package backbone

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"react/data/image"
	"react/data/lost"
	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/internal/optest"
)

// TestSourceKeepsItsImages reads each image twice: what it keeps is not overwritten by the next
// image, which may be decoded into the same memory.
func TestSourceKeepsItsImages(t *testing.T) {
	var files [][]byte
	for v := range 8 {
		img := image.New(8, 8)
		for i := range img.Pix {
			img.Pix[i] = uint8(30 * v)
		}
		raw, err := image.EncodeJPEG(img, 90)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, raw)
	}
	source := &Source{N: len(files), Read: func(i int) ([]byte, error) { return files[i], nil }}
	norm := Normalization{Preparation: image.Preparation{Size: 8}, std: [3]float32{1, 1, 1}}
	first, again := make([]float32, norm.values()), make([]float32, norm.values())
	decoded := make([][]float32, len(files))
	for i := range files {
		if err := source.load(i, norm, first); err != nil {
			t.Fatal(err)
		}
		decoded[i] = slices.Clone(first)
	}
	for i := range files {
		if err := source.load(i, norm, again); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(again, decoded[i]) {
			t.Errorf("image %d: got %v, want %v", i, again[0], decoded[i][0])
		}
	}
}

// TestPipe: batches come out in their order whichever is encoded first, the parts run beside each
// other and no more than they may, and the first fault in the order of the batches ends all of them.
func TestPipe(t *testing.T) {
	type batch struct{ n int }
	const all = 7
	for _, c := range []struct {
		name              string
		next, encode, out int // batch that fails, from 1; 0 for none
		panics, cancelled bool
		given             int // batches that come out before
	}{
		{name: "no fault", given: all},
		{name: "none made", next: 1},
		{name: "one made", next: 2, given: 1},
		{name: "the first encoded", encode: 1},
		{name: "a later one encoded", encode: 4, given: 3},
		{name: "made after one encoded", encode: 2, next: 3, given: 1},
		{name: "given out", out: 3, given: 2},
		{name: "panics", encode: 4, panics: true, given: 3},
		{name: "stopped", cancelled: true},
	} {
		for calls := 1; calls <= 3; calls++ {
			t.Run(fmt.Sprint(c.name, " ", calls), func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var running, alive, encoding, made atomic.Int32
				fail := func(at, n int) error {
					if at != n {
						return nil
					}
					if c.panics {
						panic("fault")
					}
					return errors.New("fault")
				}
				within := func(counter *atomic.Int32, most int) func() {
					if now := counter.Add(1); int(now) > most {
						t.Errorf("%d at a time, want at most %d", now, most)
					}
					return func() { counter.Add(-1) }
				}
				second := make(chan struct{}) // the second batch is encoded, or made where one is encoded at a time
				var given []int
				err := Pipe(ctx, calls, func(context.Context) (*batch, error) {
					defer within(&running, calls+1)()
					n := int(made.Add(1))
					if n == 2 && calls == 1 {
						close(second)
					}
					if n > all {
						return nil, nil
					}
					within(&alive, calls+2)
					return &batch{n}, fail(c.next, n)
				}, func(b *batch) error {
					defer within(&running, calls+1)()
					defer within(&encoding, calls)()
					if b.n == 2 && calls > 1 {
						defer close(second)
					}
					if b.n == 1 && c.next != 2 {
						<-second
					}
					return fail(c.encode, b.n)
				}, func(b *batch) error {
					alive.Add(-1)
					if c.cancelled {
						cancel()
						return nil
					}
					if err := fail(c.out, b.n); err != nil {
						return err
					}
					given = append(given, b.n)
					return nil
				})
				want := "fault"
				switch {
				case c.cancelled:
					want = "canceled"
				case c.given == all:
					want = "nil"
				}
				if !strings.Contains(fmt.Sprint(err), want) {
					t.Errorf("got %v, want %s", err, want)
				}
				if len(given) != c.given || !slices.IsSorted(given) {
					t.Errorf("batches %v came out, want %d", given, c.given)
				}
				if n := running.Load(); n != 0 {
					t.Errorf("%d parts still run", n)
				}
			})
		}
	}
}

// drawn are images that are numbers, of which every third cannot be read.
type drawn struct{ all bool }

func (d drawn) name(i int) string { return fmt.Sprint("image ", i) }

func (d drawn) load(i int, n Normalization, pixels []float32) error {
	if !d.all && i%3 == 1 {
		return &unreadImage{errors.New(d.name(i)), lost.Undecodable}
	}
	for at := range pixels {
		pixels[at] = float32((i+1)*(at%29)%17) / 9
	}
	return nil
}

// TestPassIsBatchesInSeries: what a pass gives are the bits of batches that are filled and encoded
// one after the other, with and without gaps where images cannot be read; once too many cannot, the
// rest is only read.
func TestPassIsBatchesInSeries(t *testing.T) {
	const images, rows = 31, 4
	cfg := optest.SmallModel(t)
	norm := NormalizationOf(cfg)
	for _, name := range []string{"go", "onnx", "xla:cpu"} {
		t.Run(name, func(t *testing.T) {
			enc, err := encode.New(optest.OpenEngine(t, name), &clip.Checkpoint{Config: cfg, Weights: clip.Init(cfg, 1)}, rows)
			if err != nil {
				t.Fatal(err)
			}
			defer enc.Close()
			for _, c := range []struct {
				from    drawn
				packed  bool
				batches [][]int // the first ones
				most    int     // that may be unread
			}{
				{drawn{true}, false, [][]int{{0, 1, 2, 3}, {4, 5, 6, 7}}, images},
				{drawn{}, false, [][]int{{0, 2, 3}, {5, 6}}, images},
				{drawn{}, true, [][]int{{0, 2, 3, 5}, {6, 8, 9, 11}}, images},
				{drawn{}, true, [][]int{{0, 2, 3, 5}, nil}, 1},
			} {
				unread := 0
				p := &Pass{Workers: 2, Norm: norm, Encoder: enc, Encode: enc.ImageFeatures, packed: c.packed,
					unread: func(int, *unreadImage) bool { unread++; return unread > c.most }}
				n := 0
				err := p.Run(t.Context(), c.from, IndicesTo(images), func(b *Passed) error {
					defer func() { n++ }()
					if n < len(c.batches) && c.batches[n] != nil && !slices.Equal(b.At, c.batches[n]) || n > 0 && c.most == 1 && b.Features != nil {
						t.Errorf("batch %d is of images %v, features %v", n, b.At, b.Features != nil)
					}
					if b.Features == nil {
						return nil
					}
					pixels := make([]float32, len(b.At)*norm.values())
					for i, at := range b.At {
						if err := c.from.load(at, norm, pixels[i*norm.values():(i+1)*norm.values()]); err != nil {
							t.Fatal(err)
						}
					}
					if want, err := enc.ImageFeatures(pixels, len(b.At)); err != nil || !slices.Equal(b.Features, want) {
						t.Errorf("%+v: batch %d differs, %v", c, n, err)
					}
					return nil
				})
				if want := images / 3; err != nil || !c.from.all && unread != want {
					t.Errorf("%+v: %v, %d are unread, want %d", c, err, unread, want)
				}
			}
		})
	}
}
