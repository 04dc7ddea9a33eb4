package ops

import (
	"context"
	"errors"
	"fmt"
	"time"

	"react/data/embeddings"
	"react/data/shards"
)

// EmbedParams are the params of embed.
type EmbedParams struct {
	MaxBad    int    `json:"maxBad"`
	Precision string `json:"precision,omitempty"` // "" is f32
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
	blocks   *blocks
	index    int // of the block
	resumed  int // blocks that an attempt before had computed
}

func runEmbed(ctx context.Context, run *Run, p EmbedParams) error {
	return embedPool(ctx, run, p, embedBlock)
}

// embedPool computes and writes a block of so many rows at a time. What is computed for a block does not depend on the others, so that an
// attempt goes on with the blocks that the one before it kept.
func embedPool(ctx context.Context, run *Run, p EmbedParams, blockRows int) error {
	files, err := run.pool()
	if err != nil {
		return err
	}
	b, err := run.backboneIn(p.Precision)
	if err != nil {
		return err
	}
	defer b.close()
	reader, err := openPool(ctx, files, p.MaxBad)
	if err != nil {
		return err
	}
	eng, err := run.OpenEngine()
	if err != nil {
		return err
	}
	e := &embedder{run: run, backbone: b, set: reader.set, maxBad: p.MaxBad, blocks: &blocks{run: run, engine: engineFacts(eng)}}
	if e.out, err = embeddings.Create(run.Dir, b.checkpoint.Config.Dim(), embeddings.Options{Image: e.set != nil, Text: true}); err != nil {
		return err
	}
	stats, err := reader.each(ctx, func(row poolRow) error {
		if row.hasImage || e.set == nil {
			e.rows = append(e.rows, row)
		}
		if len(e.rows) < blockRows {
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
	if e.resumed > 0 {
		run.Fact("resumedBlocks", e.resumed)
	}
	return e.out.Close()
}

// block embeds and writes e.rows, and empties it.
func (e *embedder) block(ctx context.Context) error {
	defer func() { e.rows, e.index = e.rows[:0], e.index+1 }()
	rows := len(e.rows)
	b, found := e.blocks.get(e.index, rows)
	if found {
		e.resumed++
		if err := e.countBad(rows - len(b.keep)); err != nil {
			return err
		}
	} else {
		start := time.Now()
		var err error
		if b, err = e.embed(ctx); err != nil {
			return err
		}
		e.blocks.put(e.index, rows, b, time.Since(start))
	}
	meta := make([]embeddings.Meta, len(b.keep))
	for i, at := range b.keep {
		row := e.rows[at]
		meta[i] = embeddings.Meta{Key: row.Key, Caption: row.Text, URL: row.URL, Row: row.Index, Label: row.Label, Truth: row.Truth, Similarity: row.Similarity}
		if row.hasImage {
			meta[i].Key = row.sample.Key
		}
	}
	e.done += rows
	return e.out.Append(b.images, b.texts, meta)
}

// embed computes e.rows.
func (e *embedder) embed(ctx context.Context) (b embeddedBlock, err error) {
	if e.set == nil {
		b.keep = make([]int, len(e.rows))
		for i := range b.keep {
			b.keep[i] = i
		}
	} else {
		samples := make([]shards.Sample, len(e.rows))
		for i, row := range e.rows {
			samples[i] = row.sample
		}
		src := newImageSource(e.set, samples)
		if b.keep, err = e.readable(ctx, src); err != nil {
			return b, err
		}
		report := func(done int) {
			e.run.Progress(Progress{Done: e.done + done, Note: "rows"})
		}
		if b.images, err = e.backbone.images(ctx, e.run, src, b.keep, report); err != nil {
			return b, err
		}
	}
	captions := make([]string, len(b.keep))
	for i, at := range b.keep {
		captions[i] = e.rows[at].Text
	}
	b.texts, err = e.backbone.texts(ctx, captions)
	return b, err
}

// countBad adds images that did not decode when their block was computed.
func (e *embedder) countBad(n int) error {
	if e.bad += n; e.bad > e.maxBad {
		return fmt.Errorf("%d images do not decode, more than maxBad %d", e.bad, e.maxBad)
	}
	return nil
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
