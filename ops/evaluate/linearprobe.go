package evaluate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/parquet-go/parquet-go"

	"react/data/dtype"
	"react/data/npy"
	"react/ops/blas"
	"react/ops/embed"
	"react/ops/metric"
	"react/ops/op"
	"react/ops/probe"
)

// ProbeParams are what a probe adds to the params of evaluate.
type ProbeParams struct {
	// sgd: ELEVATER's search and training; logistic: OpenAI's L-BFGS; prototypes: nearest class
	// mean
	Method  string `json:"method"`
	Init    string `json:"init"`           // of sgd: language or random
	Shots   int    `json:"shots"`          // images of each class; 0 is all
	Samples int    `json:"samples"`        // few-shot subsets, of seeds 0, 1, ...
	Seed    int64  `json:"seed,omitempty"` // of the first subset
	// last: the last epoch's score; test: the best epoch's on the test set, as ELEVATER reports
	Best   string `json:"best"`
	Scores bool   `json:"scores,omitempty"` // write scores.npy
}

// probeReport is probe.json.
type probeReport struct {
	Shots  int           `json:"shots"`
	Images int           `json:"images"`           // trained on, of the first sample
	Tested int           `json:"tested,omitempty"` // images, of fine-tuning
	Runs   []probeSample `json:"runs"`
}

// probeSample is one subset's outcome.
type probeSample struct {
	Seed        int                `json:"seed"`
	Score       float64            `json:"score"`
	LR          float64            `json:"lr,omitempty"`
	WeightDecay float64            `json:"weightDecay,omitempty"`
	C           float64            `json:"c,omitempty"`
	Validation  float64            `json:"validation"`      // score that the choice was made by
	Tried       int                `json:"tried,omitempty"` // runs of a search by fine-tuning
	Diverged    int                `json:"diverged,omitempty"`
	Passed      int                `json:"passed,omitempty"` // better settings, with which the final training diverged
	Figures     map[string]float64 `json:"figures"`
}

// linearProbe trains a linear classifier on features. In: "train" and "features" (the test
// images'), both of the same checkpoint; "checkpoint" where the head starts from text; file
// "prompts". Out: rows.jsonl with means over the samples and score-std, probe.json, and
// predictions.parquet where there is one sample of one label an image.
func linearProbe(ctx context.Context, run *op.Run, p Params) error {
	if p.Probe == nil {
		return errors.New("kind \"probe\" without params of a probe")
	}
	train, err := embed.ReadFeatures(run, "train")
	if err != nil {
		return err
	}
	test, err := embed.ReadFeatures(run, "features")
	if err != nil {
		return err
	}
	if err := sameTask(train, test); err != nil {
		return err
	}
	pr := &prober{run: run, train: train, test: test, p: *p.Probe, start: probe.Start{Classes: len(test.Classes), Seed: uint64(p.Probe.Seed)},
		tested: len(test.Items), file: "probe.json", keepScores: p.Probe.Scores}
	if p.Probe.Method == "sgd" && p.Probe.Init == "language" {
		if pr.start.Head, err = languageHead(ctx, run, test, p); err != nil {
			return err
		}
	}
	return pr.all(ctx)
}

// languageHead is the text classifier with a bias of 0, [classes, dim+1].
func languageHead(ctx context.Context, run *op.Run, set *embed.Labelled, p Params) (blas.Matrix, error) {
	text, _, err := textHead(ctx, run, set, p)
	if err != nil {
		return text, err
	}
	head := blas.New(text.Rows, text.Cols+1)
	for c := range text.Rows {
		copy(head.Row(c), text.Row(c))
	}
	return head, nil
}

// sameClasses refuses splits of other classes.
func sameClasses(train, test []string) error {
	if slices.Equal(train, test) {
		return nil
	}
	return fmt.Errorf("the training images have %d classes (the first %q), the test images %d (the first %q): not the same task",
		len(train), train[0], len(test), test[0])
}

// sameTask refuses splits that do not belong together, before anything is trained: other classes,
// other models, or the same image in both.
func sameTask(train, test *embed.Labelled) error {
	if err := sameClasses(train.Classes, test.Classes); err != nil {
		return err
	}
	if train.X.Cols != test.X.Cols || train.Many != test.Many {
		return fmt.Errorf("training and test features differ: %d and %d values, several labels %v and %v", train.X.Cols, test.X.Cols, train.Many, test.Many)
	}
	at := map[string]string{}
	for _, item := range train.Items {
		at[item.SHA256] = item.Key
	}
	shared, first := 0, ""
	for _, item := range test.Items {
		if key, ok := at[item.SHA256]; ok {
			if shared++; shared == 1 {
				first = fmt.Sprintf("%s is %s", item.Key, key)
			}
		}
	}
	if shared > 0 {
		return fmt.Errorf("%d test images are training images too (%s): a probe would be tested on what it was trained on (runner data check names them)", shared, first)
	}
	return nil
}

