package layout

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"react/ops/clip"
	"react/ops/clip/fields"
	"react/ops/clip/internal/cliptest"
)

// setField is a JSON object with the field at path set, objects on the way made.
func setField(t *testing.T, base, path, value string) string {
	t.Helper()
	var root map[string]any
	if err := json.Unmarshal([]byte(base), &root); err != nil {
		t.Fatal(err)
	}
	at := root
	parts := strings.Split(path, ".")
	for _, part := range parts[:len(parts)-1] {
		child, ok := at[part].(map[string]any)
		if !ok {
			child = map[string]any{}
			at[part] = child
		}
		at = child
	}
	at[parts[len(parts)-1]] = json.RawMessage(value)
	text, err := json.Marshal(root)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// formatCase is a config format: what a text is read as, and for each field that
// is honoured another value than base has. A value with a "!" must be refused.
type formatCase struct {
	name   string
	table  fields.Table
	base   string
	read   func(text string) (clip.Config, error)
	values map[string]string
}

func formatCases(t *testing.T) []formatCase {
	openCLIP := func(text string) (c clip.Config, err error) { return c, c.UnmarshalJSON([]byte(text)) }
	folder := func(config, processor string) (clip.Config, error) {
		dir := t.TempDir()
		for name, text := range map[string]string{hfConfigFile: config, hfProcessorFile: processor} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		return readHFConfig(dir)
	}
	const hfBase = `{"model_type": "clip", "projection_dim": 32, "text_config": {"hidden_size": 64, "num_attention_heads": 8},
		"vision_config": {"hidden_size": 64, "num_attention_heads": 8}}`
	return []formatCase{
		{"open_clip_config.json", clip.OpenCLIPFields, `{"model_cfg": {"embed_dim": 8}, "preprocess_cfg": {}}`, openCLIP, map[string]string{
			"model_cfg.embed_dim": "16", "model_cfg.quick_gelu": "true",
			"model_cfg.vision_cfg.layers": "3", "model_cfg.vision_cfg.width": "128", "model_cfg.vision_cfg.head_width": "32", "model_cfg.vision_cfg.mlp_ratio": "2",
			"model_cfg.vision_cfg.patch_size": "8", "model_cfg.vision_cfg.image_size": "[32, 32]",
			"model_cfg.vision_cfg.react_cfg.enabled": "!true", "model_cfg.vision_cfg.react_cfg.last_k_layers": "2",
			"model_cfg.text_cfg.context_length": "5", "model_cfg.text_cfg.vocab_size": "99", "model_cfg.text_cfg.width": "128", "model_cfg.text_cfg.heads": "4",
			"model_cfg.text_cfg.layers": "2", "model_cfg.text_cfg.mlp_ratio": "3", "model_cfg.text_cfg.hf_tokenizer_name": `"."`,
			"preprocess_cfg.mean": "0.5", "preprocess_cfg.std": "[0.1, 0.2, 0.3]", "preprocess_cfg.interpolation": `"bilinear"`,
			"preprocess_cfg.resize_mode": `"squash"`, "preprocess_cfg.fill_color": "9", "preprocess_cfg.crop": `"floor"`, "preprocess_cfg.pillow": "13",
		}},
		{hfConfigFile, hfFields, hfBase, func(text string) (clip.Config, error) { return folder(text, `{}`) }, map[string]string{
			"model_type": `!"siglip"`, "projection_dim": "16",
			"text_config.hidden_size": "32", "text_config.intermediate_size": "100", "text_config.num_hidden_layers": "2", "text_config.num_attention_heads": "4",
			"text_config.hidden_act": `!"gelu"`, "text_config.layer_norm_eps": "!1e-12", "text_config.max_position_embeddings": "9",
			"text_config.vocab_size": "77", "text_config.eos_token_id": "![2, 3]",
			"vision_config.hidden_size": "128", "vision_config.intermediate_size": "100", "vision_config.num_hidden_layers": "2", "vision_config.num_attention_heads": "4",
			"vision_config.hidden_act": `!"relu"`, "vision_config.layer_norm_eps": "!1e-6", "vision_config.image_size": "!64", "vision_config.patch_size": "16",
			"vision_config.num_channels":    "!1",
			"text_config_dict.hidden_size":  "128",
			"text_config_dict.hidden_act":   `!"gelu"`,
			"text_config_dict.eos_token_id": "!5", "text_config_dict.intermediate_size": "100", "text_config_dict.num_hidden_layers": "2",
			"text_config_dict.num_attention_heads": "4", "text_config_dict.layer_norm_eps": "!0", "text_config_dict.max_position_embeddings": "9",
			"text_config_dict.vocab_size":    "77",
			"vision_config_dict.hidden_size": "128", "vision_config_dict.intermediate_size": "100", "vision_config_dict.num_hidden_layers": "2",
			"vision_config_dict.num_attention_heads": "4", "vision_config_dict.hidden_act": `!"relu"`, "vision_config_dict.layer_norm_eps": "!1",
			"vision_config_dict.image_size": "!64", "vision_config_dict.patch_size": "16", "vision_config_dict.num_channels": "!4",
		}},
		{hfProcessorFile, hfProcessorFields, `{}`, func(text string) (clip.Config, error) { return folder(hfBase, text) }, map[string]string{
			"image_processor_type": `!"SiglipImageProcessor"`, "feature_extractor_type": `!"ViTFeatureExtractor"`, "do_resize": "!false", "do_center_crop": "!false",
			"do_rescale": "!false", "rescale_factor": "!1", "do_normalize": "!false", "do_convert_rgb": "!false", "default_to_square": "false",
			"resample": "2", "image_mean": "0.5", "image_std": "[0.5, 0.4, 0.3]", "crop_size": `!{"height": 224, "width": 200}`,
			"size": `{"height": 224, "width": 224}`, "pillow": "13",
		}},
	}
}

// TestEveryField sets each field of each config format: what is honoured changes
// the model or the pixels, or is refused; what is passed over must be off, or is
// known to change nothing; what is not known is refused by its name.
func TestEveryField(t *testing.T) {
	for _, f := range formatCases(t) {
		base, err := f.read(f.base)
		if err != nil {
			t.Fatalf("%s: %v", f.name, err)
		}
		for object, fields := range f.table {
			for field, rule := range fields {
				path := strings.TrimPrefix(object+"."+field, ".")
				if f.table[path] != nil {
					continue // an object of fields
				}
				value, isGiven := f.values[path]
				if rule == nil {
					if !isGiven {
						t.Errorf("%s: %s is honoured, and no value of it is tried", f.name, path)
						continue
					}
					f.tryHonoured(t, base, path, value)
					continue
				}
				if isGiven {
					t.Errorf("%s: %s is passed over, and a value of it is tried", f.name, path)
				}
				f.tryPassedOver(t, base, path, rule)
			}
			path := strings.TrimPrefix(object+".unheard_of", ".")
			if _, err := f.read(setField(t, f.base, path, "1")); err == nil || !strings.Contains(err.Error(), path+": unknown field") {
				t.Errorf("%s: %s: %v", f.name, path, err)
			}
		}
	}
}

func (f formatCase) tryHonoured(t *testing.T, base clip.Config, path, value string) {
	text := setField(t, f.base, path, strings.TrimPrefix(value, "!"))
	if path == "model_cfg.vision_cfg.react_cfg.last_k_layers" {
		text = setField(t, text, "model_cfg.vision_cfg.react_cfg.enabled", "true")
	}
	got, err := f.read(text)
	field := path[strings.LastIndex(path, ".")+1:]
	switch isRefused := strings.HasPrefix(value, "!"); {
	case isRefused && (err == nil || !strings.Contains(err.Error(), field) && !strings.Contains(err.Error(), "size")) && field != "enabled":
		t.Errorf("%s: %s: %s: %v, want an error that names it", f.name, path, value, err)
	case !isRefused && err != nil:
		t.Errorf("%s: %s: %s: %v", f.name, path, value, err)
	case !isRefused && reflect.DeepEqual(got, base) && field != "default_to_square":
		t.Errorf("%s: %s: %s changes nothing", f.name, path, value)
	}
	if _, err := f.read(setField(t, f.base, path, `{"a": [1, "b"]}`)); err == nil || strings.Contains(err.Error(), "Go ") || strings.Contains(err.Error(), "unmarshal") {
		t.Errorf("%s: %s: an object: %v", f.name, path, err)
	}
}

// tryPassedOver accepts what is off or any value, by the rule, and no change.
func (f formatCase) tryPassedOver(t *testing.T, base clip.Config, path string, rule func(any) bool) {
	for text, v := range map[string]any{"null": nil, "true": true, `"x"`: "x"} {
		got, err := f.read(setField(t, f.base, path, text))
		if rule(v) && (err != nil || !reflect.DeepEqual(got, base)) {
			t.Errorf("%s: %s: %s changes the config, or %v", f.name, path, text, err)
		}
		if !rule(v) && (err == nil || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %s: %s: %v, want an error that names it", f.name, path, text, err)
		}
	}
}

// TestSizesOfProcessors has all forms that size and crop_size take.
func TestSizesOfProcessors(t *testing.T) {
	processor := formatCases(t)[2]
	for _, c := range []struct{ text, want string }{
		{`{"size": 224}`, ""},
		{`{"size": {"shortest_edge": 224}, "crop_size": 224}`, ""},
		{`{"size": {"shortest_edge": 224}, "crop_size": {"height": 224, "width": 224}}`, ""},
		{`{"size": {"height": 224, "width": 224}, "do_center_crop": false}`, "squash"},
		{`{"size": 224, "default_to_square": true}`, "squash"},
		{`{"size": null, "crop_size": null, "image_mean": null, "resample": null}`, ""},
		{`{"size": 256}`, "!size: 256 is not the 224 pixels"},
		{`{"size": {"shortest_edge": 256}}`, "!size: "},
		{`{"size": {"longest_edge": 224}}`, "!size: "},
		{`{"size": {"shortest_edge": 224, "longest_edge": 400}}`, "!size: "},
		{`{"size": {"height": 224, "width": 200}}`, "!size: "},
		{`{"size": {"max_height": 224, "max_width": 224}}`, "!size: "},
		{`{"size": "224"}`, "!size: "},
		{`{"size": [224, 224]}`, "!size: "},
		{`{"crop_size": {"shortest_edge": 224}}`, "!crop_size: "},
		{`{"crop_size": 200}`, "!crop_size: 200 is not the 224 pixels"},
		{`{"image_mean": [0.5, 0.5]}`, "!want three numbers (red, green, blue) or one, got [0.5,0.5]"},
		{`{"image_std": 0}`, "!cannot normalise"},
		{`{"resample": 0}`, "!resample: 0 is neither 3 (bicubic) nor 2 (bilinear)"},
		{`{"resample": 1}`, "!resample: 1"},
		{`{"rescale_factor": 0.00392156862745098}`, ""},
		{`[]`, "!not a JSON object"},
		{`{"size"`, "!the file ends inside its JSON"},
	} {
		got, err := processor.read(c.text)
		if want, isRefused := strings.CutPrefix(c.want, "!"); isRefused {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), hfProcessorFile) {
				t.Errorf("%s: %v, want %q", c.text, err, want)
			}
			continue
		}
		if err != nil || got.Preprocess.ResizeMode != c.want {
			t.Errorf("%s: %+v, %v", c.text, got.Preprocess, err)
		}
	}
}

