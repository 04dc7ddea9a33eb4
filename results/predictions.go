package results

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"react/results/stat"
)

// Prediction is what a trial said of one test image.
type Prediction struct {
	Key       string `json:"key"`
	Label     int    `json:"label"`     // true class
	Predicted int    `json:"predicted"` // class
	Correct   bool   `json:"correct"`   // Predicted equals Label
	Rank      int    `json:"rank"`      // of the true class, 1-based; 0: not known
}

type parquetPrediction struct {
	Key       string `parquet:"key"`
	Label     int32  `parquet:"label"`
	Predicted int32  `parquet:"predicted"`
	Rank      int32  `parquet:"rank"`
}

// ReadPredictions reads key, label, predicted and, where it is there, rank from
// a .parquet or .jsonl file. Other columns are ignored; Correct follows from
// label and predicted. A key that is there twice is an error.
func ReadPredictions(path string) ([]Prediction, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	read := predictionsJSONL
	if isParquet(path) {
		read = predictionsParquet
	}
	list, err := read(f)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	seen := make(map[string]int, len(list))
	for i, p := range list {
		if first, ok := seen[p.Key]; ok {
			return nil, fmt.Errorf("file %s: rows %d and %d both have key %q", path, first, i, p.Key)
		}
		seen[p.Key] = i
	}
	return list, nil
}

func predictionsParquet(f *os.File) ([]Prediction, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	rows, err := readParquet[parquetPrediction](f, info.Size(), "key", "label", "predicted")
	if err != nil {
		return nil, err
	}
	list := make([]Prediction, len(rows))
	for i, r := range rows {
		list[i] = Prediction{r.Key, int(r.Label), int(r.Predicted), r.Label == r.Predicted, int(r.Rank)}
	}
	return list, nil
}

func predictionsJSONL(f *os.File) ([]Prediction, error) {
	var list []Prediction
	dec := json.NewDecoder(bufio.NewReader(f))
	for {
		var in struct {
			Key       *string `json:"key"`
			Label     *int    `json:"label"`
			Predicted *int    `json:"predicted"`
			Rank      int     `json:"rank"`
		}
		err := dec.Decode(&in)
		if err == io.EOF {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", len(list), err)
		}
		if in.Key == nil || in.Label == nil || in.Predicted == nil {
			return nil, fmt.Errorf("row %d: key, label or predicted is missing", len(list))
		}
		list = append(list, Prediction{*in.Key, *in.Label, *in.Predicted, *in.Label == *in.Predicted, in.Rank})
	}
}

// topOf is k where the metric is the share of images right within the first k:
// the metrics that have a yes or no for each image. 0: another metric.
func topOf(metric string) int {
	_, name := splitMetric(metric)
	digits, ok := strings.CutPrefix(name, "acc@")
	k, err := strconv.Atoi(digits)
	if !ok || err != nil {
		return 0
	}
	return max(k, 0)
}

// right reports whether the image counts as right within the first k, and
// whether that is known.
func (p Prediction) right(k int) (right, known bool) {
	if k == 1 {
		return p.Correct, true
	}
	return p.Rank <= k, p.Rank > 0
}

// imageTests compares trials image by image, reading each one's predictions
// once.
type imageTests struct {
	read   func(trial, set string) ([]Prediction, error)
	stored map[[2]string]map[string]Prediction
}

// Bootstrap settings: enough resamples for the second digit of an interval,
// from one seed, so that a table is the same whenever it is made.
const (
	bootstrapResamples = 10000
	bootstrapSeed      = 20230107
)

func (t *imageTests) of(trial, set string) (map[string]Prediction, error) {
	id := [2]string{trial, set}
	if byKey, ok := t.stored[id]; ok || t.read == nil {
		return byKey, nil
	}
	list, err := t.read(trial, set)
	if err != nil {
		return nil, fmt.Errorf("predictions of trial %s on %s: %w", trial, set, err)
	}
	byKey := make(map[string]Prediction, len(list))
	for _, p := range list {
		byKey[p.Key] = p
	}
	if t.stored == nil {
		t.stored = map[[2]string]map[string]Prediction{}
	}
	t.stored[id] = byKey
	return byKey, nil
}

// pair is one trial of a line with the trial of the baseline it is set against.
type trialPair struct{ line, other string }

// compare runs the tests over the pairs (one for each seed). It gives nil
// where a side has no predictions or the metric no yes or no.
func (t *imageTests) compare(set string, k int, pairs []trialPair) (*ImageTest, error) {
	if t.read == nil || k == 0 || len(pairs) == 0 {
		return nil, nil
	}
	test, images := &ImageTest{}, map[string]*imageSum{}
	for _, pair := range pairs {
		line, err := t.of(pair.line, set)
		if err != nil {
			return nil, err
		}
		other, err := t.of(pair.other, set)
		if err != nil || len(line) == 0 || len(other) == 0 {
			return nil, err
		}
		if !sameImages(line, other) || len(images) > 0 && len(images) != len(line) {
			return nil, fmt.Errorf("predictions of trials %s and %s on %s are not over the same images", pair.line, pair.other, set)
		}
		m, ok := mcNemar(line, other, k, images)
		if !ok {
			return nil, nil
		}
		m.Trial, m.Against = pair.line, pair.other
		test.Pairs = append(test.Pairs, m)
	}
	test.bootstrap(images)
	return test, nil
}

func sameImages(a, b map[string]Prediction) bool {
	if len(a) != len(b) {
		return false
	}
	for key, p := range a {
		if q, ok := b[key]; !ok || q.Label != p.Label {
			return false
		}
	}
	return true
}

// imageSum is an image's difference in being right, summed over seeds.
type imageSum struct{ label, difference int }

// mcNemar counts the images that only one side gets right, and adds each
// image's difference to images.
func mcNemar(line, other map[string]Prediction, k int, images map[string]*imageSum) (McNemarPair, bool) {
	var m McNemarPair
	for key, p := range line {
		mine, known := p.right(k)
		theirs, alsoKnown := other[key].right(k)
		if !known || !alsoKnown {
			return m, false
		}
		image := images[key]
		if image == nil {
			image = &imageSum{label: p.Label}
			images[key] = image
		}
		if mine && !theirs {
			m.OnlyLine++
			image.difference++
		}
		if theirs && !mine {
			m.OnlyOther++
			image.difference--
		}
	}
	m.P = stat.McNemar(m.OnlyLine, m.OnlyOther)
	return m, true
}

// bootstrap resamples classes of the images, each image with its mean
// difference over seeds.
func (t *ImageTest) bootstrap(images map[string]*imageSum) {
	sums := map[int]stat.Cluster{}
	for _, image := range images {
		c := sums[image.label]
		c.Sum += float64(image.difference) // whole numbers: the order of adding does not matter
		c.N++
		sums[image.label] = c
	}
	labels := make([]int, 0, len(sums))
	for label := range sums {
		labels = append(labels, label)
	}
	slices.Sort(labels)
	clusters := make([]stat.Cluster, len(labels))
	for i, label := range labels {
		clusters[i] = stat.Cluster{Sum: sums[label].Sum / float64(len(t.Pairs)), N: sums[label].N}
	}
	t.Images, t.Classes = len(images), len(clusters)
	t.Interval = stat.Bootstrap(clusters, bootstrapResamples, bootstrapSeed)
}

// p is the largest of the p values of the seeds: small only when every seed
// says so.
func (t *ImageTest) p() float64 {
	largest := 0.0
	for _, pair := range t.Pairs {
		largest = math.Max(largest, pair.P)
	}
	return largest
}
