package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/data/datasets"
	"react/data/datasets/catalogue"
	"react/data/words"
	"react/ops/embed"
	"react/ops/knn"
	"react/ops/modality"
	"react/ops/pairs"
	"react/ops/retrieve"
	"react/results/evaluation"
	"react/runner/plan/reads"
)

// judgesPairs says whether an evaluation looks at what was retrieved.
func (c *composer) judgesPairs() bool {
	return slices.ContainsFunc(c.p.Evaluations(), func(name string) bool { return c.kindOf(name).JudgesPairs })
}

// kindOf is the kind of an evaluation.
func (c *composer) kindOf(name string) evaluation.Kind {
	e, _ := c.p.Evaluate(name)
	return evaluation.Of(e.Kind())
}

// pairs builds everything up to the list of pairs.
func (c *composer) pairs(base source) (*Stage, error) {
	name, rows := c.retrieved()
	pool, err := c.pool(name)
	if err != nil {
		return nil, err
	}
	emb, err := c.embeddings(pool, base)
	if err != nil {
		return nil, err
	}
	filter, err := c.filter(name, pool, emb)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("pool", pool)
	in.give("embeddings", emb)
	in.give("filter", filter)
	params := pairs.Params{Source: c.p.Pairs().Source(), MaxBad: rows.MaxBad(),
		MaxBadShare: rows.MaxBadShare()}
	if err := c.guard(&params, base, in); err != nil {
		return nil, err
	}
	if params.Source == "pool" {
		return c.add("pairs", params, in.in, in.files)
	}
	c.curation(&params)
	queries, err := c.queries(base)
	if err != nil {
		return nil, err
	}
	in.give("queries", queries)
	from := found{emb: emb, queries: queries, filter: filter}
	if from.checked, err = c.checked(base, emb, pool); err != nil {
		return nil, err
	}
	for _, by := range c.p.Retrieve().By() {
		hits, err := c.retrieve(by, from)
		if err != nil {
			return nil, err
		}
		in.in[modality.Of(by).Hits()] = hits
	}
	stage, err := c.add("pairs", params, in.in, in.files)
	if err == nil && stage.Rows > 0 && params.K > stage.Rows {
		err = c.wrongAt("retrieve.k", params.K, "%d is over the %s of pool.%s (at most that, or a larger pool)",
			params.K, words.Plural(stage.Rows, "row"), name)
	}
	return stage, err
}

// curation fills in what decides which hits become pairs.
func (c *composer) curation(params *pairs.Params) {
	r, p := c.p.Retrieve(), c.p.Pairs()
	params.K, params.Per, params.Overfetch, params.Dedup = r.K(), r.Per(), r.Overfetch(), p.Dedup()
	if params.Source != "retrieved" {
		params.Seed = p.Seed()
	}
	if c.drawnForEachSeed() {
		params.Draw = c.p.Seed()
	}
	params.MinT2T, params.MinT2I, params.Budget = r.MinT2T(), r.MinT2I(), r.Budget()
	params.NearHash, params.NearCosine = p.NearHash(), p.NearCosine()
	params.Fuse, params.Collisions = r.Fuse(), p.Collisions()
	if params.Fuse == "sum" {
		weight := r.Weight()
		params.Weight = &weight
	}
}

// guard gives the fingerprints of all evaluation sets to a stage that leaves their images out.
func (c *composer) guard(params *pairs.Params, base source, in inputs) error {
	p := c.p.Pairs()
	if p.Leaks() != "drop" {
		return nil
	}
	params.LeakHash, params.LeakCosine = p.LeakHash(), p.LeakCosine()
	for _, name := range c.p.Evaluations() {
		if kind := c.kindOf(name); kind.Combines || kind.Places {
			continue // its evaluations are looked at themselves; a picture of many things is no image of a pool
		}
		stage, err := c.fingerprint(name, base)
		if err != nil {
			return err
		}
		in.in["guard."+name] = stage
	}
	return nil
}

// fingerprint gives the stage that says what an evaluation's test images look like, to files,
// hashes and the base.
func (c *composer) fingerprint(name string, base source) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	path := "evaluate." + name
	entry, err := benchmark(path, e.Benchmark())
	if err != nil {
		return nil, err
	}
	captions := c.kindOf(name).Captions
	set, dataset, err := c.poolSet(path+".dataset", e.Dataset(), "dataset",
		c.splitFiles(datasets.Options{Entry: entry}, captions))
	if err != nil {
		return nil, err
	}
	params := pairs.FingerprintParams{Set: set, Captions: captions, Precision: c.p.Backbone().Precision(), MaxBadShare: e.MaxBadShare()}
	params.Benchmark, params.Catalogue = catalogued(entry)
	in := newInputs()
	in.give("checkpoint", base)
	in.give("dataset", dataset)
	return c.add("fingerprint", params, in.in, in.files)
}

