package optim

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"react/data/peer"
	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/internal/cliptest"
	"react/ops/clip/layout"
)

// embedBatch is how many images a pass embeds.
const embedBatch = 32

// torches are the commands of PEER_TORCH, with ";" between them: each a Python
// with PyTorch, settings of the environment before it.
func torches(t *testing.T) [][]string {
	var commands [][]string
	for _, text := range strings.Split(os.Getenv("PEER_TORCH"), ";") {
		words := strings.Fields(text)
		if len(words) == 0 {
			continue
		}
		probe := append(append([]string{}, words...), "-c", "import torch; torch.ones(64, 64) @ torch.ones(64, 64)")
		if out, err := exec.Command("env", probe...).CombinedOutput(); err != nil {
			t.Logf("left out: %s: %v: %s", text, err, lastLine(string(out)))
			continue
		}
		commands = append(commands, words)
	}
	if len(commands) == 0 {
		t.Skip("a measurement: PEER_TORCH names no Python with PyTorch, such as /usr/bin/python3")
	}
	return commands
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// TestEmbeddingAgainstPyTorch embeds 32 images of 224 pixels with a ViT-B/32, on
// each engine and in each PyTorch, in turns, on the same weights. They must
// agree before they are timed.
func TestEmbeddingAgainstPyTorch(t *testing.T) {
	rounds := peer.Rounds(t)
	commands := torches(t)
	c := archModel(t, "ViT-B-32", 0)
	pixels := randomBatch(c.Config, embedBatch, 3).Pixels
	files := writeEmbedding(t, c, pixels)
	us := map[string]func() []float32{}
	for _, name := range cliptest.PresentEngines(t) {
		us[name] = embedder(t, name, c, pixels)
	}
	var peers []*peer.Process
	for _, words := range commands {
		for _, how := range []string{"eager", "compiled"} {
			if p := startEmbedding(t, words, how, c, files); p != nil {
				peers = append(peers, p)
				agree(t, p.Name, us, files.out)
			}
		}
	}
	own, theirs := map[string][]spent{}, make([][]spent, len(peers))
	for range rounds {
		for name, run := range us {
			own[name] = append(own[name], timeOurs(func() { run() }, 1))
		}
		for i, p := range peers {
			var s spent
			p.Ask(t, "go", &s.wall, &s.cpu)
			theirs[i] = append(theirs[i], s)
		}
	}
	for _, name := range cliptest.PresentEngines(t) {
		for i, p := range peers {
			recordSpent(t, peer.Row{Work: "embedding, ViT-B/32, batch 32", Us: name, Peer: p.Name, Unit: "images/s"}, own[name], theirs[i],
				func(ms float64) float64 { return embedBatch * 1e3 / ms })
		}
	}
}

// recordSpent fills in the figures of a row from the clock.
func recordSpent(t *testing.T, r peer.Row, ours, theirs []spent, unit func(ms float64) float64) {
	r.Ours, r.Theirs = unit(median(ours, wall)), unit(median(theirs, wall))
	r.Ratio = peer.Compare(walls(ours), walls(theirs))
	peer.Record(t, r)
}

func walls(s []spent) []float64 {
	out := make([]float64, len(s))
	for i, v := range s {
		out[i] = v.wall
	}
	return out
}

// embedder gives a function that embeds the pixels on an engine.
func embedder(t *testing.T, name string, c *clip.Checkpoint, pixels []float32) func() []float32 {
	enc, err := encode.New(cliptest.OpenEngine(t, name), c, embedBatch)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(enc.Close)
	return func() []float32 {
		x, err := enc.Images(pixels, embedBatch)
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
}

// embedFiles are what a peer reads and writes.
type embedFiles struct{ weights, pixels, out string }

func writeEmbedding(t *testing.T, c *clip.Checkpoint, pixels []float32) embedFiles {
	dir := t.TempDir()
	f := embedFiles{filepath.Join(dir, "weights.safetensors"), filepath.Join(dir, "pixels.f32"), filepath.Join(dir, "out.f32")}
	if err := layout.WriteSafetensors(f.weights, c.Weights); err != nil {
		t.Fatal(err)
	}
	raw, err := binary.Append(nil, binary.LittleEndian, pixels)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.pixels, raw, 0o644); err != nil {
		t.Fatal(err)
	}
	return f
}

// startEmbedding is nil for a PyTorch without torch.compile, or without what it needs.
func startEmbedding(t *testing.T, words []string, how string, c *clip.Checkpoint, f embedFiles) *peer.Process {
	if how == "compiled" {
		probe := append(slices.Clone(words), "-c", "import torch; torch.compile(torch.nn.Linear(8, 8))(torch.ones(1, 8))")
		if out, err := exec.Command("env", probe...).CombinedOutput(); err != nil {
			t.Logf("left out: torch.compile of %s: %s", words, lastLine(string(out)))
			return nil
		}
	}
	v := c.Config.Model.Vision
	args := append(slices.Clone(words), filepath.Join("testdata", "peer_embed.py"), how, f.weights, f.pixels, f.out,
		fmt.Sprint(runtime.NumCPU()), fmt.Sprint(v.Heads()), fmt.Sprint(v.PatchSize), fmt.Sprint(v.Layers))
	p := peer.Start(t, "", exec.Command("env", args...))
	p.Name = p.Line(t)
	return p
}

// agree holds ours to the peer's embeddings.
func agree(t *testing.T, name string, us map[string]func() []float32, out string) {
	raw, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]float32, len(raw)/4)
	if _, err := binary.Decode(raw, binary.LittleEndian, want); err != nil {
		t.Fatal(err)
	}
	for engine, run := range us {
		got := run()
		if len(got) != len(want) {
			t.Fatalf("%s gives %d numbers, %s %d", engine, len(got), name, len(want))
		}
		worst := 0.0
		for i := range got {
			worst = max(worst, math.Abs(float64(got[i]-want[i])))
		}
		if worst > 1e-3 {
			t.Fatalf("%s and %s differ by %.2g", engine, name, worst)
		}
		t.Logf("%s and %s agree within %.1g", engine, name, worst)
	}
}
