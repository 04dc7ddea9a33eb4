package clip

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"syscall"
	"testing"
	"time"

	"react/data/peer"
	"react/ops/engine"
)

// work is one thing that is timed on each engine and in PyTorch.
type work struct {
	mode   string // a tuning mode, or forward
	cached bool
}

var works = []work{{"forward", false}, {Full, false}, {LockedText, false}, {LockedText, true}, {GatedImage, false}, {GatedImage, true}}

func (w work) String() string {
	if w.cached {
		return w.mode + ", captions cached"
	}
	return w.mode
}

// TestSpeedAgainstPyTorch times a training step and a forward pass of the 32/8
// model of width 128 at batch 128, each engine beside PyTorch in interleaved
// rounds, and logs the ratios. Nothing is asserted: it runs when SPEED_ROUNDS
// says how many rounds (make bench), on a machine with python3 and torch.
func TestSpeedAgainstPyTorch(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("SPEED_ROUNDS"))
	if rounds == 0 {
		t.Skip("a benchmark: set SPEED_ROUNDS to the number of rounds, 10 or more")
	}
	torch := startTorch(t)
	for _, name := range engineNames {
		t.Run(name, func(t *testing.T) {
			e := openEngine(t, name)
			for _, w := range works {
				compare(t, e, torch, w, rounds)
			}
		})
	}
}

// spent is what one step took: milliseconds by the clock, and of CPU time,
// which other programs on the machine change less.
type spent struct{ wall, cpu float64 }

// compare logs the median times and the ratios with their 95 % intervals.
func compare(t *testing.T, e *engine.Engine, torch *peer.Process, w work, rounds int) {
	const steps = 3
	ours := ourWork(t, e, w)
	ours()
	timeTorch(t, torch, w, 1)
	var us, them []spent
	for range rounds {
		us = append(us, timeOurs(ours, steps))
		them = append(them, timeTorch(t, torch, w, steps))
	}
	t.Logf("%-28s %4s %6.1f ms, torch %6.1f ms: speed ratio %s; CPU %6.1f ms, torch %6.1f ms: %s (n=%d)", w, e.Name(), median(us, wall), median(them, wall),
		ratio(us, them, wall), median(us, cpu), median(them, cpu), ratio(us, them, cpu), rounds)
}

func wall(s spent) float64 { return s.wall }

func cpu(s spent) float64 { return s.cpu }

func timeOurs(run func(), steps int) spent {
	start, used := time.Now(), cpuTime()
	for range steps {
		run()
	}
	n := float64(steps)
	return spent{float64(time.Since(start).Microseconds()) / 1e3 / n, (cpuTime() - used) / n}
}

// cpuTime is the CPU time of this process, in milliseconds.
func cpuTime() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return math.NaN()
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e6
}

// ratio is the geometric mean of theirs over ours, with its 95 % interval;
// 2.26 is Student's t for ten rounds, a little wide for more.
func ratio(us, them []spent, of func(spent) float64) string {
	n, mean, square := float64(len(us)), 0.0, 0.0
	for i := range us {
		mean += math.Log(of(them[i])/of(us[i])) / n
	}
	for i := range us {
		d := math.Log(of(them[i])/of(us[i])) - mean
		square += d * d
	}
	half := 2.26 * math.Sqrt(square/max(1, n-1)/n)
	return fmt.Sprintf("%.2f [%.2f, %.2f]", math.Exp(mean), math.Exp(mean-half), math.Exp(mean+half))
}

func median(s []spent, of func(spent) float64) float64 {
	var x []float64
	for _, v := range s {
		x = append(x, of(v))
	}
	slices.Sort(x)
	return (x[(len(x)-1)/2] + x[len(x)/2]) / 2
}

// ourWork gives a function that does it once.
func ourWork(t *testing.T, e *engine.Engine, w work) func() {
	const n = 128
	if w.mode == "forward" {
		c := benchModel(0)
		enc, err := NewEncoder(e, c, n)
		if err != nil {
			t.Fatal(err)
		}
		b := randomBatch(c.Config, n, 3)
		return func() {
			if _, err := enc.Images(b.Pixels, n); err != nil {
				t.Fatal(err)
			}
			if _, err := enc.Texts(b.Tokens, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := benchModel(0)
	if w.mode == GatedImage {
		c = benchModel(2)
	}
	tr, err := NewTrainer(e, c.Config, TrainOptions{Mode: w.mode, Batch: n, CachedText: w.cached, Clip: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Reset(c); err != nil {
		t.Fatal(err)
	}
	b := randomBatch(c.Config, n, 3)
	return func() {
		if _, err := tr.Step(b, StepParams{LR: 1e-4, WeightDecay: 0.1, Gamma: 0.9}); err != nil {
			t.Fatal(err)
		}
	}
}

// startTorch starts a Python process that times PyTorch.
func startTorch(t *testing.T) *peer.Process {
	python := os.Getenv("PYTHON")
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-c", "import torch").CombinedOutput(); err != nil {
		t.Skipf("%s -c 'import torch': %v: %s", python, err, out)
	}
	p := peer.Start(t, "PyTorch", exec.Command(python, filepath.Join("testdata", "bench_torch.py"), fmt.Sprint(runtime.NumCPU())))
	t.Logf("%s, OPENBLAS_CORETYPE=%q", p.Line(t), os.Getenv("OPENBLAS_CORETYPE"))
	return p
}

// timeTorch is steps of the work in PyTorch.
func timeTorch(t *testing.T, p *peer.Process, w work, steps int) (s spent) {
	p.Ask(t, fmt.Sprintf("%s %t %d", w.mode, w.cached, steps), &s.wall, &s.cpu)
	return s
}
