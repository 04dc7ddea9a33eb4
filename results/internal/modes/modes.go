// Package modes has the rows of small studies that tests of tables share, and what such a study
// stores of single images. It is for tests.
package modes

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"react/results"
)

// Rows are the rows of a small study as runner makes them: a base without
// seeds and K, a random control, three modes at four K, three seeds, two sets,
// and the number of pairs. It is deterministic.
func Rows() []results.Row {
	rng := rand.New(rand.NewPCG(1, 2))
	var rows []results.Row
	add := func(label, mode, control string, k, seed int, task, others float64) {
		params := map[string]any{"tune.mode": mode, "index.kind": "flat"}
		id := "base"
		var s *int
		if mode != "none" {
			params["retrieve.k"], params["pairs.control"], params["tune.gamma"] = k, control, 0.9
			id = fmt.Sprintf("%s%s-k%d-s%d", label, mode, k, seed)
			s = results.Seed(seed)
		}
		row := func(set, metric string, value float64, n int) {
			rows = append(rows, results.Row{Trial: id, Label: label, Set: set, Metric: metric, Params: params, Seed: s, Value: value, N: n, Engine: "onnx", Key: "key-" + id + set})
		}
		row("task", "acc@1", task/480, 480)
		row("others", "acc@1", others/600, 600)
		if mode != "none" {
			row("pairs", "unique", float64(40*k-k*k), 40*k-k*k)
		}
	}
	add("base", "none", "none", 0, 0, 198, 363)
	gains := map[string]float64{"full": 29, "locked-text": 38, "gated-image": 36}
	for _, k := range []int{1, 2, 4, 8} {
		for seed := range 3 {
			noise := func() float64 { return float64(rng.IntN(13) - 6) }
			if k == 4 {
				add("random", "gated-image", "random", k, seed, 198+noise(), 360+noise())
			}
			for _, mode := range []string{"full", "locked-text", "gated-image"} {
				add("", mode, "none", k, seed, float64(int(198+gains[mode]*float64(k)/8+noise())), 363-float64(int(gains[mode]/2))+noise())
			}
		}
	}
	return rows
}

// Predictions makes predictions of sets that agree with the rows: the first
// images of a fixed order are right. Images go round the classes.
func Predictions(rows []results.Row, classes int, sets ...string) func(trial, set string) ([]results.Prediction, error) {
	return func(trial, asked string) ([]results.Prediction, error) {
		for _, r := range rows {
			if r.Trial != trial || r.Set != asked || !slices.Contains(sets, asked) || r.Metric != "acc@1" {
				continue
			}
			list := make([]results.Prediction, r.N)
			for i := range list {
				at := (i * 7) % r.N // 7 and the sizes here have no common divisor
				list[at] = results.Prediction{Key: fmt.Sprintf("%04d", at), Label: at % classes, Predicted: at % classes, Correct: true, Rank: 1}
				if float64(i) >= r.Value*float64(r.N)-0.5 {
					list[at].Predicted, list[at].Correct, list[at].Rank = (at+1)%classes, false, 3
				}
			}
			return list, nil
		}
		return nil, nil
	}
}

// Many are 100,000 rows as a large sweep gives them: 20 modes × 20 K × 25
// seeds, 10 metrics each, about 30 params, each trial with its own map.
func Many() []results.Row {
	rng := rand.New(rand.NewPCG(5, 6))
	rows := make([]results.Row, 0, 100_000)
	for mode := range 20 {
		for k := range 20 {
			for seed := range 25 {
				params := map[string]any{"tune.mode": fmt.Sprintf("mode-%02d", mode), "retrieve.k": k}
				for p := range 28 {
					params[fmt.Sprintf("section%d.param%d", p%5, p)] = float64(p)
				}
				id := fmt.Sprintf("%02d%02d%02d", mode, k, seed)
				for m := range 10 {
					rows = append(rows, results.Row{Trial: id, Set: "task", Metric: fmt.Sprintf("acc@%d", m+1), Params: params, Seed: results.Seed(seed), Value: rng.Float64(), N: 1000, Engine: "onnx", Key: id})
				}
			}
		}
	}
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

// Study makes rows from a few words: each call of Add is one trial.
type Study struct{ Rows []results.Row }

// Add is a trial of a label and a seed (below 0: none) that got a value in task/acc@1, with params
// as name, value, name, value.
func (s *Study) Add(label string, seed int, value float64, params ...any) *results.Row {
	r := results.Row{Trial: "t" + string(rune('A'+len(s.Rows)/26)) + string(rune('a'+len(s.Rows)%26)), Label: label, Set: "task", Metric: "acc@1", Value: value, N: 100, Params: map[string]any{}}
	for i := 0; i < len(params); i += 2 {
		r.Params[params[i].(string)] = params[i+1]
	}
	if seed >= 0 {
		r.Seed = results.Seed(seed)
	}
	s.Rows = append(s.Rows, r)
	return &s.Rows[len(s.Rows)-1]
}
