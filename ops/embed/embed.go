// Package embed holds the ops whose output is embeddings: of pools, which several processes may
// share (shared.go), of queries, of labelled sets, and the check of embeddings that were made
// elsewhere.
//
// Not here: the folders' format (data/embeddings).
package embed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"react/data/caught"
	"react/data/embeddings"
	"react/data/lost"
	"react/data/shards"
	"react/ops/backbone"
	"react/ops/clip"
	"react/ops/op"
	"react/ops/pools"
)

// Params are the params of embed.
type Params struct {
	MaxBad      int     `json:"maxBad"`
	MaxBadShare float64 `json:"maxBadShare"`
	Precision   string  `json:"precision,omitempty"` // "" is f32
}

// embedBlock is the number of pool rows embedded and written together.
const embedBlock = 4096

// Op encodes a pool's images and captions. In: "checkpoint", "pool". Out: a clip-retrieval folder
// whose row r is one pool row with both sides; rows without a readable caption or image are left
// out and counted, and the metadata column "row" keeps the pool's numbering. A pool without shards
// gives captions only.
//
// Blocks of rows are computed by whatever processes of the store have nothing else to do (see
// claimsDir); who computed which makes no difference.
//
//	1: first
//	2: rows whose key stands for several images, or for one with another caption, join by address
//	   or not at all; maxBadShare
//	3: captions are cleaned as ftfy does (same ids for printable ASCII);
//	   crops of Hugging Face's checkpoints are its own; JPEGs of odd subsampling read
var Op = op.Costs(op.Divisible(op.OnEngine(op.Define(3, "embed", runEmbed,
	op.Says[Params](Params.work, Params.pace, Params.memory, Params.check)))), 0.5, 5e-5)

func (p Params) work(at op.Known) op.Work {
	if at.Model == nil {
		return op.Work{}
	}
	f, rows := at.Model.FLOPs(), float64(at.Rows.N())
	return op.Work{Samples: rows, FLOPs: rows * (f.Image + f.Text),
		Bytes: rows * (2*float64(at.Model.Dim())*op.HalfBytes + op.MetaBytes)}
}

func (p Params) pace(at op.Known) op.Pace {
	rows := float64(at.Rows.N())
	return op.Pace{Work: rows, Volume: rows, Model: true}
}

func (p Params) memory(at op.Place) (clip.Memory, error) { return backbone.Memory(at, p.Precision) }

func (p Params) check(look op.Inspector) { look.Shards(p.MaxBad, p.MaxBadShare) }

type embedder struct {
	run      *op.Run
	backbone *backbone.Backbone
	out      *embeddings.Writer
	set      *shards.Set
	rows     []pools.Row // of the block
	maxBad   int
	maxShare float64
	reader   *pools.Reader
	began    time.Time // of the first block that this attempt computes
	computed int       // rows that it has computed
	bad      int
	causes   map[string]int // of bad
	blocks   *blocks
	index    int // of the block
	resumed  int // blocks that an attempt before had computed
	shared   int // blocks that other processes computed

	// a block was not there when its turn came: what follows is written in another pass
	behind  bool
	written int          // blocks, with the one that is being written
	writing chan error   // how that went; nil for none
	mine    map[int]bool // blocks that this attempt computed
	counted map[int]bool // blocks that others computed
	shown   int          // rows that progress has told of
}

func runEmbed(ctx context.Context, run *op.Run, p Params) error {
	return embedPool(ctx, run, p, embedBlock)
}

