package grid

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"react/results"
	"react/results/dense"
	"react/results/stat"
)

// caseStore reads what is stored of single test cases, images or queries, and
// keeps it in few bytes, so that a large sweep on a large set fits.
type caseStore struct {
	opts    *Options
	rows    []results.Row
	known   map[[2]string]float64         // see scores
	sets    map[string]*imageSet          // by evaluation set
	images  map[[2]string]*imageCases     // by trial and set; nil: none is stored
	queries map[[2]string][]results.Query // likewise

	pictures map[[2]string]dense.Set // likewise
	draws    map[string]stat.Redrawn // of a figure, by trial, set and metric
}

// imageSet is images with their classes, in the order of their keys. Trials over
// the same images share one.
type imageSet struct {
	index   map[string]int
	labels  []int
	classes []int // of each image, an index
	count   int   // of classes
	digest  string
}

// imageCases is what a trial said of each image of a set.
type imageCases struct {
	set *imageSet
	// of the true class: 1 is right, 0 not known but not 1, 255 stands for all above 254
	ranks  []byte
	agrees []byte // 1: the base predicts the same class; nil: no base is known
}

// imagesOf gives what a trial said of a set's images; nil where none is stored.
func (s *caseStore) imagesOf(trial, set string) (*imageCases, error) {
	id := [2]string{trial, set}
	if got, ok := s.images[id]; ok {
		return got, nil
	}
	list, err := s.read(s.opts.Predictions, trial, set)
	if err != nil {
		return nil, err
	}
	if s.images == nil {
		s.sets, s.images = map[string]*imageSet{}, map[[2]string]*imageCases{}
	}
	s.images[id] = nil
	if len(list) == 0 {
		return nil, nil
	}
	out := &imageCases{ranks: make([]byte, len(list))}
	if out.set, err = s.setOf(list); err != nil {
		return nil, fmt.Errorf("predictions of trial %s on %s: %w", trial, set, err)
	}
	for _, p := range list {
		out.ranks[out.set.index[p.Key]] = rankByte(p)
	}
	if err := s.compareWithBase(out, list, trial, set); err != nil {
		return nil, err
	}
	s.images[id] = out
	return out, nil
}

func (s *caseStore) read(from func(trial, set string) ([]results.Prediction, error), trial, set string) ([]results.Prediction, error) {
	if from == nil {
		return nil, nil
	}
	list, err := from(trial, set)
	if err != nil {
		return nil, fmt.Errorf("predictions of trial %s on %s: %w", trial, set, err)
	}
	return list, nil
}

// compareWithBase notes for each image whether the untuned model says the same.
// A base over other images says nothing.
func (s *caseStore) compareWithBase(c *imageCases, list []results.Prediction, trial, set string) error {
	base, err := s.read(s.opts.BasePredictions, trial, set)
	if err != nil || len(base) == 0 {
		return err
	}
	of, err := s.setOf(base)
	if err != nil {
		return fmt.Errorf("predictions of the base of trial %s on %s: %w", trial, set, err)
	}
	if of != c.set {
		return nil
	}
	predicted := make([]int, len(base))
	for _, p := range base {
		predicted[of.index[p.Key]] = p.Predicted
	}
	c.agrees = make([]byte, len(base))
	for _, p := range list {
		at := of.index[p.Key]
		c.agrees[at] = byte(oneIf(predicted[at] == p.Predicted))
	}
	return nil
}

// setOf makes or finds the images of a list.
func (s *caseStore) setOf(list []results.Prediction) (*imageSet, error) {
	sorted := slices.SortedFunc(slices.Values(list), func(p, q results.Prediction) int { return strings.Compare(p.Key, q.Key) })
	h := sha256.New()
	for i, p := range sorted {
		if i > 0 && p.Key == sorted[i-1].Key {
			return nil, fmt.Errorf("key %q is there twice", p.Key)
		}
		fmt.Fprintf(h, "%d %s\n", p.Label, p.Key)
	}
	digest := hex.EncodeToString(h.Sum(nil))
	if s.sets[digest] == nil {
		s.sets[digest] = newImageSet(sorted, digest)
	}
	return s.sets[digest], nil
}

func newImageSet(sorted []results.Prediction, digest string) *imageSet {
	n := len(sorted)
	s := &imageSet{index: make(map[string]int, n), labels: make([]int, n), classes: make([]int, n), digest: digest}
	for i, p := range sorted {
		s.index[p.Key], s.labels[i] = i, p.Label
	}
	distinct := slices.Compact(slices.Sorted(slices.Values(s.labels)))
	for i, label := range s.labels {
		s.classes[i], _ = slices.BinarySearch(distinct, label)
	}
	s.count = len(distinct)
	return s
}

// rankByte lets Correct decide what is first; equal scores may give rank 1 to
// an image whose prediction is another class.
func rankByte(p results.Prediction) byte {
	switch {
	case p.Correct:
		return 1
	case p.Rank <= 0:
		return 0
	}
	return byte(min(255, max(2, p.Rank)))
}

// right reports whether the true class is within the first k; known is false
// where ranks are not stored.
func (c *imageCases) right(i, k int) (right, known bool) {
	rank := c.ranks[i]
	return rank > 0 && int(rank) <= k, k == 1 || rank > 0
}

// count sums a figure of 0, 1 or -1 for each image, by class. nil: it is not
// known of all images.
func (c *imageCases) count(figure func(i int) (value int, known bool)) []stat.Cluster {
	out := make([]stat.Cluster, c.set.count)
	for i, class := range c.set.classes {
		v, known := figure(i)
		if !known {
			return nil
		}
		out[class].Sum += float64(v)
		out[class].Size++
	}
	return out
}

// topFigure is 1 where the true class is within the first k.
func (c *imageCases) topFigure(k int) func(i int) (int, bool) {
	return func(i int) (int, bool) {
		right, known := c.right(i, k)
		return oneIf(right), known
	}
}

// agreement is 1 where the trial predicts the base's class.
func (c *imageCases) agreement(i int) (int, bool) {
	if c.agrees == nil {
		return 0, false
	}
	return int(c.agrees[i]), true
}

func oneIf(is bool) int {
	if is {
		return 1
	}
	return 0
}

// evenly makes each class count once, whatever its size.
func evenly(classes []stat.Cluster) []stat.Cluster {
	for i, c := range classes {
		if c.Size > 0 {
			classes[i] = stat.Cluster{Sum: c.Sum / c.Size, Size: 1}
		}
	}
	return classes
}
