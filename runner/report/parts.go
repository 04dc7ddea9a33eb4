package report

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strings"

	"react/ops/op"
	"react/ops/pairs"
	"react/ops/train"
	"react/results/figures"
	pages "react/results/report"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/record"
)

// configuration is the trials that differ in their seed alone.
type configuration struct {
	name   string
	label  string
	trials []*plan.Trial
}

// configurations are in the order of the plan.
func configurations(e *experiment.Experiment) []*configuration {
	var list []*configuration
	byName := map[string]*configuration{}
	for i := range e.Plan.Trials {
		t := &e.Plan.Trials[i]
		name := configurationName(t)
		if byName[name] == nil {
			byName[name] = &configuration{name: name, label: t.Label}
			list = append(list, byName[name])
		}
		byName[name].trials = append(byName[name].trials, t)
	}
	return list
}

// configurationName is the trial's label and the values of its axes.
func configurationName(t *plan.Trial) string {
	parts := []string{}
	for _, path := range slices.Sorted(maps.Keys(t.Axes)) {
		if t.Label == "" {
			parts = append(parts, fmt.Sprintf("%s=%v", path[strings.LastIndexByte(path, '.')+1:], t.Axes[path]))
		}
	}
	if t.Label != "" {
		parts = []string{t.Label}
	}
	if len(parts) == 0 {
		return "all"
	}
	return strings.Join(parts, " ")
}

// choose finds the base, the first configuration that is not tuned, and the
// best of the tuned ones without a label, by the mean of the first accuracy
// that a table shows.
func (r *reporter) choose() {
	set, metric := r.firstAccuracy()
	values := map[string][]float64{}
	for i := range r.rows {
		if row := &r.rows[i]; row.Set == set && row.Metric == metric && row.Class == "" {
			values[row.Trial] = append(values[row.Trial], row.Value)
		}
	}
	best := math.Inf(-1)
	for _, c := range configurations(r.Experiment) {
		if c.trials[0].Stages[plan.Tune] == nil {
			if r.base == nil {
				r.base = c
			}
			continue
		}
		sum, n := 0.0, 0
		for _, t := range c.trials {
			for _, v := range values[t.ID] {
				sum, n = sum+v, n+1
			}
		}
		if n > 0 && c.label == "" && sum/float64(n) > best {
			best, r.best = sum/float64(n), c
		}
	}
}

// firstAccuracy is the first metric of the tables that is one.
func (r *reporter) firstAccuracy() (set, metric string) {
	for _, g := range r.grids {
		for _, m := range g.Metrics {
			if name := strings.TrimPrefix(m.Name, m.Set+"/"); strings.HasPrefix(name, "acc@") && m.Set != "*" {
				return m.Set, name
			}
		}
	}
	return "", ""
}

// figures are those of the tables, the losses, the scores of what was
// retrieved and the classes.
func (r *reporter) figures(p *pages.Page) error {
	for _, g := range figures.Drawn(r.grids) {
		p.Figures = append(p.Figures, pages.Figure{Name: g.Table.Name, Title: g.Table.Name + ".", Caption: g.Table.Caption, Table: g.Table.Name})
	}
	if err := r.losses(p); err != nil {
		return err
	}
	return r.scores(p)
}

// mostCurves and curvePoints bound what a chart of losses holds.
const mostCurves, curvePoints = 8, 40

// losses draws the loss over the steps, the mean over seeds, of the first
// configurations; and that of pretraining.
func (r *reporter) losses(p *pages.Page) error {
	var tuned []figures.Curve
	left := 0
	for _, c := range configurations(r.Experiment) {
		curve, err := r.lossOf(c, plan.Tune)
		if err != nil {
			return err
		}
		switch {
		case len(curve.X) == 0:
		case len(tuned) < mostCurves:
			tuned = append(tuned, curve)
		default:
			left++
		}
	}
	if len(tuned) > 0 {
		caption := "Mean over seeds, averaged over neighbouring steps. Losses of different positives (gamma) and pairs are not of one scale."
		if left > 0 {
			caption += fmt.Sprintf(" The first %d configurations; %d more are not drawn.", mostCurves, left)
		}
		p.Figures = append(p.Figures, lossFigure("loss-of-tuning", "Loss of tuning.", caption, tuned))
	}
	for _, c := range configurations(r.Experiment) {
		curve, err := r.lossOf(&configuration{name: "pretraining", trials: c.trials[:1]}, plan.Checkpoint)
		if err != nil {
			return err
		}
		if len(curve.X) > 0 {
			p.Figures = append(p.Figures, lossFigure("loss-of-pretraining", "Loss of pretraining the base.", "Averaged over neighbouring steps.", []figures.Curve{curve}))
			break
		}
	}
	return nil
}

