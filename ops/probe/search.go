package probe

import (
	"cmp"
	"slices"

	"react/data/dtype"
	"react/ops/blas"
)

// Epochs of the search and of the final training, as the toolkit's configurations have them.
const (
	searchEpochs = 10
	FinalEpochs  = 50
)

// maxHeads bounds the memory of heads that are trained side by side, values.
const maxHeads = 1 << 25

// learningRates are the toolkit's.
var learningRates = []float64{1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1}

// Scored are settings with their score on the validation part, of the best epoch.
type Scored struct {
	Settings
	Score float64
}

// Chosen is the end of a search.
type Chosen struct {
	Scored
	Runs     int // heads that were trained
	Diverged int // of them, those whose logits stopped being finite; they score 0
	// The other settings that stayed finite, the highest score first. Those chosen can still
	// diverge in the longer training on all images (Elevater_Toolkit_IC's issue 3).
	Others []Scored
}

// Search chooses learning rate and weight decay as ELEVATER's toolkit does: for each of 6 rates a
// Grid over weight decay, each run scored by its best epoch on the validation part. A round of all
// rates is one training. metric scores logits of the validation images.
func Search(train, val Data, start Start, metric func(logits blas.Matrix) (float64, error)) (Chosen, error) {
	var out Chosen
	grids := make([]Grid, len(learningRates))
	var finite []Scored
	for {
		var settings []Settings
		var places [][]int
		for i := range grids {
			places = append(places, grids[i].Next())
			for _, p := range places[i] {
				settings = append(settings, Settings{learningRates[i], Value(p)})
			}
		}
		if len(settings) == 0 {
			break
		}
		scores, lost, err := bestEpochs(train, val, start, settings, metric)
		if err != nil {
			return out, err
		}
		out.Runs += len(settings)
		for i, set := range settings {
			if lost[i] {
				out.Diverged++
			} else {
				finite = append(finite, Scored{set, scores[i]})
			}
		}
		for i := range grids {
			grids[i].Tell(places[i], scores[:len(places[i])])
			scores = scores[len(places[i]):]
		}
	}
	for i := range grids {
		if at, score := grids[i].Best(); i == 0 || score > out.Score {
			out.Scored = Scored{Settings{learningRates[i], Value(at)}, score}
		}
	}
	out.Others = slices.DeleteFunc(finite, func(s Scored) bool { return s.Settings == out.Settings })
	slices.SortStableFunc(out.Others, func(a, b Scored) int { return cmp.Compare(b.Score, a.Score) })
	return out, nil
}

// bestEpochs trains by each settings and gives the highest validation score of its epochs, and
// whether its logits stopped being finite.
func bestEpochs(train, val Data, start Start, settings []Settings, metric func(blas.Matrix) (float64, error)) (scores []float64, lost []bool, err error) {
	most := max(1, maxHeads/(start.Classes*(train.X.Cols+1)))
	for at := 0; at < len(settings); at += most {
		part := settings[at:min(at+most, len(settings))]
		best := make([]float64, len(part))
		bad := make([]bool, len(part))
		SGD(train, start, part, searchEpochs, func(_ int, score func(blas.Matrix) []blas.Matrix) {
			for h, logits := range score(val.X) {
				if _, n := dtype.NotFinite(logits.Values); n > 0 {
					bad[h] = true
					continue
				}
				value, e := metric(logits)
				if e != nil && err == nil {
					err = e
				}
				best[h] = max(best[h], value)
			}
		})
		if err != nil {
			return nil, nil, err
		}
		scores, lost = append(scores, best...), append(lost, bad...)
	}
	return scores, lost, nil
}
