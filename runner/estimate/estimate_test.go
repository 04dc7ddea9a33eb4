package estimate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
)

// key is 64 digits, as identities are.
func key(i int) string { return fmt.Sprintf("%064x", i) }

func lines(op, params string, more ...string) []string {
	return append([]string{"runner key 1", "op " + op + " 1", "params " + params}, more...)
}

const tiny = `"model":{"width":64}`

// stages are a world, its base and, over it, trainings and evaluations.
func stages() (map[string][]string, []Run) {
	known := map[string][]string{
		key(1): lines("world", `{"rows":1000,"classes":10,"testPerClass":2,"size":32}`),
		key(2): lines("pretrain", `{`+tiny+`,"steps":100,"batch":64}`, "in pool "+key(1)),
	}
	runs := []Run{
		{Key: key(1), Lines: known[key(1)], Took: time.Second, Bytes: 1 << 20, Host: "a"},
		{Key: key(2), Lines: known[key(2)], Took: 10 * time.Second, Bytes: 1 << 20, Host: "a", Engine: "go", Speed: 800},
	}
	return known, runs
}

// took is a machine: seconds of a start, then so many pairs a second, with noise
// of a tenth.
func took(r *rand.Rand, start, pairs, speed float64) time.Duration {
	return time.Duration((start + pairs/speed) * (1 + 0.1*r.NormFloat64()) * float64(time.Second))
}

// TestEstimateOfSimilarSpecs holds estimates within a factor of 1.5 for stages
// whose steps, batch, rows or images are up to 8 times those that were made.
func TestEstimateOfSimilarSpecs(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	known, runs := stages()
	made := func(n int, op, params string, run Run, more ...string) {
		run.Key, run.Lines, run.Host = key(n), lines(op, params, more...), "a"
		runs = append(runs, run)
	}
	for seed := range 5 {
		for i, mode := range []string{"full", "locked-text"} {
			speed := []float64{500, 2000}[i]
			made(100+10*seed+i, "tune", fmt.Sprintf(`{"mode":"%s","steps":100,"batch":64,"seed":%d}`, mode, seed),
				Run{Took: took(r, 4, 6400, speed), Speed: speed, Engine: "go", Bytes: 5 << 20}, "in checkpoint "+key(2), "in pool "+key(1))
		}
		made(200+seed, "evaluate", `{"kind":"zeroshot","set":"task"}`, Run{Took: took(r, 0, 20, 40), Engine: "go", Bytes: 4000},
			"in checkpoint "+key(100+10*seed), "in dataset "+key(1))
	}
	made(310, "prompt-tune", `{"contexts":"shared","length":4,"steps":100,"batch":64,"lr":0.002}`,
		Run{Took: took(r, 0, 6400, 500), Engine: "go", Bytes: 5 << 10}, "in checkpoint "+key(2), "in labelled "+key(1))
	made(300, "embed", `{"maxBad":1}`, Run{Took: took(r, 0, 1000, 500), Bytes: 1000 * 256, Engine: "go"}, "in checkpoint "+key(2), "in pool "+key(1))
	known[key(11)] = lines("world", `{"rows":8000,"classes":10,"testPerClass":8,"size":32}`)
	wants := []struct {
		what    string
		lines   []string
		seconds float64
		bytes   float64
	}{
		{"another seed", lines("tune", `{"mode":"full","steps":100,"batch":64,"seed":9}`, "in checkpoint "+key(2), "in pool "+key(1)), 16.8, 5 << 20},
		{"8 times the steps", lines("tune", `{"mode":"full","steps":800,"batch":64,"seed":9}`, "in checkpoint "+key(2), "in pool "+key(1)), 4 + 102.4, 5 << 20},
		{"an eighth of the pairs", lines("tune", `{"mode":"full","steps":25,"batch":32,"seed":9}`, "in checkpoint "+key(2), "in pool "+key(1)), 4 + 1.6, 5 << 20},
		{"another mode", lines("tune", `{"mode":"locked-text","steps":400,"batch":64,"seed":9}`, "in checkpoint "+key(2), "in pool "+key(1)), 4 + 12.8, 5 << 20},
		{"longer learned prompts", lines("prompt-tune", `{"contexts":"shared","length":3,"init":"a picture of","steps":400,"batch":64,"lr":0.02}`,
			"in checkpoint "+key(2), "in labelled "+key(1)), 51.2, 5 << 10},
		{"8 times the pool", lines("embed", `{"maxBad":1}`, "in checkpoint "+key(2), "in pool "+key(11)), 16, 8000 * 256},
		{"4 times the images", lines("evaluate", `{"kind":"zeroshot","set":"task"}`, "in checkpoint "+key(2), "in dataset "+key(11)), 2, 16000},
		{"a larger world", known[key(11)], 8.2, 8.2 * (1 << 20)},
	}
	for i, w := range wants {
		known[key(1000+i)] = w.lines
	}
	h := New(runs, known)
	for i, w := range wants {
		e := h.Estimate(key(1000+i), w.lines, Where{Engine: "go", Host: "a"})
		if off(e.Seconds.Value, w.seconds) > 1.5 || off(e.Bytes.Value, w.bytes) > 1.5 {
			t.Errorf("%s: %.1f s and %.0f bytes (%d runs), want about %.1f s and %.0f", w.what, e.Seconds.Value, e.Bytes.Value, e.Seconds.Runs, w.seconds, w.bytes)
		}
	}
}

