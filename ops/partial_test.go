package ops

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"react/data/image"
	"react/ops/embed"
	"react/ops/engine"
	"react/ops/internal/optest"
	"react/ops/internal/small"
	"react/ops/op"
	"react/ops/pairs"
	"react/ops/train"
)

// training that is stopped and goes on: an op with its params and inputs.
type resumable struct {
	op     string
	params any
	in     map[string]string
	engine *engine.Engine
}

// errKilled is the panic that stands for a kill: nothing of the attempt's own code runs after it.
var errKilled = errors.New("killed")

// attempt runs the op until a step: stopped by its context there, or killed, or to its end (step
// 0).
func (r resumable) attempt(t *testing.T, partial string, step int, kill bool) (run *optest.Run, err error) {
	t.Helper()
	run = optest.New(t, r.in, nil)
	run.Partial, run.SaveEvery = partial, time.Nanosecond
	run.OpenEngine = func() (*engine.Engine, error) { return r.engine, nil }
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	run.Progress = func(p op.Progress) {
		if p.Done != step {
			return
		}
		if kill {
			panic(errKilled)
		}
		cancel()
	}
	raw, err := op.Canonical(r.params)
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
	return run, All[r.op].Run(ctx, &run.Run, raw)
}

// trainings are pretraining and tuning in all modes, with augmentation.
func trainings(t *testing.T, on *engine.Engine) []resumable {
	t.Helper()
	augment := image.Augment{Crop: [2]float64{0.5, 1}, Ratio: [2]float64{0.75, 1.33}, Flip: 0.5, Color: 0.4, RandAugment: "rand-m9-n2", Erasing: 0.25}
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	p := small.Pretrain(t)
	p.Steps, p.CheckpointEvery, p.Augment = 14, 4, augment
	_, base := do(t, "pretrain", p, map[string]string{"pool": pool}, nil)
	_, list := do(t, "pairs", pairs.Params{Source: "pool"}, map[string]string{"pool": pool, "embeddings": embedded(t, base, pool)}, nil)
	all := []resumable{{"pretrain", p, map[string]string{"pool": pool}, on}}
	for _, mode := range []string{"full", "locked-image", "locked-text", "gated-image"} {
		p := train.TuneParams{Mode: mode, Gamma: 0.9, Steps: 12, Batch: 16, LR: 1e-3, Warmup: 3, WeightDecay: 0.1, GradClip: 1, Precision: "f32", Augment: augment, Seed: 1}
		if mode == "gated-image" {
			p.GatedDepth, p.AlphaLRScale = 1, 10
		}
		if mode == "full" {
			p.PositivesFrom = "base"
		}
		all = append(all, resumable{"tune", p, map[string]string{"checkpoint": base, "pairs": list, "pool": pool}, on})
	}
	return all
}

func embedded(t *testing.T, base, pool string) string {
	t.Helper()
	_, dir := do(t, "embed", embed.Params{}, map[string]string{"checkpoint": base, "pool": pool}, nil)
	return dir
}

// TestStoppedTrainingGoesOn stops trainings and kills them at random steps, several times each: the
// output is that of an unbroken run, bit for bit, warnings included.
func TestStoppedTrainingGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("fifty trainings")
	}
	for _, name := range []string{"go", "onnx", "xla:cpu"} {
		t.Run(name, func(t *testing.T) {
			for _, r := range trainings(t, optest.OpenEngine(t, name)) {
				mode := ""
				if p, ok := r.params.(train.TuneParams); ok {
					mode = p.Mode
				}
				t.Run(strings.Trim(r.op+" "+mode, " "), func(t *testing.T) { stopAndGoOn(t, r) })
			}
		})
	}
}

