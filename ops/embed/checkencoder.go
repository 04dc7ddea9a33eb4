package embed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"react/data/embeddings"
	"react/data/shards"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/metric"
	"react/ops/op"
	"react/ops/pools"
)

// CheckEncoderParams are the params of check-encoder.
type CheckEncoderParams struct {
	MaxBad    int    `json:"maxBad,omitempty"`
	Precision string `json:"precision,omitempty"` // of embedding; "" is f32
}

// EncoderCheck is check.json: how a folder of embeddings compares with the checkpoint that is to
// search it.
type EncoderCheck struct {
	Captions int `json:"captions"` // that were embedded again
	Images   int `json:"images"`   //
	// median cosine of a caption's embedding with the folder's
	Text float64 `json:"text,omitempty"`
	// share of captions that are as near to their own row as to any other of the sample
	TextOwn  float64 `json:"textOwn,omitempty"`
	Image    float64 `json:"image,omitempty"`    // the same of images
	ImageOwn float64 `json:"imageOwn,omitempty"` //
	// correlation of image-caption cosines with the metadata's similarity; nil where that is not
	// known
	Similarity *float64 `json:"similarity,omitempty"`
	// median of the absolute differences of the two
	Differences float64 `json:"differences,omitempty"`
}

const (
	checkFile    = "check.json"
	checkSamples = 64 // of each side: the medians of other encoders are below 0.5 even of two rows
	checkSeed    = 1

	// leastText leaves room for half precision and for bf16. leastImage leaves room for images that
	// were resized and compressed again after they were embedded, as the published LAION-400M
	// embeddings were made of images with white borders.
	leastText, leastImage = 0.98, 0.8
	// leastOwn tells rows in another order where all embeddings are much alike, as those of a weak
	// encoder are.
	leastOwn  = 0.75
	ownMargin = 1e-3 // halves of equal vectors
	// leastSimilarity is the correlation under which rows of images, captions and metadata are
	// hardly of the same pairs.
	leastSimilarity = 0.2
)

// CheckEncoderOp says whether embeddings that were made elsewhere are of this checkpoint and in the
// order of their metadata: a sample of captions, and of images where the pool has shards, is
// embedded again and compared, and cosines of images with captions are compared with the metadata's
// similarity column. A folder of another encoder, or with rows in another order, is an error, since
// search would go on and find anything. In: "checkpoint", "embeddings", optional "pool". Out:
// check.json.
//
//	1: first
//	2: images of keys that start again join by address, as embed's
//	3: captions are cleaned as ftfy does (same ids for printable ASCII);
//	   crops of Hugging Face's checkpoints are its own; JPEGs of odd subsampling read
var CheckEncoderOp = op.OnEngine(op.Define(3, "check-encoder", runCheckEncoder,
	op.Says[CheckEncoderParams](op.NoWork, op.SameParams, op.NoMemory, op.NoCheck)))

// encoderChecker holds a sample of rows.
type encoderChecker struct {
	run    *op.Run
	folder *embeddings.Folder
	b      *backbone.Backbone
	set    *shards.Set // nil without shards
	rows   []int64
	meta   []embeddings.Meta
	out    EncoderCheck
}

func runCheckEncoder(ctx context.Context, run *op.Run, p CheckEncoderParams) error {
	dir, err := run.Input("embeddings")
	if err != nil {
		return err
	}
	c := &encoderChecker{run: run}
	if c.folder, err = embeddings.Open(dir); err != nil {
		return err
	}
	defer c.folder.Close()
	c.folder.MaxBad = p.MaxBad
	if c.b, err = backbone.Open(run, p.Precision); err != nil {
		return err
	}
	defer c.b.Close()
	if want := c.b.Checkpoint.Config.Dim(); want != c.folder.Dim() {
		return fmt.Errorf("folder %s: embeddings of %d, and this backbone's are of %d: they are of another encoder", dir, c.folder.Dim(), want)
	}
	files, err := pools.FilesOf(run)
	if err == nil && len(files.Shards) > 0 {
		c.set, err = shards.Index(ctx, files.Shards, p.MaxBad)
	}
	if err == nil {
		err = c.sample(ctx)
	}
	if err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{c.captions, c.images, c.similarity} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("folder %s: %w", dir, err)
		}
	}
	if c.out.Captions+c.out.Images == 0 && c.out.Similarity == nil {
		return fmt.Errorf("folder %s: nothing says of which encoder it is: no text_emb with captions, no shards with its images, no similarity column", dir)
	}
	run.Fact("encoder", c.out)
	return run.WriteJSON(checkFile, c.out)
}

