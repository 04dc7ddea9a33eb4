package spec_test

import (
	"fmt"
	"os"
	"path/filepath"

	"react/runner/spec"
)

const experiment = `apiVersion: "runner/v2"
name:       "modes"
pool: world: world: seed: 0
backbone: {arch: "tiny", pretrain: pool: "world"}
task: {classes: "pool:world/task", prompts: ["a photo of a {}"]}
retrieve: {pool: "world", k: 4}
tune: {mode: "full", gamma: 0.9, steps: 300, batch: 64}
evaluate: task: {kind: "zeroshot", dataset: "pool:world/task"}
sweep: {
	grid: tune: mode: ["full", "gated-image"]
	cases: [{label: "base", tune: mode: "none"}]
	seeds: 2
}
`

// Example shows what a file becomes.
func Example() {
	file, cleanup := write(experiment)
	defer cleanup()
	exp, err := spec.Load(file, []string{"tune.gamma=off", "sweep.seeds=1"})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, t := range exp.Trials {
		fmt.Printf("%q %v seed %d: lr %g, gamma %v\n", t.Label, t.Axes, t.Seed, t.Params.Tune.LR, t.Params.Tune.Gamma)
	}
	// Output:
	// "" map[tune.mode:full] seed 0: lr 0.0003, gamma off
	// "" map[tune.mode:gated-image] seed 0: lr 0.001, gamma off
	// "base" map[tune.mode:none] seed 0: lr 0, gamma off
}

// Example_mistakes shows mistakes: all at once, each at its place.
func Example_mistakes() {
	_, err := spec.Parse("modes.cue", []byte(experiment+"tune: gama: 0.8\nindex: m: 1000\n"), spec.Options{})
	fmt.Println(err)
	// Output:
	// modes.cue:14:7: tune.gama: unknown field (did you mean "gamma"?)
	// modes.cue:15:11: index.m: 1000 is over 512 (a whole number from 2 to 512)
}

func write(text string) (file string, cleanup func()) {
	dir, err := os.MkdirTemp("", "spec")
	if err != nil {
		panic(err)
	}
	file = filepath.Join(dir, "modes.cue")
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		panic(err)
	}
	return file, func() { os.RemoveAll(dir) }
}
