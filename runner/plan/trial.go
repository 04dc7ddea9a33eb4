package plan

import (
	"fmt"
	"strings"

	"react/data/image"
	"react/data/world"
	"react/ops/clip"
	"react/ops/clip/optim"
	"react/ops/embed"
	"react/ops/op"
	"react/ops/train"
	"react/runner/plan/reads"
	"react/runner/spec"
	"react/runner/spec/rules"
)

// trial makes the stages of one trial.
func (b *builder) trial(t *spec.Trial) (Trial, error) {
	sections := b.sections(&t.Params)
	out := Trial{Label: t.Label, Axes: t.Axes, Stages: map[string]*Stage{}}
	read, known := b.known[wholeKey(sections)]
	var notes *reads.Notes
	if !known {
		notes = &reads.Notes{}
	}
	c := &composer{builder: b, p: reads.New(&t.Params, t.Seed, notes)}
	from, err := c.trunk(sections)
	if err != nil {
		return out, err
	}
	c.base = from.base
	if from.base.stage != nil {
		out.Stages[Checkpoint] = from.base.stage
	}
	m, err := c.model(from.pairs, out.Stages)
	if err != nil {
		return out, err
	}
	if err := c.balance(m.pairs, out.Stages); err != nil {
		return out, err
	}
	for _, name := range c.p.Evaluations() {
		stage, err := c.evaluate(name, m)
		if err != nil {
			return out, err
		}
		out.Stages["evaluate/"+name] = stage
	}
	if !known {
		read = b.paramsOf(sections, notes)
	}
	if read.seeded {
		seed := t.Seed
		out.Seed = &seed
	}
	out.Params, out.ID = read.params, trialID(read.hash, out.Seed)
	return out, nil
}

// trialID is eight hex digits of the params' hash, and the seed where the trial has one.
func trialID(hash string, seed *int) string {
	if seed != nil {
		return fmt.Sprintf("%s-s%d", hash, *seed)
	}
	return hash
}

// source is a role's origin: a stage, or outside files.
type source struct {
	stage *Stage
	files map[string]op.Files
}

// inputs collects roles into what add wants.
type inputs struct {
	in    map[string]*Stage
	files map[string]op.Files
}

func newInputs() inputs { return inputs{in: map[string]*Stage{}, files: map[string]op.Files{}} }

// give sets a role to a source; the files of a source keep their own roles.
func (i inputs) give(role string, s source) {
	if s.stage != nil {
		i.in[role] = s.stage
	}
	for name, f := range s.files {
		i.files[name] = f
	}
}

// composer builds one trial, of params that note what is read of them.
type composer struct {
	*builder
	p    reads.Params
	base source
}

// pool gives the files or the stage of a named pool.
func (c *composer) pool(name string) (source, error) {
	pool, ok := c.p.Pool(name)
	if !ok {
		return source{}, fmt.Errorf("pool.%s: no such pool", name)
	}
	if w := pool.World(); w != nil {
		s, err := c.add("world", world.Params(*w), nil, nil)
		return source{stage: s}, err
	}
	files := map[string]op.Files{}
	for _, kind := range []struct {
		name, glob string
		files      func(string) (op.Files, error)
	}{{"laion", pool.LAION(), globFiles}, {"shards", pool.Shards(), shardFiles}} {
		if kind.glob == "" {
			continue
		}
		f, err := c.outside("pool."+name+"."+kind.name, kind.glob, kind.files)
		if err != nil {
			return source{}, err
		}
		if len(f.Paths) == 0 {
			c.expected[f.Root] = c.p.Aside().Pool[name].Rows
		}
		files["pool."+kind.name] = f
	}
	return source{files: files}, nil
}