// sample draws readable rows.
func (c *encoderChecker) sample(ctx context.Context) error {
	rng := rand.New(rand.NewPCG(checkSeed, 0))
	want := map[int64]bool{}
	for len(want) < int(min(checkSamples, c.folder.Rows())) {
		want[rng.Int64N(c.folder.Rows())] = true
	}
	err := pools.EachMeta(ctx, c.folder, func(i int64, meta embeddings.Meta) error {
		if want[i] && !meta.Bad {
			c.rows, c.meta = append(c.rows, i), append(c.meta, meta)
		}
		return nil
	})
	return err
}

// captions embeds the sample's captions again.
func (c *encoderChecker) captions(ctx context.Context) error {
	side, err := c.folder.Text()
	if err != nil || len(c.rows) == 0 {
		return nil // images only
	}
	texts := make([]string, len(c.meta))
	for i, m := range c.meta {
		texts[i] = m.Caption
	}
	again, err := c.b.Texts(ctx, texts)
	if err != nil {
		return err
	}
	c.out.Captions = len(texts)
	c.out.Text, c.out.TextOwn, err = agreementOf(side, c.rows, again)
	if err == nil && (c.out.Text < leastText || c.out.TextOwn < leastOwn) {
		err = fmt.Errorf("%d captions embedded again have a median cosine of %.3f with text_emb, want %g, and %.0f %% of them are nearest to their own row, want %.0f %%: another encoder, or rows in another order than the metadata's (pool.embeddings takes a folder of this backbone)",
			len(texts), c.out.Text, leastText, 100*c.out.TextOwn, 100*leastOwn)
	}
	return err
}

// images embeds those of the sample that the shards have again.
func (c *encoderChecker) images(ctx context.Context) error {
	side, err := c.folder.Image()
	if err != nil || c.set == nil {
		return nil
	}
	var samples []shards.Sample
	var rows []int64
	for i, m := range c.meta {
		if sample, ok := c.set.Match(m.Key, m.URL, m.Caption); ok {
			samples, rows = append(samples, sample), append(rows, c.rows[i])
		}
	}
	src := backbone.NewSource(c.set, samples)
	bad, _, err := src.Check(ctx, c.run.Workers)
	if err != nil {
		return err
	}
	var keep []int
	var of []int64
	for i := range samples {
		if !slices.Contains(bad, i) {
			keep, of = append(keep, i), append(of, rows[i])
		}
	}
	if len(keep) == 0 {
		return nil
	}
	again, err := c.b.Images(ctx, c.run, src, keep, func(int) {})
	if err != nil {
		return err
	}
	c.out.Images = len(keep)
	c.out.Image, c.out.ImageOwn, err = agreementOf(side, of, again)
	if err == nil && (c.out.Image < leastImage || c.out.ImageOwn < leastOwn) {
		err = fmt.Errorf("%d images embedded again have a median cosine of %.3f with img_emb, want %g, and %.0f %% of them are nearest to their own row, want %.0f %%: another encoder, another preprocessing, or rows in another order than the metadata's",
			len(keep), c.out.Image, leastImage, 100*c.out.ImageOwn, 100*leastOwn)
	}
	return err
}

