package optim

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
	"react/ops/engine"
)

// soakEnv says how many starts TestSoak makes; in its children it is "child".
const soakEnv = "SOAK"

// soakTime is how long a start may take at most before it stands still for good.
const soakTime = 20 * time.Minute

// TestSoakChild opens XLA, takes some steps, and says so, or which run of a program stands still.
func TestSoakChild(t *testing.T) {
	if os.Getenv(soakEnv) != "child" {
		t.Skip("a child process of TestSoak")
	}
	e := cliptest.OpenEngine(t, "xla:cpu")
	go func() {
		for range time.Tick(time.Second) {
			if err := e.Stalled(engine.Patience); err != nil {
				stacks := make([]byte, 1<<20)
				os.Stdout.WriteString("stalled: " + err.Error() + "\n" + string(stacks[:runtime.Stack(stacks, true)]))
				os.Exit(3)
			}
		}
	}()
	c := cliptest.SmallModel(1, true)
	tr, _ := train(t, e, c, Options{Mode: clip.GatedImage, Batch: 8, Recompute: true}, 20)
	if _, err := tr.Checkpoint(); err != nil {
		t.Fatal(err)
	}
	os.Stdout.WriteString("done\n")
}

// TestSoak starts XLA often. One start in 455 once stood still before its first step, which is why
// stages on XLA are watched: each must end, or be found to stand still.
func TestSoak(t *testing.T) {
	starts, err := strconv.Atoi(os.Getenv(soakEnv))
	if err != nil {
		t.Skip("make soak runs it: " + soakEnv + " says how many starts")
	}
	cliptest.OpenEngine(t, "xla:cpu")
	stalled := 0
	for i := range starts {
		ctx, cancel := context.WithTimeout(t.Context(), soakTime)
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestSoakChild$", "-test.v")
		cmd.Env = append(os.Environ(), soakEnv+"=child")
		out, err := cmd.CombinedOutput()
		cancel()
		switch {
		case strings.Contains(string(out), "stalled: "):
			stalled++
			t.Logf("start %d: %s", i+1, out)
		case err != nil || !strings.Contains(string(out), "done\n"):
			t.Fatalf("start %d: %v: %s", i+1, err, out)
		}
		if (i+1)%100 == 0 {
			t.Logf("%d starts, %d stood still", i+1, stalled)
		}
	}
	t.Logf("%d starts, %d stood still", starts, stalled)
}