// checked gives the stage that compares an outside folder of embeddings with the encoder; none for
// embeddings that are made here.
func (c *composer) checked(base, emb, pool source) (*Stage, error) {
	if emb.stage != nil {
		return nil, nil
	}
	in := newInputs()
	in.give("checkpoint", base)
	in.give("embeddings", emb)
	in.give("pool", pool)
	_, rows := c.retrieved()
	return c.add("check-encoder", embed.CheckEncoderParams{MaxBad: rows.MaxBad(), Precision: c.p.Backbone().Precision()}, in.in, in.files)
}

func (c *composer) queries(base source) (source, error) {
	in := newInputs()
	in.give("checkpoint", base)
	params := embed.QueriesParams{Prompts: c.p.Task().Prompts(), Precision: c.p.Backbone().Precision(), Mean: c.p.Retrieve().Prompts() == "mean"}
	var err error
	if params.Set, err = c.classes(in); err != nil {
		return source{}, err
	}
	stage, err := c.add("queries", params, in.in, in.files)
	return source{stage: stage}, err
}

// classes gives the class names and their synonyms to a stage; set is that of a generated pool.
func (c *composer) classes(in inputs) (set string, err error) {
	ref := c.p.Task().Classes()
	if name, ok := strings.CutPrefix(ref, "benchmark:"); ok {
		_, digest, err := catalogue.QueryClasses(name)
		if err != nil {
			return "", fmt.Errorf("task.classes: %w", err)
		}
		set = embed.BenchmarkClasses(name, digest)
	} else {
		var classes source
		if set, classes, err = c.poolSet("task.classes", ref, "classes", oneFile); err != nil {
			return "", err
		}
		in.give("classes", classes)
	}
	if synonyms := c.p.Task().Synonyms(); synonyms != "" {
		in.files["synonyms"], err = c.outside("task.synonyms", synonyms, oneFile)
	}
	return set, err
}

// found is what a search needs.
type found struct {
	emb, queries, filter source
	checked              *Stage // nil for embeddings that are made here
}

func (c *composer) retrieve(by string, from found) (*Stage, error) {
	depth := c.p.Retrieve().Depth()
	in := newInputs()
	in.give("embeddings", from.emb)
	in.give("filter", from.filter)
	searched := modality.Of(by)
	if searched.Side == "" {
		set, err := c.classes(in)
		if err != nil {
			return nil, err
		}
		return c.add("retrieve", retrieve.Params{By: by, Depth: depth, Set: set}, in.in, in.files)
	}
	params := indexParams(c.p.Index())
	in.give("queries", from.queries)
	if from.checked != nil {
		in.in["checked"] = from.checked
	}
	if params.Kind != "exact" {
		of := newInputs()
		of.give("embeddings", from.emb)
		index, err := c.add("index", retrieve.IndexParams{Side: searched.Side, Params: params, ShardRows: c.p.Index().ShardRows()}, of.in, of.files)
		if err != nil {
			return nil, err
		}
		in.in["index"] = index
	}
	if params.Kind != "exact" && params.Kind != "flat" {
		if want := c.p.Index().Recall(); want > 0 {
			tuned, err := c.add("tune-index", retrieve.TuneIndexParams{By: by, Index: params, K: recallDepth, Recall: want}, maps.Clone(in.in), in.files)
			if err != nil {
				return nil, err
			}
			in.in["tuned"] = tuned
		}
	}
	return c.add("retrieve", retrieve.Params{By: by, Index: params, Depth: depth}, in.in, in.files)
}

// recallDepth is the K of the recall that an index is tuned for, whatever retrieve.k is: one tuning
// serves every K of a sweep.
const recallDepth = 100

// indexParams leaves out what a kind does not read.
func indexParams(x reads.Index) knn.Params {
	p := knn.Params{Kind: x.Kind()}
	switch p.Kind {
	case "hnsw":
		p.M, p.EfConstruction, p.EfSearch = x.M(), x.EfConstruction(), x.EfSearch()
	case "ivf-flat":
		p.NList, p.NProbe, p.TrainSize, p.Seed = x.NList(), x.NProbe(), x.TrainSize(), x.Seed()
	case "ivf-pq", "opq-ivf-pq":
		p.NList, p.NProbe, p.TrainSize, p.Seed, p.Code = x.NList(), x.NProbe(), x.TrainSize(), x.Seed(), x.Code()
	case "factory":
		p.Factory, p.NProbe, p.EfSearch, p.TrainSize, p.Seed = x.Factory(), x.NProbe(), x.EfSearch(), x.TrainSize(), x.Seed()
	case "auto":
		p.MemoryGiB, p.Seed = x.MemoryGiB(), x.Seed()
	}
	return p
}