// similarity compares cosines of images with captions with those in the metadata, which another
// model may have computed: what is wanted is that they rise together. Where the folder has images
// alone, and nothing else says of which encoder they are, the captions are embedded with the
// checkpoint.
func (c *encoderChecker) similarity(ctx context.Context) error {
	image, err := c.folder.Image()
	if err != nil {
		return nil
	}
	textOf, err := c.textVectors(ctx)
	if err != nil || textOf == nil {
		return err
	}
	var ours, theirs, differ []float64
	u, v := make([]float32, c.folder.Dim()), make([]float32, c.folder.Dim())
	for i, m := range c.meta {
		if math.IsNaN(m.Similarity) {
			continue
		}
		if err := errors.Join(image.Row(c.rows[i], u), textOf(i, v)); err != nil {
			return err
		}
		cosine := blas.Inner(u, v)
		ours, theirs, differ = append(ours, cosine), append(theirs, m.Similarity), append(differ, math.Abs(cosine-m.Similarity))
	}
	r, ok := correlation(ours, theirs)
	if !ok {
		return nil
	}
	c.out.Similarity, c.out.Differences = &r, metric.QuantilesOf(differ).Median
	switch {
	case r >= leastSimilarity:
	case c.out.Images == 0:
		return fmt.Errorf("over %d rows the cosines of images with captions and the metadata's similarity have a correlation of %.2f, want %g, and no shards are there to embed images again: img_emb, text_emb or this backbone are of different encoders, or the rows are in another order than the metadata's", len(ours), r, leastSimilarity)
	default:
		c.run.Warn("over %d rows the cosines of images with captions and the metadata's similarity have a correlation of %.2f; captions and images embedded again agree with the folder, so that column is of another model or pool", len(ours), r)
	}
	return nil
}

// textVectors gives the vectors of the sample's captions; nil where there are none that are to be
// looked at.
func (c *encoderChecker) textVectors(ctx context.Context) (func(i int, dst []float32) error, error) {
	if text, err := c.folder.Text(); err == nil {
		return func(i int, dst []float32) error { return text.Row(c.rows[i], dst) }, nil
	}
	if c.out.Images > 0 || len(c.rows) == 0 {
		return nil, nil // the images say it
	}
	captions := make([]string, len(c.meta))
	for i, m := range c.meta {
		captions[i] = m.Caption
	}
	again, err := c.b.Texts(ctx, captions)
	dim := c.folder.Dim()
	return func(i int, dst []float32) error { copy(dst, again[i*dim:(i+1)*dim]); return nil }, err
}

// fewestSimilarities is how many rows a correlation needs to mean anything.
const fewestSimilarities = 16

// correlation is Pearson's; not ok for few values, or values that are all the same.
func correlation(x, y []float64) (r float64, ok bool) {
	if len(x) < fewestSimilarities {
		return 0, false
	}
	n := float64(len(x))
	var mx, my float64
	for i := range x {
		mx, my = mx+x[i]/n, my+y[i]/n
	}
	var xy, xx, yy float64
	for i := range x {
		xy += (x[i] - mx) * (y[i] - my)
		xx += (x[i] - mx) * (x[i] - mx)
		yy += (y[i] - my) * (y[i] - my)
	}
	if xx < 1e-12 || yy < 1e-12 {
		return 0, false
	}
	return xy / math.Sqrt(xx*yy), true
}

// agreementOf compares rows of a side with vectors [rows, dim]: the median of their cosines, and
// the share that is as near to its own row as to the others.
func agreementOf(side *embeddings.Matrix, rows []int64, vectors []float32) (median, own float64, err error) {
	dim := side.Dim()
	held := make([]float32, len(vectors))
	for i, at := range rows {
		if err := side.Row(at, held[i*dim:(i+1)*dim]); err != nil {
			return 0, 0, err
		}
	}
	cosines := make([]float64, len(rows))
	nearest := 0
	for i := range rows {
		again := vectors[i*dim : (i+1)*dim]
		cosines[i] = blas.Inner(held[i*dim:(i+1)*dim], again)
		best := cosines[i]
		for j := range rows {
			best = max(best, blas.Inner(held[j*dim:(j+1)*dim], again))
		}
		if cosines[i] >= best-ownMargin {
			nearest++
		}
	}
	return metric.QuantilesOf(cosines).Median, metric.Share(nearest, len(rows)), nil
}
