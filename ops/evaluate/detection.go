package evaluate

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"github.com/parquet-go/parquet-go"

	"react/data/coco"
	"react/data/datasets/catalogue"
	"react/ops/backbone"
	"react/ops/blas"
	"react/ops/metric"
	"react/ops/metric/detection"
	"react/ops/op"
	"react/ops/places"
	"react/results"
	"react/results/dense"
)

// DetectionParams are the params of kind detection.
type DetectionParams struct {
	Objectness  string  `json:"objectness"` // none, probability, sigmoid, raw
	Temperature float64 `json:"temperature"`
	NMS         float64 `json:"nms"`
	SoftNMS     float64 `json:"softNMS,omitempty"` // 0 is plain NMS
	MinScore    float64 `json:"minScore"`
	Top         int     `json:"top"`
}

// checkScores refuses proposals whose scores are no probabilities where that is asked for.
func (p DetectionParams) checkScores(f op.Files) error {
	if p.Objectness != "probability" {
		return nil
	}
	found, err := coco.ReadResults(f.Paths[0])
	if err != nil {
		return nil // said of the boxes
	}
	for i, d := range found {
		if !(d.Score >= 0 && d.Score <= 1) {
			return fmt.Errorf("file %s: proposal %d: score %g is no probability "+
				"(objectness: \"sigmoid\" where scores are logits)", f.Paths[0], i, d.Score)
		}
	}
	return nil
}

// prune is the lowered score up to which soft NMS drops a box.
const prune = 0.001

// Files of an evaluation of boxes: what was found, as COCO results, and what of it hits.
const (
	detectionsFile = "detections.json"
	foundFile      = "found.parquet"
)

// detect names regions and judges what is found. In: "checkpoint" for the text tower, "regions",
// "dataset" (see places.OpenSet), optional "base". Out: rows.jsonl with COCO's or LVIS's figures and
// those of each category; detections.json; found.parquet, from which figures can be accumulated over
// other draws of the pictures; of true boxes predictions.parquet.
func detect(ctx context.Context, run *op.Run, p Params) error {
	set, _, err := places.OpenSet(run, p.Set)
	if err != nil {
		return err
	}
	regions, err := places.OpenRegions(run)
	if err != nil {
		return err
	}
	defer regions.Close()
	if err := keepKnown(set, regions.Pictures); err != nil {
		return err
	}
	entry, err := benchmarkOf(p.Benchmark)
	if err != nil {
		return err
	}
	text, err := placeHead(ctx, run, p, categoryNames(set, entry), entry)
	if err != nil {
		return err
	}
	if text.Cols != regions.Dim() {
		return fmt.Errorf("regions have %d values, the model's embeddings %d", regions.Dim(), text.Cols)
	}
	d := &detector{set: set, text: text, how: *p.Detection}
	found, err := d.all(ctx, run, regions)
	if err != nil {
		return err
	}
	if err := coco.WriteResults(run.Path(detectionsFile), found); err != nil {
		return err
	}
	return d.report(run, found, groupsOf(entry))
}

// benchmarkOf is the entry of the catalogue, nil for none.
func benchmarkOf(name string) (*catalogue.Dense, error) {
	if name == "" {
		return nil, nil
	}
	return catalogue.FindDense(name)
}

// categoryNames are what the categories of a set are called in prompts: as the benchmark says, else
// their own names without the signs of files.
func categoryNames(set *coco.Set, entry *catalogue.Dense) []catalogue.Names {
	called := map[string]string{}
	if entry != nil {
		for i, name := range entry.ClassNames() {
			called[entry.Classes[i]] = name
		}
	}
	out := make([]catalogue.Names, len(set.Categories))
	for i, c := range set.Categories {
		out[i] = catalogue.Names{cmp.Or(called[c.Name], catalogue.CategoryName(c.Name))}
	}
	return out
}

