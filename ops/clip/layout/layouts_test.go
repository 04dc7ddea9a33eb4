package layout

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/encode"
	"react/ops/clip/internal/cliptest"
)

// layoutCase is an input and the embeddings that the model's own code gives for
// it: testdata/layouts/make.py wrote it with OpenAI's code and transformers.
type layoutCase struct {
	Pixels, Image, Text []float32
	IDs                 []int32
}

func checkLayout(t *testing.T, c *clip.Checkpoint, file string) {
	t.Helper()
	var want layoutCase
	cliptest.ReadJSON(t, filepath.Join("testdata", file), &want)
	enc, err := encode.New(cliptest.OpenEngine(t, "go"), c, 2)
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	image, err := enc.Images(want.Pixels, 2)
	if err != nil {
		t.Fatal(err)
	}
	text, err := enc.Texts(want.IDs, 2)
	if err != nil {
		t.Fatal(err)
	}
	if err := cliptest.CloseTo(image, want.Image, 1e-5); err != nil {
		t.Errorf("image embeddings: %v", err)
	}
	if err := cliptest.CloseTo(text, want.Text, 1e-5); err != nil {
		t.Errorf("text embeddings: %v", err)
	}
}

func TestOpenAIArchive(t *testing.T) {
	s, err := Open("testdata/openai.pt", OpenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if s.Container != containerScript || s.Naming != OpenCLIP || s.Activation != quickGELU || s.ActivationFrom != "the archive's code" || s.ConfigFile != "" {
		t.Errorf("%+v", s)
	}
	counts := s.DTypes()
	if counts["F16"] < 50000 || counts["F32"] < 1000 || len(counts) != 2 {
		t.Errorf("types %v", counts)
	}
	c, err := s.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	checkLayout(t, c, "openai.json")
	if _, err := Open("testdata/openai.pt", OpenOptions{Activation: gelu}); err == nil || !strings.Contains(err.Error(), "the command line says gelu, the archive's code says quick_gelu") {
		t.Errorf("a wrong activation: %v", err)
	}
}

func TestHuggingFaceFolder(t *testing.T) {
	c, err := Load("testdata/hf")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if mean, std := c.Config.Normalization(); mean[0] != 0.5 || std[2] != 0.25 {
		t.Errorf("pixel statistics %v %v", mean, std)
	}
	checkLayout(t, c, "hf.json")
}

func TestTorchFilesOfTheReference(t *testing.T) {
	for _, dir := range []string{"openai_style", "react_gated"} {
		path := cliptest.Fixture(t, dir, "open_clip_pytorch_model.bin")
		got, err := Load(path) // the config lies beside it
		if err != nil {
			t.Fatal(err)
		}
		defer got.Close()
		if err := cliptest.SameBits(got, cliptest.LoadFixture(t, dir, ReadSafetensors)); err != nil {
			t.Errorf("%s: %v", dir, err)
		}
	}
}

// TestKeyMapRoundTrip writes open_clip as HF and that as open_clip: the same file.
func TestKeyMapRoundTrip(t *testing.T) {
	c := cliptest.SmallModel(0, false)
	first, hf, second := t.TempDir(), t.TempDir(), t.TempDir()
	if err := Save(c, first, OpenCLIP); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct{ from, to, naming string }{{first, hf, HF}, {hf, second, OpenCLIP}} {
		c, err := Load(step.from)
		if err != nil {
			t.Fatal(err)
		}
		if err := Save(c, step.to, step.naming); err != nil {
			t.Fatal(err)
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	a, b := readFile(t, filepath.Join(first, weightsFile)), readFile(t, filepath.Join(second, weightsFile))
	if !bytes.Equal(a, b) {
		t.Error("the weights are not the same bytes")
	}
	f, err := openSafetensors(filepath.Join(hf, hfWeightsFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	for _, name := range []string{"vision_model.pre_layrnorm.weight", "text_model.encoder.layers.0.self_attn.q_proj.bias", "visual_projection.weight"} {
		if !slices.Contains(f.names, name) {
			t.Errorf("no %s in the HF file", name)
		}
	}
	if err := Save(&clip.Checkpoint{}, t.TempDir(), "other"); err == nil || !strings.Contains(err.Error(), "one of open_clip, hf") {
		t.Errorf("another naming: %v", err)
	}
	if err := Save(cliptest.SmallModel(1, true), t.TempDir(), HF); err == nil || !strings.Contains(err.Error(), "no gated blocks") {
		t.Errorf("gates in HF naming: %v", err)
	}
}

// TestHFKeysOfTransformers holds the map to the names that transformers wrote.
func TestHFKeysOfTransformers(t *testing.T) {
	f, _, err := openTensors("testdata/hf/pytorch_model.bin")
	if err != nil {
		t.Fatal(err)
	}
	defer f.close()
	seen := 0
	for _, info := range f.list() {
		if isBuffer(info.name) {
			continue
		}
		names := fromHF(info.name)
		if len(names) != 1 || !slices.Contains(toHF(names[0]), info.name) {
			t.Errorf("%s: %v", info.name, names)
		}
		seen++
	}
	if seen != 4*16+14 { // 4 blocks of 16, and 14 others
		t.Errorf("%d parameters", seen)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestShards(t *testing.T) {
	c := cliptest.SmallModel(0, true)
	dir := t.TempDir()
	if err := Save(c, dir, OpenCLIP); err != nil {
		t.Fatal(err)
	}
	parts := []*clip.Weights{{}, {}}
	index := map[string]string{}
	for i, name := range c.Weights.Names() {
		parts[i%2].Put(name, c.Weights.At(name).Shape, c.Weights.At(name).Data)
		index[name] = fmt.Sprintf("part-%d.safetensors", i%2)
	}
	for i, part := range parts {
		if err := WriteSafetensors(filepath.Join(dir, fmt.Sprintf("part-%d.safetensors", i)), part); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"weight_map": index})
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, weightsFile+".index.json"), text, 0o644)
	}
	if err == nil {
		err = os.Remove(filepath.Join(dir, weightsFile))
	}
	if err != nil {
		t.Fatal(err)
	}
	got, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := cliptest.SameBits(got, c); err != nil {
		t.Error(err)
	}
}

func TestOldHFConfigs(t *testing.T) {
	old := `{"model_type": "clip", "text_config": {"hidden_size": 512}, "text_config_dict": {"hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072, "eos_token_id": 2},
		"vision_config_dict": null, "vision_config": {"patch_size": 14, "image_size": 336}, "projection_dim": 768}`
	h, err := readHF([]byte(old))
	if err != nil {
		t.Fatal(err)
	}
	c, err := h.config()
	if err != nil {
		t.Fatal(err)
	}
	if m := c.Model; m.Text.Width != 768 || m.Text.Heads != 12 || m.Vision.ImageSize != 336 || m.Vision.Width != 768 || m.Vision.PatchSize != 14 || !m.QuickGELU || m.Text.VocabSize != 49408 {
		t.Errorf("%+v", m)
	}
	for size, width := range map[int]int{8192: 1664, 3072: 768, 80: 48, 6144: 1408, 5: 3, 7: 3, 1: 49} {
		if got := (clip.Text{Width: width, MLPRatio: ratioOf(size, width)}).Hidden(); got != size {
			t.Errorf("ratio of %d to %d gives %d", size, width, got)
		}
	}
}

func TestSharedStorageIsBounded(t *testing.T) {
	s := &Source{Files: []string{"testdata/hf.json"}, origins: map[string]origin{}}
	for i := range 100 {
		s.origins[fmt.Sprint(i)] = origin{pieces: []piece{{tensorInfo: tensorInfo{dtype: "F32", shape: []int{1 << 20, 1 << 20, 1 << 20, 1 << 20}}}}}
	}
	if err := s.fitMemory(); err == nil || !strings.Contains(err.Error(), "again and again") {
		t.Errorf("%v", err)
	}
}

func FuzzHFConfig(f *testing.F) {
	data, err := os.ReadFile("testdata/hf/config.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := readHF(data)
		if err != nil {
			return
		}
		c, err := h.config()
		if err != nil {
			return
		}
		again, err := hfConfigOf(c)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := again.config(); err != nil || back.Model.Vision.Hidden() != c.Model.Vision.Hidden() {
			t.Fatalf("%+v: %v", again, err)
		}
	})
}
