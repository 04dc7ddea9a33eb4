package ops

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
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
	reader   *poolReader
	began    time.Time // of the first block that this attempt computes
	computed int       // rows that it has computed
	bad      int
	causes   map[string]int // of bad
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
	e := &embedder{run: run, backbone: b, set: reader.set, maxBad: p.MaxBad, reader: reader, causes: map[string]int{}, blocks: &blocks{run: run, engine: engineFacts(eng)}}
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
	if e.bad > 0 {
		run.Fact("undecodableBy", e.causes)
	}
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
		if err := e.countBad(rows-len(b.keep), b.causes); err != nil {
			return err
		}
	} else {
		start := time.Now()
		if e.began.IsZero() {
			e.began = start
		}
		var err error
		if b, err = e.embed(ctx); err != nil {
			return err
		}
		e.computed += rows
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
	e.report(rows-1, rows)
	return e.out.Append(b.images, b.texts, meta)
}

// report tells how far the pool is read, and how fast this attempt computes; at is a row of the block, done those of it that are computed.
func (e *embedder) report(at, done int) {
	p := Progress{Done: int(e.rows[at].Index) + 1, Total: int(e.reader.total), Note: "rows"}
	if done == len(e.rows) {
		done = 0 // they are in computed
	}
	if took := time.Since(e.began).Seconds(); !e.began.IsZero() && e.computed+done > 0 && took > 0 {
		what := "captions"
		if e.set != nil {
			what = "images"
		}
		p.Note = fmt.Sprintf("rows, %.0f %s/s", float64(e.computed+done)/took, what)
	}
	e.run.Progress(p)
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
		if b.keep, b.causes, err = e.readable(ctx, src); err != nil {
			return b, err
		}
		report := func(done int) { e.report(b.keep[done-1], done) }
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

// countBad adds images that do not decode, by cause.
func (e *embedder) countBad(n int, causes map[string]int) error {
	for cause, n := range causes {
		e.causes[cause] += n
	}
	if e.bad += n; e.bad > e.maxBad {
		return fmt.Errorf("%d images do not decode, more than maxBad %d", e.bad, e.maxBad)
	}
	return nil
}

// readable lists the rows of the block whose image decodes; the others are counted up to maxBad.
func (e *embedder) readable(ctx context.Context, src *imageSource) (keep []int, causes map[string]int, err error) {
	bad, errs, err := src.check(ctx, e.run.Workers)
	if err != nil {
		return nil, nil, err
	}
	causes = map[string]int{}
	for _, err := range errs {
		causes[causeOf(err)]++
	}
	if err := e.countBad(len(bad), causes); err != nil {
		return nil, nil, fmt.Errorf("%w: row %d: %w", err, e.rows[bad[0]].Index, errs[0])
	}
	for i := range e.rows {
		if len(bad) > 0 && bad[0] == i {
			bad = bad[1:]
			continue
		}
		keep = append(keep, i)
	}
	return keep, causes, nil
}

var digits = regexp.MustCompile(`[0-9]+`)

// causeOf is what is wrong with an image, in the same words for the same fault: without its shard and key, the bytes that it starts with, and numbers.
func causeOf(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	text, _, _ := strings.Cut(err.Error(), ": starts with ")
	return digits.ReplaceAllString(text, "N")
}
