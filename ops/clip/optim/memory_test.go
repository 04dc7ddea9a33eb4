package optim

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	. "github.com/gomlx/gomlx/core/graph"

	"react/data/proc"
	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/graph"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// memoryRun is a training whose peak a child process measures.
type memoryRun struct {
	Engine string
	Arch   string
	Gates  int
	Encode int // batch of an encoder instead
	Opts   Options
}

const memoryEnv = "CLIP_MEMORY_RUN"

func TestMemoryChild(t *testing.T) {
	text := os.Getenv(memoryEnv)
	if text == "" {
		t.Skip("a child process of TestEstimateAgainstMeasured")
	}
	var r memoryRun
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(r.Engine)
	if err != nil {
		t.Fatal(err)
	}
	c := archModel(t, r.Arch, r.Gates)
	if r.Encode > 0 {
		b := randomBatch(c.Config, r.Encode, 1)
		enc, err := encode.New(e, c, r.Encode)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := enc.Images(b.Pixels, r.Encode); err != nil {
				t.Fatal(err)
			}
			if _, err := enc.Texts(b.Tokens, r.Encode); err != nil {
				t.Fatal(err)
			}
		}
	} else {
		tr, _ := train(t, e, c, r.Opts, 0)
		_, waiting := inputBatches(r.Opts, e.Name())
		batches := make([]Batch, waiting)
		for i := range batches {
			batches[i] = randomBatch(c.Config, r.Opts.Batch, uint64(i))
		}
		for _, b := range batches {
			if _, err := tr.Step(b, testStep); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := tr.Checkpoint(); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Printf("peak %d\n", proc.Peak())
}

func measuredPeak(t *testing.T, r memoryRun) int64 {
	t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestMemoryChild$")
	cmd.Env = append(os.Environ(), memoryEnv+"="+string(text))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%+v: %v\n%s", r, err, out)
	}
	for line := range strings.Lines(string(out)) {
		var peak int64
		if n, _ := fmt.Sscanf(line, "peak %d", &peak); n == 1 {
			return peak
		}
	}
	t.Fatalf("no peak in %s", out)
	return 0
}

