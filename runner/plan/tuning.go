package plan

import (
	"react/ops/evaluate"
	"react/ops/train"
)

// model is what a trial evaluates.
type model struct {
	tuned  source // the base's where nothing is tuned but a prompt
	prompt *Stage // a learned prompt; nil for none
	pairs  *Stage // nil where nothing is retrieved
}

// Objectives of tuning, as the spec has them. Without one it is contrastive.
const (
	contrastive    = "contrastive"
	selfTraining   = "self-training"
	retrievedClass = "retrieved-class"
)

// model makes a trial's tuning, and names its stages.
func (c *composer) model(pairs *Stage, stages map[string]*Stage) (model, error) {
	m := model{tuned: c.base, pairs: pairs}
	if pairs != nil {
		stages[Pairs] = pairs
	}
	t := c.p.Tune()
	switch t.Mode() {
	case "none":
		return m, nil
	case "prompt":
		stage, err := c.promptTune()
		stages[Tune], m.prompt = stage, stage
		return m, err
	}
	start := c.base
	if after := t.After(); after != "" {
		before, _, err := c.phase(after, start, pairs)
		if err != nil {
			return m, err
		}
		start = source{stage: before}
	}
	stage, labels, err := c.phase(t.Objective(), start, pairs)
	if err != nil {
		return m, err
	}
	stages[Tune], m.tuned = stage, source{stage: stage}
	if labels != nil {
		stages[Labels] = labels
	}
	return m, nil
}

// phase is one tuning by an objective, with the labels of its last round where it has any.
func (c *composer) phase(objective string, start source, pairs *Stage) (stage, labels *Stage, err error) {
	rounds := 1
	switch objective {
	case "", contrastive:
		stage, err := c.tune(start, pairs, nil)
		return stage, nil, err
	case selfTraining:
		rounds = c.p.Tune().Rounds()
	}
	for teacher := start; rounds > 0; rounds-- {
		if labels, err = c.labels(objective, teacher, pairs); err != nil {
			return nil, nil, err
		}
		if stage, err = c.tune(start, pairs, labels); err != nil {
			return nil, nil, err
		}
		teacher = source{stage: stage}
	}
	return stage, labels, nil
}

// labels gives the pairs classes of the task.
func (c *composer) labels(objective string, teacher source, pairs *Stage) (*Stage, error) {
	t := c.p.Tune()
	name, rows := c.retrieved()
	params := train.PseudoLabelParams{From: "retrieval", Prompts: c.p.Task().Prompts(), Precision: c.p.Backbone().Precision(), MaxBad: rows.MaxBad()}
	if objective == selfTraining {
		params.From = "teacher"
		params.Threshold, params.PerClass, params.Soft, params.Temperature = t.Threshold(), t.PerClass(), t.Soft(), t.Temperature()
	}
	pool, err := c.pool(name)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", teacher)
	in.give("pool", pool)
	in.in["pairs"] = pairs
	if params.Set, err = c.classes(in); err != nil {
		return nil, err
	}
	return c.add("pseudo-label", params, in.in, in.files)
}

// leastBadShare is the least share of images that an evaluation may lose, which images to learn
// from have too.
func (c *composer) leastBadShare() float64 {
	least := 1.0
	for _, name := range c.p.Evaluations() {
		if e, _ := c.p.Evaluate(name); !c.kindOf(name).Combines {
			least = min(least, e.MaxBadShare())
		}
	}
	for _, name := range c.p.Evaluations() { // that of a mean is read where it is the least alone
		if e, _ := c.p.Evaluate(name); c.p.Aside().Evaluate[name].MaxBadShare < least {
			least = e.MaxBadShare()
		}
	}
	return least
}

// promptTune learns the context of prompts on features of the base.
func (c *composer) promptTune() (*Stage, error) {
	t := c.p.Tune()
	of := imagesOf{path: "tune", field: "labelled", ref: t.Labelled(), benchmark: t.Benchmark(), maxBadShare: c.leastBadShare()}
	if of.benchmark != "" {
		of.split = "train"
	}
	labelled, err := c.features(of, c.base)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", c.base)
	in.in["train"] = labelled
	return c.add("prompt-tune", train.PromptTuneParams{Contexts: t.Contexts(), Length: t.Context(), Position: t.Position(), Init: t.ContextInit(),
		Bare: t.Ending() == "none", Shots: t.Shots(), Steps: t.Steps(), Batch: t.Batch(), LR: t.LR(), Warmup: t.Warmup(),
		Seed: int64(c.p.Seed())}, in.in, in.files)
}

// knowledge gives the stage that makes prompts of what is known of an evaluation's classes: those
// of the base's features, whichever model is evaluated.
func (c *composer) knowledge(name string) (*Stage, error) {
	e, _ := c.p.Evaluate(name)
	features, err := c.features(c.tested(name), c.base)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.in["features"] = features
	if dir := e.WordNet(); dir != "" {
		f, err := c.outside("evaluate."+name+".wordnet", dir, wordNetFiles)
		if err != nil {
			return nil, err
		}
		in.files["wordnet"] = f
	}
	if file := e.Wiktionary(); file != "" {
		f, err := c.outside("evaluate."+name+".wiktionary", file, oneFile)
		if err != nil {
			return nil, err
		}
		in.files["wiktionary"] = f
	}
	return c.add("knowledge", evaluate.KnowledgeParams{From: e.Knowledge(), Prompts: e.Prompts()}, in.in, in.files)
}
