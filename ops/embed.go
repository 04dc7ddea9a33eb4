package ops

import (
	"context"
	"errors"
	"fmt"

	"react/data/embeddings"
	"react/data/shards"
)

// EmbedParams are the params of embed.
type EmbedParams struct {
	MaxBad int `json:"maxBad"`
}

// embedBlock is the number of pool rows embedded and written together.
const embedBlock = 4096

// embed encodes a pool's images and captions. In: "checkpoint", "pool". Out: a clip-retrieval folder whose row r is one pool row with both
// sides; rows without a readable caption or image are left out and counted, and the metadata column "row" keeps the pool's numbering.
// A pool without shards gives captions only.
//
//	1: first
var embed = onEngine(define(1, "embed", runEmbed))

type embedder struct {
	run      *Run
	backbone *backbone
	out      *embeddings.Writer
	set      *shards.Set
	rows     []poolRow // of the block
	maxBad   int
	done     int
	bad      int
}

func runEmbed(ctx context.Context, run *Run, p EmbedParams) error {
	files, err := run.pool()
	if err != nil {
		return err
	}
	b, err := run.backbone()
	if err != nil {
		return err
	}
	defer b.close()
	reader, err := openPool(ctx, files, p.MaxBad)
	if err != nil {
		return err
	}
	e := &embedder{run: run, backbone: b, set: reader.set, maxBad: p.MaxBad}
	if e.out, err = embeddings.Create(run.Dir, b.checkpoint.Config.Dim(), embeddings.Options{Image: e.set != nil, Text: true}); err != nil {
		return err
	}
	stats, err := reader.each(ctx, func(row poolRow) error {
		if row.hasImage || e.set == nil {
			e.rows = append(e.rows, row)
		}
		if len(e.rows) < embedBlock {
			return nil
		}
		return e.block(ctx)
	})
	if err == nil && len(e.rows) > 0 {
		err = e.block(ctx)
	}
	if err != nil {
		return errors.Join(err, e.out.Close())
	}
	run.Fact("pool", stats)
	run.Fact("undecodable", e.bad)
	return e.out.Close()
}

// block embeds and writes e.rows, and empties it.
func (e *embedder) block(ctx context.Context) error {
	var images []float32
	defer func() { e.rows = e.rows[:0] }()
	seen := len(e.rows)
	if e.set != nil {
		samples := make([]shards.Sample, len(e.rows))
		for i, row := range e.rows {
			samples[i] = row.sample
		}
		src := newImageSource(e.set, samples)
		keep, err := e.readable(ctx, src)
		if err != nil {
			return err
		}
		report := func(done int) {
			e.run.Progress(Progress{Done: e.done + done, Note: "rows"})
		}
		if images, err = e.backbone.images(ctx, e.run, src, keep, report); err != nil {
			return err
		}
		kept := make([]poolRow, len(keep))
		for i, at := range keep {
			kept[i] = e.rows[at]
		}
		e.rows = kept
	}
	captions := make([]string, len(e.rows))
	meta := make([]embeddings.Meta, len(e.rows))
	for i, row := range e.rows {
		captions[i] = row.Text
		meta[i] = embeddings.Meta{Key: row.Key, Caption: row.Text, URL: row.URL, Row: row.Index, Label: row.Label, Truth: row.Truth, Similarity: row.Similarity}
		if row.hasImage {
			meta[i].Key = row.sample.Key
		}
	}
	texts, err := e.backbone.texts(ctx, captions)
	if err != nil {
		return err
	}
	e.done += seen
	return e.out.Append(images, texts, meta)
}

// readable lists the rows of the block whose image decodes; the others are counted up to maxBad.
func (e *embedder) readable(ctx context.Context, src *imageSource) ([]int, error) {
	bad, errs, err := src.check(ctx, e.run.Workers)
	if err != nil {
		return nil, err
	}
	if e.bad += len(bad); e.bad > e.maxBad {
		return nil, fmt.Errorf("%d images do not decode, more than maxBad %d: row %d: %w", e.bad, e.maxBad, e.rows[bad[0]].Index, errs[0])
	}
	var keep []int
	for i := range e.rows {
		if len(bad) > 0 && bad[0] == i {
			bad = bad[1:]
			continue
		}
		keep = append(keep, i)
	}
	return keep, nil
}