// prober trains and scores the samples of one evaluation.
type prober struct {
	run         *op.Run
	train, test *embed.Labelled
	p           ProbeParams
	start       probe.Start
	report      probeReport
	last        []Prediction

	tested     int    // images
	file       string // that the report goes to
	keepScores bool
	kept       []float32 // [samples, images, classes]
}

func (pr *prober) all(ctx context.Context) error {
	labels := pr.train.All()
	whole := probe.Data{X: pr.train.X, Labels: labels, Many: pr.train.Many}
	pr.report.Shots = pr.p.Shots
	for i := range pr.p.Samples {
		seed := int(pr.p.Seed) + i
		if err := ctx.Err(); err != nil {
			return err
		}
		data := whole
		if pr.p.Shots > 0 {
			at, err := probe.FewShot(labels, pr.start.Classes, pr.p.Shots, int64(seed))
			if err != nil {
				return fmt.Errorf("set %s: %w", pr.train.Dir, err)
			}
			data = whole.Subset(at)
		}
		if i == 0 {
			pr.report.Images = len(data.Labels)
		}
		sample, err := pr.sample(seed, data)
		if err != nil {
			return err
		}
		pr.report.Runs = append(pr.report.Runs, sample)
		pr.run.Progress(op.Progress{Done: i + 1, Total: pr.p.Samples, Note: fmt.Sprintf("samples, score %.4f", sample.Score)})
	}
	return pr.write()
}

// sample chooses on a part of the training images, trains on all of them and scores the test
// images.
func (pr *prober) sample(seed int, data probe.Data) (probeSample, error) {
	if pr.p.Method == "prototypes" {
		return pr.prototypes(seed, data)
	}
	fit, val, err := probe.Validation(data.Labels, pr.start.Classes)
	if err != nil {
		return probeSample{}, fmt.Errorf("set %s: %w", pr.train.Dir, err)
	}
	fitData, valData := data.Subset(fit), data.Subset(val)
	valSet := &embed.Labelled{FeatureSet: pr.train.FeatureSet}
	for _, l := range valData.Labels {
		valSet.Items = append(valSet.Items, embed.FeatureItem{Labels: narrow(l)})
	}
	judge := func(logits blas.Matrix) (float64, error) { return scoreOf(pr.run, valSet, logits) }
	if pr.p.Method == "logistic" {
		return pr.logistic(seed, data, fitData, valData, judge)
	}
	chosen, err := probe.Search(fitData, valData, pr.start, judge)
	if err != nil {
		return probeSample{}, err
	}
	out := probeSample{Seed: seed, Diverged: chosen.Diverged}
	err = pr.firstFinite(&out, data, append([]probe.Scored{chosen.Scored}, chosen.Others...))
	return out, err
}

// firstFinite is the final training with the first of the settings that does not make it diverge:
// what stayed finite in the shorter search may not on all images.
func (pr *prober) firstFinite(out *probeSample, data probe.Data, best []probe.Scored) error {
	for i, set := range best {
		out.LR, out.WeightDecay, out.Validation, out.Passed = set.LR, set.WeightDecay, set.Score, i
		if finite, err := pr.final(out, data); finite || err != nil {
			return err
		}
		if i == 0 {
			pr.run.Warn("the learning rate and weight decay that the search of sample %d chose, %g and %g, make the training on all of its images "+
				"diverge; the best others that do not were taken", out.Seed, set.LR, set.WeightDecay)
		}
	}
	return fmt.Errorf("training on all images of sample %d diverges with each of the %d settings of its search", out.Seed, len(best))
}

// final trains by out's settings on all training images, and says whether the logits of the test
// images are finite at the end, or with best "test" in some epoch.
func (pr *prober) final(out *probeSample, data probe.Data) (finite bool, err error) {
	if pr.p.Best == "test" {
		pr.run.Warn("the score is that of the best epoch on the test set, as ELEVATER reports it: an optimistic number")
	}
	probe.SGD(data, pr.start, []probe.Settings{{LR: out.LR, WeightDecay: out.WeightDecay}}, probe.FinalEpochs, func(epoch int, score func(blas.Matrix) []blas.Matrix) {
		if err != nil || pr.p.Best != "test" && epoch < probe.FinalEpochs-1 {
			return
		}
		logits := score(pr.test.X)[0]
		if _, bad := dtype.NotFinite(logits.Values); bad > 0 {
			return
		}
		var value float64
		if value, err = scoreOf(pr.run, pr.test, logits); err == nil && (!finite || value > out.Score) {
			finite = true
			err = pr.keep(out, logits)
		}
	})
	return finite, err
}

// prototypes scores by the cosine with each class's mean embedding.
func (pr *prober) prototypes(seed int, data probe.Data) (probeSample, error) {
	out := probeSample{Seed: seed}
	head, err := probe.Prototypes(data, pr.start.Classes)
	if err != nil {
		return out, fmt.Errorf("set %s: %w", pr.train.Dir, err)
	}
	scores := metric.ScoresOf(pr.test.Normalized(), head)
	err = pr.keep(&out, blas.Matrix{Rows: scores.Images(), Cols: scores.Classes, Values: scores.Values})
	return out, err
}

