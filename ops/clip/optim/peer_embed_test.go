package optim

import (
	"bufio"
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
	"react/ops/engine"
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

// TestEmbeddingAgainstPeers embeds 32 images of 224 pixels with a ViT-B/32, on each engine, in each
// PyTorch and in JAX, in turns, each in a process of its own and on the same weights. They must agree
// before they are timed.
func TestEmbeddingAgainstPeers(t *testing.T) {
	rounds := peer.Rounds(t)
	c, pixels := embedding(t)
	files := writeEmbedding(t, c, pixels)
	ours, outputs := map[string]*peer.Process{}, map[string][]float32{}
	for _, name := range cliptest.PresentEngines(t) {
		ours[name] = startOurs(t, name, "TestEmbedChild", files.out)
		outputs[name] = readFloats(t, files.out)
	}
	v := c.Config.Model.Vision
	shape := []string{fmt.Sprint(v.Heads()), fmt.Sprint(v.PatchSize), fmt.Sprint(v.Layers)}
	peers := startPeers(t, func(words []string, how string) []string {
		if how == jit {
			args := append(slices.Clone(words), "testdata/peer_jax.py", "embed", files.weights, files.pixels, files.out)
			return append(args, shape...)
		}
		args := append(slices.Clone(words), "testdata/peer_embed.py", how, files.weights, files.pixels, files.out,
			fmt.Sprint(runtime.NumCPU()))
		return append(args, shape...)
	}, func(p *peer.Process) { agree(t, p.Name, outputs, readFloats(t, files.out)) })
	own, theirs := map[string][]spent{}, make([][]spent, len(peers))
	for range rounds {
		for name, p := range ours {
			own[name] = append(own[name], ask(t, p, "go"))
		}
		for i, p := range peers {
			theirs[i] = append(theirs[i], ask(t, p, "go"))
		}
	}
	rate := func(ms float64) float64 { return embedBatch * 1e3 / ms }
	for _, name := range cliptest.PresentEngines(t) {
		row := peer.Row{Work: "embedding, ViT-B/32, batch 32", Us: name, Unit: "images/s"}
		for i, p := range peers {
			row.Peer = p.Name
			recordSpent(t, row, own[name], theirs[i], rate)
		}
	}
}

// embedding is the model and the images that are embedded.
func embedding(t *testing.T) (*clip.Checkpoint, []float32) {
	c := archModel(t, "ViT-B-32", 0)
	return c, randomBatch(c.Config, embedBatch, 3).Pixels
}

// TestEmbedChild is the process of an engine in TestEmbeddingAgainstPeers.
func TestEmbedChild(t *testing.T) {
	name, out := asked(t)
	c, pixels := embedding(t)
	enc, err := encode.New(cliptest.OpenEngine(t, name), c, embedBatch)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	var x []float32
	run := func() {
		if x, err = enc.Images(pixels, embedBatch); err != nil {
			t.Fatal(err)
		}
	}
	run()
	raw, err := binary.Append(nil, binary.LittleEndian, x)
	if err == nil {
		err = os.WriteFile(out, raw, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	answer(name, func(string) spent { return timeOurs(run, 1) })
}

// childEnv makes this test program the process of an engine: "xla:cpu FILE".
const childEnv = "PEER_CHILD"

// startOurs starts a process that computes on an engine and answers as the peers do, with the
// settings that the program starts itself with for the engine: in one process with another engine
// it would take that one's memory and threads for its own.
func startOurs(t *testing.T, name, test, out string) *peer.Process {
	cmd := exec.Command(os.Args[0], "-test.run=^"+test+"$")
	cmd.Env = append(os.Environ(), engine.StartupEnv([]string{"--engine", name})...)
	cmd.Env = append(cmd.Env, childEnv+"="+name+" "+out)
	p := peer.Start(t, name, cmd)
	if said := p.Line(t); said != name {
		t.Fatalf("%s says %s", name, said)
	}
	return p
}

// asked is what startOurs asks a child for; other tests are skipped.
func asked(t *testing.T) (engine, out string) {
	engine, out, ok := strings.Cut(os.Getenv(childEnv), " ")
	if !ok {
		t.Skip("a process of a measurement (make bench-peers)")
	}
	return engine, out
}

// answer says the name, and what each line of standard input took.
func answer(name string, run func(line string) spent) {
	fmt.Println(name)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		s := run(lines.Text())
		fmt.Println(s.wall, s.cpu)
	}
}

// ask is what a line takes in a process.
func ask(t *testing.T, p *peer.Process, line string) (s spent) {
	p.Ask(t, line, &s.wall, &s.cpu)
	return s
}

// recordSpent fills in the figures of a row from the clock.
func recordSpent(t *testing.T, r peer.Row, ours, theirs []spent, unit func(ms float64) float64) {
	r.Ours, r.Theirs = unit(median(ours, wall)), unit(median(theirs, wall))
	r.Ratio = peer.Compare(walls(ours), walls(theirs))
	peer.Record(t, r)
}

func walls(s []spent) []float64 { return each(s, wall) }
func cpus(s []spent) []float64  { return each(s, cpu) }

func each(s []spent, of func(spent) float64) []float64 {
	out := make([]float64, len(s))
	for i, v := range s {
		out[i] = of(v)
	}
	return out
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

// How a peer computes.
const (
	eager    = "eager"
	compiled = "compiled" // torch.compile
	jit      = "jit"      // JAX
)

// probes are what a peer's Python must be able to do.
var probes = map[string]string{
	compiled: "import torch; torch.compile(torch.nn.Linear(8, 8))(torch.ones(1, 8))",
	jit:      "import jax; jax.jit(lambda x: x + 1)(1.0)",
}

// startPeers starts what is there of each PyTorch, as it is and compiled, and of JAX, each by the
// command line that line gives; ready is called when one has said its name.
func startPeers(t *testing.T, line func(words []string, how string) []string, ready func(*peer.Process)) (peers []*peer.Process) {
	for _, words := range torches(t) {
		for _, how := range []string{eager, compiled, jit} {
			if probe := probes[how]; probe != "" {
				if out, err := exec.Command("env", append(slices.Clone(words), "-c", probe)...).CombinedOutput(); err != nil {
					t.Logf("left out: %s of %s: %s", how, words, lastLine(string(out)))
					continue
				}
			}
			p := peer.Start(t, "", exec.Command("env", line(words, how)...))
			p.Name = p.Line(t)
			ready(p)
			peers = append(peers, p)
		}
	}
	return peers
}

func readFloats(t *testing.T, path string) []float32 {
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	x := make([]float32, len(raw)/4)
	if _, err := binary.Decode(raw, binary.LittleEndian, x); err != nil {
		t.Fatal(err)
	}
	return x
}

// agree holds ours to the peer's embeddings.
func agree(t *testing.T, name string, ours map[string][]float32, want []float32) {
	for engine, got := range ours {
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
