package optim

import (
	"fmt"
	"math"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"react/data/peer"
	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// work is one thing that is timed on each engine and in PyTorch.
type work struct {
	mode   string // a tuning mode, or forward
	cached bool
}

var works = []work{{"forward", false}, {clip.Full, false}, {clip.LockedText, false}, {clip.LockedText, true}, {clip.GatedImage, false}, {clip.GatedImage, true}}

func (w work) String() string {
	if w.cached {
		return w.mode + ", captions cached"
	}
	return w.mode
}

// TestStepAgainstPeers times a training step and a forward pass of the 32/8 model of width 128 at
// batch 128, on each engine, in each PyTorch and in JAX, in turns, each in a process of its own.
func TestStepAgainstPeers(t *testing.T) {
	rounds := peer.Rounds(t)
	ours := map[string]*peer.Process{}
	for _, name := range cliptest.PresentEngines(t) {
		ours[name] = startOurs(t, name, "TestStepChild", "")
	}
	peers := startPeers(t, func(words []string, how string) []string {
		if how == jit {
			return append(slices.Clone(words), "testdata/peer_jax.py", "step")
		}
		return append(slices.Clone(words), "testdata/peer_step.py", how, fmt.Sprint(runtime.NumCPU()))
	}, func(*peer.Process) {})
	for _, w := range works {
		line := fmt.Sprintf("%s %t %d", w.mode, w.cached, stepsTimed)
		own, theirs := map[string][]spent{}, make([][]spent, len(peers))
		for round := range rounds + 1 {
			for i, p := range peers {
				if s := ask(t, p, line); round > 0 {
					theirs[i] = append(theirs[i], s)
				}
			}
			for name, p := range ours {
				if s := ask(t, p, line); round > 0 {
					own[name] = append(own[name], s)
				}
			}
		}
		for _, name := range cliptest.PresentEngines(t) {
			row := peer.Row{Work: w.String() + ", batch 128", Us: name, Unit: "ms"}
			if name == "xla:cpu" {
				row.Peer = "onnx"
				recordTarget(t, row, own[name], own["onnx"], 1)
			}
			for i, p := range peers {
				row.Peer = p.Name
				recordTarget(t, row, own[name], theirs[i], goal(name, w))
			}
		}
	}
}

// goal is how many times as fast as a peer an engine is to be; 0 where that is not said.
func goal(engine string, w work) float64 {
	if engine != "xla:cpu" || w.mode == "forward" {
		return 0
	}
	return 1.5
}

// recordTarget records the clock, and the processor time where many threads compute.
func recordTarget(t *testing.T, r peer.Row, ours, theirs []spent, goal float64) {
	if len(ours) == 0 || len(theirs) == 0 {
		return
	}
	if goal > 0 {
		r.Target = peer.AtLeast(peer.Compare(walls(ours), walls(theirs)).Mean, goal, "")
	}
	recordSpent(t, r, ours, theirs, func(ms float64) float64 { return ms })
	if r.Us == "go" {
		return
	}
	r.Work, r.Unit, r.Target = r.Work+", processor time", "CPU-ms", ""
	r.Ours, r.Theirs, r.Ratio = median(ours, cpu), median(theirs, cpu), peer.Compare(cpus(ours), cpus(theirs))
	peer.Record(t, r)
}

// stepsTimed is how many steps a round times.
const stepsTimed = 3

// spent is what one step took: milliseconds by the clock, and of CPU time,
// which other programs on the machine change less.
type spent struct{ wall, cpu float64 }

func wall(s spent) float64 { return s.wall }
func cpu(s spent) float64  { return s.cpu }

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
		enc, err := encode.New(e, c, n)
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
	if w.mode == clip.GatedImage {
		c = benchModel(2)
	}
	tr, err := New(e, c.Config, Options{Mode: w.mode, Batch: n, CachedText: w.cached, GradClip: 1})
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

// TestStepChild is the process of an engine in TestStepAgainstPeers.
func TestStepChild(t *testing.T) {
	name, _ := asked(t)
	e := cliptest.OpenEngine(t, name)
	runs := map[work]func(){}
	answer(name, func(line string) spent {
		var w work
		var steps int
		if _, err := fmt.Sscan(line, &w.mode, &w.cached, &steps); err != nil {
			t.Fatal(err)
		}
		if runs[w] == nil {
			runs[w] = ourWork(t, e, w)
			runs[w]()
		}
		return timeOurs(runs[w], steps)
	})
}
