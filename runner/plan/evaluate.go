package plan

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"react/data/datasets"
	"react/data/datasets/catalogue"
	"react/ops/audit"
	"react/ops/embed"
	"react/ops/evaluate"
	"react/ops/modality"
	"react/runner/spec"
)

// evaluate gives the stage that scores what a trial made, after the one that scores the base on the
// same; or the one that looks at the pairs.
func (c *composer) evaluate(name string, m model) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	of := kinds()[e.Kind()]
	if of == nil {
		return nil, fmt.Errorf("evaluate.%s.kind: no stage is known for %q", name, e.Kind())
	}
	return of(c, name, m)
}

// kinds give the stage of an evaluation of what a trial made, by its kind.
func kinds() map[string]func(c *composer, name string, m model) (*Stage, error) {
	return map[string]func(c *composer, name string, m model) (*Stage, error){
		"zeroshot":  (*composer).zeroShot,
		"retrieval": afterBase((*composer).retrieval),
		"probe":     afterBase((*composer).probe),
		"finetune":  afterBase((*composer).fineTune),
		"pairs": func(c *composer, name string, m model) (*Stage, error) {
			return c.audit(name, m.pairs)
		},
		"mean": (*composer).mean,

		"detection":    afterBase((*composer).detection),
		"segmentation": afterBase((*composer).segmentation),
	}
}

// scoring gives the stage that scores a checkpoint; base is the base's stage, nil for the base
// itself.
type scoring func(c *composer, name string, checkpoint source, base *Stage) (*Stage, error)

// afterBase scores the base, and what was tuned beside it.
func afterBase(of scoring) func(c *composer, name string, m model) (*Stage, error) {
	return func(c *composer, name string, m model) (*Stage, error) {
		stage, err := of(c, name, c.base, nil)
		if err != nil || m.tuned.stage == c.base.stage {
			return stage, err
		}
		return of(c, name, m.tuned, stage)
	}
}

// zeroShot classifies with the prompts, or with the prompt that was learned.
func (c *composer) zeroShot(name string, m model) (*Stage, error) {
	of := scoring((*composer).classification)
	if e, _ := c.p.Evaluate(name); e.Protocol() != "" {
		of = (*composer).protocol
	}
	if m.prompt == nil {
		return afterBase(of)(c, name, m)
	}
	base, err := of(c, name, c.base, nil)
	if err != nil {
		return nil, err
	}
	return c.prompted(name, base, m.prompt)
}

// mean gives the mean of other evaluations of the same model.
func (c *composer) mean(name string, m model) (*Stage, error) {
	in := newInputs()
	e, _ := c.p.Evaluate(name)
	for _, of := range e.Of() {
		stage, err := c.evaluate(of, m)
		if err != nil {
			return nil, err
		}
		in.in["of."+of] = stage
	}
	return c.add("evaluate", evaluate.Params{Kind: e.Kind(), Prompts: []string{}}, in.in, in.files)
}

// classification scores a folder with a checkpoint; base is the base's stage, nil for the base
// itself.
func (c *composer) classification(name string, checkpoint source, base *Stage) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	set, dataset, err := c.poolSet("evaluate."+name+".dataset", e.Dataset(), "dataset",
		c.splitFiles(datasets.Options{}, false))
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", checkpoint)
	in.give("dataset", dataset)
	if base != nil {
		in.in["base"] = base
	}
	return c.add("evaluate", evaluate.Params{Kind: e.Kind(), Set: set, Prompts: e.Prompts(), Precision: c.p.Backbone().Precision(),
		Truncate: e.Truncate(), MaxBadShare: e.MaxBadShare()}, in.in, in.files)
}

// imagesOf names labelled images: the field that does, their reference, a split and what the folder
// holds.
type imagesOf struct {
	path, field, ref, split, benchmark, list string

	maxBadShare float64
}

// tested are the images that an evaluation tests on.
func (c *composer) tested(name string) imagesOf {
	e, _ := c.p.Evaluate(name)
	return imagesOf{path: "evaluate." + name, field: "dataset", ref: e.Dataset(), benchmark: e.Benchmark(), maxBadShare: e.MaxBadShare()}
}

