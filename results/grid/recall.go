package grid

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"react/results"
	"react/results/stat"
)

// recallFigure reads "i2t-recall@5", "t2i-recall@1" and "i2t-set-recall@10".
func recallFigure(metric string) (way string, set bool, k int, ok bool) {
	way, rest, found := strings.Cut(metric, "-")
	if !found || way != "i2t" && way != "t2i" {
		return "", false, 0, false
	}
	if rest, set = strings.CutPrefix(rest, "set-"); set && way != "i2t" {
		return "", false, 0, false
	}
	digits, isRecall := strings.CutPrefix(rest, "recall@")
	k, err := strconv.Atoi(digits)
	return way, set, k, isRecall && err == nil && k > 0
}

// recallClusters are the queries by image: an image with its captions is found,
// or finds, as one.
func recallClusters(list []results.Query, metric string) []stat.Cluster {
	way, set, k, ok := recallFigure(metric)
	if !ok {
		return nil
	}
	var out []stat.Cluster
	for first := 0; first < len(list); {
		end := first + 1
		for end < len(list) && list[end].Image == list[first].Image {
			end++
		}
		captions := list[first:end]
		found := 0
		for _, q := range captions {
			rank := q.I2T
			if way == "t2i" {
				rank = q.T2I
			}
			found += oneIf(rank > 0 && rank <= k)
		}
		c := stat.Cluster{Sum: float64(found), Size: float64(len(captions))}
		switch {
		case set:
			c = stat.Cluster{Sum: c.Sum / c.Size, Size: 1}
		case way == "i2t":
			c = stat.Cluster{Sum: float64(min(found, 1)), Size: 1}
		}
		out = append(out, c)
		first = end
	}
	return out
}

// queriesOf gives what a trial found on a set; nil where it is not stored.
func (s *caseStore) queriesOf(trial, set string) ([]results.Query, error) {
	id := [2]string{trial, set}
	if got, ok := s.queries[id]; ok || s.opts.Queries == nil {
		return got, nil
	}
	list, err := s.opts.Queries(trial, set)
	if err != nil {
		return nil, fmt.Errorf("queries of trial %s on %s: %w", trial, set, err)
	}
	if s.queries == nil {
		s.queries = map[[2]string][]results.Query{}
	}
	s.queries[id] = list
	return list, nil
}

// imagesDigest tells lists over other images or captions apart.
func imagesDigest(list []results.Query) string {
	h := sha256.New()
	for _, q := range list {
		io.WriteString(h, q.Image+"\n")
	}
	return hex.EncodeToString(h.Sum(nil))
}
