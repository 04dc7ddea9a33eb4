package rules

import (
	"fmt"
	"math"
	"strings"

	"react/ops/clip"
	"react/runner/spec/mistake"
)

func (s Scene) checkBackbone() {
	if s.Values.Has("backbone.pretrain") && !s.Values.Has("backbone.arch") {
		s.report("backbone.arch", "missing (pretrain needs an architecture, such as \"tiny\")")
	}
	s.checkArch()
	s.checkSnapshot()
	s.checkGates()
	pool := s.Values.Text("backbone.pretrain.pool")
	if s.Values.Has("pool."+pool+".embeddings") && !s.Values.Has("pool."+pool+".shards") {
		s.report("backbone.pretrain.pool", "pool %q has embeddings but no images to train on (shards, or another pool)", pool)
	}
}

// checkArch looks the architecture up that is to be trained; a checkpoint brings its own.
func (s Scene) checkArch() {
	arch := s.Values.Text("backbone.arch")
	if _, err := clip.Arch(arch); err == nil || arch == "" || !s.Values.Has("backbone.pretrain") {
		return
	}
	meant := ""
	if near := mistake.Nearest(arch, clip.Archs()); near != "" {
		meant = fmt.Sprintf("did you mean %q? ", near)
	}
	s.report("backbone.arch", "no architecture %q (%sone of %s)", arch, meant, strings.Join(clip.Archs(), ", "))
}

// checkGates refuses gated blocks that a model has no place for. Of weights that are loaded the
// architecture is not known here; the plan reads it.
func (s Scene) checkGates() {
	arch := s.Values.Text("backbone.arch")
	mode, err := clip.ModeOf(s.Values.Text("tune.mode"))
	if err != nil || !mode.Gates || s.IsBad("tune.mode") || !s.Values.Has("backbone.pretrain") {
		return
	}
	model, err := clip.Arch(arch)
	if err != nil {
		return // said of backbone.arch
	}
	if path, why := GatesError(&model, int(s.Values.Number("tune.gatedDepth")), fmt.Sprintf("backbone.arch %q", arch)); why != "" {
		s.report(path, "%s", why)
	}
}

// GatesError says why a model, called what, cannot have that many gated blocks, and of which field;
// "" where it can.
func GatesError(model *clip.Config, depth int, what string) (path, why string) {
	blocks := model.Model.Vision.Layers
	switch {
	case model.ResNet():
		return "tune.mode", fmt.Sprintf("gated blocks need a transformer, and %s is a ResNet (%s)", what, mistake.Listed(clip.UngatedModes(), "or"))
	case depth > blocks:
		return "tune.gatedDepth", fmt.Sprintf("%d is over the %d blocks of the image tower of %s (at most that)", depth, blocks, what)
	}
	return "", ""
}

// checkSnapshot looks for the step that serves among those that are kept.
func (s Scene) checkSnapshot() {
	const step, every = "backbone.pretrain.checkpoint.step", "backbone.pretrain.checkpoint.every"
	if !s.Values.Has(step) || s.IsBad(step) || s.IsBad(every) || s.IsBad("backbone.pretrain.steps") {
		return
	}
	at, apart := s.Values.Number(step), s.Values.Number(every)
	switch {
	case !s.Values.Has(every):
		s.report(every, "missing (step needs the steps between kept checkpoints)")
	case math.Mod(at, apart) != 0:
		s.report(step, "no checkpoint is kept after step %g (a multiple of every, %g)", at, apart)
	}
}