// trained are the images that it trains on.
func (c *composer) trained(name string) imagesOf {
	e, _ := c.p.Evaluate(name)
	of := c.tested(name)
	of.split, of.list = "train", e.TrainList()
	if train := e.Train(); train != "" {
		of.field, of.ref, of.split = "train", train, ""
	}
	return of
}

// features gives the stage with the features of some images.
func (c *composer) features(of imagesOf, checkpoint source) (*Stage, error) {
	in := newInputs()
	in.give("checkpoint", checkpoint)
	params, err := c.labelled(of, "dataset", in)
	if err != nil {
		return nil, err
	}
	params.Precision = c.p.Backbone().Precision()
	return c.add("features", params, in.in, in.files)
}

// labelled gives a role the images, and what names them within it.
func (c *composer) labelled(of imagesOf, role string, in inputs) (params embed.FeaturesParams, err error) {
	entry, err := benchmark(of.path, of.benchmark)
	if err != nil {
		return params, err
	}
	set, dataset, err := c.poolSet(of.path+"."+of.field, of.ref, role,
		c.splitFiles(datasets.Options{Split: of.split, Entry: entry}, false))
	if err != nil {
		return params, err
	}
	params.Set, params.Split, params.MaxBadShare = set, of.split, of.maxBadShare
	params.Benchmark, params.Catalogue = catalogued(entry)
	in.give(role, dataset)
	if of.list != "" {
		in.files["list"], err = c.outside(of.path+".trainList", of.list, oneFile)
	}
	return params, err
}

// benchmark finds the entry that a field names, nil for none.
func benchmark(path, name string) (*catalogue.Entry, error) {
	if name == "" {
		return nil, nil
	}
	e, err := catalogue.Find(name)
	if err != nil {
		return nil, fmt.Errorf("%s.benchmark: %w", path, err)
	}
	return e, nil
}

// catalogued gives the name of an entry and the digest of what it says, as params have them.
func catalogued(e *catalogue.Entry) (name, digest string) {
	if e == nil {
		return "", ""
	}
	return e.Name, e.Digest
}

// retrieval scores a folder with captions.
func (c *composer) retrieval(name string, checkpoint source, base *Stage) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	path := "evaluate." + name
	entry, err := benchmark(path, e.Benchmark())
	if err != nil {
		return nil, err
	}
	dataset, err := c.outside(path+".dataset", e.Dataset(), c.splitFiles(datasets.Options{Entry: entry}, true))
	if err != nil {
		return nil, err
	}
	params := evaluate.Params{Kind: e.Kind(), Prompts: e.Prompts(), Precision: c.p.Backbone().Precision(),
		Truncate: e.Truncate(), MaxBadShare: e.MaxBadShare(), Queries: true}
	params.Benchmark, params.Catalogue = catalogued(entry)
	in := newInputs()
	in.give("checkpoint", checkpoint)
	in.files["dataset"] = dataset
	if base != nil {
		in.in["base"] = base
	}
	return c.add("evaluate", params, in.in, in.files)
}

// probe trains and scores a linear classifier on features of two sets. It reads nothing of the
// base.
func (c *composer) probe(name string, checkpoint source, _ *Stage) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	training := c.trained(name)
	if err := c.sameTask(training, c.tested(name)); err != nil {
		return nil, err
	}
	test, err := c.features(c.tested(name), checkpoint)
	if err != nil {
		return nil, err
	}
	train, err := c.features(training, checkpoint)
	if err == nil {
		err = c.leak(training.path+"."+training.field, train, test)
	}
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.in["features"], in.in["train"] = test, train
	p := &evaluate.ProbeParams{Method: e.Method(), Shots: e.Shots(), Samples: e.Samples(), Scores: e.Scores()}
	params := evaluate.Params{Kind: e.Kind(), Probe: p}
	if p.Samples == 0 {
		p.Samples, p.Seed = 1, int64(c.p.Seed())
	}
	if p.Method == "sgd" {
		p.Init, p.Best = e.Init(), e.Best()
	}
	if p.Init == "language" {
		params.Prompts, params.Precision, params.Truncate = e.Prompts(), c.p.Backbone().Precision(), e.Truncate()
		in.give("checkpoint", checkpoint)
		if err := c.prompts(name, in); err != nil {
			return nil, err
		}
	}
	return c.add("evaluate", params, in.in, in.files)
}

