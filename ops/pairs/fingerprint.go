package pairs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"

	"react/data/image"
	"react/data/lost"
	"react/data/npy"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/op"
	"react/ops/retrieve"
)

// FingerprintParams are the params of fingerprint.
type FingerprintParams struct {
	// evaluation set of a generated pool; empty: the outside folder
	Set      string `json:"set,omitempty"`
	Captions bool   `json:"captions,omitempty"` // images with captions, not with labels
	// entry of the catalogue; empty: a set of one's own
	Benchmark string `json:"benchmark,omitempty"`
	Catalogue string `json:"catalogue,omitempty"` // digest of that entry
	Precision string `json:"precision,omitempty"` // of the embedding; "" is f32

	MaxBadShare float64 `json:"maxBadShare"` // of the images that may be lost
}

// Fingerprint is a row of fingerprints.parquet; row r belongs to row r of image.npy.
type Fingerprint struct {
	Key    string   `parquet:"key"`
	SHA256 string   `parquet:"sha256"`     // of the image's bytes
	Hash   int64    `parquet:"phash"`      // image.PHash, its bits as they are
	Texts  []string `parquet:"texts,list"` // captions, as plainText has them
}

const fingerprintsFile = "fingerprints.parquet"

// FingerprintOp says what the test images of an evaluation set look like: their files' sha256,
// perceptual hashes, embeddings and captions, which is what a pool is searched for to find them in
// it. In: "checkpoint", "dataset". Out: fingerprints.parquet; image.npy [images, dim], f32, of
// length 1.
//
//	1: first
//	2: embeddings that are not finite are an error, and no more like nothing
//	3: lists that were not known made a set one class; hidden files were images
//	4: images that cannot be read are left out, up to maxBadShare
//	5: crops of Hugging Face's checkpoints are its own; JPEGs of odd subsampling read
var FingerprintOp = op.OnEngine(op.Define(5, "fingerprint", runFingerprint,
	op.Says[FingerprintParams](op.NoWork, op.SameParams, op.NoMemory, FingerprintParams.check)))

func (p FingerprintParams) check(look op.Inspector) {
	if p.Captions {
		look.Captioned(look.Images(op.Own))
	} else {
		look.Labelled(look.Images(op.Own))
	}
}

// testImages are the images of a set of either sort.
type testImages struct {
	dir    string
	prints []Fingerprint
	read   func(i int) ([]byte, error)
	close  func() error
	lost   lost.Count // before any was read
}

func openTestImages(run *op.Run, p FingerprintParams) (*testImages, error) {
	at := embed.FeaturesParams{Set: p.Set, Benchmark: p.Benchmark, MaxBadShare: p.MaxBadShare}
	if p.Captions {
		set, err := embed.OpenCaptioned(run, "dataset", at)
		if err != nil {
			return nil, err
		}
		t := &testImages{dir: set.Dir, read: set.Read, close: set.Close, lost: set.Lost}
		for i, key := range set.Keys {
			f := Fingerprint{Key: key}
			for _, text := range set.Texts[i] {
				f.Texts = append(f.Texts, plainText(text))
			}
			t.prints = append(t.prints, f)
		}
		return t, nil
	}
	set, err := embed.OpenLabelled(run, "dataset", at)
	if err != nil {
		return nil, err
	}
	t := &testImages{dir: set.Dir, read: set.Read, close: set.Close, lost: set.Lost}
	for _, item := range set.Items {
		t.prints = append(t.prints, Fingerprint{Key: item.Key})
	}
	return t, nil
}

func runFingerprint(ctx context.Context, run *op.Run, p FingerprintParams) error {
	t, err := openTestImages(run, p)
	if err != nil {
		return err
	}
	defer t.close()
	b, err := backbone.Open(run, p.Precision)
	if err != nil {
		return err
	}
	defer b.Close()
	dim := b.Checkpoint.Config.Dim()
	out, err := npy.Create(run.Path(embed.FeaturesFile), "<f4", dim)
	if err != nil {
		return err
	}
	failed := make([]error, len(t.prints))
	source := backbone.Reader{N: len(t.prints), Dir: t.dir, Key: func(i int) string { return t.prints[i].Key }, Read: t.read, Seen: func(i int, raw []byte) {
		failed[i] = t.prints[i].Look(raw)
	}, Lost: t.lost, MaxShare: p.MaxBadShare}
	kept, err := b.EmbedImages(ctx, run, source, func(_ []int, rows []float32) error {
		for i := 0; i < len(rows); i += dim {
			blas.Normalize(rows[i : i+dim])
		}
		return out.Append(rows)
	})
	if err = errors.Join(err, errors.Join(failed...), out.Close()); err != nil {
		return err
	}
	run.Fact("images", len(kept))
	return parquet.WriteFile(run.Path(fingerprintsFile), backbone.Kept(t.prints, kept))
}

// Look fills in what an image's bytes say.
func (f *Fingerprint) Look(raw []byte) error {
	sum := sha256.Sum256(raw)
	f.SHA256 = hex.EncodeToString(sum[:])
	err := image.Use(raw, true, func(img *image.RGB) error {
		f.Hash = int64(image.PHash(img))
		return nil
	})
	if err != nil {
		return fmt.Errorf("key %s: %w", f.Key, err)
	}
	return nil
}

// plainText is a caption without what does not tell captions apart: letter case and the space and
// marks between words.
func plainText(caption string) string {
	text := strings.ToLower(caption)
	var b strings.Builder
	for i, w := range retrieve.WordSpans(text) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(text[w.Start:w.End])
	}
	return b.String()
}

// ReadFingerprints reads a finished fingerprint stage: rows and their vectors [rows, dim].
func ReadFingerprints(dir string) ([]Fingerprint, []float32, error) {
	prints, err := op.ReadTable[Fingerprint](filepath.Join(dir, fingerprintsFile))
	if err != nil {
		return nil, nil, err
	}
	x, err := embed.ReadVectors(dir, len(prints))
	return prints, x.Values, err
}
