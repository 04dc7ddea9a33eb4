package encode

import (
	"fmt"
	"math"
)

// NotFiniteError says that a tower gave embeddings that are no vectors: NaN or
// infinite values, or only zeros. Weights that are finite themselves do that
// where their sums leave float32, as after a training that diverged or was kept
// in half precision. Nothing can be ranked, averaged or scored with them: no
// comparison with NaN is true.
type NotFiniteError struct {
	First int // the first row without an embedding, of those of the call
	Count int // rows without one
	Rows  int // rows of the call
}

func (e *NotFiniteError) Error() string {
	return fmt.Sprintf("its embedding is not finite (%d of the %d of its batch are not): "+
		"the weights overflow, as after a training that diverged or was kept in half precision", e.Count, e.Rows)
}

// checkEmbeddings wants rows of dim finite values that are not all 0.
func checkEmbeddings(values []float32, dim int) error {
	var found *NotFiniteError
	for start := 0; start < len(values); start += dim {
		if isVector(values[start : start+dim]) {
			continue
		}
		if found == nil {
			found = &NotFiniteError{First: start / dim, Rows: len(values) / dim}
		}
		found.Count++
	}
	if found == nil {
		return nil
	}
	return found
}

// isVector says whether a row has a direction: its squared length is positive and finite.
func isVector(row []float32) bool {
	sum := 0.0
	for _, v := range row {
		sum += float64(v) * float64(v)
	}
	return sum > 0 && !math.IsInf(sum, 1)
}