// TestTinyRuns: what a sweep of a few steps and rows took is mostly its start, and does not make a
// stage of a thousand times the work take hours.
func TestTinyRuns(t *testing.T) {
	known, _ := stages()
	known[key(11)] = lines("world", `{"rows":12000,"classes":10,"testPerClass":8,"size":32}`)
	model, small, large := "in checkpoint "+key(2), "in pool "+key(1), "in pool "+key(11)
	known[key(1)] = lines("world", `{"rows":60,"classes":10,"testPerClass":1,"size":32}`)
	runs := []Run{
		{Key: key(3), Lines: lines("embed", `{}`, model, small), Took: 2500 * time.Millisecond, Engine: "onnx"},
		{Key: key(4), Lines: lines("tune", `{"mode":"full","steps":2,"batch":8}`, model, small), Took: 4 * time.Second, Speed: 5, Engine: "onnx"},
	}
	known[key(5)] = lines("embed", `{"maxBad":1}`, model, large)
	known[key(6)] = lines("tune", `{"mode":"full","steps":80,"batch":64}`, model, large)
	known[key(7)] = lines("tune", `{"mode":"full","steps":4,"batch":8}`, model, small)
	h := New(runs, known)
	for k, want := range map[string]struct {
		most float64
		far  bool
	}{key(5): {150, true}, key(6): {700, true}, key(7): {8, false}} {
		e := h.Estimate(k, known[k], Where{Engine: "onnx"})
		if e.Far != want.far || e.Seconds.Value < 2.5 || e.Seconds.Value > want.most {
			t.Errorf("%s: %+v, want at most %v s, far %v", known[k][1], e, want.most, want.far)
		}
	}
}

// off is by what factor a figure misses.
func off(got, want float64) float64 { return math.Exp(math.Abs(math.Log(got / want))) }

// TestUnknown: what was never made, or cannot be scaled, has no figure.
func TestUnknown(t *testing.T) {
	known, runs := stages()
	files := []string{"file pool.laion a.parquet 11", "file pool.shards a.tar 22"}
	other := []string{"file pool.laion b.parquet 33", "file pool.shards b.tar 44"}
	model := []string{"in checkpoint " + key(2)}
	made := lines("embed", `{}`, append(model, files...)...)
	runs = append(runs, Run{Key: key(3), Lines: made, Took: 5 * time.Second, Bytes: 100})
	for i, c := range []struct {
		what  string
		lines []string
		runs  int
	}{
		{"the same files, another bound", lines("embed", `{"maxBad":7}`, append(model, files...)...), 1},
		{"other files, of which the rows are not known", lines("embed", `{}`, append(model, other...)...), 0},
		{"another model", lines("embed", `{}`, append([]string{"file checkpoint w 1"}, files...)...), 0},
		{"an op that was never made", lines("tune", `{"mode":"full","steps":1,"batch":2}`, "in checkpoint "+key(2)), 0},
	} {
		known[key(50+i)] = c.lines
		e := New(runs, known).Estimate(key(50+i), c.lines, Where{})
		if e.Seconds.Runs != c.runs || e.Seconds.Known() != (c.runs > 0) {
			t.Errorf("%s: from %d runs, want %d", c.what, e.Seconds.Runs, c.runs)
		}
	}
}

// TestRowsAreLearned: a run that said how many rows its files have makes other
// pools comparable.
func TestRowsAreLearned(t *testing.T) {
	known, runs := stages()
	a := lines("embed", `{}`, "in checkpoint "+key(2), "file pool.laion a 1")
	b := lines("embed", `{}`, "in checkpoint "+key(2), "file pool.laion b 2")
	base := lines("pretrain", `{"model":{"width":9},"steps":1,"batch":2}`, "file pool.laion b 2")
	runs = append(runs, Run{Key: key(3), Lines: a, Took: 5 * time.Second, Rows: 100}, Run{Key: key(4), Lines: base, Took: time.Second, Rows: 300})
	known[key(5)] = b
	if e := New(runs, known).Estimate(key(5), b, Where{}); off(e.Seconds.Value, 15) > 1.01 {
		t.Errorf("got %v", e.Seconds)
	}
}

