package clip

import (
	"encoding/json"
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
	for _, p := range Parameters(b32) {
		n := 1
		for _, d := range p.Shape {
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
