package metric

import "slices"

// Recall is the two things that "recall@k" means where a query has several true matches, as an
// image has five captions.
type Recall struct {
	// Any is the share of queries with at least one true match among the first k: hit@k, what
	// tables of image-text retrieval print.
	Any float64
	// Set is the share of a query's true matches among the first k, averaged over queries.
	Set float64
}

// RecallAt compares rankings with the truth: found[q] lists what query q found, the best first, at
// least k long or all there is; truth[q] lists its matches, at least one.
func RecallAt(found, truth [][]int, k int) Recall {
	var sum Recall
	for q, list := range found {
		hits := 0
		for _, at := range list[:min(k, len(list))] {
			if slices.Contains(truth[q], at) {
				hits++
			}
		}
		if hits > 0 {
			sum.Any++
		}
		sum.Set += float64(hits) / float64(len(truth[q]))
	}
	n := float64(len(found))
	return Recall{sum.Any / n, sum.Set / n}
}
