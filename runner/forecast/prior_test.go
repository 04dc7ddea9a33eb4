package forecast

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"react/data/world"
	"react/ops/clip"
	"react/ops/op"
	"react/ops/train"
	"react/runner/estimate"
	"react/runner/plan"
	"react/runner/schedule"
	"react/runner/store"
)

// priorStages are a world of which nothing is known, and two tunings of a small model.
func priorStages(t *testing.T) []*plan.Stage {
	t.Helper()
	raw := func(params any) json.RawMessage {
		text, err := op.Canonical(params)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	tiny, err := clip.Arch("tiny")
	if err != nil {
		t.Fatal(err)
	}
	stage := func(name, key string, params any, model *clip.Config) *plan.Stage {
		s := &plan.Stage{Op: name, Key: strings.Repeat(key, 64), Params: raw(params), Model: model}
		s.Lines = []string{"runner key 1", "op " + name + " 1", "params " + string(s.Params)}
		return s
	}
	tune := func(seed int64) train.TuneParams {
		return train.TuneParams{Mode: "full", Steps: 10000, Batch: 128, Seed: seed}
	}
	return []*plan.Stage{
		stage("world", "0", world.Params{Rows: 12000, Classes: 30, TestPerClass: 20, Size: 32}, nil),
		stage("tune", "1", tune(1), &tiny), stage("tune", "2", tune(2), &tiny)}
}

// forecastOf is a forecast of stages in a store that holds some runs.
func forecastOf(stages []*plan.Stage, runs ...estimate.Run) *Forecast {
	f := &Forecast{jobs: 1, survey: &schedule.Survey{}}
	lines := map[string][]string{}
	for _, s := range stages {
		f.tasks = append(f.tasks, &schedule.Task{Op: s.Op, Key: s.Key, Lines: s.Lines})
		f.survey.Status = append(f.survey.Status, schedule.ToRun)
		f.Stages = append(f.Stages, estimate.Estimate{})
		lines[s.Key] = s.Lines
	}
	f.past = estimate.New(runs, lines)
	return f
}

// TestExpect: what was never made has a rough time and a size, and a disk that is too small for it
// is said before the first stage; what is only like far smaller stages takes no longer than such
// do.
func TestExpect(t *testing.T) {
	stages := priorStages(t)
	f := forecastOf(stages)
	f.Expect(stages, "onnx")
	if got := f.summary(f.Record(t.TempDir())); !strings.HasPrefix(got, "roughly ") ||
		!strings.HasSuffix(got, ", by typical costs, since this store has no such stages yet") {
		t.Errorf("got %q", got)
	}
	if err := f.Check(t.TempDir(), false); err != nil || f.disk < 1<<20 {
		t.Errorf("%.0f bytes: %v", f.disk, err)
	}
	f.disk = 1 << 60
	if err := f.Check(t.TempDir(), false); err == nil || !strings.Contains(err.Error(), "need about 1048576.0 TiB of disk, ") ||
		!strings.Contains(err.Error(), "an estimate from what the stages are") {
		t.Errorf("got %v", err)
	}

	tiny := strings.Replace(strings.Join(stages[1].Lines, "\n"), `"steps":10000,"batch":128`, `"steps":2,"batch":8`, 1)
	small := estimate.Run{Key: strings.Repeat("9", 64), Lines: strings.Split(tiny, "\n"), Took: 30 * time.Second, Engine: "onnx"}
	f = forecastOf(stages, small)
	f.estimate()
	alone := f.Stages[1]
	f.Expect(stages, "onnx")
	if now := f.Stages[1].Seconds.Value; !alone.Far || now >= alone.Seconds.Value/10 || now > 2*f.prior[1] {
		t.Errorf("after a tiny run: %.0f s, with what the stage is %.0f s, of which its prior is %.0f s", alone.Seconds.Value, now, f.prior[1])
	}
}

// TestPriors: with no run to tell of anything, time left is given at once, grows with the work,
// and is corrected by the stage that runs and by those that were made.
func TestPriors(t *testing.T) {
	stages := priorStages(t)
	f := forecastOf(stages)
	pace := f.past.Pace(stages[0].Key, stages[0].Lines)
	small, twice := prior(stages[0], stages[0].Work(), pace, "onnx", &speed{1}), prior(stages[0], stages[0].Work(), pace, "onnx", &speed{0.5})
	if small < 1 || small > 10 || twice != 2*small {
		t.Errorf("a world of 12,000 rows: %.1f s, half as fast: %.1f s", small, twice)
	}
	quick := prior(stages[1], stages[1].Work(), op.Pace{}, "xla:cuda", &speed{1})
	fast, slow := prior(stages[1], stages[1].Work(), op.Pace{}, "onnx", &speed{1}), prior(stages[1], stages[1].Work(), op.Pace{}, "go", &speed{1})
	if !(quick < fast && fast < slow) || fast < 600 {
		t.Errorf("a long training: %.0f s with a GPU, %.0f s with onnx, %.0f s with go", quick, fast, slow)
	}

	now := time.Unix(0, 0)
	c := NewCountdown(f, stages, "onnx")
	c.now = func() time.Time { return now }
	say := func(want string) {
		t.Helper()
		now = now.Add(time.Second)
		if got := c.Left(); !strings.HasPrefix(got, want) || strings.Contains(got, "unknown") {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	say(", roughly ")
	c.End(f.tasks[0], schedule.Outcome{Cached: true})
	c.Progress(f.tasks[1], 0, 100)
	now = now.Add(10 * time.Second)
	c.Progress(f.tasks[1], 10, 100) // 100 s each at this speed
	say(", about 3m10s left")
	c.Progress(f.tasks[1], 0, 100) // it begins anew: what it knew of its speed is gone
	say(", roughly ")
	took := store.Manifest{Key: stages[1].Key, Lines: stages[1].Lines, Finished: now}
	took.Started = now.Add(-200 * time.Second)
	c.End(f.tasks[1], schedule.Outcome{Entry: store.Entry{Manifest: took}})
	say(", about 3m20s left")
	c.End(f.tasks[2], schedule.Outcome{Cached: true})
	say("")
}

// TestSpeed: the machine's speed is measured, and is that of some machine.
func TestSpeed(t *testing.T) {
	if flops := gemmFLOPS(); flops < 1e7 || flops > 1e13 {
		t.Errorf("%g FLOP/s", flops)
	}
}