// backbone gives the base checkpoint, for images of the size that is asked for.
func (c *composer) backbone() (source, error) {
	base, err := c.checkpoint()
	if err != nil {
		return base, err
	}
	size := c.p.Backbone().ImageSize()
	if size == 0 {
		return base, nil
	}
	in := newInputs()
	in.give("checkpoint", base)
	stage, err := c.add("resize", train.ResizeParams{ImageSize: size}, in.in, in.files)
	if err == nil && stage.Model != nil {
		p := stage.Model.Model.Vision.PatchSize
		if stage.Model.Model.Vision.ResNet() {
			p = clip.ResNetStride
		}
		if p > 0 && size%p != 0 {
			err = c.wrong("backbone.imageSize", "%d is not a multiple of the model's patches of %d pixels (%d or %d)",
				size, p, max(size/p, 1)*p, (size/p+1)*p)
		}
	}
	return source{stage: stage}, err
}

// checkpoint gives the base checkpoint as it was loaded or trained.
func (c *composer) checkpoint() (source, error) {
	bb := c.p.Backbone()
	if weights := bb.Weights(); weights != "" {
		f, err := c.outside("backbone.weights", weights, checkpointFiles)
		if err != nil {
			return source{}, err
		}
		if arch := c.p.Aside().Backbone.Arch; len(f.Paths) == 0 && arch != "" {
			c.models[f.Root], _ = archModel(arch)
		}
		return source{files: map[string]op.Files{"checkpoint": f}}, nil
	}
	p, ok := bb.Pretrain()
	if !ok {
		return source{}, fmt.Errorf("backbone: neither weights nor pretrain")
	}
	model, err := clip.Arch(bb.Arch())
	if err != nil {
		return source{}, fmt.Errorf("backbone.arch: %w", err)
	}
	name := p.Pool()
	pool, err := c.pool(name)
	if err != nil {
		return source{}, err
	}
	in := newInputs()
	in.give("pool", pool)
	filter, err := c.filter(name, pool, source{})
	if err != nil {
		return source{}, err
	}
	in.give("filter", filter)
	rows, _ := c.p.Pool(name)
	stage, err := c.add("pretrain", train.PretrainParams{Model: model, AdamW: adamW(&model), Steps: p.Steps(), CheckpointEvery: p.Checkpoint().Every(),
		Batch: p.Batch(), LR: p.LR(), Warmup: p.Warmup(), WeightDecay: p.WeightDecay(), GradClip: p.GradClip(), Vocab: p.Vocab(),
		Seed: p.Seed(), Precision: p.Precision(), Augment: augment(p.Augment()), MaxBad: rows.MaxBad(),
		MaxBadShare: rows.MaxBadShare()}, in.in, in.files)
	if step := p.CheckpointStep(); err == nil && step > 0 {
		stage, err = c.add("snapshot", train.SnapshotParams{Step: step}, map[string]*Stage{"pretrain": stage}, nil)
	}
	return source{stage: stage}, err
}

// embeddings gives a pool's embeddings: a stage, or the folder the pool names.
func (c *composer) embeddings(pool source, base source) (source, error) {
	name, rows := c.retrieved()
	if dir := rows.Embeddings(); dir != "" {
		f, err := c.outside("pool."+name+".embeddings", dir, folderFiles)
		if err != nil {
			return source{}, err
		}
		return source{files: map[string]op.Files{"embeddings": f}}, nil
	}
	in := newInputs()
	in.give("checkpoint", base)
	in.give("pool", pool)
	stage, err := c.add("embed", embed.Params{MaxBad: rows.MaxBad(), MaxBadShare: rows.MaxBadShare(), Precision: c.p.Backbone().Precision()}, in.in, in.files)
	return source{stage: stage}, err
}

// retrieved is the pool that is retrieved from.
func (c *composer) retrieved() (name string, rows reads.Pool) {
	name = c.p.Retrieve().Pool()
	rows, _ = c.p.Pool(name)
	return name, rows
}

