package pairs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"react/data/embeddings"
	"react/data/image"
	"react/data/lost"
	"react/data/shards"
	"react/ops/op"
	"react/ops/pools"
)

// ImageProbe says which image a pool row has: its sha256, after checking that it decodes. Each
// image is read once.
type ImageProbe struct {
	Set    *shards.Set // nil: the pool gives no images, and (url, caption) stands for one
	ids    map[string]string
	Hashed bool              // perceptual hashes are wanted
	hashes map[string]uint64 // by place, as ids
	maxBad int
	lost   lost.Count      // of the rows that were asked for
	failed map[string]bool // addresses that were not downloaded; nil until one is asked for
}

// NewImageProbe opens the pool of a stage, whose faulty tars may be so many.
func NewImageProbe(ctx context.Context, run *op.Run, maxBad int) (*ImageProbe, error) {
	p := &ImageProbe{ids: map[string]string{}, hashes: map[string]uint64{}, maxBad: maxBad}
	files, err := pools.FilesOf(run)
	if err != nil || len(files.Shards) == 0 {
		return p, err
	}
	p.Set, err = shards.Index(ctx, files.Shards, maxBad)
	return p, err
}

// Identity is the image's sha256, or "" when the row has no image, or no caption, that can be read.
// Too many images that do not decode are an error; the reader of the metadata counts bad captions.
func (p *ImageProbe) Identity(meta embeddings.Meta) (string, error) {
	if meta.Bad {
		return "", nil
	}
	if p.Set == nil {
		return p.known(meta), nil
	}
	at := place(meta)
	if id, ok := p.ids[at]; ok {
		return id, nil
	}
	p.ids[at], p.lost.What = "", "images of what was retrieved"
	p.lost.Of++
	sample, miss := p.Set.Join(shards.Row{Key: meta.Key, URL: meta.URL, Caption: meta.Caption})
	if miss != "" {
		cause, err := p.causeOf(meta.URL, miss)
		p.lost.Add(cause, fmt.Sprintf("row %d: key %q, address %q", meta.Row, meta.Key, meta.URL))
		return "", err
	}
	raw, err := p.Set.Read(sample, nil)
	if err != nil {
		return "", err
	}
	hash := uint64(0)
	err = image.Use(raw, true, func(img *image.RGB) error {
		if p.Hashed {
			hash = image.PHash(img)
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("row %d: shard %s: key %s: %w", meta.Row, p.Set.Shards()[sample.Shard], meta.Key, err)
		p.lost.Add(lost.Undecodable, err.Error())
		if bad := p.lost.By[lost.Undecodable]; bad > int64(p.maxBad) {
			return "", fmt.Errorf("%d images do not decode, more than maxBad %d: %w", bad, p.maxBad, err)
		}
		return "", nil
	}
	sum := sha256.Sum256(raw)
	p.ids[at] = hex.EncodeToString(sum[:])
	if p.Hashed {
		p.hashes[at] = hash
	}
	return p.ids[at], nil
}

// causeOf is why a row has no image: where the shards lie beside img2dataset's own metadata, these
// say whether its download failed.
func (p *ImageProbe) causeOf(url string, miss shards.Miss) (lost.Cause, error) {
	if p.failed == nil {
		p.failed = map[string]bool{}
		err := pools.FetchStates(p.Set.Shards(), func(url, status, _ string) {
			if status != "" && status != "success" && url != "" {
				p.failed[url] = true
			}
		})
		if err != nil {
			return "", err
		}
	}
	if p.failed[url] {
		return lost.NotDownloaded, nil
	}
	return lost.OfMiss[miss], nil
}

// numLost is how many of the rows that were asked for have no image that can be read.
func (p *ImageProbe) numLost() int { return int(p.lost.Faults() + p.lost.By[lost.NotDownloaded]) }

// Hash is the perceptual hash of a row that identity was asked for before, where hashes are wanted.
func (p *ImageProbe) Hash(meta embeddings.Meta) (uint64, bool) {
	h, ok := p.hashes[place(meta)]
	return h, ok
}

// place is what a row's image is found by: its key, or address and caption where the shards were
// fetched later.
func place(meta embeddings.Meta) string { return meta.Key + "\x00" + meta.URL + "\x00" + meta.Caption }

// known is the identity of a row that identity was asked for before.
func (p *ImageProbe) known(meta embeddings.Meta) string {
	if p.Set == nil {
		sum := sha256.Sum256([]byte(meta.URL + "\x00" + meta.Caption))
		return hex.EncodeToString(sum[:])
	}
	return p.ids[place(meta)]
}

// ImageOf finds the image of a pair. The oracle's caption is the right one and not what the shards
// say, so that it does not tell for or against.
func ImageOf(set *shards.Set, pair Pair) (shards.Sample, bool) {
	if sample, ok := set.Match(pair.Key, pair.URL, pair.Caption); ok {
		return sample, true
	}
	return set.Match(pair.Key, pair.URL, "")
}
