package evaluate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"react/data/dtype"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/clip/encode"
	"react/ops/embed"
	"react/ops/op"
	"react/ops/probe"
	"react/ops/train"
)

// finalRun is the name of the last training in the journal.
const finalRun = "final"

// sample chooses the settings where there is a choice, trains on all images and gives the logits of
// the test images.
func (f *fineTuner) sample(ctx context.Context) (probeSample, blas.Matrix, error) {
	out := probeSample{Seed: int(f.Seed), LR: f.LR[0]}
	if len(f.LR)*len(f.WeightDecay) == 1 {
		out.WeightDecay = f.WeightDecay[0]
		logits, err := f.final(ctx, probe.Settings{LR: out.LR, WeightDecay: out.WeightDecay})
		return out, logits, err
	}
	best, err := f.search(ctx, &out)
	if err != nil {
		return out, blas.Matrix{}, err
	}
	logits, err := f.firstFinite(ctx, &out, best)
	return out, logits, err
}

// firstFinite is the final training with the first of the settings that does not make it diverge,
// as of a probe. The journal remembers which did.
func (f *fineTuner) firstFinite(ctx context.Context, out *probeSample, best []probe.Scored) (logits blas.Matrix, err error) {
	for i := f.journal.Passed; i < len(best); i++ {
		set := best[i]
		out.LR, out.WeightDecay, out.Validation, out.Passed = set.LR, set.WeightDecay, set.Score, i
		logits, err = f.final(ctx, set.Settings)
		if !errors.As(err, &train.DivergedError{}) {
			return logits, err
		}
		if i == 0 {
			f.run.Warn("the learning rate and weight decay that the search chose, %g and %g, make the training on all images diverge; "+
				"the best others that do not were taken", set.LR, set.WeightDecay)
		}
		if err := f.journal.pass(); err != nil {
			return logits, err
		}
	}
	return logits, fmt.Errorf("training on all images diverges with each of the %d settings of the search (smaller values in lr)", len(best))
}

// search tries settings on a part of the images, each scored by its best epoch on the rest, and
// gives those that stayed finite, the highest score first. A run that diverges scores 0 and is
// counted.
func (f *fineTuner) search(ctx context.Context, out *probeSample) ([]probe.Scored, error) {
	known := embed.LabelsOf(f.train, f.Train)
	all := known.All()
	var labels [][]int
	for _, i := range f.images {
		labels = append(labels, all[i])
	}
	fit, val, err := probe.Validation(labels, len(f.train.Classes))
	if err != nil {
		return nil, fmt.Errorf("set %s: %w", f.train.Dir, err)
	}
	s := &fineTuneSearch{fineTuner: f, held: &embed.Labelled{FeatureSet: known.FeatureSet}, out: out}
	for _, i := range val {
		s.heldAt = append(s.heldAt, f.images[i])
		s.held.Items = append(s.held.Items, known.Items[f.images[i]])
	}
	for _, i := range fit {
		s.fit = append(s.fit, f.images[i])
	}
	for _, lr := range f.LR {
		if len(f.WeightDecay) == 0 {
			err = s.bestFirst(ctx, lr)
		}
		for _, decay := range f.WeightDecay {
			if err == nil {
				_, err = s.try(ctx, probe.Settings{LR: lr, WeightDecay: decay})
			}
		}
		if err != nil {
			return nil, err
		}
	}
	if len(s.finite) == 0 {
		return nil, fmt.Errorf("all %d runs of the search diverged (smaller values in lr)", out.Tried)
	}
	slices.SortStableFunc(s.finite, func(a, b probe.Scored) int { return cmp.Compare(b.Score, a.Score) })
	return s.finite, nil
}

// fineTuneSearch is a search under way.
type fineTuneSearch struct {
	*fineTuner
	fit    []int           // images that are trained on
	held   *embed.Labelled // the others' labels
	heldAt []int
	out    *probeSample
	finite []probe.Scored // in the order in which they were tried
}

// bestFirst is ELEVATER's search over weight decay at one rate.
func (s *fineTuneSearch) bestFirst(ctx context.Context, lr float64) error {
	var grid probe.Grid
	for places := grid.Next(); len(places) > 0; places = grid.Next() {
		scores := make([]float64, len(places))
		for i, place := range places {
			var err error
			if scores[i], err = s.try(ctx, probe.Settings{LR: lr, WeightDecay: probe.Value(place)}); err != nil {
				return err
			}
		}
		grid.Tell(places, scores)
	}
	return nil
}

// try trains by some settings, or takes what an attempt before found.
func (s *fineTuneSearch) try(ctx context.Context, set probe.Settings) (float64, error) {
	name := fmt.Sprintf("lr %g weightDecay %g", set.LR, set.WeightDecay)
	entry := s.journal.run(name)
	if !entry.Done {
		if err := s.tryOnce(ctx, name, set, entry); err != nil {
			return 0, err
		}
	}
	s.out.Tried++
	if entry.Diverged {
		s.out.Diverged++
		return 0, nil
	}
	_, score := entry.best()
	s.finite = append(s.finite, probe.Scored{Settings: set, Score: score})
	return score, nil
}