// tune trains a checkpoint on pairs: on their captions, or on labels where they are given.
func (c *composer) tune(start source, pairs, labels *Stage) (*Stage, error) {
	t := c.p.Tune()
	name, rows := c.retrieved()
	pool, err := c.pool(name)
	if err != nil {
		return nil, err
	}
	in := newInputs()
	in.give("checkpoint", start)
	in.give("pool", pool)
	in.in["pairs"] = pairs
	if labels != nil {
		in.in["labels"] = labels
	}
	params := train.TuneParams{Mode: t.Mode(), Gamma: train.GammaOff, Steps: t.Steps(), Batch: t.Batch(), LR: t.LR(), Warmup: t.Warmup(),
		WeightDecay: t.WeightDecay(), GradClip: t.GradClip(), Precision: t.Precision(), Augment: augment(t.Augment()), Seed: int64(c.p.Seed()),
		MaxBad: rows.MaxBad()}
	if c.base.stage != nil {
		params.AdamW = adamW(c.base.stage.Model)
	} else {
		params.AdamW = adamW(c.modelOf(c.base.files["checkpoint"].Root))
	}
	if labels == nil {
		params.Captions = t.Captions()
		if gamma := t.Gamma(); !gamma.Off {
			params.Gamma = gamma.Value
		}
	}
	mode, err := clip.ModeOf(params.Mode)
	if err != nil {
		return nil, err
	}
	if mode.Text { // with the text tower locked the positives never move
		params.PositivesFrom = t.PositivesFrom()
	}
	if mode.Gates {
		if err := c.gates(); err != nil {
			return nil, err
		}
		params.GatedDepth, params.AlphaLRScale = t.GatedDepth(), t.AlphaLRScale()
	}
	return c.add("tune", params, in.in, in.files)
}

// gates refuses gated blocks that loaded weights have no place for.
func (c *composer) gates() error {
	depth := c.p.Tune().GatedDepth()
	model := c.modelOf(c.base.files["checkpoint"].Root)
	if stage := c.base.stage; stage != nil {
		model = stage.Model
	}
	if model == nil {
		return nil
	}
	path, why := rules.GatesError(model, depth, "backbone.weights")
	if why == "" {
		return nil
	}
	return c.wrongAt(path, map[string]any{"tune.gatedDepth": depth, "tune.mode": c.p.Tune().Mode()}[path], "%s", why)
}

// poolSet reads a reference: "pool:NAME/SET" is a set of a generated pool, anything else outside
// files under the role.
func (c *composer) poolSet(path, ref, role string, files func(string) (op.Files, error)) (set string, s source, err error) {
	rest, ok := strings.CutPrefix(ref, "pool:")
	if !ok {
		f, err := c.outside(path, ref, files)
		if err != nil {
			return "", source{}, err
		}
		return "", source{files: map[string]op.Files{role: f}}, nil
	}
	name, set, _ := strings.Cut(rest, "/")
	s, err = c.pool(name)
	if err == nil && s.stage == nil {
		err = fmt.Errorf("%s: pool %q is not generated and has no sets", path, name)
	}
	if pool, _ := c.p.Pool(name); err == nil && path != "task.classes" && pool.World().Classes == 1 {
		if classes := c.poolClasses(ref); len(classes) == 1 {
			err = c.wrong(path, "one class (%q) leaves nothing to measure (pool.%s.world.classes: 2 or more)", classes[0], name)
		}
	}
	return set, s, err
}

// poolClasses are the classes of a set of a generated pool, nil of anything else.
func (c *composer) poolClasses(ref string) []string {
	rest, ok := strings.CutPrefix(ref, "pool:")
	name, set, _ := strings.Cut(rest, "/")
	if pool, known := c.p.Pool(name); ok && known && pool.World() != nil {
		return world.ClassNames(world.Params(*pool.World()), set)
	}
	return nil
}

// adamW is the optimizer of a model where it is not a ViT's, nil elsewhere: keys of ViTs do not
// name it.
func adamW(model *clip.Config) *optim.AdamW {
	if model == nil || optim.AdamWFor(*model) == (optim.AdamW{}) {
		return nil
	}
	a := optim.AdamWFor(*model)
	return &a
}

func augment(a spec.Augment) image.Augment {
	return image.Augment{Crop: a.Crop, Ratio: a.Ratio, Flip: a.Flip, Color: a.Color, RandAugment: a.RandAugment, Erasing: a.Erasing}
}
