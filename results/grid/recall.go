package grid

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"

	"react/results"
	"react/results/evaluation"
	"react/results/stat"
)

// recallClusters are the queries by image: an image with its captions is found,
// or finds, as one, within the first k.
func recallClusters(list []results.Query, cases evaluation.Cases, k int) []stat.Cluster {
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
			if cases == evaluation.CaptionFinds {
				rank = q.T2I
			}
			found += oneIf(rank > 0 && rank <= k)
		}
		c := stat.Cluster{Sum: float64(found), Size: float64(len(captions))}
		switch cases {
		case evaluation.ImageFindsOf:
			c = stat.Cluster{Sum: c.Sum / c.Size, Size: 1}
		case evaluation.ImageFinds:
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