func (s *fineTuneSearch) tryOnce(ctx context.Context, name string, set probe.Settings, entry *fineTuneRun) error {
	held := backbone.NewSetSource(s.train, s.heldAt)
	err := s.training(ctx, fineTuneTraining{name: name, images: s.fit, settings: set, epochs: s.SearchEpochs, after: func(t *train.Training, epoch int) error {
		logits, err := s.scoreNow(ctx, t, held)
		if err != nil {
			return err
		}
		if entry.Scores[epoch], err = scoreOf(s.run, s.held, logits); err != nil {
			return err
		}
		return s.journal.save()
	}})
	if errors.As(err, &train.DivergedError{}) {
		entry.Diverged, err = true, nil
	}
	if err != nil {
		return err
	}
	entry.Done = true
	return s.journal.save()
}

// final trains on all images. Of several epochs that are scored the best one's logits stay, the
// first of equal ones.
func (f *fineTuner) final(ctx context.Context, set probe.Settings) (blas.Matrix, error) {
	if f.Best == "test" {
		f.run.Warn("the score is that of the best epoch on the test set, as ELEVATER reports it: an optimistic number")
	}
	test := backbone.NewSetSource(f.test, backbone.IndicesTo(len(f.test.Items)))
	entry := f.journal.run(finalRun)
	logits, err := f.journal.logits()
	if err != nil {
		return logits, err
	}
	err = f.training(ctx, fineTuneTraining{name: finalRun, images: f.images, settings: set, epochs: f.Epochs, after: func(t *train.Training, epoch int) error {
		if f.Best != "test" && epoch < f.Epochs-1 {
			return nil
		}
		now, err := f.scoreNow(ctx, t, test)
		if err != nil {
			return err
		}
		score, err := scoreOf(f.run, f.known, now)
		if err != nil {
			return err
		}
		entry.Scores[epoch] = score
		if best, _ := entry.best(); best == epoch {
			logits = now
			if err := f.journal.keepLogits(now); err != nil {
				return err
			}
		}
		return f.journal.save()
	}})
	return logits, err
}

func (f *fineTuner) scoreNow(ctx context.Context, t *train.Training, images *backbone.Source) (blas.Matrix, error) {
	c, err := t.Trainer.Checkpoint()
	if err != nil {
		return blas.Matrix{}, err
	}
	logits, err := f.score(ctx, c, images)
	var features *encode.NotFiniteError
	if errors.As(err, &features) {
		return logits, train.DivergedError{Err: err}
	}
	if _, bad := dtype.NotFinite(logits.Values); err == nil && bad > 0 {
		err = train.DivergedError{Err: errors.New("the logits are not finite")}
	}
	return logits, err
}

// fineTuneTraining is one training of a stage.
type fineTuneTraining struct {
	name     string
	images   []int // of the training set
	settings probe.Settings
	epochs   int
	after    func(t *train.Training, epoch int) error // each epoch, counted from 0
}

// training trains from the start. It goes on where an attempt before was stopped.
func (f *fineTuner) training(ctx context.Context, r fineTuneTraining) error {
	cfg, n, classes := f.start.Config, len(r.images), len(f.train.Classes)
	t := &train.Training{Images: backbone.NewSetSource(f.train, r.images), Norm: backbone.NormalizationOf(cfg), Dim: cfg.Dim(), LR: r.settings.LR, WeightDecay: r.settings.WeightDecay,
		TowerLRScale: f.TowerLRScale, Constant: f.Optimizer == "sgd", Augment: f.Augment, Seed: uint64(f.Seed), PositivesWarned: true}
	for _, i := range r.images {
		row := make([]float32, classes)
		for _, c := range f.train.Labels(i) {
			row[c] = 1
		}
		t.Labels = append(t.Labels, row...)
	}
	options := f.options(n, classes, f.train.Many != nil, cfg)
	t.Batch = options.Batch
	endOf := func(epoch int) int { return ((epoch+1)*n + t.Batch - 1) / t.Batch }
	t.Steps, t.Warmup = endOf(r.epochs-1), min(int(f.Warmup*float64(n)/float64(t.Batch)), endOf(r.epochs-1))
	t.After = map[int]func() error{}
	for epoch := range r.epochs {
		t.After[endOf(epoch)] = func() error { return r.after(t, epoch) }
	}
	if err := t.NewTrainer(f.run, f.backbone.Engine, cfg, options); err != nil {
		return err
	}
	defer t.Trainer.Close()
	if err := t.Trainer.Reset(f.start); err != nil {
		return err
	}
	return f.runTraining(ctx, t, r.name)
}

// runTraining runs in folders of its own. What a run of the search writes beside its scores is
// thrown away.
func (f *fineTuner) runTraining(ctx context.Context, t *train.Training, name string) error {
	own := *f.run
	if own.Partial != "" {
		own.Partial = filepath.Join(own.Partial, "training")
	}
	if name != finalRun {
		own.Warn, own.Lines = func(string, ...any) {}, nil
		var err error
		if own.Dir, err = os.MkdirTemp(f.run.Dir, "search-"); err != nil {
			return err
		}
		defer os.RemoveAll(own.Dir)
	}
	own.Progress = func(p op.Progress) {
		f.run.Progress(op.Progress{Done: p.Done, Total: p.Total, Note: name + ": " + p.Note})
	}
	_, err := t.Run(ctx, &own, f.backbone.Engine)
	if err == nil && own.Partial != "" && name != finalRun {
		err = os.RemoveAll(own.Partial)
	}
	if errors.As(err, &train.DivergedError{}) && own.Partial != "" {
		err = errors.Join(err, os.RemoveAll(own.Partial))
	}
	return err
}
