package cluster

import (
	"testing"

	"react/runner/slurm"
)

// TestWithDevices: a stage on the engine asks for the GPUs that --devices says, and no other count.
func TestWithDevices(t *testing.T) {
	for _, c := range []struct {
		name    string
		site    slurm.Site
		devices int
		engine  string
		want    string // of the engine's stages
		err     string
	}{
		{"one", slurm.Site{}, 1, "xla:cuda", "", ""},
		{"four", slurm.Site{}, 4, "xla:cuda", "gpu:4", ""},
		{"beside others", slurm.Site{GRES: "nvme:1"}, 4, "xla:cuda", "nvme:1,gpu:4", ""},
		{"as many", slurm.Site{GRES: "gpu:a100:4"}, 4, "xla:cuda", "gpu:a100:4", ""},
		{"other", slurm.Site{GRES: "gpu:2"}, 4, "xla:cuda", "", "--devices 4: a stage on the engine asks for gpu:2"},
		{"a processor", slurm.Site{}, 4, "xla:cpu", "", ""},
	} {
		site, err := withDevices(c.site, c.devices, c.engine)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: got error %v, want %s", c.name, err, c.err)
			}
			continue
		}
		if got := site.Class("engine").GRES; err != nil || got != c.want {
			t.Errorf("%s: got %q %v, want %q", c.name, got, err, c.want)
		}
		if got := site.Class("data").GRES; got != c.site.GRES {
			t.Errorf("%s: other stages ask for %q, want %q", c.name, got, c.site.GRES)
		}
	}
}
