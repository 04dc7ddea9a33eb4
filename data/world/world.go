// Package world makes a procedural pool and evaluation sets that have REACT's
// problem in small: pictures of made-up kinds of things whose names few captions
// use, in a large pool of other pictures, with captions of uneven quality.
//
// A kind has a name of two words, a breed and a family ("sorel tamin"). The family
// is its shape; the breed is its pattern and two colours. A base trained on the
// pool learns families soon and breeds slowly, since most negatives in a random
// batch are easy. The pool holds, in shares that Params gives:
//
//   - named rows: one thing of a kind of the task or of choose, sometimes with
//     something plain beside it;
//   - scenes: one to four plain objects with colour, texture, count, background;
//   - irrelevant rows: gradients, blobs, horizons and writing, captions to match;
//   - duplicates of earlier rows, half of them the same bytes, half near ones, half
//     of each with a caption of their own.
//
// Captions name the kind in some template, or its looks, or both; a share is vague,
// partial or wrapped in noise words, and a share describes another picture. The
// column truth has the caption that would be right, label the class.
//
// Drawing styles are flat, outlined, thick, noisy and dark; a share of the pool is
// in a sixth, photo: turned, in perspective, lit from a side, on a patterned
// ground, blurred, under tinted light. The sets, all of them labelled:
//
//   - task: kinds of the task, in style photo;
//   - choose: other kinds than the task's, in style photo, for making choices;
//   - others: plain objects by colour and shape, in the common styles: what a
//     tuning for the task may make the model forget.
//
// Where Params asks for it there is a set without a label a picture: scenes, of
// several things of the task's kinds on a wider canvas, with boxes and masks.
//
// The package draws and writes; it knows nothing of models. Kinds and classes are
// the same for every seed. Equal params give equal bytes on one architecture (a
// compiler that fuses multiply and add may round a pixel otherwise), whatever the
// number of workers: every picture has a random generator of its own.
package world

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"path/filepath"
)

// Params says what is generated. Shares are of all rows, but for Vague and Wrong
// (of captions) and Photo (of named rows and scenes).
type Params struct {
	Seed         uint64  `json:"seed"`         // of everything but the classes
	Rows         int     `json:"rows"`         // of the pool
	Classes      int     `json:"classes"`      // of the task, and as many of choose; up to 60
	TestPerClass int     `json:"testPerClass"` // images for each class of each set
	Named        float64 `json:"named"`        // rows that show a kind of the task or of choose
	Irrelevant   float64 `json:"irrelevant"`   // rows without any object
	// rows that repeat an earlier image, exactly or nearly
	Duplicates float64 `json:"duplicates"`
	Wrong      float64 `json:"wrong"` // captions that describe another picture
	Vague      float64 `json:"vague"` // captions that are vague, partial or noisy
	// named rows and scenes in the style of the task's set
	Photo float64 `json:"photo"`
	Size  int     `json:"size"` // width and height of an image, pixels
	// of the set scenes; 0: there is no such set
	Scenes int `json:"scenes,omitempty"`
}

func (p Params) check() error {
	for _, share := range []struct {
		name  string
		value float64
	}{{"named", p.Named}, {"irrelevant", p.Irrelevant}, {"duplicates", p.Duplicates}, {"wrong", p.Wrong}, {"vague", p.Vague}, {"photo", p.Photo}} {
		if !(share.value >= 0 && share.value <= 1) {
			return fmt.Errorf("%s: %g is not a share, 0 to 1", share.name, share.value)
		}
	}
	if sum := p.Named + p.Irrelevant + p.Duplicates; sum > 1+1e-9 {
		return fmt.Errorf("named, irrelevant and duplicates: their sum, %.4g, is over 1", sum)
	}
	if p.Wrong+p.Vague > 1+1e-9 {
		return fmt.Errorf("wrong and vague: their sum, %.4g, is over 1", p.Wrong+p.Vague)
	}
	for _, n := range []struct {
		name               string
		value, least, most int
	}{{"rows", p.Rows, 1, 10_000_000}, {"classes", p.Classes, 1, numKinds / 2}, {"testPerClass", p.TestPerClass, 1, 10_000}, {"size", p.Size, 8, 512},
		{"scenes", p.Scenes, 0, 100_000}} {
		if n.value < n.least || n.value > n.most {
			return fmt.Errorf("%s: %d is not in %d to %d", n.name, n.value, n.least, n.most)
		}
	}
	return nil
}

// Generate writes dir/pool/NNNNN.parquet (LAION's columns, key, label and truth)
// and dir/pool/NNNNN.tar with the images, rowsPerShard rows each, and
// dir/sets/task, choose and others, and scenes. Images are PNG. Dir may exist; a run that ends
// early leaves what it has written.
func Generate(ctx context.Context, dir string, p Params) error {
	if err := p.check(); err != nil {
		return fmt.Errorf("world: %w", err)
	}
	if err := writePool(ctx, filepath.Join(dir, "pool"), p); err != nil {
		return err
	}
	for _, set := range sets(p) {
		if err := writeSet(ctx, filepath.Join(dir, "sets", set.name), p, set); err != nil {
			return err
		}
	}
	if p.Scenes == 0 {
		return nil
	}
	return writeScenes(ctx, filepath.Join(dir, "sets", SceneSet), p)
}

// rngOf is the generator of picture i of a part of the world.
func (p Params) rngOf(part string, i int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(part))
	return rand.New(rand.NewPCG(p.Seed^h.Sum64(), uint64(i)))
}
