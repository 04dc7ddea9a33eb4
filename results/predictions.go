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

// imageTests compares trials image by image. What it keeps of a trial is a byte
// for each image, so that a large sweep on a large set fits.
type imageTests struct {
	read   func(trial, set string) ([]Prediction, error)
	sets   map[string]*imageSet
	stored map[[2]string][]byte
}

// imageSet is the images of an evaluation set, in the order of the first trial
// that was read.
type imageSet struct {
	trial   string // that was read first
	index   map[string]int
	labels  []int
	classes []int // of each image, an index
	count   int   // of classes
}

// Bootstrap settings: enough resamples for the second digit of an interval,
// from one seed, so that a table is the same whenever it is made.
const (
	bootstrapResamples = 10000
	bootstrapSeed      = 20230107
)

// ranks gives the rank of the true class for each image of the set: 1 is right,
// 0 not known but not 1, 255 stands for all above 254. nil: no predictions.
func (t *imageTests) ranks(trial, set string) ([]byte, error) {
	id := [2]string{trial, set}
	if ranks, ok := t.stored[id]; ok {
		return ranks, nil
	}
	list, err := t.read(trial, set)
	if err != nil {
		return nil, fmt.Errorf("predictions of trial %s on %s: %w", trial, set, err)
	}
	if t.stored == nil {
		t.sets, t.stored = map[string]*imageSet{}, map[[2]string][]byte{}
	}
	if len(list) > 0 && t.sets[set] == nil {
		t.sets[set] = newImageSet(trial, list)
	}
	if len(list) > 0 {
		if t.stored[id], err = t.sets[set].ranks(list); err != nil {
			return nil, fmt.Errorf("predictions on %s: trial %s is not over the same images as trial %s: %w", set, trial, t.sets[set].trial, err)
		}
	}
	return t.stored[id], nil
}

func newImageSet(trial string, list []Prediction) *imageSet {
	s := &imageSet{trial: trial, index: make(map[string]int, len(list)), labels: make([]int, len(list)), classes: make([]int, len(list))}
	for i, p := range list {
		s.index[p.Key], s.labels[i] = i, p.Label
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(s.labels)))
	for i, label := range s.labels {
		s.classes[i], _ = slices.BinarySearch(distinct, label)
	}
	s.count = len(distinct)
	return s
}

func (s *imageSet) ranks(list []Prediction) ([]byte, error) {
	if len(list) != len(s.labels) || len(s.index) != len(s.labels) {
		return nil, fmt.Errorf("%d rows, %d keys", len(list), len(s.index))
	}
	out, seen := make([]byte, len(list)), make([]bool, len(list))
	for _, p := range list {
		i, ok := s.index[p.Key]
		switch {
		case !ok:
			return nil, fmt.Errorf("key %q is new", p.Key)
		case seen[i]:
			return nil, fmt.Errorf("key %q is there twice", p.Key)
		case s.labels[i] != p.Label:
			return nil, fmt.Errorf("key %q has label %d, not %d", p.Key, p.Label, s.labels[i])
		}
		out[i], seen[i] = p.rankByte(), true
	}
	return out, nil
}

// rankByte lets Correct decide what is first; equal scores may give rank 1 to
// an image whose prediction is another class.
func (p Prediction) rankByte() byte {
	switch {
	case p.Correct:
		return 1
	case p.Rank <= 0:
		return 0
	}
	return byte(min(255, max(2, p.Rank)))
}

// trialPair is one trial of a line with the trial of the baseline it is set against.
type trialPair struct{ line, other string }

// compare runs the tests over the pairs (one for each seed). It gives nil
// where a side has no predictions or the metric no yes or no.
func (t *imageTests) compare(set string, k int, pairs []trialPair) (*ImageTest, error) {
	if t.read == nil || k == 0 || k > 254 || len(pairs) == 0 {
		return nil, nil
	}
	test, sums := &ImageTest{}, []int(nil)
	for _, pair := range pairs {
		line, err := t.ranks(pair.line, set)
		if err != nil {
			return nil, err
		}
		other, err := t.ranks(pair.other, set)
		if err != nil || line == nil || other == nil {
			return nil, err
		}
		if k > 1 && (slices.Contains(line, 0) || slices.Contains(other, 0)) {
			return nil, nil // ranks are not stored
		}
		if sums == nil {
			sums = make([]int, len(line))
		}
		m := mcNemar(line, other, k, sums)
		m.Trial, m.Against = pair.line, pair.other
		test.Pairs = append(test.Pairs, m)
	}
	test.bootstrap(t.sets[set], sums)
	return test, nil
}

// mcNemar counts the images that only one side gets right within the first k,
// and adds each image's difference to sums.
func mcNemar(line, other []byte, k int, sums []int) McNemarPair {
	var m McNemarPair
	right := func(rank byte) bool { return rank > 0 && int(rank) <= k }
	for i := range line {
		mine, theirs := right(line[i]), right(other[i])
		if mine && !theirs {
			m.OnlyLine++
			sums[i]++
		}
		if theirs && !mine {
			m.OnlyOther++
			sums[i]--
		}
	}
	m.P = stat.McNemar(m.OnlyLine, m.OnlyOther)
	return m
}

// bootstrap resamples the classes of the set, each image with its mean
// difference over seeds.
func (t *ImageTest) bootstrap(set *imageSet, sums []int) {
	clusters := make([]stat.Cluster, set.count)
	for i, sum := range sums {
		c := &clusters[set.classes[i]]
		c.Sum += float64(sum)
		c.N++
	}
	for i := range clusters {
		clusters[i].Sum /= float64(len(t.Pairs))
	}
	t.Images, t.Classes = len(sums), set.count
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
