package ops

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"react/data/embeddings"
	"react/data/image"
	"react/data/shards"
)

// imageProbe says which image a pool row has: its sha256, after checking that it decodes. Each image is read once.
type imageProbe struct {
	set     *shards.Set // nil: the pool gives no images, and (url, caption) stands for one
	ids     map[string]string
	hashed  bool              // perceptual hashes are wanted
	hashes  map[string]uint64 // by place, as ids
	maxBad  int
	bad     int
	missing int
}

func newImageProbe(ctx context.Context, run *Run, maxBad int) (*imageProbe, error) {
	p := &imageProbe{ids: map[string]string{}, hashes: map[string]uint64{}, maxBad: maxBad}
	files, err := run.pool()
	if err != nil || len(files.shards) == 0 {
		return p, err
	}
	p.set, err = shards.Index(ctx, files.shards, maxBad)
	return p, err
}

// identity is the image's sha256, or "" when the row has no image, or no caption, that can be read. Too many images that do not decode are an
// error; the reader of the metadata counts bad captions.
func (p *imageProbe) identity(meta embeddings.Meta) (string, error) {
	if meta.Bad {
		return "", nil
	}
	if p.set == nil {
		return p.known(meta), nil
	}
	at := place(meta)
	if id, ok := p.ids[at]; ok {
		return id, nil
	}
	sample, ok := p.set.Match(meta.Key, meta.URL, meta.Caption)
	if !ok {
		p.missing++
		p.ids[at] = ""
		return "", nil
	}
	raw, err := p.set.Read(sample, nil)
	if err != nil {
		return "", err
	}
	hash := uint64(0)
	err = image.Use(raw, true, func(img *image.RGB) error {
		if p.hashed {
			hash = image.PHash(img)
		}
		return nil
	})
	if err != nil {
		p.ids[at] = ""
		if p.bad++; p.bad > p.maxBad {
			return "", fmt.Errorf("%d images do not decode, more than maxBad %d: row %d: shard %s: key %s: %w", p.bad, p.maxBad, meta.Row, p.set.Shards()[sample.Shard], meta.Key, err)
		}
		return "", nil
	}
	sum := sha256.Sum256(raw)
	p.ids[at] = hex.EncodeToString(sum[:])
	if p.hashed {
		p.hashes[at] = hash
	}
	return p.ids[at], nil
}

// hash is the perceptual hash of a row that identity was asked for before, where hashes are wanted.
func (p *imageProbe) hash(meta embeddings.Meta) (uint64, bool) {
	h, ok := p.hashes[place(meta)]
	return h, ok
}

// place is what a row's image is found by: its key, or address and caption where the shards were fetched later.
func place(meta embeddings.Meta) string { return meta.Key + "\x00" + meta.URL + "\x00" + meta.Caption }

// known is the identity of a row that identity was asked for before.
func (p *imageProbe) known(meta embeddings.Meta) string {
	if p.set == nil {
		sum := sha256.Sum256([]byte(meta.URL + "\x00" + meta.Caption))
		return hex.EncodeToString(sum[:])
	}
	return p.ids[place(meta)]
}
