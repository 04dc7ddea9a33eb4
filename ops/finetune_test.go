package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	goimage "image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"react/data/image"
	"react/data/npy"
	"react/ops/embed"
	"react/ops/engine"
	"react/ops/evaluate"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/metric"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/train"
)

// fineTuned is a base with training and test images of one task.
func fineTuned(t *testing.T) map[string]string {
	t.Helper()
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	more := optest.SmallWorld
	more.Seed, more.TestPerClass = 9, 10
	_, other := do(t, "world", more, nil, nil)
	_, base := do(t, "pretrain", small.Pretrain(t), map[string]string{"pool": pool}, nil)
	return map[string]string{"checkpoint": base, "test": pool, "train": other}
}

// smallFineTune trains in a second.
func smallFineTune() evaluate.FineTuneParams {
	return evaluate.FineTuneParams{Test: embed.FeaturesParams{Set: "task"}, Train: embed.FeaturesParams{Set: "task"}, Best: "last", Init: "random", Optimizer: "adamw",
		LR: []float64{3e-3}, WeightDecay: []float64{0.01}, Epochs: 20, SearchEpochs: 3, Batch: 16, TowerLRScale: 1, Normalization: "batch", Precision: "f32"}
}

// TestFineTune: training images are learned and test images of the same classes are told apart
// better than by chance, with every optimizer, start and normalisation; the same params give the
// same bytes.
func TestFineTune(t *testing.T) {
	if testing.Short() {
		t.Skip("trainings: minutes under -race")
	}
	in := fineTuned(t)
	crop := image.Augment{Crop: [2]float64{0.6, 1}, Ratio: [2]float64{0.8, 1.25}, Flip: 0.5}
	for name, change := range map[string]func(p *evaluate.FineTuneParams){
		"adamw":          func(p *evaluate.FineTuneParams) { p.Warmup, p.GradClip = 1, 1 },
		"sgd, two rates": func(p *evaluate.FineTuneParams) { p.Optimizer, p.LR, p.TowerLRScale = "sgd", []float64{0.1}, 0.3 },
		"from language": func(p *evaluate.FineTuneParams) {
			p.Init, p.Prompts, p.Normalization = "language", []string{"a {}"}, "length"
		},
		"plain, cropped": func(p *evaluate.FineTuneParams) { p.Normalization, p.Augment, p.Epochs = "none", crop, 30 },
		"shots, searched": func(p *evaluate.FineTuneParams) {
			p.Shots, p.LR, p.Best, p.SearchEpochs = 8, []float64{1e-6, 3e-3}, "test", 10
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := smallFineTune()
			p.Scores = true
			change(&p)
			run, dir := do(t, "fine-tune", p, in, nil)
			rows := rowsOf(t, dir)
			if rows["score"] < 0.4 || rows["score"] != rows["acc@1"] { // chance is a quarter
				t.Errorf("%v", rows)
			}
			if want := map[bool]float64{true: 32, false: 40}[p.Shots > 0]; rows["train-images"] != want {
				t.Errorf("trained on %v images, want %v", rows["train-images"], want)
			}
			if _, last := lossesOf(t, dir); last > 1.2 {
				t.Errorf("loss %v", last)
			}
			if (len(run.Warnings) > 0) != (p.Best == "test") {
				t.Errorf("warnings %q", run.Warnings)
			}
			checkScores(t, dir)
			if p.Shots == 0 {
				return
			}
			_, again := do(t, "fine-tune", p, in, nil)
			optest.SameFiles(t, optest.Contents(t, again), optest.Contents(t, dir))
		})
	}
}