func lossFigure(name, title, caption string, curves []figures.Curve) pages.Figure {
	return pages.Figure{Name: name, Title: title, Caption: caption, Chart: &figures.Chart{Title: title, X: "step", Y: "loss", Curves: curves}}
}

// lossOf is the configuration's loss by step, the mean of the seeds that are
// there.
func (r *reporter) lossOf(c *configuration, stage string) (figures.Curve, error) {
	sum, count := map[int]float64{}, map[int]int{}
	for _, t := range c.trials {
		if t.Stages[stage] == nil {
			continue
		}
		entry, ok := r.entries[t.Stages[stage].Key]
		if !ok {
			continue
		}
		losses, err := readLosses(entry.Dir)
		if err != nil {
			return figures.Curve{}, err
		}
		for step, loss := range losses {
			sum[step], count[step] = sum[step]+loss, count[step]+1
		}
	}
	var x, y []float64
	for _, step := range slices.Sorted(maps.Keys(sum)) {
		x, y = append(x, float64(step)), append(y, sum[step]/float64(count[step]))
	}
	x, y = figures.Smooth(x, y, curvePoints)
	return figures.Curve{Name: c.name, X: x, Y: y}, nil
}

// readLosses reads a training's losses by step; a stage without any has none.
func readLosses(dir string) (map[int]float64, error) {
	lines, err := op.ReadLines[struct {
		Step int
		Loss *float64
	}](filepath.Join(dir, train.MetricsFile))
	losses := map[int]float64{}
	for _, line := range lines {
		if line.Loss != nil {
			losses[line.Step] = *line.Loss
		}
	}
	return losses, err
}

// scores draws how similar to its query each hit of the best configuration is,
// by modality and, where the pool knows what it shows, by whether it is right.
func (r *reporter) scores(p *pages.Page) error {
	found, err := r.pairs()
	if err != nil || len(found) == 0 {
		return err
	}
	groups := map[string]*figures.Sample{}
	labelled := slices.ContainsFunc(found, func(p pairs.Pair) bool { return p.Label != "" })
	for _, pair := range found {
		for _, f := range pair.Found {
			name := strings.ToUpper(f.Modality)
			if pair.Label != "" && pair.Label == f.Class {
				name += ", shows the class"
			} else if pair.Label != "" {
				name += ", shows another"
			} else if labelled {
				name += ", not known"
			}
			if groups[name] == nil {
				groups[name] = &figures.Sample{Name: name}
			}
			groups[name].Values = append(groups[name].Values, float64(f.Score))
		}
	}
	h := figures.Histogram{Title: "Scores of what was retrieved", X: "cosine similarity of query and hit"}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		h.Groups = append(h.Groups, *groups[name])
	}
	if len(h.Groups) > 0 {
		chart := h.Chart()
		p.Figures = append(p.Figures, pages.Figure{Name: "retrieval-scores", Title: h.Title, Caption: "for " + r.best.name + ", by the direction of the search.", Chart: &chart})
	}
	return nil
}

// pairs are what the best configuration was tuned on, as far as retrieved.
func (r *reporter) pairs() ([]pairs.Pair, error) {
	if r.best == nil {
		return nil, nil
	}
	stage := r.best.trials[0].Stages[plan.Pairs]
	if stage == nil {
		return nil, nil
	}
	entry, ok := r.entries[stage.Key]
	if !ok {
		return nil, nil
	}
	return pairs.Read(entry.Dir)
}

// mostMoves bounds the classes that are drawn; the table has all.
const mostMoves = 40

