package layout

import (
	"path/filepath"
	"reflect"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
)

func shapesOf(c clip.Config) shapeMap {
	s := shapeMap{}
	for _, p := range clip.Parameters(c) {
		s[p.Name] = p.Shape
	}
	return s
}

// TestDeduceEveryArch takes each architecture that ships from its shapes alone.
func TestDeduceEveryArch(t *testing.T) {
	for _, name := range clip.Archs() {
		want, err := clip.Arch(name)
		if err != nil {
			t.Fatal(err)
		}
		// an error where the heads are not of 64: the architecture has them
		got, _ := shapesOf(want).deduce()
		found, arch, ok := archOf(got, activationOf(want))
		if !ok || !reflect.DeepEqual(arch.Model, want.Model) {
			t.Errorf("%s: found %q, %+v", name, found, got.Model)
		}
		if v, w := got.Model.Vision, want.Model.Vision; v.ImageSize != w.ImageSize || v.PatchSize != w.PatchSize || v.Layers != w.Layers {
			t.Errorf("%s: %+v", name, v)
		}
	}
	gated, err := clip.Arch("ViT-B-32-quickgelu")
	if err != nil {
		t.Fatal(err)
	}
	gated = gated.WithGates(6)
	if got, err := shapesOf(gated).deduce(); err != nil || got.Gates() != 6 || got.Model.Vision.Heads() != 12 || got.Model.Text.Heads != 8 {
		t.Errorf("gates of ViT-B-32: %+v, %v", got, err)
	}
}

// TestOpenAIResNet has OpenAI's buffers beside the parameters of a small ResNet.
func TestOpenAIResNet(t *testing.T) {
	want := clip.Config{Model: clip.Model{EmbedDim: 16, QuickGELU: true, Vision: clip.Vision{Stages: []int{1, 2, 1, 1}, Width: 8, HeadWidth: 64, ImageSize: 64},
		Text: clip.Text{ContextLength: 8, VocabSize: 50, Width: 64, Heads: 1, Layers: 1, MLPRatio: 4}}}
	if err := want.Validate(); err != nil {
		t.Fatal(err)
	}
	w := clip.Init(want, 1)
	for _, name := range append([]string{"visual.bn1.num_batches_tracked"}, openAIBuffers...) {
		w.Put(name, []int{}, []float32{64})
	}
	path := filepath.Join(t.TempDir(), "RN.safetensors")
	if err := WriteSafetensors(path, w); err != nil {
		t.Fatal(err)
	}
	s, err := Open(path, OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if !reflect.DeepEqual(s.Config, want) || s.Activation != quickGELU {
		t.Errorf("%+v, want %+v", s.Config, want)
	}
	c, err := s.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	if err := cliptest.SameBits(c, &clip.Checkpoint{Config: want, Weights: clip.Init(want, 1)}); err != nil {
		t.Error(err)
	}
	sum, err := s.Summary(2)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range sum.Modes {
		if (m.Reason != "") != (m.Mode == clip.GatedImage) || m.Mode != clip.GatedImage && m.Parameters == 0 {
			t.Errorf("%+v", m)
		}
	}
}
