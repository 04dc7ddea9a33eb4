package ops

import (
	"context"
	"errors"
	"fmt"
	"math"

	"react/data/tokenizer"
	"react/ops/clip"
	"react/ops/engine"
)

// encodeBatch is the static batch of the encoders; the last one is padded.
const encodeBatch = 128

// backbone is a loaded checkpoint with its tokenizer and compiled towers.
type backbone struct {
	engine     *engine.Engine
	checkpoint *clip.Checkpoint
	tokenizer  *tokenizer.Tokenizer
	encoder    *clip.Encoder
	truncation tokenizer.Truncation // of texts that are too long
}

// truncations are what params call them; "" is the first.
var truncations = map[string]tokenizer.Truncation{"": tokenizer.KeepEOT, "keep-eot": tokenizer.KeepEOT, "elevater-compat": tokenizer.DropEOT, "error": tokenizer.Refuse}

// backboneIn loads role "checkpoint", to embed in a precision; "" is f32.
func (r *Run) backboneIn(precision string) (*backbone, error) {
	dir, err := r.input("checkpoint")
	if err != nil {
		return nil, err
	}
	c, err := clip.Load(dir)
	if err != nil {
		return nil, err
	}
	tok, err := Tokenizer(dir, c.Config)
	if err != nil {
		return nil, err
	}
	if scale := logitScaleOf(c); math.IsNaN(scale) || scale > math.MaxFloat32 {
		return nil, fmt.Errorf("%s: logit_scale: its exponential is %g: no score can be multiplied by that", dir, scale)
	}
	eng, err := r.OpenEngine()
	if err != nil {
		return nil, err
	}
	enc, err := clip.NewEncoderIn(eng, c, encodeBatch, precision)
	return &backbone{engine: eng, checkpoint: c, tokenizer: tok, encoder: enc}, err
}

// close frees the towers' weights on the device and unmaps their files. Checkpoints made from this one share them: nothing may use them after.
func (b *backbone) close() {
	b.encoder.Close()
	_ = b.checkpoint.Close() // read only
}

// promptsIn is backboneIn for texts that are cut in a way.
func (r *Run) promptsIn(precision, truncate string) (*backbone, error) {
	how, ok := truncations[truncate]
	if !ok {
		return nil, fmt.Errorf("truncate %q is none of keep-eot, elevater-compat and error", truncate)
	}
	b, err := r.backboneIn(precision)
	if b != nil {
		b.truncation = how
	}
	return b, err
}

// texts embeds captions: [len(captions), dim], L2-normalised.
func (b *backbone) texts(ctx context.Context, captions []string) ([]float32, error) {
	dim := b.checkpoint.Config.Dim()
	out := make([]float32, 0, len(captions)*dim)
	for start := 0; start < len(captions); start += encodeBatch {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := captions[start:min(start+encodeBatch, len(captions))]
		ids, err := encodeAs(b.tokenizer, part, b.truncation)
		if err != nil {
			return nil, err
		}
		u, err := b.encoder.Texts(ids, len(part))
		if err != nil {
			return nil, named(err, func(i int) string { return fmt.Sprintf("text %q", part[i]) })
		}
		out = append(out, u...)
	}
	return out, nil
}

// named says which input has no embedding, where that is what is wrong.
func named(err error, name func(i int) string) error {
	var none *clip.NotFiniteError
	if errors.As(err, &none) {
		return fmt.Errorf("%s: %w", name(none.First), err)
	}
	return err
}

// images embeds images of a source by position: [len(indices), dim], L2-normalised. each is called after every batch.
func (b *backbone) images(ctx context.Context, run *Run, src *imageSource, indices []int, each func(done int)) ([]float32, error) {
	cfg := b.checkpoint.Config
	norm := normalizationOf(cfg)
	pixels := make([]float32, encodeBatch*3*norm.Size*norm.Size)
	out := make([]float32, 0, len(indices)*cfg.Dim())
	for start := 0; start < len(indices); start += encodeBatch {
		part := indices[start:min(start+encodeBatch, len(indices))]
		if err := src.plain(ctx, run.Workers, part, norm, pixels); err != nil {
			return nil, err
		}
		u, err := b.encoder.Images(pixels[:len(part)*3*norm.Size*norm.Size], len(part))
		if err != nil {
			return nil, named(err, func(i int) string { return src.name(part[i]) })
		}
		out = append(out, u...)
		each(start + len(part))
	}
	return out, nil
}

// normalize scales a vector to length 1; false where it has no direction, and it stays: zeros.
func normalize(v []float32) bool {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return false
	}
	scale := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= scale
	}
	return true
}
