package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/data/image"
	"react/data/world"
	"react/ops"
	"react/ops/clip"
	"react/ops/clip/train"
	"react/ops/op"
	"react/runner/spec"
)

// trial makes the stages of one trial.
func (b *builder) trial(t *spec.Trial) (Trial, error) {
	sections := b.sections(&t.Params)
	out := Trial{Label: t.Label, Axes: t.Axes, Stages: map[string]*Stage{}}
	from, err := b.trunk(t, sections)
	if err != nil {
		return out, err
	}
	c := &composer{builder: b, p: &t.Params, base: from.base, seed: t.Seed, seeded: from.seeded, reads: append([]string{"tune.mode"}, from.reads...)}
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
	for _, name := range slices.Sorted(maps.Keys(t.Params.Evaluate)) {
		stage, err := c.evaluate(name, m)
		if err != nil {
			return out, err
		}
		out.Stages["evaluate/"+name] = stage
	}
	if c.seeded {
		seed := t.Seed
		out.Seed = &seed
	}
	read, err := c.paramsOf(sections)
	out.Params, out.ID = read.params, trialID(read.hash, out.Seed)
	return out, err
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

// composer builds one trial and notes which params its stages read.
type composer struct {
	*builder
	p      *spec.Params
	base   source
	seed   int
	seeded bool     // some stage depends on the seed
	reads  []string // path prefixes
}

func (c *composer) read(prefixes ...string) { c.reads = append(c.reads, prefixes...) }

// below reports whether a path is the prefix or stands under it.
func below(path, prefix string) bool {
	return strings.HasPrefix(path, prefix) && (len(path) == len(prefix) || path[len(prefix)] == '.')
}

// pool gives the files or the stage of a named pool.
func (c *composer) pool(name string) (source, error) {
	pool, ok := c.p.Pool[name]
	if !ok {
		return source{}, fmt.Errorf("pool.%s: no such pool", name)
	}
	c.read("pool." + name)
	if pool.World != nil {
		w := pool.World
		s, err := c.add("world", world.Params(*w), nil, nil)
		return source{stage: s}, err
	}
	files := map[string]op.Files{}
	for _, kind := range []struct {
		name, glob string
		files      func(string) (op.Files, error)
	}{{"laion", pool.LAION, globFiles}, {"shards", pool.Shards, shardFiles}} {
		if kind.glob == "" {
			continue
		}
		f, err := c.outside("pool."+name+"."+kind.name, kind.glob, kind.files)
		if err != nil {
			return source{}, err
		}
		if len(f.Paths) == 0 {
			c.expected[f.Root] = pool.Rows
		}
		files["pool."+kind.name] = f
	}
	return source{files: files}, nil
}

// backbone gives the base checkpoint, for images of the size that is asked for.
func (c *composer) backbone() (source, error) {
	base, err := c.checkpoint()
	if err != nil || c.p.Backbone.ImageSize == 0 {
		return base, err
	}
	c.read("backbone.imageSize")
	in := newInputs()
	in.give("checkpoint", base)
	stage, err := c.add("resize", ops.ResizeParams{ImageSize: c.p.Backbone.ImageSize}, in.in, in.files)
	return source{stage: stage}, err
}

// checkpoint gives the base checkpoint as it was loaded or trained.
func (c *composer) checkpoint() (source, error) {
	bb := c.p.Backbone
	if bb.Weights != "" {
		c.read("backbone.weights")
		f, err := c.outside("backbone.weights", bb.Weights, checkpointFiles)
		if err != nil {
			return source{}, err
		}
		if len(f.Paths) == 0 && bb.Arch != "" {
			c.models[f.Root], _ = archModel(bb.Arch)
		}
		return source{files: map[string]op.Files{"checkpoint": f}}, nil
	}
	if bb.Pretrain == nil {
		return source{}, fmt.Errorf("backbone: neither weights nor pretrain")
	}
	c.read("backbone")
	model, err := clip.Arch(bb.Arch)
	if err != nil {
		return source{}, fmt.Errorf("backbone.arch: %w", err)
	}
	pool, err := c.pool(bb.Pretrain.Pool)
	if err != nil {
		return source{}, err
	}
	in := newInputs()
	in.give("pool", pool)
	filter, err := c.filter(bb.Pretrain.Pool, pool, source{})
	if err != nil {
		return source{}, err
	}
	in.give("filter", filter)
	p := bb.Pretrain
	stage, err := c.add("pretrain", ops.PretrainParams{Model: model, AdamW: adamW(&model), Steps: p.Steps, Keep: p.Keep, Batch: p.Batch, LR: p.LR, Warmup: p.Warmup, WeightDecay: p.WeightDecay,
		Clip: p.Clip, Vocab: p.Vocab, Seed: p.Seed, Precision: p.Precision, Augment: augment(p.Augment), MaxBad: c.p.Pool[p.Pool].MaxBad,
		MaxBadShare: c.p.Pool[p.Pool].MaxBadShare}, in.in, in.files)
	if err == nil && p.Take > 0 && p.Take < p.Steps {
		stage, err = c.add("snapshot", ops.SnapshotParams{Step: p.Take}, map[string]*Stage{"pretrain": stage}, nil)
	}
	return source{stage: stage}, err
}

// embeddings gives a pool's embeddings: a stage, or the folder the pool names.
func (c *composer) embeddings(pool source, base source) (source, error) {
	spec := c.p.Pool[c.p.Retrieve.Pool]
	if spec.Embeddings != "" {
		f, err := c.outside("pool."+c.p.Retrieve.Pool+".embeddings", spec.Embeddings, folderFiles)
		if err != nil {
			return source{}, err
		}
		return source{files: map[string]op.Files{"embeddings": f}}, nil
	}
	in := newInputs()
	in.give("checkpoint", base)
	in.give("pool", pool)
	stage, err := c.add("embed", ops.EmbedParams{MaxBad: spec.MaxBad, MaxBadShare: spec.MaxBadShare, Precision: c.embedding()}, in.in, in.files)
	return source{stage: stage}, err
}

// tune trains a checkpoint on pairs: on their captions, or on labels where they are given.
func (c *composer) tune(start source, pairs, labels *Stage) (*Stage, error) {
	t, seed := c.p.Tune, c.seed
	pool, err := c.pool(c.p.Retrieve.Pool)
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
	params := ops.TuneParams{Mode: t.Mode, Gamma: t.Gamma.Value, Steps: t.Steps, Batch: t.Batch, LR: t.LR, Warmup: t.Warmup, WeightDecay: t.WeightDecay,
		Clip: t.Clip, Precision: t.Precision, Augment: augment(t.Augment), Seed: int64(seed), MaxBad: c.p.Pool[c.p.Retrieve.Pool].MaxBad}
	for _, name := range []string{"steps", "batch", "lr", "warmup", "weightDecay", "clip", "precision", "augment"} {
		c.read("tune." + name)
	}
	if c.base.stage != nil {
		params.AdamW = adamW(c.base.stage.Model)
	} else {
		params.AdamW = adamW(c.modelOf(c.base.files["checkpoint"].Root))
	}
	if labels == nil {
		c.read("tune.gamma")
	}
	if labels == nil && t.Captions == "one" {
		params.Captions = t.Captions
		c.read("tune.captions")
	}
	if t.Gamma.Off || labels != nil {
		params.Gamma = ops.GammaOff
	}
	mode, err := clip.ModeOf(t.Mode)
	if err != nil {
		return nil, err
	}
	if mode.Text { // with the text tower locked the positives never move
		params.PositivesFrom = t.PositivesFrom
		c.read("tune.positivesFrom")
	}
	if mode.Gates {
		if err := c.gates(); err != nil {
			return nil, err
		}
		params.GatedDepth, params.AlphaLR = t.GatedDepth, t.AlphaLR
		c.read("tune.gatedDepth", "tune.alphaLR")
	}
	return c.add("tune", params, in.in, in.files)
}

// gates refuses gated blocks that loaded weights have no place for.
func (c *composer) gates() error {
	depth := c.p.Tune.GatedDepth
	model := c.modelOf(c.base.files["checkpoint"].Root)
	if stage := c.base.stage; stage != nil {
		model = stage.Model
	}
	if model == nil {
		return nil
	}
	path, why := spec.GatesError(model, depth, "backbone.weights")
	if why == "" {
		return nil
	}
	at := c.at.PlaceOf(path, map[string]any{"tune.gatedDepth": depth, "tune.mode": c.p.Tune.Mode}[path])
	return spec.Errors{{Pos: at, Path: path, Msg: why}}
}

// poolSet reads a reference: "pool:NAME/SET" is a set of a generated pool, anything else outside files under the role.
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
	return set, s, err
}

// embedding is the precision of embedding, as params have it: f32 is none.
func (c *composer) embedding() string {
	c.read("backbone.precision")
	if c.p.Backbone.Precision == clip.F32 {
		return ""
	}
	return c.p.Backbone.Precision
}

// adamW is the optimizer of a model where it is not a ViT's, nil elsewhere: keys of ViTs do not name it.
func adamW(model *clip.Config) *train.AdamW {
	if model == nil || train.AdamWFor(*model) == (train.AdamW{}) {
		return nil
	}
	a := train.AdamWFor(*model)
	return &a
}

func augment(a spec.Augment) image.Augment {
	out := image.Augment{Crop: a.Crop, Ratio: a.Ratio, Flip: a.Flip, Color: a.Color, RandAugment: a.RandAugment, Erasing: a.Erasing}
	if a.RandAugment == "off" {
		out.RandAugment = ""
	}
	return out
}
