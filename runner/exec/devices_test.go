package exec

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/engine"
	"react/runner/plan"
)

// TestShare: stages that run at a time share the devices out, and none has another's while there
// are enough.
func TestShare(t *testing.T) {
	for _, c := range []struct {
		devices Devices
		jobs    Jobs
		want    string // engines of the first places
		atOnce  int    // on an accelerator
	}{
		{1, 1, "xla:cuda xla:cuda", 1},
		{4, 1, "xla:cuda,devices=4,first=0 xla:cuda,devices=4,first=0", 1},
		{4, 2, "xla:cuda,devices=2,first=0 xla:cuda,devices=2,first=2", 2},
		{4, 3, "xla:cuda xla:cuda,devices=1,first=1 xla:cuda,devices=1,first=2", 4},
		{4, 0, "xla:cuda xla:cuda,devices=1,first=1 xla:cuda,devices=1,first=2 xla:cuda,devices=1,first=3", 4},
		{2, 5, "xla:cuda xla:cuda,devices=1,first=1 xla:cuda", 2},
	} {
		s := c.devices.Share("xla:cuda", c.jobs)
		var got []string
		for place := range strings.Fields(c.want) {
			got = append(got, s.spec("xla:cuda", place))
		}
		if text := strings.Join(got, " "); text != c.want {
			t.Errorf("%d devices, %s stages: got %s, want %s", c.devices, c.jobs.String(), text, c.want)
		}
		if got := s.atOnce("xla:cuda", c.jobs); got != c.atOnce {
			t.Errorf("%d devices, %s stages: %d at once, want %d", c.devices, c.jobs.String(), got, c.atOnce)
		}
	}
	if got := Devices(1).Share("onnx", 3).atOnce("onnx", 3); got != 0 {
		t.Errorf("3 stages on the processor: limit %d, want none", got)
	}
}

// TestEngineFor: one engine for all stages, by the largest of their models.
func TestEngineFor(t *testing.T) {
	dir, err := filepath.Abs(filepath.Join("..", "..", "cache", "xla-cpu"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "pjrt_c_api_cpu_plugin.so")); err != nil {
		t.Skip("no PJRT plugin for CPUs in cache/xla-cpu: make xla-cpu fetches it")
	}
	t.Setenv("PJRT_PLUGIN_LIBRARY_PATH", dir)
	stage := func(arch string) *plan.Stage {
		model, err := clip.Arch(arch)
		if err != nil {
			t.Fatal(err)
		}
		return &plan.Stage{Model: &model}
	}
	small, large := stage("small"), stage("ViT-B-32")
	for _, c := range []struct {
		asked  string
		stages []*plan.Stage
		want   string
	}{
		{"auto", []*plan.Stage{{}, small}, "auto"},
		{"auto", []*plan.Stage{small, large, {}}, engine.ForModel(8.8e9)},
		{"onnx", []*plan.Stage{large}, "onnx"},
	} {
		if got := EngineFor(c.asked, c.stages); got != c.want {
			t.Errorf("%s: got %s, want %s", c.asked, got, c.want)
		}
	}
}

func TestDevicesCheck(t *testing.T) {
	t.Setenv("CUDA_VISIBLE_DEVICES", "0,1")
	for _, c := range []struct {
		devices      Devices
		engine, want string
	}{
		{1, "onnx", ""},
		{0, "onnx", ""},
		{4, "xla:cpu", ""},
		{2, "xla:cuda", ""},
		{2, "onnx", "--devices 2: the engine onnx computes on one; xla:cuda takes several GPUs, and xla:cpu as many parts of the processor"},
		{3, "xla:cuda", "--devices 3: there are 2 GPUs"},
	} {
		got := ""
		if err := c.devices.Check(c.engine); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%d of %s: got %q, want %q", c.devices, c.engine, got, c.want)
		}
	}
	if s := Devices(0).Share("xla:cuda", 1); s.Devices != 2 {
		t.Errorf("all of two GPUs are %d", s.Devices)
	}
}

func TestCounts(t *testing.T) {
	var d Devices
	var j Jobs
	if err := d.Set("all"); err != nil || d != 0 || d.String() != "all" {
		t.Errorf("all: %v, %v", d, err)
	}
	if err := d.Set("3"); err != nil || d != 3 || d.String() != "3" {
		t.Errorf("3: %v, %v", d, err)
	}
	if err := d.Set("0"); err == nil || err.Error() != `a number of devices from 1, or "all"` {
		t.Errorf("0: %v", err)
	}
	if err := j.Set("many"); err == nil || err.Error() != `a number of stages from 1, or "auto"` {
		t.Errorf("many: %v", err)
	}
}
