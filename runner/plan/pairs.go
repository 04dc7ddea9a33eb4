package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/data/datasets"
	"react/data/datasets/catalogue"
	"react/ops"
	"react/ops/knn"
	"react/results/evaluation"
	"react/runner/spec"
)

// judgesPairs says whether an evaluation looks at what was retrieved.
func judgesPairs(p *spec.Params) bool {
	for _, e := range p.Evaluate {
		if evaluation.Of(e.Kind).JudgesPairs {
			return true
		}
	}
	return false
}

// pairs builds everything up to the list of pairs.
func (c *composer) pairs(base source) (*Stage, error) {
	c.read("retrieve.pool", "pairs.control")
	pool, err := c.pool(c.p.Retrieve.Pool)
	if err != nil {
		return nil, err
	}
	emb, err := c.embeddings(pool, base)
	if err != nil {
		return nil, err
	}
	filter, err := c.filter(c.p.Retrieve.Pool, pool, emb)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("pool", pool)
	in.give("embeddings", emb)
	in.give("filter", filter)
	params := ops.PairsParams{Control: c.p.Pairs.Control, MaxBad: c.p.Pool[c.p.Retrieve.Pool].MaxBad,
		MaxBadShare: c.p.Pool[c.p.Retrieve.Pool].MaxBadShare}
	if err := c.guard(&params, base, in); err != nil {
		return nil, err
	}
	if params.Control == "continued" {
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
	for _, by := range c.p.Retrieve.By {
		hits, err := c.retrieve(by, from)
		if err != nil {
			return nil, err
		}
		in.in["hits."+by] = hits
	}
	return c.add("pairs", params, in.in, in.files)
}

// curation fills in what decides which hits become pairs.
func (c *composer) curation(params *ops.PairsParams) {
	c.read("retrieve", "index", "task", "pairs.dedup", "pairs.nearHash", "pairs.nearCosine", "pairs.collisions")
	r, p := c.p.Retrieve, c.p.Pairs
	params.K, params.Per, params.Overfetch, params.Dedup = r.K, r.Per, r.Overfetch, p.Dedup
	if params.Control != "none" {
		c.read("pairs.seed")
		params.Seed = p.Seed
	}
	if params.Control == "random" {
		c.read("pairs.draw")
		if drawnForEachSeed(&p) {
			params.Draw, c.seeded = c.seed, true
		}
	}
	params.MinT2T, params.MinT2I, params.Budget = r.MinT2T, r.MinT2I, r.Budget
	params.NearHash, params.NearCosine = p.NearHash, p.NearCosine
	params.Fuse, params.Collisions = named(r.Fuse, "union"), named(p.Collisions, "keep")
	if params.Fuse == "sum" {
		half := 0.5
		if params.Weight = &half; r.Weight != nil {
			params.Weight = r.Weight
		}
	}
}

// named is a choice, "" for the one that an absent value means too.
func named(choice, absent string) string {
	if choice == absent {
		return ""
	}
	return choice
}

// guard gives the fingerprints of all evaluation sets to a stage that leaves their images out.
func (c *composer) guard(params *ops.PairsParams, base source, in inputs) error {
	c.read("pairs.leaks")
	if c.p.Pairs.Leaks != "drop" {
		return nil
	}
	c.read("pairs.leakHash", "pairs.leakCosine")
	params.LeakHash, params.LeakCosine = c.p.Pairs.LeakHash, c.p.Pairs.LeakCosine
	for _, name := range slices.Sorted(maps.Keys(c.p.Evaluate)) {
		if evaluation.Of(c.p.Evaluate[name].Kind).Combines {
			continue // its evaluations are looked at themselves
		}
		c.read("evaluate." + name)
		print, err := c.fingerprint(name, base)
		if err != nil {
			return err
		}
		in.in["guard."+name] = print
	}
	return nil
}

// fingerprint gives the stage that says what an evaluation's test images look like, to files, hashes and the base.
func (c *composer) fingerprint(name string, base source) (*Stage, error) {
	e := c.p.Evaluate[name]
	path := "evaluate." + name
	entry, err := benchmark(path, e.Benchmark)
	if err != nil {
		return nil, err
	}
	captions := evaluation.Of(e.Kind).Captions
	set, dataset, err := c.poolSet(path+".dataset", e.Dataset, "dataset",
		c.splitFiles(datasets.Options{Entry: entry}, captions))
	if err != nil {
		return nil, err
	}
	params := ops.FingerprintParams{Set: set, Captions: captions, Precision: c.embedding(), MaxBadShare: e.MaxBadShare}
	params.Benchmark, params.Catalogue = catalogued(entry)
	in := newInputs()
	in.give("checkpoint", base)
	in.give("dataset", dataset)
	return c.add("fingerprint", params, in.in, in.files)
}

// checked gives the stage that compares an outside folder of embeddings with the encoder; none for embeddings that are made here.
func (c *composer) checked(base, emb, pool source) (*Stage, error) {
	if emb.stage != nil {
		return nil, nil
	}
	in := newInputs()
	in.give("checkpoint", base)
	in.give("embeddings", emb)
	in.give("pool", pool)
	return c.add("check-encoder", ops.CheckEncoderParams{MaxBad: c.p.Pool[c.p.Retrieve.Pool].MaxBad, Precision: c.embedding()}, in.in, in.files)
}

func (c *composer) queries(base source) (source, error) {
	in := newInputs()
	in.give("checkpoint", base)
	params := ops.QueriesParams{Prompts: c.p.Task.Prompts, Precision: c.embedding(), Mean: c.p.Retrieve.Prompts == "mean"}
	var err error
	if params.Set, err = c.classes(in); err != nil {
		return source{}, err
	}
	stage, err := c.add("queries", params, in.in, in.files)
	return source{stage: stage}, err
}

// classes gives the class names and their synonyms to a stage; set is that of a generated pool.
func (c *composer) classes(in inputs) (set string, err error) {
	if name, ok := strings.CutPrefix(c.p.Task.Classes, "benchmark:"); ok {
		_, digest, err := catalogue.QueryClasses(name)
		if err != nil {
			return "", fmt.Errorf("task.classes: %w", err)
		}
		set = ops.BenchmarkClasses(name, digest)
	} else {
		var classes source
		if set, classes, err = c.poolSet("task.classes", c.p.Task.Classes, "classes", oneFile); err != nil {
			return "", err
		}
		in.give("classes", classes)
	}
	if c.p.Task.Synonyms == "" {
		return set, nil
	}
	in.files["synonyms"], err = c.outside("task.synonyms", c.p.Task.Synonyms, oneFile)
	return set, err
}

// found is what a search needs.
type found struct {
	emb, queries, filter source
	checked              *Stage // nil for embeddings that are made here
}

func (c *composer) retrieve(by string, from found) (*Stage, error) {
	depth := c.p.Retrieve.Depth()
	in := newInputs()
	in.give("embeddings", from.emb)
	in.give("filter", from.filter)
	if by == ops.TextMatch {
		set, err := c.classes(in)
		if err != nil {
			return nil, err
		}
		return c.add("retrieve", ops.RetrieveParams{By: by, Depth: depth, Set: set}, in.in, in.files)
	}
	params := indexParams(c.p.Index)
	in.give("queries", from.queries)
	if from.checked != nil {
		in.in["checked"] = from.checked
	}
	if params.Kind != "exact" {
		of := newInputs()
		of.give("embeddings", from.emb)
		side, _ := ops.SideOf(by)
		index, err := c.add("index", ops.IndexParams{Side: side, Params: params, ShardRows: c.p.Index.ShardRows}, of.in, of.files)
		if err != nil {
			return nil, err
		}
		in.in["index"] = index
	}
	if want := c.p.Index.Recall; want > 0 && params.Kind != "exact" && params.Kind != "flat" {
		tuned, err := c.add("tune-index", ops.TuneIndexParams{By: by, Index: params, K: recallDepth, Recall: want}, maps.Clone(in.in), in.files)
		if err != nil {
			return nil, err
		}
		in.in["tuned"] = tuned
	}
	return c.add("retrieve", ops.RetrieveParams{By: by, Index: params, Depth: depth}, in.in, in.files)
}

// recallDepth is the K of the recall that an index is tuned for, whatever retrieve.k is: one tuning serves every K of a sweep.
const recallDepth = 100

// indexParams leaves out what a kind does not read.
func indexParams(x spec.Index) knn.Params {
	switch x.Kind {
	case "hnsw":
		return knn.Params{Kind: x.Kind, M: x.M, EfConstruction: x.EfConstruction, EfSearch: x.EfSearch}
	case "ivf-flat":
		return knn.Params{Kind: x.Kind, Lists: x.Lists, Probes: x.Probes, TrainSize: x.TrainSize, Seed: x.Seed}
	case "ivf-pq", "opq-ivf-pq":
		return knn.Params{Kind: x.Kind, Lists: x.Lists, Probes: x.Probes, TrainSize: x.TrainSize, Seed: x.Seed, Code: x.Code}
	case "factory":
		return knn.Params{Kind: x.Kind, Factory: x.Factory, Probes: x.Probes, EfSearch: x.EfSearch, TrainSize: x.TrainSize, Seed: x.Seed}
	case "auto":
		return knn.Params{Kind: x.Kind, MemoryGiB: x.MemoryGiB, Seed: x.Seed}
	}
	return knn.Params{Kind: x.Kind}
}