// embedPool computes and writes a block of so many rows at a time. What is computed for a block
// does not depend on the others, so that an attempt goes on with the blocks that the one before it
// kept.
func embedPool(ctx context.Context, run *op.Run, p Params, blockRows int) error {
	files, err := pools.FilesOf(run)
	if err != nil {
		return err
	}
	b, err := backbone.Open(run, p.Precision)
	if err != nil {
		return err
	}
	defer b.Close()
	reader, err := pools.Open(ctx, run, files, p.MaxBad)
	if err == nil {
		err = reader.Survey(ctx, p.MaxBadShare)
	}
	if err != nil {
		return err
	}
	eng, err := run.OpenEngine()
	if err != nil {
		return err
	}
	e := &embedder{run: run, backbone: b, set: reader.Set, maxBad: p.MaxBad, maxShare: p.MaxBadShare, reader: reader, causes: map[string]int{}, mine: map[int]bool{}, counted: map[int]bool{},
		blocks: &blocks{run: run, engine: op.EngineFacts(eng)}}
	if run.Assist {
		if err := e.blocks.invited(); err != nil {
			return err
		}
		return e.assist(ctx, blockRows)
	}
	if err := e.blocks.invite(); err != nil {
		return err
	}
	if e.out, err = embeddings.Create(run.Dir, b.Checkpoint.Config.Dim(), embeddings.Options{Image: e.set != nil, Text: true}); err != nil {
		return err
	}
	defer e.settle() // where this panics
	stats, err := e.eachBlock(ctx, blockRows, func() error { return e.ahead(ctx) })
	if err == nil && e.behind {
		_, err = e.eachBlock(ctx, blockRows, func() error { return e.rest(ctx) })
	}
	err = errors.Join(err, e.settle())
	if err == nil {
		stats.Lost.AddN(lost.Undecodable, int64(e.bad), mostOf(e.causes))
		err = run.Lose(stats.Lost, p.MaxBadShare)
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
		run.Fact(op.ResumedBlocks, e.resumed)
	}
	if e.shared > 0 {
		run.Fact("sharedBlocks", e.shared)
	}
	return e.out.Close()
}

// eachBlock reads the pool and calls fn with e.rows and e.index, block by block.
func (e *embedder) eachBlock(ctx context.Context, blockRows int, fn func() error) (pools.Stats, error) {
	e.index, e.rows = 0, e.rows[:0]
	block := func() error {
		defer func() { e.rows, e.index = e.rows[:0], e.index+1 }()
		return fn()
	}
	stats, err := e.reader.Each(ctx, func(row pools.Row) error {
		if row.HasImage || e.set == nil {
			e.rows = append(e.rows, row)
		}
		if len(e.rows) < blockRows {
			return nil
		}
		return block()
	})
	if err == nil && len(e.rows) > 0 {
		err = block()
	}
	return stats, err
}

// compute embeds e.rows; what it found is kept where that is worth it, or must be.
func (e *embedder) compute(ctx context.Context, must bool) (embeddedBlock, error) {
	start, rows := time.Now(), len(e.rows)
	if e.began.IsZero() {
		e.began = start
	}
	b, err := e.embed(ctx)
	if err != nil {
		return b, err
	}
	e.mine[e.index] = true
	e.computed += rows
	if must {
		e.report(rows-1, rows)
		return b, e.blocks.write(e.index, rows, b)
	}
	e.blocks.put(e.index, rows, b, time.Since(start))
	return b, nil
}

// write appends the block of e.rows to the output, beside what the caller does next. release is
// called when the block is written, or is not going to be.
func (e *embedder) write(b embeddedBlock, release func()) error {
	rows := len(e.rows)
	if err := cmp.Or(e.settle(), e.countBad(rows-len(b.keep), b.causes)); err != nil {
		release()
		return err
	}
	meta := make([]embeddings.Meta, len(b.keep))
	for i, at := range b.keep {
		row := e.rows[at]
		meta[i] = embeddings.Meta{Key: row.Key, Caption: row.Text, URL: row.URL, Row: row.Index, Label: row.Label, Truth: row.Truth, Similarity: row.Similarity}
		if row.HasImage {
			meta[i].Key = row.Sample.Key
		}
	}
	e.written++
	written, done := e.written, make(chan error, 1)
	e.writing = done
	go func() {
		done <- caught.Do("", func() error {
			defer release()
			if err := e.out.Append(b.images, b.texts, meta); err != nil {
				return err
			}
			e.blocks.wrote(written)
			return nil
		})
	}()
	e.report(rows-1, rows)
	return nil
}

