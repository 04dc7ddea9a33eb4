package reproduce

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"

	"react/data/npy"
	"react/ops/clip/layout"
	"react/ops/op"
	"react/ops/train"
)

// Another engine, or another number of devices, adds the same numbers up in another order, so what
// it makes has other last bits. Outputs are then compared by their values.

// roundingShare is how far apart rounding may bring two figures: 0.3 points of an accuracy, or this
// share of a larger figure.
const roundingShare = 0.003

// isRounding says whether rounding explains the difference between two figures. On n test images
// two answers may come out otherwise.
func isRounding(then, now float64, n int) bool {
	allowed := roundingShare * max(1, math.Abs(then))
	if n > 0 {
		allowed = max(allowed, 2/float64(n))
	}
	return math.Abs(now-then) <= allowed
}

// byValue compares files of two outputs that were computed otherwise, and says in words how far
// apart they are, and whether rounding explains that. Weights are told and not judged, since a long
// training amplifies rounding: its losses are. Where there is nothing but files that cannot be
// compared, it is not explained.
func byValue(then, now string, files []string) (said []string, explained bool) {
	compared, far := 0, 0
	for _, name := range files {
		f := compareFile(filepath.Join(then, name), filepath.Join(now, name))
		switch {
		case !f.known:
			said = append(said, name+" is not of a kind that is compared by value")
			continue
		case f.judged && !f.explained, math.IsInf(f.share, 0):
			far++
		}
		compared++
		if math.IsInf(f.share, 0) {
			said = append(said, name+" has other lines, or another shape")
			continue
		}
		said = append(said, fmt.Sprintf("%s within %.1g of its largest value", name, f.share))
	}
	return said, compared > 0 && far == 0
}

// fileApart is how far apart two files are.
type fileApart struct {
	share     float64 // of the largest value, the greatest difference
	known     bool    // whether the files can be compared by value
	judged    bool    // whether it is known what rounding may do to them
	explained bool    // by rounding
}

func compareFile(then, now string) (f fileApart) {
	switch name := filepath.Base(then); {
	case filepath.Ext(name) == ".npy":
		f.share, f.known = arraysApart(then, now)
		f.judged, f.explained = true, f.share <= roundingShare
	case filepath.Ext(name) == ".safetensors":
		f.share, f.known = weightsApart(then, now)
	case name == "rows.jsonl", name == train.MetricsFile:
		f.share, f.explained, f.known = rowsApart(then, now)
		f.judged = true
	}
	return f
}

// arraysApart is the greatest difference of two arrays, as a share of the largest value; infinite
// where they have other shapes.
func arraysApart(a, b string) (share float64, known bool) {
	_, then, errA := npy.Read(a)
	_, now, errB := npy.Read(b)
	if errA != nil || errB != nil {
		return 0, false
	}
	return apart(then, now), true
}

// weightsApart is arraysApart of the parameters that differ most.
func weightsApart(a, b string) (share float64, known bool) {
	then, errA := layout.ReadSafetensors(a)
	now, errB := layout.ReadSafetensors(b)
	if errA != nil || errB != nil {
		return 0, false
	}
	for _, name := range then.Names() {
		other := now.At(name)
		if other == nil {
			return math.Inf(1), true
		}
		share = max(share, apart(then.At(name).Data, other.Data))
	}
	return share, true
}

func apart(then, now []float32) float64 {
	if len(then) != len(now) {
		return math.Inf(1)
	}
	largest, furthest := 0.0, 0.0
	for i := range then {
		d := math.Abs(float64(now[i]) - float64(then[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		largest, furthest = max(largest, math.Abs(float64(then[i]))), max(furthest, d)
	}
	if furthest == 0 {
		return 0
	}
	return furthest / largest
}

// rowsApart compares the results of an evaluation or the losses of a training, line by line.
func rowsApart(a, b string) (share float64, explained, known bool) {
	then, errA := op.ReadLines[resultRow](a)
	now, errB := op.ReadLines[resultRow](b)
	if errA != nil || errB != nil {
		return 0, false, false
	}
	if len(then) != len(now) {
		return math.Inf(1), false, true
	}
	explained = true
	for i, row := range then {
		other := now[i]
		if row.Metric != other.Metric {
			return math.Inf(1), false, true
		}
		share = max(share, math.Abs(other.Value-row.Value)/max(1, math.Abs(row.Value)), math.Abs(other.Loss-row.Loss)/max(1, math.Abs(row.Loss)))
		explained = explained && isRounding(row.Value, other.Value, row.N) && isRounding(row.Loss, other.Loss, 0)
	}
	return share, explained, true
}

// resultRow is what is compared of a line of rows.jsonl, or of a training's log.
type resultRow struct {
	op.MetricRow
	Loss float64 `json:"loss"`
}

// otherwise says how two computations differed that rounding tells apart, "" where they did not.
func otherwise(then, now string) string {
	if then == now {
		return ""
	}
	return fmt.Sprintf("computed by %s then and by %s now", orNone(then), orNone(now))
}

func orNone(engine string) string { return cmp.Or(engine, "no engine") }