// TestProcessorOfTransformers5 reads the image processor inside a processor's file.
func TestProcessorOfTransformers5(t *testing.T) {
	config := string(readFile(t, "testdata/hf/config.json"))
	inner := string(readFile(t, "testdata/hf/preprocessor_config.json"))
	read := func(files map[string]string) (*clip.Preprocess, error) {
		dir := t.TempDir()
		files[hfConfigFile] = config
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		c, err := readHFConfig(dir)
		return c.Preprocess, err
	}
	want, err := read(map[string]string{hfProcessorFile: inner})
	if err != nil || want.Mean != (clip.Channels{0.5, 0.5, 0.5}) || want.Crop != clip.FloorCrop {
		t.Fatal(want, err)
	}
	five := `{"image_processor": ` + inner + `, "processor_class": "CLIPProcessor"}`
	for name, files := range map[string]map[string]string{
		"alone":     {hfProcessorFive: five},
		"both":      {hfProcessorFive: five, hfProcessorFile: inner},
		"before 5":  {hfProcessorFive: `{"processor_class": "CLIPProcessor"}`, hfProcessorFile: inner},
		"null part": {hfProcessorFive: `{"image_processor": null}`, hfProcessorFile: inner},
	} {
		if got, err := read(files); err != nil || *got != *want {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, want)
		}
	}
	other := strings.Replace(inner, "0.5", "0.25", 1)
	if _, err := read(map[string]string{hfProcessorFive: five, hfProcessorFile: other}); err == nil || !strings.Contains(err.Error(), "say different things about pixels") {
		t.Errorf("two that differ: %v", err)
	}
	if got, err := read(map[string]string{}); got != nil || err != nil {
		t.Errorf("none: %v, %v", got, err)
	}
}