// protocol scores features by the rules of a benchmark.
func (c *composer) protocol(name string, checkpoint source, base *Stage) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	features, err := c.features(c.tested(name), checkpoint)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", checkpoint)
	in.in["features"] = features
	if base != nil {
		in.in["base"] = base
	}
	if err := c.prompts(name, in); err != nil {
		return nil, err
	}
	return c.add("evaluate", evaluate.Params{Kind: e.Kind(), Prompts: e.Prompts(), Protocol: e.Protocol(),
		Precision: c.p.Backbone().Precision(), Scores: e.Scores(), Truncate: e.Truncate()}, in.in, in.files)
}

// prompted scores the base's features with a learned prompt; base is the base's own evaluation.
func (c *composer) prompted(name string, base, prompt *Stage) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	features, err := c.features(c.tested(name), c.base)
	if err != nil {
		return nil, err
	}
	if err := c.leak("tune.labelled", prompt.In["train"], features); err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", c.base)
	in.in["features"], in.in["prompt"], in.in["base"] = features, prompt, base
	return c.add("evaluate", evaluate.Params{Kind: e.Kind(), Prompts: []string{},
		Protocol: cmp.Or(e.Protocol(), "openai"), Precision: c.p.Backbone().Precision(), Scores: e.Scores()}, in.in, in.files)
}

// prompts gives role "prompts" where an evaluation names a file of them, or what is known of its
// classes.
func (c *composer) prompts(name string, in inputs) error {
	e, _ := c.p.Evaluate(name)
	if len(e.Knowledge()) > 0 {
		stage, err := c.knowledge(name)
		in.in["prompts"] = stage
		return err
	}
	file := e.PromptsFile()
	if file == "" {
		return nil
	}
	f, err := c.outside("evaluate."+name+".promptsFile", file, oneFile)
	if err != nil {
		return err
	}
	in.files["prompts"] = f
	return nil
}

// audit says what was retrieved, and how much of a dataset is among it. It reads what the pairs
// were made of.
func (c *composer) audit(name string, pairs *Stage) (*Stage, error) {
	stage, err := c.fingerprint(name, c.base)
	if err != nil {
		return nil, err
	}
	in := madeFrom(pairs, "embeddings", "queries", "filter", "pool")
	in.in["fingerprint"] = stage
	_, rows := c.retrieved()
	params := audit.Params{LeakHash: c.p.Pairs().LeakHash(), LeakCosine: c.p.Pairs().LeakCosine(), MaxBad: rows.MaxBad()}
	if in.in["queries"] != nil { // else nothing was searched, and no depth is read
		params.Depth = c.p.Retrieve().Depth()
		if params.Set, err = c.classes(in); err != nil {
			return nil, err
		}
	}
	return c.add("audit", params, in.in, in.files)
}

// madeFrom gives the pairs, the searches and other stages that they were made of, and their files.
func madeFrom(pairs *Stage, roles ...string) inputs {
	in := newInputs()
	in.in["pairs"] = pairs
	for _, role := range append(roles, modality.HitRoles()...) {
		if stage, ok := pairs.In[role]; ok {
			in.in[role] = stage
		}
	}
	for role, files := range pairs.Files {
		in.files[role] = files
	}
	return in
}

// balance says how classes share the pairs that were found for them, where a table shows it.
func (c *composer) balance(pairs *Stage, stages map[string]*Stage) error {
	if !c.balanced || pairs == nil || pairs.In["queries"] == nil || c.p.Pairs().Source() != "retrieved" {
		return nil
	}
	in := madeFrom(pairs, "embeddings", "queries", "pool")
	r := c.p.Retrieve()
	params := audit.BalanceParams{Depth: r.Depth(), K: r.K(), Per: r.Per(), Fuse: r.Fuse()}
	var err error
	if params.Set, err = c.classes(in); err != nil {
		return err
	}
	stages[Balance], err = c.add("balance", params, in.in, in.files)
	return err
}

// showsBalance says whether a table has figures of balance.
func showsBalance(tables map[string]spec.Table) bool {
	for _, t := range tables {
		if slices.ContainsFunc(t.Metrics, func(m string) bool { return strings.HasPrefix(m, Balance+"/") }) {
			return true
		}
	}
	return false
}
