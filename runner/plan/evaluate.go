package plan

import (
	"fmt"

	"react/data/datasets"
	"react/ops"
)

// evaluate gives the stage that scores the tuned checkpoint, after the one that scores the base on the same.
func (c *composer) evaluate(name string, base, tuned source) (*Stage, error) {
	c.read("evaluate." + name)
	of := c.classification
	switch e := c.p.Evaluate[name]; {
	case e.Kind == "retrieval":
		of = c.retrieval
	case e.Kind == "probe":
		of = c.probe
	case e.Protocol != "":
		of = c.protocol
	}
	stage, err := of(name, base, nil)
	if err != nil || tuned.stage == base.stage {
		return stage, err
	}
	return of(name, tuned, stage)
}

// classification scores a folder with a checkpoint; base is the base's stage, nil for the base itself.
func (c *composer) classification(name string, checkpoint source, base *Stage) (*Stage, error) {
	e := c.p.Evaluate[name]
	set, dataset, err := c.poolSet("evaluate."+name+".dataset", e.Dataset, "dataset", folderFiles)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", checkpoint)
	in.give("dataset", dataset)
	if base != nil {
		in.in["base"] = base
	}
	return c.add("evaluate", ops.EvaluateParams{Kind: e.Kind, Set: set, Prompts: e.Prompts, Precision: c.embedding()}, in.in, in.files)
}

// features gives the stage with the features of a split of some images: a field of an evaluation that names them, and their reference.
func (c *composer) features(name, field, ref, split string, checkpoint source) (*Stage, error) {
	e := c.p.Evaluate[name]
	path := "evaluate." + name
	set, dataset, err := c.poolSet(path+"."+field, ref, "dataset", folderFiles)
	if err != nil {
		return nil, err
	}
	params := ops.FeaturesParams{Set: set, Split: split, Precision: c.embedding()}
	if params.Benchmark, params.Catalogue, err = benchmark(path, e.Benchmark); err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", checkpoint)
	in.give("dataset", dataset)
	return c.add("features", params, in.in, in.files)
}

// benchmark gives the name of an entry and the digest of what it says.
func benchmark(path, name string) (entry, digest string, err error) {
	if name == "" {
		return "", "", nil
	}
	e, err := datasets.Find(name)
	if err != nil {
		return "", "", fmt.Errorf("%s.benchmark: %w", path, err)
	}
	return e.Name, e.Digest, nil
}

// retrieval scores a folder with captions.
func (c *composer) retrieval(name string, checkpoint source, base *Stage) (*Stage, error) {
	e := c.p.Evaluate[name]
	path := "evaluate." + name
	dataset, err := folderFiles(e.Dataset)
	if err != nil {
		return nil, fmt.Errorf("%s.dataset: %w", path, err)
	}
	params := ops.EvaluateParams{Kind: e.Kind, Prompts: e.Prompts, Precision: c.embedding()}
	if params.Benchmark, params.Catalogue, err = benchmark(path, e.Benchmark); err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", checkpoint)
	in.files["dataset"] = dataset
	if base != nil {
		in.in["base"] = base
	}
	return c.add("evaluate", params, in.in, in.files)
}

// probe trains and scores a linear classifier on features of two sets. It reads nothing of the base.
func (c *composer) probe(name string, checkpoint source, _ *Stage) (*Stage, error) {
	e := c.p.Evaluate[name]
	test, err := c.features(name, "dataset", e.Dataset, "", checkpoint)
	if err != nil {
		return nil, err
	}
	field, ref, split := "train", e.Train, ""
	if ref == "" {
		field, ref, split = "dataset", e.Dataset, "train"
	}
	train, err := c.features(name, field, ref, split, checkpoint)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.in["features"], in.in["train"] = test, train
	params := ops.EvaluateParams{Kind: e.Kind, Probe: &ops.ProbeParams{Method: e.Method, Shots: e.Shots, Samples: e.Samples}}
	if e.Method == "sgd" {
		params.Probe.Init, params.Probe.Best = e.Init, e.Best
	}
	if params.Probe.Init == "language" {
		params.Prompts, params.Precision = e.Prompts, c.embedding()
		in.give("checkpoint", checkpoint)
		if err := c.promptsFile(name, in); err != nil {
			return nil, err
		}
	}
	return c.add("evaluate", params, in.in, in.files)
}

// protocol scores features by the rules of a benchmark.
func (c *composer) protocol(name string, checkpoint source, base *Stage) (*Stage, error) {
	e := c.p.Evaluate[name]
	features, err := c.features(name, "dataset", e.Dataset, "", checkpoint)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", checkpoint)
	in.in["features"] = features
	if base != nil {
		in.in["base"] = base
	}
	if err := c.promptsFile(name, in); err != nil {
		return nil, err
	}
	return c.add("evaluate", ops.EvaluateParams{Kind: e.Kind, Prompts: e.Prompts, Protocol: e.Protocol, Precision: c.embedding()}, in.in, in.files)
}

// promptsFile gives role "prompts" where an evaluation names a file of them.
func (c *composer) promptsFile(name string, in inputs) error {
	file := c.p.Evaluate[name].PromptsFile
	if file == "" {
		return nil
	}
	f, err := oneFile(file)
	if err != nil {
		return fmt.Errorf("evaluate.%s.promptsFile: %w", name, err)
	}
	in.files["prompts"] = f
	return nil
}