func stopAndGoOn(t *testing.T, r resumable) {
	unbroken, err := r.attempt(t, "", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	partial := filepath.Join(t.TempDir(), "partial")
	var steps []string
	step := 0
	for step < 11 { // of 12 and more
		step += 1 + rand.IntN(4)
		kill := rand.IntN(2) == 0
		run, err := r.attempt(t, partial, step, kill)
		if kill && errors.Is(err, errKilled) || !kill && errors.Is(err, context.Canceled) {
			steps = append(steps, fmt.Sprintf("step %d, killed %v, resumed at %v", step, kill, run.Facts["resumedAtStep"]))
			continue
		}
		if err != nil {
			t.Fatalf("%v: %v", steps, err)
		}
	}
	run, err := r.attempt(t, partial, 0, false)
	if err != nil {
		t.Fatalf("%v: %v", steps, err)
	}
	if run.Facts["resumedAtStep"] == nil {
		t.Errorf("%v: the last attempt began anew", steps)
	}
	optest.SameFiles(t, optest.Contents(t, run.Dir), optest.Contents(t, unbroken.Dir))
	run.ToldLog(t, train.MetricsFile)
	if fmt.Sprint(run.Warnings) != fmt.Sprint(unbroken.Warnings) {
		t.Errorf("warnings %q, of the unbroken run %q", run.Warnings, unbroken.Warnings)
	}
	if t.Failed() {
		t.Log(steps)
	}
}

// pretraining is the first of them, on Go's engine.
func pretraining(t *testing.T) resumable {
	t.Helper()
	on, err := engine.Open("go")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(on.Close)
	_, pool := do(t, "world", optest.SmallWorld, nil, nil)
	p := small.Pretrain(t)
	p.Steps, p.CheckpointEvery = 6, 2
	return resumable{"pretrain", p, map[string]string{"pool": pool}, on}
}

// TestDamagedState damages what a stopped pretraining left, in every file: it begins anew, says so,
// and gives the same output.
func TestDamagedState(t *testing.T) {
	if testing.Short() {
		t.Skip("ten trainings")
	}
	r := pretraining(t)
	unbroken, err := r.attempt(t, "", 0, false)
	if err != nil {
		t.Fatal(err)
	}
	want := optest.Contents(t, unbroken.Dir)
	left := t.TempDir()
	if _, err := r.attempt(t, left, 5, false); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	edit := func(change func(map[string]any)) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			var state map[string]any
			data, err := os.ReadFile(path)
			if err == nil {
				err = json.Unmarshal(data, &state)
			}
			change(state)
			if err == nil {
				data, err = json.Marshal(state)
			}
			if err = errors.Join(err, os.WriteFile(path, data, 0o666)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, c := range map[string]struct {
		file   string
		damage func(t *testing.T, path string)
		says   string
	}{
		"a flipped byte":   {"000005.safetensors", optest.FlipByte, "000005.safetensors: sha256 is "},
		"cut short":        {"000005.jsonl", func(t *testing.T, path string) { truncate(t, path, 100) }, "000005.jsonl: sha256 is "},
		"a file gone":      {"snapshots/000002/open_clip_model.safetensors", func(t *testing.T, path string) { remove(t, path) }, "no such file"},
		"state cut short":  {"state.json", func(t *testing.T, path string) { truncate(t, path, 20) }, "state.json: unexpected end of JSON input"},
		"another version":  {"state.json", edit(func(s map[string]any) { s["format"] = 99 }), "format 99"},
		"another engine":   {"state.json", edit(func(s map[string]any) { s["engine"] = map[string]string{"name": "xla:cuda"} }), "it is of engine map["},
		"a step too far":   {"state.json", edit(func(s map[string]any) { s["step"] = 6 }), "step 6 of 6"},
		"another training": {"state.json", edit(func(s map[string]any) { s["step"] = 3 }), "000003.jsonl"},
	} {
		t.Run(name, func(t *testing.T) {
			partial := filepath.Join(t.TempDir(), "partial")
			if err := os.CopyFS(partial, os.DirFS(left)); err != nil {
				t.Fatal(err)
			}
			c.damage(t, filepath.Join(partial, c.file))
			run := optest.New(t, r.in, nil)
			run.Partial, run.OpenEngine = partial, func() (*engine.Engine, error) { return r.engine, nil }
			var said []string
			run.Warn = func(format string, args ...any) { said = append(said, fmt.Sprintf(format, args...)) }
			if err := try(run, r.op, r.params); err != nil {
				t.Fatal(err)
			}
			if run.Facts["resumedAtStep"] != nil || len(said) == 0 || !strings.HasPrefix(said[0], "the saved state of an attempt before is not used, training begins anew: ") || !strings.Contains(said[0], c.says) {
				t.Errorf("resumed at %v, said %q, want %q", run.Facts["resumedAtStep"], said, c.says)
			}
			optest.SameFiles(t, optest.Contents(t, run.Dir), want)
		})
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

// TestStateThatIsNotWhole is a kill while the first state was written: no state.json yet, so
// nothing to warn of.
func TestStateThatIsNotWhole(t *testing.T) {
	r := pretraining(t)
	partial := t.TempDir()
	if err := os.WriteFile(filepath.Join(partial, "000004.safetensors"), []byte("half"), 0o666); err != nil {
		t.Fatal(err)
	}
	run, err := r.attempt(t, partial, 5, false)
	if !errors.Is(err, context.Canceled) || len(run.Warnings) != 0 {
		t.Fatalf("%v, warnings %q", err, run.Warnings)
	}
	if _, err := os.Stat(filepath.Join(partial, "000004.safetensors")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the half-written file is still there: %v", err)
	}
	if log := run.Log.(fmt.Stringer); !bytes.Contains([]byte(log.String()), []byte("saved the state of step 5")) {
		t.Errorf("log: %s", log)
	}
}
