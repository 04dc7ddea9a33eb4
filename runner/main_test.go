package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"react/data/world"
)

var update = flag.Bool("update", false, "rewrite the expected output in testdata/script")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"runner": main, "stubborn": stubborn})
}

// TestScripts runs testdata/script: the real command, its files and what it
// must print, one file for each behaviour. With -update, what "cmp" compares
// is rewritten.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: false,
		Cmds:                map[string]func(ts *testscript.TestScript, neg bool, args []string){"exits": exits, "world": makeWorld, "lost": makeLost, "memes": makeMemes, "pods": runPods, "tasks": setTasks},
		Setup: func(env *testscript.Env) error {
			env.Setenv("ONNXRUNTIME_SHARED_LIBRARY_PATH", os.Getenv("ONNXRUNTIME_SHARED_LIBRARY_PATH"))
			env.Setenv("RUNNER_STORE", "")
			layouts, err := filepath.Abs("../ops/clip/layout/testdata")
			env.Setenv("LAYOUTS", layouts)
			former, errV1 := filepath.Abs("testdata/v1")
			env.Setenv("V1", former)
			experiments, errs := filepath.Abs("../experiments")
			env.Setenv("EXPERIMENTS", experiments)
			return errors.Join(err, errV1, errs)
		},
	})
}

// exits is the script command "exits CODE program args...": the program must
// end with that exit code. Its output is there for stdout, stderr and cmp.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE program args...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// makeWorld is the script command "world DIR": a small pool and its evaluation
// sets as outside files.
func makeWorld(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: world DIR")
	}
	p := world.Params{Rows: 150, Classes: 10, TestPerClass: 1, Named: 0.5, Irrelevant: 0.2, Duplicates: 0.1, Wrong: 0.2, Vague: 0.2, Photo: 0.1, Size: 32}
	ts.Check(os.Mkdir(ts.MkAbs(args[0]), 0o777))
	ts.Check(world.Generate(context.Background(), ts.MkAbs(args[0]), p))
}

// makeMemes writes a set of the size of ELEVATER's smallest, hateful-memes: 500 test images of two
// classes, all different, and a few to train on.
func makeMemes(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: memes DIR")
	}
	for split, n := range map[string]int{"test": 500, "train": 12} {
		for i := range n {
			class := []string{"meme", "hatespeech meme"}[i%2]
			img := image.NewRGBA(image.Rect(0, 0, 8, 8))
			img.Set(i%8, i/8%8, color.RGBA{uint8(i), uint8(i >> 8), uint8(200 * (i % 2)), 255})
			img.Set(0, 7, color.RGBA{uint8(len(split)), 0, 0, 255})
			var raw bytes.Buffer
			ts.Check(png.Encode(&raw, img))
			name := ts.MkAbs(filepath.Join(args[0], split, class, fmt.Sprintf("%05d.png", i)))
			ts.Check(os.MkdirAll(filepath.Dir(name), 0o777))
			ts.Check(os.WriteFile(name, raw.Bytes(), 0o666))
		}
	}
}
