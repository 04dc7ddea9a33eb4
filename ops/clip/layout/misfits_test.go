package layout

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/internal/cliptest"
)

// writeModel writes a folder of a model, changed by edit.
func writeModel(t *testing.T, c *clip.Checkpoint, edit func(w *clip.Weights)) string {
	t.Helper()
	dir := t.TempDir()
	if err := Save(c, dir, OpenCLIP); err != nil {
		t.Fatal(err)
	}
	w := c.Weights.Clone()
	edit(w)
	if err := WriteSafetensors(filepath.Join(dir, weightsFile), w); err != nil {
		t.Fatal(err)
	}
	return dir
}

func remove(w *clip.Weights, names ...string) {
	left := &clip.Weights{}
	for _, name := range w.Names() {
		if !slices.Contains(names, name) {
			left.Put(name, w.At(name).Shape, w.At(name).Data)
		}
	}
	*w = *left
}

func TestAllMisfitsAreListed(t *testing.T) {
	dir := writeModel(t, cliptest.SmallModel(0, true), func(w *clip.Weights) {
		remove(w, "visual.transformer.resblocks.0.ln_1.weight", "visual.transformer.resblocks.1.ln_1.weight", "ln_final.bias")
		w.Put("visual.proj", []int{2, 2}, make([]float32, 4))
		w.Put("extra", []int{1}, []float32{1})
	})
	_, err := Load(dir)
	if err == nil {
		t.Fatal("loaded")
	}
	for _, want := range []string{ConfigFile, "\n  parameter \"ln_final.bias\" is missing", `"visual.transformer.resblocks.{0-1}.ln_1.weight" is missing (2)`,
		`"visual.proj" is [2 2], the config says [`, `"extra" is not one of the config's model`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
}

func TestDamagedValues(t *testing.T) {
	for name, c := range map[string]struct {
		value float64
		want  string
	}{
		"NaN": {math.NaN(), `parameter "ln_final.bias": value 2 is NaN (1 of 8 are not finite)`},
		"Inf": {math.Inf(-1), `parameter "ln_final.bias": value 2 is infinite`},
	} {
		dir := writeModel(t, cliptest.SmallModel(0, true), func(w *clip.Weights) { w.At("ln_final.bias").Data[2] = float32(c.value) })
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestWhatWeightsAloneDoNotSay(t *testing.T) {
	alone := func(c *clip.Checkpoint, name string, edit func(w *clip.Weights)) string {
		dir := t.TempDir()
		w := c.Weights.Clone()
		edit(w)
		path := filepath.Join(dir, name)
		if err := WriteSafetensors(path, w); err != nil {
			t.Fatal(err)
		}
		return path
	}
	none := func(*clip.Weights) {}
	tiny, err := clip.Arch("tiny")
	if err != nil {
		t.Fatal(err)
	}
	known := &clip.Checkpoint{Config: tiny, Weights: clip.Init(tiny, 1)}
	unknown := cliptest.SmallModel(0, true)

	if _, err := Load(alone(known, "model.safetensors", none)); err == nil || !strings.Contains(err.Error(), "nothing says whether the weights were trained with quick_gelu or gelu") {
		t.Errorf("no activation: %v", err)
	}
	if _, err := Load(alone(unknown, "model.safetensors", none)); err == nil || !strings.Contains(err.Error(), "number of heads cannot be known; put open_clip_config.json beside") {
		t.Errorf("no heads: %v", err)
	}
	for name, want := range map[string]string{"clip-vit-base-32-gated-image.pt": quickGELU, "vit_b_32-QuickGELU-laion400m.pt": quickGELU, "openclip-vit-large-14-gated-image.pt": gelu} {
		if got, ok := releaseOf(name); !ok || got.activation != want {
			t.Errorf("%s: %v", name, got)
		}
	}
	gated, err := known.WithGates(1, 3)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(alone(gated, "tiny-quickgelu.safetensors", none))
	if err != nil {
		t.Fatal(err)
	}
	if got.Config.Gates() != 1 || !got.Config.Model.QuickGELU || got.Config.Model.Text.Heads != tiny.Model.Text.Heads {
		t.Errorf("config %+v", got.Config)
	}
	if err := cliptest.SameBits(got, gated); err != nil {
		t.Error(err)
	}
	wrapped := alone(known, "tiny-quickgelu.safetensors", func(w *clip.Weights) {
		all := &clip.Weights{}
		for _, name := range w.Names() {
			all.Put("module."+name, w.At(name).Shape, w.At(name).Data)
		}
		*w = *all
	})
	if got, err := Load(wrapped); err != nil || cliptest.SameBits(got, known) != nil {
		t.Errorf("module. before every name: %v", err)
	}
	if s, err := Open(alone(known, "x.safetensors", none), OpenOptions{Arch: "tiny"}); err != nil || s.Activation != quickGELU {
		t.Errorf("a named arch: %v", err)
	}
}

func TestActivationMismatch(t *testing.T) {
	c := cliptest.SmallModel(0, false) // the config says GELU
	dir := writeModel(t, c, func(w *clip.Weights) { w.Put("input_resolution", []int{}, []float32{8}) })
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "open_clip_config.json says gelu, OpenAI's buffers (input_resolution and others) beside the weights says quick_gelu") {
		t.Errorf("OpenAI's weights with GELU: %v", err)
	}
	dir = t.TempDir()
	if err := Save(c, dir, OpenCLIP); err != nil {
		t.Fatal(err)
	}
	if err := Save(c, dir, HF); err != nil {
		t.Fatal(err)
	}
	both, err := Load(dir)
	if err != nil {
		t.Fatalf("both configs: %v", err)
	}
	if both.Files.(*Source).ConfigFile != filepath.Join(dir, ConfigFile) {
		t.Errorf("config %s", both.Files.(*Source).ConfigFile)
	}
	text := bytes.ReplaceAll(readFile(t, filepath.Join(dir, hfConfigFile)), []byte(`"gelu"`), []byte(`"quick_gelu"`))
	if err := os.WriteFile(filepath.Join(dir, hfConfigFile), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "open_clip_config.json says gelu, config.json says quick_gelu") {
		t.Errorf("two configs: %v", err)
	}
}

func TestLayoutErrors(t *testing.T) {
	write := func(files map[string]string) string {
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	bin := string(readFile(t, "testdata/hf/pytorch_model.bin"))
	config := string(readFile(t, "testdata/hf/config.json"))
	with := func(old, new string) map[string]string {
		if !strings.Contains(config, old) {
			t.Fatalf("no %q in the config", old)
		}
		return map[string]string{"config.json": strings.ReplaceAll(config, old, new), "pytorch_model.bin": bin}
	}
	for name, c := range map[string]struct {
		dir  string
		want string
	}{
		"empty":            {write(nil), "no weights in it: none of open_clip_model.safetensors"},
		"two files":        {write(map[string]string{"a.pt": bin, "b.pt": bin}), "several files of weights (a.pt, b.pt); name one of them"},
		"siglip":           {write(with(`"clip"`, `"siglip"`)), `model_type: "siglip" is not "clip"`},
		"another act":      {write(with(`"gelu"`, `"relu"`)), `hidden_act: "relu" is neither`},
		"another eps":      {write(with("1e-05", "1e-12")), "layer_norm_eps: 1e-12"},
		"other sizes":      {write(with(`"intermediate_size": 80`, `"intermediate_size": 96`)), `"visual.transformer.resblocks.{0-1}.mlp.c_fc.bias" is [80], the config says [96] (2)`},
		"more blocks":      {write(with(`"num_hidden_layers": 2`, `"num_hidden_layers": 1000000`)), "2000000 blocks, and the file has only"},
		"index of nothing": {write(map[string]string{"config.json": config, "model.safetensors.index.json": `{"weight_map": {}}`}), "names no shard"},
		"index outside":    {write(map[string]string{"config.json": config, "model.safetensors.index.json": `{"weight_map": {"a": "../x"}}`}), "not a file of the same folder"},
		"a page":           {write(map[string]string{"config.json": config, "pytorch_model.bin": "<html>"}), "not a file of torch.save"},
		"a pointer":        {write(map[string]string{"config.json": config, "model.safetensors": "version https://git-lfs.github.com/spec/v1\n"}), "git lfs pull"},
	} {
		if _, err := Load(c.dir); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), c.dir) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