// checkScores holds scores.npy to the predictions.
func checkScores(t *testing.T, dir string) {
	t.Helper()
	shape, values, err := npy.Read(filepath.Join(dir, evaluate.ScoresFile))
	if err != nil {
		t.Fatal(err)
	}
	predictions, err := evaluate.ReadPredictions(dir)
	if err != nil {
		t.Fatal(err)
	}
	if want := []int{1, len(predictions), 4}; fmt.Sprint(shape) != fmt.Sprint(want) {
		t.Fatalf("shape %v, want %v", shape, want)
	}
	for i, p := range predictions {
		row, sum := values[4*i:4*i+4], float32(0)
		for _, v := range row {
			sum += v
		}
		if metric.Best(row) != int(p.Predicted) || sum < 0.9999 || sum > 1.0001 {
			t.Fatalf("image %d: %v, predicted %d", i, row, p.Predicted)
		}
	}
}

// TestGatesFineTune: a model with gates trains them as part of its tower.
func TestGatesFineTune(t *testing.T) {
	if testing.Short() {
		t.Skip("trainings: minutes under -race")
	}
	in := fineTuned(t)
	_, list := do(t, "pairs", pairs.Params{Source: "pool"}, map[string]string{"pool": in["test"], "embeddings": embedded(t, in["checkpoint"], in["test"])}, nil)
	p := train.TuneParams{Mode: "gated-image", Gamma: train.GammaOff, Steps: 2, Batch: 8, LR: 1e-3, Precision: "f32", Augment: optest.NoAugment, GatedDepth: 1, AlphaLRScale: 1}
	_, in["checkpoint"] = do(t, "tune", p, map[string]string{"checkpoint": in["checkpoint"], "pairs": list, "pool": in["test"]}, nil)
	_, dir := do(t, "fine-tune", smallFineTune(), in, nil)
	first, last := "", ""
	raw, err := os.ReadFile(filepath.Join(dir, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		at := strings.Index(line, `"tanhAlpha":`)
		if at < 0 {
			t.Fatalf("no gates in %s", line)
		}
		if last = line[at : at+strings.IndexByte(line[at:], ']')]; first == "" {
			first = last
		}
	}
	if first == last {
		t.Errorf("the gates stay at %s", first)
	}
}

// TestFineTuneGoesOn kills and stops a search with its training at random places: what comes out is
// what an unbroken run gives.
func TestFineTuneGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("many trainings")
	}
	in := fineTuned(t)
	on, err := engine.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	p := smallFineTune()
	p.LR, p.Best, p.Epochs, p.Shots = []float64{1e-4, 3e-3}, "test", 4, 6
	_, unbroken := do(t, "fine-tune", p, in, nil)
	partial := filepath.Join(t.TempDir(), "partial")
	resumed := 0
	for range 60 {
		run := optest.New(t, in, nil)
		run.Partial, run.SaveEvery = partial, time.Nanosecond
		run.OpenEngine = func() (*engine.Engine, error) { return on, nil }
		err := attemptUntil(t, run, p, 1+rand.IntN(5), rand.IntN(2) == 0)
		if run.Facts["resumedAtStep"] != nil {
			resumed++
		}
		if err == nil {
			optest.SameFiles(t, optest.Contents(t, run.Dir), optest.Contents(t, unbroken))
			run.ToldLog(t, train.MetricsFile)
			if resumed < 2 {
				t.Errorf("%d attempts went on in the middle of a training", resumed)
			}
			return
		}
		if !errors.Is(err, errKilled) && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	t.Fatal("60 attempts of up to 5 steps each did not finish: what was done is done again")
}

// attemptUntil stops or kills a fine-tuning at its n-th step.
func attemptUntil(t *testing.T, run *optest.Run, p evaluate.FineTuneParams, n int, kill bool) (err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	run.Progress = func(op.Progress) {
		if n--; n > 0 {
			return
		}
		if kill {
			panic(errKilled)
		}
		cancel()
	}
	raw, err := op.Canonical(p)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if p := recover(); p == errKilled {
			err = errKilled
		} else if p != nil {
			panic(p)
		}
	}()
	return All["fine-tune"].Run(ctx, &run.Run, raw)
}

