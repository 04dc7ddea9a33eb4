package clip_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
)

func TestInitIsByNameAndSeed(t *testing.T) {
	plain, gated := cliptest.SmallModel(0, true), cliptest.SmallModel(0, true)
	a, b := clip.Init(plain.Config, 3), clip.Init(gated.Config.WithGates(2), 3)
	for _, name := range a.Names() {
		if !slices.Equal(a.At(name).Data, b.At(name).Data) {
			t.Errorf("%s depends on the gates", name)
		}
	}
	if other := clip.Init(plain.Config, 4); slices.Equal(a.At("visual.proj").Data, other.At("visual.proj").Data) {
		t.Error("the seed does nothing")
	}
	for i, name := range a.Names() {
		data := a.At(name).Data
		for _, other := range a.Names()[:i] {
			// drawn, not constant
			if len(data) > 1 && data[0] != data[1] && slices.Equal(data, a.At(other).Data) {
				t.Errorf("%s and %s are drawn alike", other, name)
			}
		}
	}
	if got := a.At("logit_scale").Data[0]; !cliptest.Relative(float64(got), math.Log(1/0.07), 1e-6) {
		t.Errorf("logit_scale %v", got)
	}
}

func TestWithGates(t *testing.T) {
	c := cliptest.SmallModel(0, true)
	before := c.Weights.Names()
	gated, err := c.WithGates(1, 9)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, c.Weights.Names()) || c.Config.Gates() != 0 {
		t.Error("the base was changed")
	}
	again, err := c.WithGates(1, 9)
	if err != nil || cliptest.SameBits(gated, again) != nil {
		t.Errorf("the same seed gave other gates: %v", err)
	}
	if same, err := gated.WithGates(1, 1); err != nil || same != gated {
		t.Errorf("gates that are there: %v", err)
	}
	for _, k := range []int{0, 3, -1} {
		if _, err := c.WithGates(k, 1); err == nil {
			t.Errorf("gates before the last %d of 2 blocks", k)
		}
	}
	if _, err := gated.WithGates(2, 1); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("other gates: %v", err)
	}
}

func TestResNetModes(t *testing.T) {
	c := cliptest.SmallResNet()
	for mode, want := range map[string]struct{ yes, no []string }{
		clip.Full:        {[]string{"visual.layer1.0.bn1.weight", "visual.bn1.bias", "visual.attnpool.q_proj.weight", "ln_final.bias"}, nil},
		clip.LockedText:  {[]string{"visual.layer4.0.downsample.1.bias", "logit_scale"}, []string{"ln_final.bias"}},
		clip.LockedImage: {[]string{"ln_final.bias", "logit_scale"}, []string{"visual.conv1.weight", "visual.bn1.weight"}},
	} {
		names, err := clip.Trainable(c.Config, mode)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range want.yes {
			if !slices.Contains(names, name) {
				t.Errorf("%s: %s does not train", mode, name)
			}
		}
		for _, name := range append(want.no, "visual.bn1.running_mean", "visual.layer1.0.downsample.1.running_var") {
			if c.Weights.At(name) == nil || slices.Contains(names, name) {
				t.Errorf("%s: %s trains or is not there", mode, name)
			}
		}
	}
	if _, err := clip.Trainable(c.Config, clip.GatedImage); err == nil || !strings.Contains(err.Error(), "mode gated-image: the image tower is a ResNet") {
		t.Errorf("gated-image: %v", err)
	}
	if _, err := c.WithGates(1, 1); err == nil || !strings.Contains(err.Error(), "the image tower is a ResNet") {
		t.Errorf("gates: %v", err)
	}
}

// TestResNetLeftOut takes a counter that PyTorch's BatchNorm carries, and not another name.
func TestResNetLeftOut(t *testing.T) {
	c := cliptest.SmallResNet()
	c.Weights.Put("visual.bn1.num_batches_tracked", nil, []float32{7})
	if _, err := c.Weights.Check(c.Config); err != nil {
		t.Error(err)
	}
	c.Weights.Put("visual.bn1.gain", nil, []float32{7})
	if _, err := c.Weights.Check(c.Config); err == nil || !strings.Contains(err.Error(), "visual.bn1.gain") {
		t.Errorf("an unknown name: %v", err)
	}
}
