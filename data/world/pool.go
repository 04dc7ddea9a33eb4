package world

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	stdimage "image"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"

	"react/data/caught"
	"react/data/image"
	"react/data/laion"
	"react/data/shards"
)

const (
	rowsPerShard = 10_000 // as img2dataset
	blockRows    = 512    // images held in memory at once
)

// row is a row of the pool before it is drawn.
type row struct {
	pic            picture
	caption, truth string
}

// row decides row i. It depends on no other call, so that rows can be made in any
// order; a duplicate makes its source again.
func (p Params) row(i int) row {
	rng := p.rngOf("row", i)
	if rng.Float64() < p.Duplicates && i > 0 {
		return p.duplicate(p.row(rng.IntN(i)), rng)
	}
	pic := p.samplePicture(rng)
	return row{pic, p.sampleCaption(&pic, rng), pic.truth(rng)}
}

// duplicate is a row of the same image, or nearly; half of them have a caption of
// their own.
func (p Params) duplicate(source row, rng *rand.Rand) row {
	if rng.IntN(2) == 0 {
		source.pic.nudge = rng.Uint64() | 1
	}
	if rng.IntN(2) == 0 {
		source.caption = p.sampleCaption(&source.pic, rng)
	}
	return source
}

// samplePicture draws from what the pool is made of, duplicates aside.
func (p Params) samplePicture(rng *rand.Rand) picture {
	u := rng.Float64() * (1 - p.Duplicates)
	if u < p.Irrelevant {
		return sampleIrrelevant(rng)
	}
	if u < p.Irrelevant+p.Named {
		k := p.poolKinds()
		return sampleNamed(&k[rng.IntN(len(k))], p.style(rng), rng)
	}
	return sampleScene(p.style(rng), rng)
}

func (p Params) sampleCaption(pic *picture, rng *rand.Rand) string {
	u := rng.Float64()
	if u < p.Wrong {
		return p.wrongCaption(pic, rng)
	}
	if u < p.Wrong+p.Vague {
		return pic.vague(rng)
	}
	return pic.caption(rng)
}

// wrongCaption is the caption of some other picture of a pool like this.
func (p Params) wrongCaption(pic *picture, rng *rand.Rand) string {
	for {
		other := p.samplePicture(rng)
		if other.content != pic.content || other.label() != pic.label() || other.content == plainScene && other.objects[0] != pic.objects[0] {
			return other.caption(rng)
		}
	}
}

var encoder = png.Encoder{CompressionLevel: png.BestSpeed, BufferPool: &image.PNGBuffers{}}

func (r *row) png(size int) ([]byte, error) { return encoded(r.pic.stage().render(size, size)) }

// encoded is a picture's PNG.
func encoded(img stdimage.Image) ([]byte, error) {
	var buf bytes.Buffer
	err := encoder.Encode(&buf, img)
	return buf.Bytes(), err
}

// writePool writes all shards of the pool.
func writePool(ctx context.Context, dir string, p Params) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for start := 0; start < p.Rows; start += rowsPerShard {
		if err := writeShard(ctx, dir, p, start, min(rowsPerShard, p.Rows-start)); err != nil {
			return err
		}
	}
	return nil
}

// writeShard writes rows start to start+n: a tar of images and a parquet file.
func writeShard(ctx context.Context, dir string, p Params, start, n int) error {
	base := filepath.Join(dir, fmt.Sprintf("%05d", start/rowsPerShard))
	tar, err := shards.Create(base + ".tar")
	if err != nil {
		return err
	}
	meta := make([]laion.Row, n)
	err = inBlocks(ctx, n, func(i int) ([]byte, error) {
		r := p.row(start + i)
		meta[i] = p.metaRow(start+i, r)
		return r.png(p.Size)
	}, func(i int, image []byte) error {
		m := &meta[i]
		return tar.Put(m.Key, "png", image, m.Text, sampleMeta{m.Key, m.URL, m.Text, p.Size, p.Size})
	})
	if err != nil {
		tar.Close()
		return err
	}
	if err := tar.Close(); err != nil {
		return err
	}
	table, err := laion.Create(base + ".parquet")
	if err != nil {
		return err
	}
	return errors.Join(table.Write(meta), table.Close())
}

// sampleMeta is a sample's .json in the tar.
type sampleMeta struct {
	Key     string `json:"key"`
	URL     string `json:"url"`
	Caption string `json:"caption"`
	Width   int    `json:"width"`
	Height  int    `json:"height"`
}

func (p Params) metaRow(i int, r row) laion.Row {
	key := fmt.Sprintf("%05d%04d", i/rowsPerShard, i%rowsPerShard)
	return laion.Row{
		Index: int64(i), URL: fmt.Sprintf("https://world.invalid/%d/%s.png", p.Seed, key), Text: r.caption,
		Key: key, Label: r.pic.label(), Truth: r.truth, Width: int32(p.Size), Height: int32(p.Size), License: "CC0", NSFW: "UNLIKELY", Similarity: math.NaN(),
	}
}

// inBlocks draws images 0 to n in parallel, and hands them to put in order.
func inBlocks(ctx context.Context, n int, draw func(i int) ([]byte, error), put func(i int, image []byte) error) error {
	images := make([][]byte, min(n, blockRows))
	for start := 0; start < n; start += blockRows {
		end := min(start+blockRows, n)
		group, ctx := errgroup.WithContext(ctx)
		workers := runtime.GOMAXPROCS(0)
		for w := range workers {
			group.Go(func() error {
				return caught.Do("generated image", func() (err error) {
					for i := start + w; i < end && err == nil; i += workers {
						images[i-start], err = draw(i)
						err = errors.Join(err, ctx.Err())
					}
					return err
				})
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for i := start; i < end; i++ {
			if err := put(i, images[i-start]); err != nil {
				return err
			}
		}
	}
	return nil
}