// TestFineTuneRefuses: what would make its number mean nothing is said before anything is trained.
func TestFineTuneRefuses(t *testing.T) {
	in := fineTuned(t)
	same := map[string]string{"checkpoint": in["checkpoint"], "test": in["test"], "train": in["test"]}
	fewer := optest.SmallWorld
	fewer.Classes = 3
	_, less := do(t, "world", fewer, nil, nil)
	for _, c := range []struct {
		in     map[string]string
		change func(p *evaluate.FineTuneParams)
		want   string
	}{
		{same, func(*evaluate.FineTuneParams) {}, "12 test images are training images too"},
		{map[string]string{"checkpoint": in["checkpoint"], "test": in["test"], "train": less}, func(*evaluate.FineTuneParams) {}, "not the same task"},
		{in, func(p *evaluate.FineTuneParams) { p.Shots = 11 }, "class 0 has 10 images, fewer than 11 shots"},
		{in, func(p *evaluate.FineTuneParams) { p.Optimizer, p.LR = "sgd", []float64{1e30} }, "too high"},
		{in, func(p *evaluate.FineTuneParams) { p.Optimizer, p.LR = "sgd", []float64{1e30, 1e29} }, "all 2 runs of the search diverged"},
		// its loss is finite: what it makes of images is not
		{in, func(p *evaluate.FineTuneParams) {
			p.Optimizer, p.LR, p.Batch, p.SearchEpochs = "sgd", []float64{1e30, 1e29}, 64, 1
		}, "all 2 runs of the search diverged"},
	} {
		p := smallFineTune()
		c.change(&p)
		run := optest.New(t, c.in, nil)
		if err := try(run, "fine-tune", p); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("want %q, got %v", c.want, err)
		}
	}
}

// TestMeanOfSamples: figures are means over the seeds, with their deviation, and scores stand
// behind one another.
func TestMeanOfSamples(t *testing.T) {
	in := fineTuned(t)
	p := smallFineTune()
	p.Epochs, p.Shots, p.Scores = 3, 5, true
	samples := map[string]string{}
	var want float64
	for seed := range 2 {
		p.Seed = int64(seed)
		_, dir := do(t, "fine-tune", p, in, nil)
		samples[fmt.Sprint("sample.", seed)] = dir
		want += rowsOf(t, dir)["score"] / 2
	}
	_, dir := do(t, "evaluate", evaluate.Params{Kind: "finetune", Scores: true}, samples, nil)
	rows := rowsOf(t, dir)
	if _, ok := rows["score-std"]; !ok || rows["score"] != want {
		t.Errorf("%v, want a mean of %v", rows, want)
	}
	if shape, _, err := npy.Read(filepath.Join(dir, evaluate.ScoresFile)); err != nil || fmt.Sprint(shape) != "[2 12 4]" {
		t.Errorf("scores %v, %v", shape, err)
	}
	_, one := do(t, "evaluate", evaluate.Params{Kind: "finetune"}, map[string]string{"sample.0": samples["sample.0"]}, nil)
	optest.SameFile(t, one, samples["sample.0"], "predictions.parquet")
}