// logistic chooses C on the validation part, then fits all training images.
func (pr *prober) logistic(seed int, data, fit, val probe.Data, judge func(blas.Matrix) (float64, error)) (probeSample, error) {
	out := probeSample{Seed: seed}
	if data.Many {
		return out, fmt.Errorf("set %s: logistic regression needs one class an image, and here are several (probe: \"sgd\")", pr.train.Dir)
	}
	var grid probe.Grid
	for places := grid.Next(); len(places) > 0; places = grid.Next() {
		scores := make([]float64, len(places))
		for i, place := range places {
			head, err := probe.Logistic{C: probe.Value(place)}.Fit(fit, pr.start.Classes)
			if err != nil {
				return out, err
			}
			if scores[i], err = judge(head.Score(val.X)); err != nil {
				return out, err
			}
		}
		grid.Tell(places, scores)
	}
	at, score := grid.Best()
	out.C, out.Validation = probe.Value(at), score
	head, err := probe.Logistic{C: out.C}.Fit(data, pr.start.Classes)
	if err != nil {
		return out, err
	}
	err = pr.keep(&out, head.Score(pr.test.X))
	return out, err
}

// labelScorer turns logits into figures as ELEVATER does; the softmax has scale 1.
func labelScorer(run *op.Run, set *embed.Labelled) *scoreReport {
	return &scoreReport{protocol: elevater, set: set, scale: 1, workers: run.Workers}
}

// scoreOf is the benchmark's own metric of logits.
func scoreOf(run *op.Run, set *embed.Labelled, logits blas.Matrix) (float64, error) {
	rows, _, err := labelScorer(run, set).rows(metric.Scores{Values: slices.Clone(logits.Values), Classes: logits.Cols})
	if err != nil {
		return 0, err
	}
	row, ok := findRow(rows, "score")
	if !ok {
		return 0, fmt.Errorf("set %s: no figure for metric %q", set.Dir, set.Metric)
	}
	return row.Value, nil
}

// keep notes the figures of the test images.
func (pr *prober) keep(out *probeSample, logits blas.Matrix) error {
	rows, predictions, err := labelScorer(pr.run, pr.test).rows(metric.Scores{Values: slices.Clone(logits.Values), Classes: logits.Cols})
	if err != nil {
		return err
	}
	out.Figures = map[string]float64{}
	for _, r := range rows {
		if r.Class == "" {
			out.Figures[r.Metric] = r.Value
		}
	}
	out.Score = out.Figures["score"]
	pr.last = predictions
	if pr.keepScores {
		pr.kept = append(pr.kept[:len(pr.report.Runs)*len(logits.Values)], probabilities(logits, 1)...)
	}
	return nil
}

// write gives means over the samples.
func (pr *prober) write() error {
	n := pr.tested
	var rows []op.MetricRow
	for _, name := range []string{"score", "acc@1", "acc@5", "mean-per-class", "mAP", "roc-auc", "ece"} {
		if _, ok := pr.report.Runs[0].Figures[name]; !ok {
			continue
		}
		mean, std := pr.moments(name)
		rows = append(rows, op.MetricRow{Metric: name, Value: mean, N: n})
		if name == "score" && len(pr.report.Runs) > 1 {
			rows = append(rows, op.MetricRow{Metric: "score-std", Value: std, N: len(pr.report.Runs)})
		}
	}
	rows = append(rows, op.MetricRow{Metric: "train-images", Value: float64(pr.report.Images), N: pr.report.Images})
	if len(pr.report.Runs) == 1 && pr.last != nil {
		if err := parquet.WriteFile(pr.run.Path(predictionsFile), pr.last); err != nil {
			return err
		}
	}
	if pr.keepScores {
		shape := []int{len(pr.report.Runs), n, len(pr.kept) / max(1, n*len(pr.report.Runs))}
		if err := npy.Write(pr.run.Path(ScoresFile), shape, pr.kept, "<f4"); err != nil {
			return err
		}
	}
	if err := pr.run.WriteJSON(pr.file, pr.report); err != nil {
		return err
	}
	return pr.run.WriteRows(rows)
}

// moments are mean and sample deviation over the samples.
func (pr *prober) moments(name string) (mean, std float64) {
	runs := pr.report.Runs
	for _, r := range runs {
		mean += r.Figures[name] / float64(len(runs))
	}
	for _, r := range runs {
		std += (r.Figures[name] - mean) * (r.Figures[name] - mean)
	}
	return mean, math.Sqrt(std / float64(max(1, len(runs)-1)))
}

func narrow(labels []int) []int32 {
	out := make([]int32, len(labels))
	for i, l := range labels {
		out[i] = int32(l)
	}
	return out
}

// ScoresFile holds the probabilities of every class, [samples, images, classes], where params ask
// for them.
const ScoresFile = "scores.npy"

// probabilities are the softmax of each row times a scale.
func probabilities(logits blas.Matrix, scale float64) []float32 {
	out := make([]float32, 0, len(logits.Values))
	for i := range logits.Rows {
		for _, p := range metric.Softmax(logits.Row(i), scale, nil) {
			out = append(out, float32(p))
		}
	}
	return out
}