func TestTokenIDs(t *testing.T) {
	hf := formatCases(t)[1]
	for text, want := range map[string]string{"49407": "", "[49407]": "", "2": "", "null": "", "[2, 49407]": "want one token id, got [2,49407]", `"a"`: "want one token id", "5": "pools at the highest id"} {
		_, err := hf.read(setField(t, hf.base, "text_config.eos_token_id", text))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// TestConfigsOfOthers has open_clip's folder with a config.json of another library.
func TestConfigsOfOthers(t *testing.T) {
	c := cliptest.SmallModel(0, true)
	for name, text := range map[string]string{"timm": `{"architecture": "vit_tiny", "num_classes": 8}`, "empty": `{}`, "another model": `{"model_type": "siglip"}`,
		"no JSON": `<html>`, "a CLIPModel that we could not read": `{"model_type": "clip", "text_config": {"is_decoder": true}}`} {
		dir := writeModel(t, c, func(*clip.Weights) {})
		if err := os.WriteFile(filepath.Join(dir, hfConfigFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := WriteSafetensors(filepath.Join(dir, hfWeightsFile), &clip.Weights{}); err != nil {
			t.Fatal(err)
		}
		got, err := Load(dir)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := cliptest.SameBits(got, c); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestNamesOfWrappedModels takes wrappers away wherever they stand, and a
// beginning that all names share.
func TestNamesOfWrappedModels(t *testing.T) {
	c := cliptest.SmallModel(0, true)
	rename := func(change func(string) string) error {
		dir := writeModel(t, c, func(w *clip.Weights) {
			all := &clip.Weights{}
			for _, name := range w.Names() {
				all.Put(change(name), w.At(name).Shape, w.At(name).Data)
			}
			*w = *all
		})
		got, err := Load(dir)
		if err != nil {
			return err
		}
		if differ := cliptest.SameBits(got, c); differ != nil {
			return fmt.Errorf("%q differ", differ)
		}
		return nil
	}
	for name, change := range map[string]func(string) string{
		"compiled, distributed": func(n string) string { return "_orig_mod.module." + n },
		"distributed, compiled": func(n string) string { return "module._orig_mod." + n },
		"inside":                func(n string) string { return strings.Replace(n, "visual.", "visual._orig_mod.", 1) },
		"sharded": func(n string) string {
			return "_fsdp_wrapped_module." + strings.Replace(n, "resblocks.0.", "resblocks.0._fsdp_wrapped_module.", 1)
		},
		"model":     func(n string) string { return "model." + n },
		"lightning": func(n string) string { return "model.clip." + n },
		"both":      func(n string) string { return "module.model.clip._orig_mod." + n },
	} {
		if err := rename(change); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for want, change := range map[string]func(string) string{
		`begin with "net.x.", and what follows is not a CLIP model's (the first: net.x.a`: func(n string) string { return "net.x.a" + n },
		`none of its`: func(n string) string { return n[:1] + "x" + n },
		`begin with "text.": a model of open_clip's custom_text`: func(n string) string {
			if strings.HasPrefix(n, "visual.") || n == "logit_scale" {
				return n
			}
			return "text." + n
		},
	} {
		if err := rename(change); err == nil || !strings.Contains(err.Error(), want) || strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%v, want a line with %q", err, want)
		}
	}
}

// TestOneTowerAlone says which tower a state dict lacks, with and without a config.
func TestOneTowerAlone(t *testing.T) {
	c := cliptest.SmallModel(0, true)
	for want, keep := range map[string]func(string) bool{
		"there is no image tower": func(n string) bool { return !strings.HasPrefix(n, "visual.") },
		"there is no text tower":  func(n string) bool { return strings.HasPrefix(n, "visual.") },
	} {
		dir := writeModel(t, c, func(w *clip.Weights) {
			remove(w, slices.DeleteFunc(w.Names(), keep)...)
		})
		for range 2 {
			if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), weightsFile) {
				t.Errorf("%v, want %q", err, want)
			}
			if err := os.RemoveAll(filepath.Join(dir, ConfigFile)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestDescribePixels(t *testing.T) {
	base, err := clip.Arch("tiny")
	if err != nil {
		t.Fatal(err)
	}
	for want, p := range map[string]*clip.Preprocess{
		"shorter side to 32, centre crop, bicubic; mean [0.4815 0.4578 0.4082], std [0.2686 0.2613 0.2758]": nil,
		"shorter side to 32, centre crop (offset rounded down), bilinear as in Pillow 13; mean [0.5 0.5 0.5], std [0.5 0.5 0.5]": {Mean: half.Mean, Std: half.Std, Crop: clip.FloorCrop,
			Interpolation: "bilinear", Pillow: 13},
		"squashed to 32, bicubic; mean [0.5 0.5 0.5], std [0.5 0.5 0.5]": {Mean: half.Mean, Std: half.Std, ResizeMode: "squash"},
		"longer side to 32, borders, bicubic; mean [0 0 0], std [1 1 1]": {Std: clip.Channels{1, 1, 1}, ResizeMode: "longest", Pillow: 12},
	} {
		c := base
		c.Preprocess = p
		if got := c.DescribePixels(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
