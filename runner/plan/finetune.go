package plan

import (
	"fmt"

	"react/ops/evaluate"
	"react/ops/op"
)

// fineTune trains tower and head on labelled images, once for each draw, and gives the mean of the
// draws. It reads nothing of the base.
func (c *composer) fineTune(name string, checkpoint source, _ *Stage) (*Stage, error) {
	if err := c.sameTask(c.trained(name), c.tested(name)); err != nil {
		return nil, err
	}
	e, _ := c.p.Evaluate(name)
	first, samples := 0, e.Samples()
	if samples == 0 {
		first, samples = c.p.Seed(), 1
	}
	all := newInputs()
	for seed := first; seed < first+samples; seed++ {
		stage, err := c.fineTuned(name, checkpoint, seed)
		if err != nil {
			return nil, err
		}
		all.in[fmt.Sprint("sample.", seed)] = stage
	}
	return c.add("evaluate", evaluate.Params{Kind: e.Kind(), Prompts: []string{}, Scores: e.Scores()}, all.in, all.files)
}

// fineTuned gives the stage of one draw.
func (c *composer) fineTuned(name string, checkpoint source, seed int) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	in := newInputs()
	in.give("checkpoint", checkpoint)
	t, _ := e.Training()
	p := evaluate.FineTuneParams{Shots: e.Shots(), Seed: int64(seed), Best: e.Best(), Init: e.Init(), Optimizer: t.Optimizer(), LR: t.LR(),
		WeightDecay: t.WeightDecay(), Epochs: t.Epochs(), Batch: t.Batch(), Warmup: t.Warmup(), TowerLRScale: t.TowerLRScale(),
		Normalization: t.Normalization(), GradClip: t.GradClip(), Precision: t.Precision(), Embedding: c.p.Backbone().Precision(), Scores: e.Scores()}
	if len(p.LR)*len(p.WeightDecay) != 1 {
		p.SearchEpochs = t.SearchEpochs()
	}
	if a := t.Augment(); a != nil {
		p.Augment = augment(*a)
	}
	var err error
	if p.Test, err = c.labelled(c.tested(name), "test", in); err != nil {
		return nil, err
	}
	if p.Train, err = c.labelled(c.trained(name), "train", in); err != nil {
		return nil, err
	}
	if err := c.leakOf("evaluate."+name+"."+c.trained(name).field, in, p); err != nil {
		return nil, err
	}
	if p.Init == "language" {
		p.Prompts, p.Truncate = e.Prompts(), e.Truncate()
		if err := c.prompts(name, in); err != nil {
			return nil, err
		}
	}
	return c.add("fine-tune", p, in.in, in.files)
}

// leakOf refuses test images among those trained on, as far as files say so.
func (c *composer) leakOf(field string, in inputs, p evaluate.FineTuneParams) error {
	train, test := &Stage{Files: map[string]op.Files{"dataset": in.files["train"]}}, &Stage{Files: map[string]op.Files{"dataset": in.files["test"]}}
	same := in.in["train"] == in.in["test"] && in.files["train"].Root == in.files["test"].Root && p.Train.Set == p.Test.Set
	if same && (p.Train.Split == p.Test.Split || in.in["train"] != nil) {
		return c.leak(field, test, test)
	}
	return c.leak(field, train, test)
}
