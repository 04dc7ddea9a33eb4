package metric

import (
	"math"
	"slices"
)

// Quantiles are five of some values.
type Quantiles struct {
	Least  float64 `json:"least"`
	Q25    float64 `json:"q25"`
	Median float64 `json:"median"`
	Q75    float64 `json:"q75"`
	Most   float64 `json:"most"`
}

// Share is part of whole; 0 of nothing.
func Share(part, whole int) float64 { return float64(part) / float64(max(1, whole)) }

// QuantilesOf are the quantiles of some values, by the nearest rank; zero without any.
func QuantilesOf(values []float64) Quantiles {
	if len(values) == 0 {
		return Quantiles{}
	}
	slices.Sort(values)
	at := func(q float64) float64 { return values[int(math.Round(q*float64(len(values)-1)))] }
	return Quantiles{at(0), at(0.25), at(0.5), at(0.75), at(1)}
}