// groupsOf are the categories that open-vocabulary detectors train on, and those that they do not;
// nil for a benchmark without that split.
func groupsOf(entry *catalogue.Dense) map[string]string {
	if entry == nil || len(entry.Novel) == 0 {
		return nil
	}
	groups := map[string]string{}
	for _, name := range entry.Base {
		groups[name] = "base"
	}
	for _, name := range entry.Novel {
		groups[name] = "novel"
	}
	return groups
}

// placeHead is the classifier of places, [classes, dim].
func placeHead(ctx context.Context, run *op.Run, p Params, names []catalogue.Names,
	entry *catalogue.Dense) (blas.Matrix, error) {
	templates := p.Prompts
	if len(templates) == 0 && entry != nil {
		templates = entry.Templates()
	}
	if len(templates) == 0 {
		return blas.Matrix{}, fmt.Errorf("no prompts (evaluate.NAME.prompts)")
	}
	b, err := backbone.OpenPrompts(run, p.Precision, p.Truncate)
	if err != nil {
		return blas.Matrix{}, err
	}
	defer b.Close()
	return cachedHead(ctx, run, b, backbone.Prompts(names, templates))
}

// keepKnown leaves out of a set the pictures that could not be read.
func keepKnown(set *coco.Set, pictures []int64) error {
	known := map[int64]bool{}
	for _, id := range pictures {
		known[id] = true
	}
	set.Images = slices.DeleteFunc(set.Images, func(i coco.Image) bool { return !known[i.ID] })
	set.Annotations = slices.DeleteFunc(set.Annotations, func(a coco.Annotation) bool { return !known[a.Image] })
	if len(set.Images) != len(pictures) {
		return fmt.Errorf("regions are of %d pictures, of which the set has %d: not the same set",
			len(pictures), len(set.Images))
	}
	return nil
}

// detector names regions.
type detector struct {
	set  *coco.Set
	text blas.Matrix
	how  DetectionParams

	predictions []Prediction // of true boxes
}

// all are the findings in every picture.
func (d *detector) all(ctx context.Context, run *op.Run, regions *places.Regions) ([]coco.Detection, error) {
	images := map[int64]coco.Image{}
	for _, image := range d.set.Images {
		images[image.ID] = image
	}
	var out []coco.Detection
	done := 0
	err := regions.Each(func(id int64, rows []places.Region, x blas.Matrix) error {
		found, err := d.picture(images[id], rows, x)
		if err != nil {
			return fmt.Errorf("picture %s: %w", images[id].File, err)
		}
		out = append(out, found...)
		done++
		run.Progress(op.Progress{Done: done, Total: len(regions.Pictures), Note: "pictures"})
		return ctx.Err()
	})
	return out, err
}

// picture are the findings in one picture.
func (d *detector) picture(image coco.Image, rows []places.Region, x blas.Matrix) ([]coco.Detection, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	d.predict(image, rows, x)
	scores := detection.Probabilities(x, d.text, d.how.Temperature)
	objectness, boxes := make([]float32, len(rows)), make([]detection.Corners, len(rows))
	for i, r := range rows {
		objectness[i] = float32(r.Score)
		boxes[i] = detection.Corners{float32(r.X), float32(r.Y), float32(r.X + r.Width), float32(r.Y + r.Height)}
	}
	how := d.how.Objectness
	if how == "probability" {
		how = detection.Sigmoid
	}
	if err := detection.Join(scores, objectness, how, d.how.Objectness == "sigmoid"); err != nil {
		return nil, err
	}
	choice := detection.Choice{Height: image.Height, Width: image.Width, Least: d.how.MinScore,
		IoU: d.how.NMS, Most: d.how.Top}
	if d.how.SoftNMS > 0 {
		choice.Soft = &detection.Soft{Sigma: d.how.SoftNMS, Prune: prune}
	}
	var out []coco.Detection
	for _, f := range choice.Choose(boxes, scores) {
		w, h := float64(f.Box[2]-f.Box[0]), float64(f.Box[3]-f.Box[1])
		out = append(out, coco.Detection{Image: image.ID, Category: d.set.Categories[f.Class].ID,
			Box: coco.Box{float64(f.Box[0]), float64(f.Box[1]), w, h}, Area: w * h, Score: float64(f.Score)})
	}
	return out, nil
}

