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
	if c.p.Evaluate[name].Protocol != "" {
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

// features gives the stage with the features of a split of an evaluation's images.
func (c *composer) features(name, split string, checkpoint source) (*Stage, error) {
	e := c.p.Evaluate[name]
	path := "evaluate." + name
	set, dataset, err := c.poolSet(path+".dataset", e.Dataset, "dataset", folderFiles)
	if err != nil {
		return nil, err
	}
	params := ops.FeaturesParams{Set: set, Split: split, Precision: c.embedding()}
	if e.Benchmark != "" {
		entry, err := datasets.Find(e.Benchmark)
		if err != nil {
			return nil, fmt.Errorf("%s.benchmark: %w", path, err)
		}
		params.Benchmark, params.Catalogue = entry.Name, entry.Digest
	}
	in := newInputs()
	in.give("checkpoint", checkpoint)
	in.give("dataset", dataset)
	return c.add("features", params, in.in, in.files)
}

// protocol scores features by the rules of a benchmark.
func (c *composer) protocol(name string, checkpoint source, base *Stage) (*Stage, error) {
	e := c.p.Evaluate[name]
	features, err := c.features(name, "", checkpoint)
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
