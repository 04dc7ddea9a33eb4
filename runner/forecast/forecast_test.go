package forecast

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"react/runner/cli"
	"react/runner/estimate"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// handForecast is a world, a base and two tunings of which times are known.
func handForecast(jobs int) *Forecast {
	f := &Forecast{jobs: jobs, survey: &schedule.Survey{}}
	known := func(seconds, bytes, memory float64) estimate.Estimate {
		return estimate.Estimate{Seconds: estimate.Figure{Value: seconds, Runs: 3}, Bytes: estimate.Figure{Value: bytes, Runs: 3}, Memory: estimate.Figure{Value: memory, Runs: 3}}
	}
	add := func(op, key string, e estimate.Estimate, needs ...string) {
		f.tasks = append(f.tasks, &schedule.Task{Op: op, Key: strings.Repeat(key, 64), Needs: needs})
		f.survey.Status = append(f.survey.Status, schedule.ToRun)
		f.Stages = append(f.Stages, e)
	}
	base := strings.Repeat("1", 64)
	add("world", "0", estimate.Estimate{})
	add("pretrain", "1", known(100, 2<<20, 1<<30), strings.Repeat("0", 64))
	add("tune", "2", known(60, 1<<20, 2<<30), base)
	add("tune", "3", known(60, 1<<20, 2<<30), base)
	f.sum()
	return f
}

// TestTimesAgree: typical costs stand for what no run tells of in the table as in the line above it.
func TestTimesAgree(t *testing.T) {
	f := handForecast(1)
	f.prior = []float64{20, 1, 1, 1}
	f.Stages[3].Seconds = estimate.Figure{}
	f.prior[3] = 40
	f.ops, f.total = nil, record.Estimate{}
	f.sum()
	var out bytes.Buffer
	if err := f.Print(&out, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"roughly 3m40s with -j 1, 2 stages of it by typical costs; ",
		"\nworld     1       roughly 20s ", "\npretrain  1       1m40s ", "\ntune      2       roughly 1m40s "} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestForecastSums(t *testing.T) {
	for jobs, want := range map[int]float64{1: 220, 2: 160} {
		f := handForecast(jobs)
		if got := *f.total.Seconds; got != want || *f.total.Bytes != 4<<20 || *f.total.MemoryBytes != 2<<30 || f.unknown() != 1 {
			t.Errorf("-j %d: %v s, %v bytes, %v of memory, %d unknown", jobs, got, *f.total.Bytes, *f.total.MemoryBytes, f.unknown())
		}
	}
	var out bytes.Buffer
	if err := handForecast(2).Print(&out, t.TempDir()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"about 2m40s with -j 2, besides 1 stage of unknown time; 4.0 MiB of disk (", "; 2.0 GiB of memory at most (this machine has ",
		"\ntune      2       2m00s    2.0 MiB  2.0 GiB  3 runs\n", "\nworld     1       unknown  unknown  unknown  0 runs\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestMisfit: more than the disk or the memory has is refused, unless told
// otherwise.
func TestMisfit(t *testing.T) {
	for what, change := range map[string]func(f *Forecast){
		"the outputs need about 4096.0 TiB of disk, and 12.0 MiB more while trainings run; ": func(f *Forecast) { f.Stages[0].Bytes = estimate.Figure{Value: 1 << 52, Runs: 1} },
		"stage tune 222222222222 needs about 1024.0 TiB of memory; this machine has ":        func(f *Forecast) { f.Stages[2].Memory.Value = 1 << 50 },
	} {
		f := handForecast(1)
		if err := f.Check(t.TempDir(), false); err != nil {
			t.Errorf("a small plan: %v", err)
		}
		change(f)
		f.ops, f.total = nil, record.Estimate{}
		f.sum()
		err := f.Check(t.TempDir(), false)
		if err == nil || !strings.HasPrefix(err.Error(), what) || !strings.Contains(err.Error(), "--overcommit") || cli.ExitCode(err) != 4 {
			t.Errorf("got %v, exit code %d", err, cli.ExitCode(err))
		}
		if err := f.Check(t.TempDir(), true); err != nil {
			t.Errorf("--overcommit: %v", err)
		}
	}
}

// TestCountdown: what is done is counted off, and a slow day makes the rest
// longer.
func TestCountdown(t *testing.T) {
	f := handForecast(1)
	f.past = estimate.New(nil, nil)
	now := time.Unix(0, 0)
	c := NewCountdown(f, nil, "")
	c.now = func() time.Time { return now }
	say := func(want string) {
		t.Helper()
		now = now.Add(time.Minute)
		if got := c.Left(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	say(", about 3m40s left besides 1 stage of unknown time")
	c.End(f.tasks[0], schedule.Outcome{Cached: true})
	say(", about 3m40s left")
	c.Progress(f.tasks[1], 50, 100)
	say(", about 2m50s left")
	c.End(f.tasks[1], schedule.Outcome{Entry: store.Entry{}, Err: errors.New("no pair")})
	say(", about 2m00s left")
	c.past = drift{10, 20}
	say(", about 4m00s left")
	c.End(f.tasks[2], schedule.Outcome{Cached: true})
	c.End(f.tasks[3], schedule.Outcome{Cached: true})
	say("")
}
