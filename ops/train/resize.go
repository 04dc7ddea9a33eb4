package train

import (
	"context"
	"fmt"

	"react/ops/backbone"
	"react/ops/clip/layout"
	"react/ops/op"
)

// ResizeParams are the params of resize.
type ResizeParams struct {
	ImageSize int `json:"imageSize"` // side of an image, pixels
}

// ResizeOp opens a checkpoint for images of another size: its positional embeddings are resampled
// as open_clip does at loading. In: "checkpoint". Out: the checkpoint's files. Same bytes
// everywhere.
//
//	1: first
//	2: the config keeps how the checkpoint's files prepare images
var ResizeOp = op.OnOneCore(op.Define(2, "resize", runResize, op.Says[ResizeParams](op.NoWork, op.SameParams, op.NoMemory, op.NoCheck)))

func runResize(ctx context.Context, run *op.Run, p ResizeParams) error {
	dir, err := run.Input("checkpoint")
	if err != nil {
		return err
	}
	base, err := layout.Load(dir)
	if err != nil {
		return err
	}
	resized, err := base.Resize(p.ImageSize, 0)
	if err != nil {
		return fmt.Errorf("%s: %w", dir, err)
	}
	tok, err := backbone.Tokenizer(dir, resized.Config)
	if err != nil {
		return err
	}
	if err := saveCheckpoint(run.Dir, resized, tok); err != nil {
		return err
	}
	return ctx.Err()
}