func estimated(t *testing.T, r memoryRun) clip.Memory {
	t.Helper()
	cfg, err := clip.Arch(r.Arch)
	if err != nil {
		t.Fatal(err)
	}
	if r.Gates > 0 {
		cfg = cfg.WithGates(r.Gates)
	}
	var m clip.Memory
	if r.Encode > 0 {
		m, err = estimateEncoding(cfg, r.Encode, clip.F32, r.Engine)
	} else {
		m, err = EstimateTraining(cfg, r.Opts, r.Engine)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// memoryRuns are what the estimate is held to.
func memoryRuns(n int) []memoryRun {
	return []memoryRun{
		{Opts: Options{Mode: clip.Full, Batch: n}},
		{Gates: 2, Opts: Options{Mode: clip.GatedImage, Batch: n, MicroBatch: n / 4, CachedText: true}},
		{Encode: n},
		{Opts: Options{Mode: clip.Full, Batch: n, Recompute: true}},
		{Opts: Options{Mode: clip.Full, Batch: n, MicroBatch: n / 4}},
		{Opts: Options{Mode: clip.LockedText, Batch: n, CachedText: true}},
		{Gates: 2, Opts: Options{Mode: clip.GatedImage, Batch: n, CachedText: true}},
	}
}

// TestEstimateAgainstMeasured holds the estimate to the peak of a child process:
// within a factor of 2 on the tiny model, for two runs of each engine.
// MEMORY_ARCH=tiny or ViT-B-32 holds all runs, of batches of 384 and 8.
func TestEstimateAgainstMeasured(t *testing.T) {
	arch, runs := "tiny", memoryRuns(256)[:2]
	if name := os.Getenv("MEMORY_ARCH"); name != "" {
		arch, runs = name, memoryRuns(map[bool]int{true: 384, false: 8}[name == "tiny"])
	} else if testing.Short() {
		t.Skip("-short: child processes that train")
	}
	for _, eng := range cliptest.EngineNames {
		t.Run(eng, func(t *testing.T) {
			cliptest.OpenEngine(t, eng) // skips where the engine is absent
			for _, r := range runs {
				r.Engine, r.Arch = eng, arch
				checkEstimate(t, r)
			}
		})
	}
}

func checkEstimate(t *testing.T, r memoryRun) {
	t.Helper()
	estimate, peak := estimated(t, r), measuredPeak(t, r)
	ratio := float64(estimate.Total()) / float64(peak)
	t.Logf("%+v: estimated %s, measured %s: %.2f (%v)", r, clip.FormatBytes(estimate.Total()), clip.FormatBytes(peak), ratio, estimate)
	if ratio < 0.5 || ratio > 2 {
		t.Errorf("%+v: estimated %s, measured %s (%v)", r, clip.FormatBytes(estimate.Total()), clip.FormatBytes(peak), estimate)
	}
}

// TestEstimateFollowsOptions holds what must be larger to be larger.
func TestEstimateFollowsOptions(t *testing.T) {
	cfg, err := clip.Arch("ViT-B-32")
	if err != nil {
		t.Fatal(err)
	}
	of := func(cfg clip.Config, o Options) clip.Memory {
		m, err := EstimateTraining(cfg, o, "xla:cuda")
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	whole := of(cfg, Options{Mode: clip.Full, Batch: 64})
	if p := whole.Parameters; p != 151277313*4 || whole.Moments != 2*p {
		t.Errorf("parameters %d, moments %d", p, whole.Moments)
	}
	half := of(cfg, Options{Mode: clip.Full, Batch: 64, Precision: clip.BF16})
	recomputed := of(cfg, Options{Mode: clip.Full, Batch: 64, Recompute: true})
	parted := of(cfg, Options{Mode: clip.Full, Batch: 64, MicroBatch: 16})
	for name, less := range map[string]clip.Memory{"bf16": half, "recompute": recomputed, "micro-batches": parted} {
		if less.Activations > whole.Activations*3/4 {
			t.Errorf("%s: activations %s of %s", name, clip.FormatBytes(less.Activations), clip.FormatBytes(whole.Activations))
		}
	}
	gated := of(cfg.WithGates(2), Options{Mode: clip.GatedImage, Batch: 64, CachedText: true})
	locked := of(cfg, Options{Mode: clip.LockedText, Batch: 64, CachedText: true})
	if gated.Moments >= locked.Moments || locked.Moments >= whole.Moments || gated.Activations >= locked.Activations || locked.Activations >= whole.Activations {
		t.Errorf("gated %v, locked %v, full %v", gated, locked, whole)
	}
	larger := of(cfg, Options{Mode: clip.Full, Batch: 128})
	if r := float64(larger.Activations) / float64(whole.Activations); r < 1.8 || r > 2.2 {
		t.Errorf("twice the batch takes %.2f times the activations", r)
	}
	if _, err := EstimateTraining(cfg, Options{Mode: clip.GatedImage, Batch: 2}, "go"); err == nil {
		t.Error("gates of a model without")
	}
}

func TestLivenessByHand(t *testing.T) {
	// Of x [1, 256] in f32, 1 KiB: a = 2x, b = a+x, c = b+a. With a and b, then c, 3 KiB.
	f, err := measure(func(g *Graph) traced {
		x := graph.Input(g, "x", 1, 256)
		a := MulScalar(x, 2)
		b := Add(a, x)
		Exp(b) // nothing reads it
		return traced{outputs: []*Node{Reshape(Add(b, a), 256)}}
	})
	if err != nil || f.other < 3<<10 || f.other > 3<<10+16 {
		t.Errorf("%+v, %v", f, err)
	}
}
