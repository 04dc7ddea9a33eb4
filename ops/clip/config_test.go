package clip

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestArchs(t *testing.T) {
	if got := Archs(); !slices.Contains(got, "tiny") || !slices.Contains(got, "small") || !slices.IsSorted(got) {
		t.Errorf("archs %v", got)
	}
	for _, name := range Archs() {
		c, err := Arch(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again Config
		if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(c, again) {
			t.Errorf("%s: %s reads as %+v, %v", name, text, again, err)
		}
	}
	if _, err := Arch("../tiny"); err == nil || !strings.Contains(err.Error(), "one of RN101") {
		t.Errorf("unknown arch: %v", err)
	}
	b32, _ := Arch("ViT-B-32-quickgelu")
	size := 0
	for _, p := range parameters(b32) {
		n := 1
		for _, d := range p.shape {
			n *= d
		}
		size += n
	}
	if size != 151277313 { // as open_clip counts it
		t.Errorf("ViT-B-32 has %d parameters", size)
	}
}

func TestConfigReadsWhatItUnderstands(t *testing.T) {
	const text = `"embed_dim": 8, "quick_gelu": true, "text_cfg": {"vocab_size": 20, "width": 8, "heads": 2, "layers": 1, "context_length": 4}`
	good := func(vision string) string {
		return `{"model_cfg": {` + text + `, "vision_cfg": {"layers": 2, "width": 64, "patch_size": 4, "image_size": 8` + vision + `}}}`
	}
	for _, c := range []struct{ name, json, want string }{
		{"plain", good(""), ""},
		{"neutral fields", good(`, "ls_init_value": null, "patch_dropout": 0.0, "global_average_pool": false, "pool_type": "tok"`), ""},
		{"a square", `{"model_cfg": {` + text + `, "vision_cfg": {"layers": 1, "width": 64, "patch_size": 4, "image_size": [8, 8]}}}`, ""},
		{"gates", good(`, "react_cfg": {"enabled": true, "last_k_layers": 2}`), ""},
		{"gates off", good(`, "react_cfg": {"enabled": false, "last_k_layers": 6}`), ""},
		{"layer scale", good(`, "ls_init_value": 0.1`), "model_cfg.vision_cfg.ls_init_value: 0.1 is not supported"},
		{"average pool", good(`, "global_average_pool": true`), "model_cfg.vision_cfg.global_average_pool: true"},
		{"unknown", good(`, "widht": 3`), "model_cfg.vision_cfg.widht: unknown field"},
		{"too many gates", good(`, "react_cfg": {"enabled": true, "last_k_layers": 3}`), "last_k_layers: 3 is not in 1..2"},
		{"ResNet", `{"model_cfg": {` + text + `, "vision_cfg": {"layers": [3, 4, 6, 3], "width": 64, "patch_size": null}}}`, ""},
		{"timm", good(`, "timm_model_name": "vit_base"`), "timm_model_name: vit_base"},
		{"an oblong", `{"model_cfg": {` + text + `, "vision_cfg": {"image_size": [8, 16]}}}`, "image_size"},
		{"no text", `{"model_cfg": {"embed_dim": 0}}`, "embed_dim: 0"},
		{"heads", `{"model_cfg": {"embed_dim": 8, "vision_cfg": {"width": 70}}}`, "width: 70 is not a multiple of head_width 64"},
		{"patches", `{"model_cfg": {"embed_dim": 8, "vision_cfg": {"image_size": 225}}}`, "image_size: 225 is not a multiple"},
		{"resampling", `{"model_cfg": {"embed_dim": 8}, "preprocess_cfg": {"interpolation": "nearest"}}`, "preprocess_cfg.interpolation: nearest"},
		{"not JSON", `{"model_cfg"`, "the file ends inside its JSON"},
		{"a list", `[]`, "not a JSON object"},
	} {
		var cfg Config
		err := cfg.UnmarshalJSON([]byte(c.json))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	var defaults Config
	if err := defaults.UnmarshalJSON([]byte(`{"model_cfg": {"embed_dim": 512}}`)); err != nil {
		t.Fatal(err)
	}
	want, _ := Arch("ViT-B-16")
	if !reflect.DeepEqual(defaults, want) {
		t.Errorf("open_clip's defaults are ViT-B-16 but for the output, got %+v", defaults)
	}
}

func TestTrainableAsReferenceLists(t *testing.T) {
	for _, mode := range ModeNames() {
		var tr trace
		readJSON(t, fixture(t, "train_"+mode, "trace.json"), &tr)
		cfg, err := LoadConfig(fixture(t, "train_"+mode, ConfigFile))
		if err != nil {
			t.Fatal(err)
		}
		names, err := Trainable(cfg, mode)
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(names)
		if want := slices.Sorted(slices.Values(tr.Trainable)); !slices.Equal(names, want) {
			t.Errorf("%s: %v, want %v", mode, names, want)
		}
	}
}

func TestInitIsByNameAndSeed(t *testing.T) {
	plain, gated := smallModel(0, true), smallModel(0, true)
	a, b := Init(plain.Config, 3), Init(gated.Config.WithGates(2), 3)
	for _, name := range a.Names() {
		if !slices.Equal(a.At(name).Data, b.At(name).Data) {
			t.Errorf("%s depends on the gates", name)
		}
	}
	if other := Init(plain.Config, 4); slices.Equal(a.At("visual.proj").Data, other.At("visual.proj").Data) {
		t.Error("the seed does nothing")
	}
	if got := a.At("logit_scale").Data[0]; !relative(float64(got), math.Log(1/0.07), 1e-6) {
		t.Errorf("logit_scale %v", got)
	}
}

func TestWithGates(t *testing.T) {
	c := smallModel(0, true)
	before := c.Weights.Names()
	gated, err := c.WithGates(1, 9)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, c.Weights.Names()) || c.Config.Gates() != 0 {
		t.Error("the base was changed")
	}
	again, err := c.WithGates(1, 9)
	if err != nil || sameBits(gated, again) != nil {
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

// safetensorsOf builds a file from a header and its bytes.
func safetensorsOf(header string, data ...byte) []byte {
	return append(append(binary.LittleEndian.AppendUint64(nil, uint64(len(header))), header...), data...)
}

func readBytes(data []byte) (*Weights, error) {
	f, err := parseSafetensors(data)
	if err != nil {
		return nil, err
	}
	return f.weights()
}

func TestSafetensorsTypes(t *testing.T) {
	w, err := readBytes(safetensorsOf(`{"__metadata__":{"format":"pt"},"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[],"data_offsets":[4,6]},"d":{"dtype":"F64","shape":[1,1],"data_offsets":[6,14]},"i":{"dtype":"I64","shape":[1],"data_offsets":[14,22]},"e":{"dtype":"F32","shape":[0,3],"data_offsets":[22,22]}}`,
		0x00, 0x3c, 0x00, 0xc0, 0x40, 0x40, 0, 0, 0, 0, 0, 0, 0xe0, 0x3f, 1, 0, 0, 0, 0, 0, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]float32{"h": {1, -2}, "b": {3}, "d": {0.5}, "e": {}} {
		if got := w.At(name); got == nil || !slices.Equal(got.Data, want) {
			t.Errorf("%s: %+v, want %v", name, got, want)
		}
	}
	if w.At("i") != nil {
		t.Error("an integer tensor is no weight")
	}
}

func TestSafetensorsErrors(t *testing.T) {
	const one = `{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "0 bytes"},
		{"short", []byte{1, 2, 3}, "3 bytes"},
		{"header over the file", binary.LittleEndian.AppendUint64(nil, 1<<62), "header of"},
		{"huge header", binary.LittleEndian.AppendUint64(nil, math.MaxUint64), "header of"},
		{"not JSON", safetensorsOf(`{`), "header: "},
		{"cut short", safetensorsOf(one, 0, 0, 0), "shape [1] is larger than the file"},
		{"too long", safetensorsOf(one, 0, 0, 0, 0, 0), "the tensors need 4 bytes, the file has 5"},
		{"unknown dtype", safetensorsOf(`{"a":{"dtype":"F8","shape":[1],"data_offsets":[0,1]}}`, 0), `unknown dtype "F8"`},
		{"wrong size", safetensorsOf(`{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "shape [2] is larger than the file"},
		{"backwards", safetensorsOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}`, 0, 0, 0, 0), "bytes [4 0]"},
		{"negative", safetensorsOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}}`, 0, 0, 0, 0), "bytes [-4 0]"},
		{"negative shape", safetensorsOf(`{"a":{"dtype":"F32","shape":[-1,-1],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "shape [-1 -1]"},
		{"overflow", safetensorsOf(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}`, 0, 0, 0, 0), "larger than the file"},
		{"overlap", safetensorsOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}}`, 0, 0, 0, 0, 0, 0), `tensor "b": starts at byte 2`},
		{"gap", safetensorsOf(`{"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}}`, 0, 0, 0), `tensor "b": starts at byte 2`},
		{"offsets missing", safetensorsOf(`{"a":{"dtype":"F32","shape":[1]}}`, 0, 0, 0, 0), "needs 4"},
		{"entry is no object", safetensorsOf(`{"a":3}`), `tensor "a"`},
	} {
		if _, err := readBytes(c.data); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestLoadErrorsNameTheFile(t *testing.T) {
	c := smallModel(0, true)
	for _, x := range []struct {
		name   string
		damage func(dir string)
		want   string
	}{
		{"no config", func(dir string) { os.Remove(filepath.Join(dir, ConfigFile)) }, ConfigFile},
		{"no weights", func(dir string) { os.Remove(filepath.Join(dir, WeightsFile)) }, WeightsFile},
		{"truncated", func(dir string) { os.Truncate(filepath.Join(dir, WeightsFile), 5000) }, WeightsFile + ": "},
		{"another config", func(dir string) {
			other := c.Config.WithVocab(21)
			text, _ := json.Marshal(other)
			os.WriteFile(filepath.Join(dir, ConfigFile), text, 0o644)
		}, `parameter "token_embedding.weight" is [20 8], the config says [21 8]`},
		{"gates unsaid", func(dir string) {
			g, _ := c.WithGates(1, 1)
			WriteSafetensors(filepath.Join(dir, WeightsFile), g.Weights)
		}, "is not one of the config's model"},
		{"one missing", func(dir string) {
			w := &Weights{}
			for _, name := range c.Weights.Names()[1:] {
				w.Put(name, c.Weights.At(name).Shape, c.Weights.At(name).Data)
			}
			WriteSafetensors(filepath.Join(dir, WeightsFile), w)
		}, `parameter "positional_embedding" is missing`},
	} {
		dir := t.TempDir()
		if err := Save(c, dir, OpenCLIP); err != nil {
			t.Fatal(err)
		}
		x.damage(dir)
		if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), x.want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v, want %q", x.name, err, x.want)
		}
	}
}

func FuzzReadSafetensors(f *testing.F) {
	f.Add(safetensorsOf(`{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}`, 0, 0, 128, 63))
	f.Add(safetensorsOf(`{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"b":{"dtype":"BF16","shape":[],"data_offsets":[4,6]}}`, 1, 2, 3, 4, 5, 6))
	f.Add(safetensorsOf(`{"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,4]}}`, 0, 0, 0, 0))
	f.Add([]byte{255, 255, 255, 255, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		w, err := readBytes(data)
		if err != nil {
			return
		}
		for _, name := range w.Names() {
			if !holds(w.At(name).Shape, len(w.At(name).Data)) {
				t.Fatalf("%q: %d values of shape %v", name, len(w.At(name).Data), w.At(name).Shape)
			}
		}
	})
}

func FuzzConfig(f *testing.F) {
	for _, name := range Archs() {
		data, err := archs.ReadFile("archs/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(`{"model_cfg": {"embed_dim": 8, "vision_cfg": {"mlp_ratio": 1e300}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var c Config
		if c.UnmarshalJSON(data) != nil {
			return
		}
		text, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		var again Config
		if err := again.UnmarshalJSON(text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	})
}

// holds says whether a shape is that of n values. It divides: a product could overflow, as that
// of the reader that is tested could.
func holds(shape []int, n int) bool {
	if slices.Contains(shape, 0) {
		return n == 0
	}
	for _, d := range shape {
		if d < 0 || n%d != 0 {
			return false
		}
		n /= d
	}
	return n == 1
}
