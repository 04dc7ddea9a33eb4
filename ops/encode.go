package ops

import (
	"context"
	"errors"
	"fmt"
	"math"

	"react/data/tokenizer"
	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/layout"
	"react/ops/engine"
	"react/ops/op"
)

// encodeBatch is the static batch of the encoders; the last one is padded.
const encodeBatch = 128

// backbone is a loaded checkpoint with its tokenizer and compiled towers.
type backbone struct {
	engine     *engine.Engine
	checkpoint *clip.Checkpoint
	tokenizer  *tokenizer.Tokenizer
	encoder    *encode.Encoder
	truncation tokenizer.Truncation // of texts that are too long
}

// truncations are what params call them; "" is the first.
var truncations = map[string]tokenizer.Truncation{"": tokenizer.KeepEOT, "keep-eot": tokenizer.KeepEOT, "elevater-compat": tokenizer.DropEOT, "error": tokenizer.Refuse}

// openBackbone loads role "checkpoint", to embed in a precision; "" is f32.
func openBackbone(run *op.Run, precision string) (*backbone, error) {
	dir, err := run.Input("checkpoint")
	if err != nil {
		return nil, err
	}
	c, err := layout.Load(dir)
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
	eng, err := run.OpenEngine()
	if err != nil {
		return nil, err
	}
	enc, err := encode.NewIn(eng, c, encodeBatch, precision)
	return &backbone{engine: eng, checkpoint: c, tokenizer: tok, encoder: enc}, err
}

// close frees the towers' weights on the device and unmaps their files. Checkpoints made from this one share them: nothing may use them after.
func (b *backbone) close() {
	b.encoder.Close()
	_ = b.checkpoint.Close() // read only
}

// openPrompts is backboneIn for texts that are cut in a way.
func openPrompts(run *op.Run, precision, truncate string) (*backbone, error) {
	how, ok := truncations[truncate]
	if !ok {
		return nil, fmt.Errorf("truncate %q is none of keep-eot, elevater-compat and error", truncate)
	}
	b, err := openBackbone(run, precision)
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
	var none *encode.NotFiniteError
	if errors.As(err, &none) {
		return fmt.Errorf("%s: %w", name(none.First), err)
	}
	return err
}

// images embeds images of a source by position: [len(indices), dim], L2-normalised. each is called after every batch.
func (b *backbone) images(ctx context.Context, run *op.Run, src *imageSource, indices []int, each func(done int)) ([]float32, error) {
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

// encodingMemory is the memory of an encoder of either side.
func encodingMemory(at op.Place, precision string) (clip.Memory, error) {
	if at.Model == nil {
		return clip.Memory{}, nil
	}
	return at.Estimator.Encoding(*at.Model, encodeBatch, precision, at.Engine)
}

// encodeAll tokenizes captions into [captions, context].
func encodeAll(tok *tokenizer.Tokenizer, captions []string) []int32 {
	ids, _ := encodeAs(tok, captions, tokenizer.KeepEOT) // only Refuse gives errors
	return ids
}

// encodeAs is encodeAll with a choice of truncation.
func encodeAs(tok *tokenizer.Tokenizer, captions []string, how tokenizer.Truncation) ([]int32, error) {
	ids := make([]int32, len(captions)*tok.Context())
	for i, c := range captions {
		if _, err := tok.EncodeAs(c, ids[i*tok.Context():(i+1)*tok.Context()], how); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// logitScale is the multiplier of cosines; 100 where a checkpoint has none.
func (b *backbone) logitScale() float64 { return logitScaleOf(b.checkpoint) }

// logitScaleOf is exp(logit_scale), 100 where there is none.
func logitScaleOf(c *clip.Checkpoint) float64 {
	if t := c.Weights.At("logit_scale"); t != nil && len(t.Data) == 1 {
		return math.Exp(float64(t.Data[0]))
	}
	return 100
}
