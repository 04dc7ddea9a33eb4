// Package backbone is a checkpoint that encodes: its tokenizer, its compiled towers, the images
// that go through them in batches (images.go, batch.go), and classifiers made of prompts (head.go).
//
// Not here: the towers themselves (ops/clip), which texts and images a stage encodes.
package backbone

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

// Batch is the static batch of the encoders, on each device; the last one is padded. It is one number
// for all engines and models, and which images make a batch is part of what a stage computes: on
// onnx and go the last bits of an embedding depend on its place in the batch, and keys do not have
// the batch in them.
const Batch = 128

// Backbone is a loaded checkpoint with its tokenizer and compiled towers.
type Backbone struct {
	Engine     *engine.Engine
	Checkpoint *clip.Checkpoint
	Tokenizer  *tokenizer.Tokenizer
	Encoder    *encode.Encoder
	Truncation tokenizer.Truncation // of texts that are too long
}

// truncations are what params call them; "" is the first.
var truncations = map[string]tokenizer.Truncation{"": tokenizer.KeepEOT, "keep-eot": tokenizer.KeepEOT, "elevater-compat": tokenizer.DropEOT, "error": tokenizer.Refuse}

// Open loads role "checkpoint", to embed in a precision; "" is f32.
func Open(run *op.Run, precision string) (*Backbone, error) {
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
	enc, err := encode.NewIn(eng, c, Batch, precision)
	return &Backbone{Engine: eng, Checkpoint: c, Tokenizer: tok, Encoder: enc}, err
}

// Close frees the towers' weights on the device and unmaps their files. Checkpoints made from this
// one share them: nothing may use them after.
func (b *Backbone) Close() {
	b.Encoder.Close()
	_ = b.Checkpoint.Close() // read only
}

// OpenPrompts is Open for texts that are cut in a way.
func OpenPrompts(run *op.Run, precision, truncate string) (*Backbone, error) {
	cut, ok := truncations[truncate]
	if !ok {
		return nil, fmt.Errorf("truncate %q is none of keep-eot, elevater-compat and error", truncate)
	}
	b, err := Open(run, precision)
	if b != nil {
		b.Truncation = cut
	}
	return b, err
}

// Texts embeds captions: [len(captions), dim], L2-normalised.
func (b *Backbone) Texts(ctx context.Context, captions []string) ([]float32, error) {
	type batch struct {
		texts    []string
		ids      []int32
		features []float32
	}
	out := make([]float32, 0, len(captions)*b.Checkpoint.Config.Dim())
	err := Pipe(ctx, b.Encoder.Calls(), func(ctx context.Context) (*batch, error) {
		n := min(b.Encoder.AtOnce(), len(captions))
		if n == 0 || ctx.Err() != nil {
			return nil, ctx.Err()
		}
		p := &batch{texts: captions[:n]}
		captions = captions[n:]
		var err error
		p.ids, err = encodeAs(b.Tokenizer, p.texts, b.Truncation)
		return p, err
	}, func(p *batch) (err error) {
		p.features, err = b.Encoder.Texts(p.ids, len(p.texts))
		return named(err, func(i int) string { return fmt.Sprintf("text %q", p.texts[i]) })
	}, func(p *batch) error {
		out = append(out, p.features...)
		return nil
	})
	if err != nil {
		return nil, err
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

// Memory is the memory of an encoder of either side.
func Memory(at op.Place, precision string) (clip.Memory, error) {
	if at.Model == nil {
		return clip.Memory{}, nil
	}
	return at.Estimator.Encoding(*at.Model, Batch, precision, at.Engine)
}

// EncodeAll tokenizes captions into [captions, context].
func EncodeAll(tok *tokenizer.Tokenizer, captions []string) []int32 {
	ids, _ := encodeAs(tok, captions, tokenizer.KeepEOT) // only Refuse gives errors
	return ids
}

// encodeAs is EncodeAll with a choice of truncation.
func encodeAs(tok *tokenizer.Tokenizer, captions []string, cut tokenizer.Truncation) ([]int32, error) {
	ids := make([]int32, len(captions)*tok.Context())
	for i, c := range captions {
		if _, err := tok.EncodeAs(c, ids[i*tok.Context():(i+1)*tok.Context()], cut); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

// LogitScale is the multiplier of cosines; 100 where a checkpoint has none.
func (b *Backbone) LogitScale() float64 { return logitScaleOf(b.Checkpoint) }

// logitScaleOf is exp(logit_scale), 100 where there is none.
func logitScaleOf(c *clip.Checkpoint) float64 {
	if t := c.Weights.At("logit_scale"); t != nil && len(t.Data) == 1 {
		return math.Exp(float64(t.Data[0]))
	}
	return 100
}