// predict ranks the classes of true boxes.
func (d *detector) predict(image coco.Image, rows []places.Region, x blas.Matrix) {
	for i, r := range rows {
		label := slices.IndexFunc(d.set.Categories, func(c coco.Category) bool { return c.ID == r.Category })
		if label < 0 {
			continue
		}
		p := rankClasses(x.Row(i), d.text.Values, label)
		p.Key = fmt.Sprintf("%s %g,%g,%g,%g", image.File, r.X, r.Y, r.Width, r.Height)
		d.predictions = append(d.predictions, p)
	}
}

// report judges what was found.
func (d *detector) report(run *op.Run, found []coco.Detection, groups map[string]string) error {
	rules, names := detection.Rules{Protocol: detection.COCO, Most: d.how.Top, Groups: groups}, dense.OfCOCO
	if groups != nil {
		names = append(slices.Clone(names), "AP50-novel", "AP50-base")
	}
	if slices.ContainsFunc(d.set.Categories, func(c coco.Category) bool { return c.Frequency != "" }) {
		rules.Protocol, names = detection.LVIS, dense.OfLVIS
	}
	rows, err := detection.Evaluate(d.set, found, rules)
	if err != nil {
		return err
	}
	if err := writeOne(run.Path(foundFile), func(w io.Writer) error {
		return results.WriteFoundByStage(w, map[string][]results.Found{"": rows})
	}); err != nil {
		return err
	}
	all := dense.NewDetection(rows)
	var out []op.MetricRow
	add := func(name, class string, value float64) {
		if !math.IsNaN(value) {
			out = append(out, op.MetricRow{Metric: name, Value: value, N: len(d.set.Images), Class: class})
		}
	}
	for _, name := range names {
		figure, ok := dense.FigureOf(name)
		if !ok {
			return fmt.Errorf("no figure %q", name)
		}
		add(name, "", all.Value(figure, nil))
	}
	for _, category := range all.Categories() {
		for _, name := range []string{"AP", "AP50"} {
			figure, _ := dense.FigureOf(name)
			add(name, category, all.OfCategory(category, figure))
		}
	}
	if len(d.predictions) > 0 {
		if err := parquet.WriteFile(run.Path(predictionsFile), d.predictions); err != nil {
			return err
		}
		out = append(out, d.accuracy()...)
	}
	return run.WriteRows(out)
}

// accuracy is the share of true boxes whose category is named first, of each category too.
func (d *detector) accuracy() []op.MetricRow {
	n := len(d.predictions)
	ranks, labels, predicted := make([]int, n), make([]int, n), make([]int, n)
	for i, p := range d.predictions {
		ranks[i], labels[i], predicted[i] = int(p.Rank), int(p.Label), int(p.Predicted)
	}
	out := []op.MetricRow{{Metric: "acc@1", Value: metric.Accuracy(ranks, 1), N: n}}
	recall, support := metric.PerClass(labels, predicted, len(d.set.Categories))
	for c, category := range d.set.Categories {
		if support[c] > 0 {
			out = append(out, op.MetricRow{Metric: "acc@1", Value: recall[c], N: support[c], Class: category.Name})
		}
	}
	return out
}

// writeOne writes a file.
func writeOne(path string, write func(w io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := write(f); err != nil {
		return err
	}
	return f.Close()
}

// ReadFound reads what a finished evaluate stage of kind detection found, picture by picture.
func ReadFound(dir string) ([]results.Found, error) {
	all, err := results.ReadFoundByStage(filepath.Join(dir, foundFile))
	return all[""], err
}