// TestFineTuneSeveralClasses: images of several classes are learned by binary cross entropy and
// scored by mean average precision.
func TestFineTuneSeveralClasses(t *testing.T) {
	if testing.Short() {
		t.Skip("trainings: minutes under -race")
	}
	in := fineTuned(t)
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	lists := map[string]string{}
	for split, n := range map[string]int{"train": 24, "test": 12} {
		for i := range n {
			img := goimage.NewRGBA(goimage.Rect(0, 0, 32, 32))
			bits := 1 + i%3 // red, green, or both
			for at := range 32 * 32 {
				c := color.RGBA{uint8(rng.IntN(60)), uint8(rng.IntN(60)), uint8(rng.IntN(60)), 255}
				if bits&1 > 0 && at%64 < 32 {
					c.R = 230
				}
				if bits&2 > 0 && at%64 >= 32 {
					c.G = 230
				}
				img.SetRGBA(at%32, at/32, c)
			}
			var raw bytes.Buffer
			if err := png.Encode(&raw, img); err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("%s%d.png", split, i)
			if err := os.WriteFile(filepath.Join(dir, name), raw.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
			lists[split] += name + " " + []string{"0", "1", "0,1"}[bits-1] + "\n"
		}
	}
	lists["labels"] = "red\ngreen\n"
	for name, text := range lists {
		if err := os.WriteFile(filepath.Join(dir, name+".txt"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	p := smallFineTune()
	p.Test, p.Train, p.Optimizer, p.LR, p.WeightDecay = embed.FeaturesParams{}, embed.FeaturesParams{Split: "train"}, "sgd", []float64{0.1}, []float64{0}
	files := map[string]op.Files{"test": {Root: dir}, "train": {Root: dir}}
	_, out := do(t, "fine-tune", p, map[string]string{"checkpoint": in["checkpoint"]}, files)
	if rows := rowsOf(t, out); rows["mAP"] < 0.95 || rows["score"] != rows["mAP"] {
		t.Errorf("%v", rows)
	}
}

// TestFinalFineTuningThatDiverges: what the search chose may diverge on all images. The next best
// settings are taken then; which did diverge is known after a kill, too.
func TestFinalFineTuningThatDiverges(t *testing.T) {
	in := fineTuned(t)
	p := smallFineTune()
	p.Optimizer, p.LR, p.Epochs = "sgd", []float64{1e30, 3e-3, 1e29}, 2
	for _, passed := range []int{0, 1} {
		run := optest.New(t, in, nil)
		run.Partial = filepath.Join(t.TempDir(), "partial")
		searched(t, run, p, map[float64]float64{1e30: 0.9, 1e29: 0.8, 3e-3: 0.7}, passed)
		if err := try(run, "fine-tune", p); err != nil {
			t.Fatal(err)
		}
		raw, err := os.ReadFile(filepath.Join(run.Dir, "finetune.json"))
		if err != nil {
			t.Fatal(err)
		}
		var report struct {
			Runs []struct {
				LR, Validation float64
				Passed         int
			}
		}
		if err := json.Unmarshal(raw, &report); err != nil || len(report.Runs) != 1 {
			t.Fatalf("%v: %s", err, raw)
		}
		if r := report.Runs[0]; r.LR != 3e-3 || r.Validation != 0.7 || r.Passed != 2 {
			t.Errorf("from %d passed over: %s", passed, raw)
		}
		if warned := strings.Join(run.Warnings, "\n"); strings.Contains(warned, "make the training on all images diverge") != (passed == 0) {
			t.Errorf("from %d passed over: warned %q", passed, warned)
		}
	}
}

// searched leaves the journal of a search that found these scores by learning rate.
func searched(t *testing.T, run *optest.Run, p evaluate.FineTuneParams, scores map[float64]float64, passed int) {
	t.Helper()
	eng, err := engine.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	defer eng.Close()
	type trial struct {
		Done   bool            `json:"done"`
		Scores map[int]float64 `json:"scores"`
	}
	journal := struct {
		Engine map[string]string `json:"engine"`
		Runs   map[string]trial  `json:"runs"`
		Logits string            `json:"logits"`
		Passed int               `json:"passed,omitempty"`
		Sum    string            `json:"sum"`
	}{Engine: op.EngineFacts(eng), Runs: map[string]trial{}, Passed: passed}
	for lr, score := range scores {
		journal.Runs[fmt.Sprintf("lr %g weightDecay %g", lr, p.WeightDecay[0])] = trial{true, map[int]float64{0: score}}
	}
	if journal.Sum, err = op.SumOf(journal); err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(journal)
	if err == nil {
		err = errors.Join(os.MkdirAll(run.Partial, 0o777), os.WriteFile(filepath.Join(run.Partial, "journal.json"), raw, 0o666))
	}
	if err != nil {
		t.Fatal(err)
	}
}