// settle waits for the block that is being written.
func (e *embedder) settle() error {
	if e.writing == nil {
		return nil
	}
	defer func() { e.writing = nil }()
	return <-e.writing
}

// report tells how far the pool is read, and how fast this attempt computes; at is a row of the
// block, done those of it that are computed.
func (e *embedder) report(at, done int) {
	e.shown = max(e.shown, int(e.rows[at].Index)+1)
	p := op.Progress{Done: e.shown, Total: int(e.reader.Total), Note: "rows"}
	if done == len(e.rows) {
		done = 0 // they are in computed
	}
	if took := time.Since(e.began).Seconds(); !e.began.IsZero() && e.computed+done > 0 && took > 0 {
		what := "captions"
		if e.set != nil {
			what = "images"
		}
		rate := float64(e.computed+done) / took
		p.Note = fmt.Sprintf("rows, %.0f %s/s", rate, what)
		if rest := p.Total - p.Done; rest > 0 {
			p.Note += fmt.Sprintf(", ends in %v", time.Duration(float64(rest)/rate*float64(time.Second)).Round(time.Second))
		}
	}
	if e.run.Assist {
		p.Note = "helping: " + p.Note
	}
	e.run.Progress(p)
}

// embed computes e.rows.
func (e *embedder) embed(ctx context.Context) (b embeddedBlock, err error) {
	captions, samples := make([]string, len(e.rows)), make([]shards.Sample, len(e.rows))
	for i, row := range e.rows {
		captions[i], samples[i] = row.Text, row.Sample
	}
	if e.set == nil {
		b.keep = backbone.IndicesTo(len(e.rows))
		b.texts, err = e.backbone.Texts(ctx, captions)
		return b, err
	}
	src := backbone.NewSource(e.set, samples)
	src.Once = true
	var bad []int
	var errs []error
	unread := func(i int, err error) (tooMany bool) {
		bad, errs = append(bad, i), append(errs, err)
		return e.tooManyBad(len(bad)) != nil
	}
	pairs, err := e.backbone.Pairs(ctx, e.run, src, captions, unread, e.report)
	if err != nil {
		return b, err
	}
	if err := e.tooManyBad(len(bad)); err != nil {
		return b, fmt.Errorf("%w: row %d: %w", err, e.rows[bad[0]].Index, errs[0])
	}
	b.causes = map[string]int{}
	for _, err := range errs {
		b.causes[causeOf(err)]++
	}
	b.keep, b.images, b.texts = pairs.At, pairs.Images, pairs.Texts
	return b, nil
}

// countBad adds images that do not decode, by cause.
func (e *embedder) countBad(n int, causes map[string]int) error {
	for cause, n := range causes {
		e.causes[cause] += n
	}
	e.bad += n
	return e.tooManyBad(0)
}

// tooManyBad is an error where n more than were counted are over maxBad, or over the share of the
// whole pool that may be lost, whatever comes yet.
func (e *embedder) tooManyBad(n int) error {
	if e.bad+n > e.maxBad {
		return fmt.Errorf("%d images do not decode, more than maxBad %d", e.bad+n, e.maxBad)
	}
	c := lost.Count{What: "pool", Of: e.reader.Total}
	c.AddN(lost.Undecodable, int64(e.bad+n), "")
	return c.Check(e.maxShare)
}

// mostOf is the most frequent of some causes.
func mostOf(causes map[string]int) string {
	most := ""
	for _, cause := range slices.Sorted(maps.Keys(causes)) {
		if causes[cause] > causes[most] {
			most = cause
		}
	}
	return most
}

var digits = regexp.MustCompile(`[0-9]+`)

// causeOf is what is wrong with an image, in the same words for the same fault: without its shard
// and key, the bytes that it starts with, and numbers.
func causeOf(err error) string {
	if inner := errors.Unwrap(err); inner != nil {
		err = inner
	}
	text, _, _ := strings.Cut(err.Error(), ": starts with ")
	return digits.ReplaceAllString(text, "N")
}