// changes compare the base and the best configuration class by class.
func (r *reporter) changes(p *pages.Page) error {
	if r.base == nil || r.best == nil {
		return nil
	}
	before, after := r.byClass(r.base), r.byClass(r.best)
	for at, b := range before {
		if a, ok := after[at]; ok {
			p.Changes = append(p.Changes, pages.Change{Set: at.set, Class: at.class, Images: b.n, Before: b.mean(), After: a.mean()})
		}
	}
	slices.SortFunc(p.Changes, func(a, b pages.Change) int {
		return cmp.Or(cmp.Compare(b.Gain(), a.Gain()), strings.Compare(a.Set, b.Set), strings.Compare(a.Class, b.Class))
	})
	p.ChangeNote = fmt.Sprintf("Before: %s. After: %s, the mean over its seeds; it is the tuned configuration with the best mean of the tables' first accuracy, so its gains are flattered by the choice. One class has few images: single lines are noise.",
		r.base.name, r.best.name)
	set, _ := r.firstAccuracy()
	var moves []figures.Move
	for _, c := range p.Changes {
		if c.Set == set {
			moves = append(moves, figures.Move{Name: c.Class, Before: c.Before, After: c.After})
		}
	}
	caption := fmt.Sprintf("on %s, from %s (hollow) to %s: blue discs gained, orange squares lost.", set, r.base.name, r.best.name)
	if len(moves) > mostMoves {
		caption += fmt.Sprintf(" The %d that gained most and the %d that lost most of %d.", mostMoves/2, mostMoves/2, len(moves))
		moves = slices.Concat(moves[:mostMoves/2], moves[len(moves)-mostMoves/2:])
	}
	if len(moves) > 0 {
		chart := figures.Moves{Title: "Accuracy by class", X: "accuracy (%)", Classes: moves}
		p.Figures = append(p.Figures, pages.Figure{Name: "accuracy-by-class", Title: chart.Title, Caption: caption, Moves: &chart})
	}
	return nil
}

// classOf is a class of an evaluation set.
type classOf struct{ set, class string }

type classMean struct {
	sum   float64
	count int // seeds
	n     int // images
}

func (c classMean) mean() float64 { return c.sum / float64(c.count) }

func (r *reporter) byClass(c *configuration) map[classOf]classMean {
	mine := map[string]bool{}
	for _, t := range c.trials {
		mine[t.ID] = true
	}
	out := map[classOf]classMean{}
	for i := range r.rows {
		row := &r.rows[i]
		if row.Class == "" || row.Metric != "acc@1" || !mine[row.Trial] || row.Label != c.label {
			continue
		}
		at := classOf{row.Set, row.Class}
		m := out[at]
		out[at] = classMean{m.sum + row.Value, m.count + 1, row.N}
	}
	return out
}

// costs adds up what the stages took, by op in the order of the plan.
func (r *reporter) costs(p *pages.Page) error {
	if r.options.Plain {
		return nil
	}
	at, engines := map[string]int{}, map[string]map[string]bool{}
	total := 0.0
	for _, stage := range r.Plan.Stages {
		entry, ok := r.entries[stage.Key]
		if !ok {
			continue
		}
		if _, known := at[stage.Op]; !known {
			at[stage.Op], engines[stage.Op] = len(p.Costs), map[string]bool{}
			p.Costs = append(p.Costs, pages.Cost{Op: stage.Op})
		}
		c, m := &p.Costs[at[stage.Op]], entry.Manifest
		seconds := m.Finished.Sub(m.Started).Seconds()
		c.Stages, c.Seconds, c.Longest = c.Stages+1, c.Seconds+seconds, max(c.Longest, seconds)
		total += seconds
		for _, f := range m.Files {
			c.Bytes += f.Size
		}
		if name := record.EngineOf(m.Facts); name != "" {
			engines[stage.Op][name] = true
		}
		c.Engines = strings.Join(slices.Sorted(maps.Keys(engines[stage.Op])), ", ")
	}
	p.CostNote = fmt.Sprintf("What the stages took when they ran, %.0f s of stages in all; stages may have run side by side or in other sweeps, and a busy machine counts in full.", total)
	return nil
}