// TestWhere: runs of the same engine, host, devices and number at a time go first.
func TestWhere(t *testing.T) {
	known, runs := stages()
	l := func(seed int) []string {
		return lines("tune", fmt.Sprintf(`{"mode":"full","steps":1,"batch":2,"seed":%d}`, seed), "in checkpoint "+key(2))
	}
	for i, r := range []Run{{Engine: "go", Host: "a", Took: 80 * time.Second, Peak: 10}, {Engine: "onnx", Host: "a", Took: 20 * time.Second, Peak: 30},
		{Engine: "onnx", Host: "b", Took: 5 * time.Second, Peak: 30}, {Engine: "onnx", Host: "b", Jobs: 4, Took: 9 * time.Second, Peak: 0},
		{Engine: "xla:cuda", Host: "c", Took: 8 * time.Second, Peak: 70}, {Engine: "xla:cuda", Host: "c", Spread: 4, Took: 3 * time.Second, Peak: 90}} {
		r.Key, r.Lines = key(60+i), l(i)
		runs = append(runs, r)
	}
	known[key(70)] = l(9)
	h := New(runs, known)
	for _, c := range []struct {
		where  Where
		want   float64
		memory float64
	}{
		{Where{"go", "a", 1, 0}, 80, 10}, {Where{"onnx", "a", 1, 0}, 20, 30}, {Where{"onnx", "b", 1, 0}, 5, 30}, {Where{"xla:cpu", "a", 1, 0}, 50, 30},
		{Where{"xla:cuda", "c", 1, 1}, 8, 70}, {Where{"xla:cuda", "c", 1, 4}, 3, 90},
		{Where{"xla:cuda", "c", 1, 8}, 5.5, 80}, // nothing ran on as many
		{Where{"onnx", "a", 2, 0}, 40, 30},      // nothing ran two at a time there: they share the machine
		{Where{"onnx", "b", 4, 0}, 9, 30},
	} {
		e := h.Estimate(key(70), l(9), c.where)
		if e.Seconds.Value != c.want || e.Memory.Value != c.memory {
			t.Errorf("%+v: %v s, %v bytes of memory, want %v and %v", c.where, e.Seconds.Value, e.Memory.Value, c.want, c.memory)
		}
	}
}

func TestMemoryGrowsWithTheBatch(t *testing.T) {
	known, runs := stages()
	l := func(batch int) []string {
		return lines("tune", fmt.Sprintf(`{"mode":"full","steps":1,"batch":%d}`, batch), "in checkpoint "+key(2))
	}
	runs = append(runs, Run{Key: key(60), Lines: l(64), Took: time.Second, Peak: 1000})
	known[key(61)], known[key(62)] = l(256), l(8)
	h := New(runs, known)
	if e := h.Estimate(key(61), l(256), Where{}); e.Memory.Value != 4000 {
		t.Errorf("4 times the batch: %v", e.Memory)
	}
	if e := h.Estimate(key(62), l(8), Where{}); e.Memory.Value != 1000 {
		t.Errorf("a smaller batch: %v", e.Memory)
	}
}

func TestSpan(t *testing.T) {
	for _, c := range []struct {
		jobs int
		want float64
	}{{1, 16}, {2, 12}, {3, 12}, {4, 8}} {
		s := &Span{Jobs: c.jobs}
		s.Add("base", []string{"there"}, 4)
		for _, name := range []string{"a", "b", "c"} {
			s.Add("tune "+name, []string{"base"}, 3)
			s.Add("evaluate "+name, []string{"tune " + name}, 1)
		}
		if c.jobs == 3 {
			s.Add("long", nil, 9)
		}
		if got := s.Seconds(); got != c.want {
			t.Errorf("-j %d: %v, want %v", c.jobs, got, c.want)
		}
	}
}

// TestManyFilesTakeNoMemory: the files of an evaluation are lines of its key, 40,000 of a large
// folder; what is kept of them does not grow with them.
func TestManyFilesTakeNoMemory(t *testing.T) {
	lines := []string{"runner key 1", "op evaluate 1", `params {"kind":"zeroshot"}`}
	for i := range 40_000 {
		lines = append(lines, fmt.Sprintf("file dataset test/class/%d.png %064d", i, i))
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	h := New(nil, map[string][]string{"a": lines, "b": append(slices.Clone(lines), "file dataset z.png 0")})
	kinds := h.Kind("a", lines) == h.Kind("b", nil)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 64<<20 {
		t.Errorf("two keys of 40,000 files took %d MiB", took>>20)
	}
	if kinds {
		t.Error("an evaluation of other files is said to be of the same kind")
	}
}
