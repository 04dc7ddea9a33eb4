package layout

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"strings"

	"react/data/jsonfile"
	"react/ops/clip"
	"react/ops/clip/fields"
)

// The files of a Hugging Face folder.
const (
	hfConfigFile  = "config.json"
	hfWeightsFile = "model.safetensors"
)

// tokenID is the id of a special token. A list of one is that one.
type tokenID int

// UnmarshalJSON reads both forms.
func (t *tokenID) UnmarshalJSON(data []byte) error {
	var one int
	var all []int
	if json.Unmarshal(data, &one) == nil {
		all = []int{one}
	} else if json.Unmarshal(data, &all) != nil || len(all) != 1 {
		return fmt.Errorf("text_config.eos_token_id or bos_token_id: want one token id, got %.60s", data)
	}
	*t = tokenID(all[0])
	return nil
}

// hfTower is text_config or vision_config; what is absent has transformers' defaults.
type hfTower struct {
	Hidden       int `json:"hidden_size"`
	Intermediate int `json:"intermediate_size"`
	// of CLIPTextModelWithProjection; CLIPModel's is in hfConfig
	Projection int      `json:"projection_dim"`
	Layers     int      `json:"num_hidden_layers"`
	Heads      int      `json:"num_attention_heads"`
	Positions  int      `json:"max_position_embeddings,omitempty"` // text
	Vocab      int      `json:"vocab_size,omitempty"`              // text
	BOS        *tokenID `json:"bos_token_id,omitempty"`            // text
	EOS        *tokenID `json:"eos_token_id,omitempty"`            // text
	Pad        *tokenID `json:"pad_token_id,omitempty"`            // text
	ImageSize  int      `json:"image_size,omitempty"`              // vision
	PatchSize  int      `json:"patch_size,omitempty"`              // vision
	Channels   int      `json:"num_channels,omitempty"`            // vision
	Activation string   `json:"hidden_act"`
	Eps        float64  `json:"layer_norm_eps"`
	ModelType  string   `json:"model_type"`
}

// hfConfig is CLIPModel's config.json.
type hfConfig struct {
	Architectures []string `json:"architectures,omitempty"`
	ModelType     string   `json:"model_type"`
	Projection    int      `json:"projection_dim"`
	LogitScale    float64  `json:"logit_scale_init_value,omitempty"`
	DType         string   `json:"torch_dtype,omitempty"`
	Text          hfTower  `json:"text_config"`
	Vision        hfTower  `json:"vision_config"`
}

// hfFields are the fields of CLIPConfig, CLIPTextConfig and CLIPVisionConfig; those
// that every config of transformers has are hfGeneric.
var hfFields = func() fields.Table {
	tower := map[string]func(any) bool{
		"hidden_size": nil, "intermediate_size": nil, "num_hidden_layers": nil, "num_attention_heads": nil,
		"hidden_act": nil, "layer_norm_eps": nil, "model_type": fields.Any, "projection_dim": fields.Any,
		"attention_dropout": fields.Off, "dropout": fields.Off, // of training; tuning here has none
	}
	text, vision := maps.Clone(tower), maps.Clone(tower)
	for name, rule := range map[string]func(any) bool{"max_position_embeddings": nil, "vocab_size": nil, "eos_token_id": nil} {
		text[name] = rule
	}
	for name, rule := range map[string]func(any) bool{"image_size": nil, "patch_size": nil, "num_channels": nil} {
		vision[name] = rule
	}
	t := fields.Table{
		"": {"model_type": nil, "projection_dim": nil, "text_config": nil, "vision_config": nil, "text_config_dict": nil, "vision_config_dict": nil,
			// where training began: the weights have their own
			"logit_scale_init_value": fields.Any},
		"text_config": text, "vision_config": vision, "text_config_dict": text, "vision_config_dict": vision,
	}
	for _, fields := range t {
		for name, rule := range hfGeneric {
			if _, own := fields[name]; !own {
				fields[name] = rule
			}
		}
	}
	return t
}()

// hfGeneric are the fields of every config of transformers: of saving and loading,
// of generation, of heads that CLIPModel lacks. The few that would change a tower
// must be off.
var hfGeneric = func() map[string]func(any) bool {
	out := map[string]func(any) bool{
		"auto_map": fields.Off, "quantization_config": fields.Off, "pruned_heads": fields.Off, "is_decoder": fields.Off, "add_cross_attention": fields.Off,
		"adapters": fields.Off, "peft_config": fields.Off,
	}
	for _, name := range strings.Fields(`_name_or_path _commit_hash architectures transformers_version torch_dtype dtype return_dict
		return_dict_in_generate output_hidden_states output_attentions output_scores use_cache torchscript use_bfloat16 tf_legacy_loss
		tie_word_embeddings tie_encoder_decoder is_encoder_decoder chunk_size_feed_forward cross_attention_hidden_size
		decoder_start_token_id bos_token_id eos_token_id pad_token_id sep_token_id prefix max_length min_length do_sample early_stopping
		num_beams num_beam_groups diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty
		no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences forced_bos_token_id
		forced_eos_token_id remove_invalid_values exponential_decay_length_penalty suppress_tokens begin_suppress_tokens
		finetuning_task id2label label2id num_labels task_specific_params problem_type tokenizer_class initializer_range
		initializer_factor gradient_checkpointing attn_implementation _attn_implementation _attn_implementation_autoset
		_attn_implementation_internal _experts_implementation ignore_keys_at_rope_validation`) {
		out[name] = fields.Any
	}
	return out
}()

// layerNormEps is the towers' own; a model with another one is another model.
const layerNormEps = 1e-5

// The activations, as hidden_act names them.
const (
	quickGELU = "quick_gelu" // x*sigmoid(1.702x)
	gelu      = "gelu"       // exact, by erf
)

// readHF reads a config with transformers' defaults. Old files say some fields in
// text_config_dict, which counts more.
func readHF(data []byte) (hfConfig, error) {
	c := hfConfig{
		Projection: 512,
		Text: hfTower{Hidden: 512, Intermediate: 2048, Layers: 12, Heads: 8, Positions: 77, Vocab: 49408,
			Activation: quickGELU, Eps: layerNormEps},
		Vision: hfTower{Hidden: 768, Intermediate: 3072, Layers: 12, Heads: 12, ImageSize: 224, PatchSize: 32, Channels: 3,
			Activation: quickGELU, Eps: layerNormEps},
	}
	kind, err := modelTypeOf(data)
	if err != nil {
		return c, err
	}
	if kind != hfModelType { // before fields that others have
		return c, fmt.Errorf("model_type: %q is not %q (a CLIPModel)", kind, hfModelType)
	}
	var sections struct {
		hfConfig
		OldText   json.RawMessage `json:"text_config_dict"`
		OldVision json.RawMessage `json:"vision_config_dict"`
	}
	sections.hfConfig = c
	if err := hfFields.Read(data, &sections); err != nil {
		return c, err
	}
	c = sections.hfConfig
	for _, old := range []struct {
		raw   json.RawMessage
		tower *hfTower
	}{{sections.OldText, &c.Text}, {sections.OldVision, &c.Vision}} {
		if len(old.raw) > 0 {
			if err := jsonfile.Unmarshal(old.raw, old.tower); err != nil {
				return c, err
			}
		}
	}
	return c, nil
}

// hfModelType is what a CLIPModel's config says it is.
const hfModelType = "clip"

// modelType is a config.json's model_type, "" where it has none.
func modelType(path string) (string, error) {
	data, err := readConfigFile(path)
	if err != nil {
		return "", err
	}
	return modelTypeOf(data)
}

func modelTypeOf(data []byte) (string, error) {
	var kind struct {
		ModelType any `json:"model_type"`
	}
	if err := jsonfile.Unmarshal(data, &kind); err != nil || kind.ModelType == nil {
		return "", err
	}
	return fmt.Sprint(kind.ModelType), nil
}

// hfActivations are what a folder's config.json says of its towers' activations,
// whatever else it says.
func hfActivations(dir string) ([]string, error) {
	data, err := readConfigFile(filepath.Join(dir, hfConfigFile))
	if err != nil {
		return nil, err
	}
	type tower struct {
		Activation any `json:"hidden_act"`
	}
	var c struct {
		Text, Vision       tower
		OldText, OldVision tower
	}
	for name, into := range map[string]*tower{"text_config": &c.Text, "vision_config": &c.Vision, "text_config_dict": &c.OldText, "vision_config_dict": &c.OldVision} {
		sections := map[string]json.RawMessage{}
		if json.Unmarshal(data, &sections) == nil && sections[name] != nil {
			_ = json.Unmarshal(sections[name], into) // of another form it says nothing
		}
	}
	var out []string
	for _, pair := range [][2]any{{c.OldText.Activation, c.Text.Activation}, {c.OldVision.Activation, c.Vision.Activation}} {
		out = append(out, fmt.Sprint(cmp.Or(pair[0], pair[1], any(quickGELU))))
	}
	return out, nil
}

// readHFConfig reads a folder's config.json and, if they are there, the files of
// its image processor.
func readHFConfig(dir string) (clip.Config, error) {
	path := filepath.Join(dir, hfConfigFile)
	data, err := readConfigFile(path)
	if err != nil {
		return clip.Config{}, err
	}
	h, err := readHF(data)
	var c clip.Config
	if err == nil {
		c, err = h.config()
	}
	if err != nil {
		return clip.Config{}, fmt.Errorf("%s: %w", path, err)
	}
	c.Preprocess, err = readProcessors(dir, c.ImageSize())
	return c, err
}

// config is the model that an HF config describes.
func (h hfConfig) config() (clip.Config, error) {
	t, v := h.Text, h.Vision
	switch {
	case t.Activation != v.Activation:
		return clip.Config{}, fmt.Errorf("hidden_act: %q in the text tower, %q in the image tower; they must be the same", t.Activation, v.Activation)
	case t.Activation != quickGELU && t.Activation != gelu:
		return clip.Config{}, fmt.Errorf("hidden_act: %q is neither %s nor %s", t.Activation, quickGELU, gelu)
	case t.Eps != layerNormEps || v.Eps != layerNormEps:
		return clip.Config{}, fmt.Errorf("layer_norm_eps: %g and %g; only %g is supported", t.Eps, v.Eps, layerNormEps)
	case v.Channels != 3:
		return clip.Config{}, fmt.Errorf("vision_config.num_channels: %d is not 3", v.Channels)
	// 2 stands in old files, where the highest id is meant
	case t.EOS != nil && *t.EOS != 2 && int(*t.EOS) != t.Vocab-1:
		return clip.Config{}, fmt.Errorf("text_config.eos_token_id: %d; the text tower pools at the highest id, %d", *t.EOS, t.Vocab-1)
	case v.Heads < 1 || v.Hidden%v.Heads != 0 || t.Hidden < 1 || v.Hidden < 1:
		return clip.Config{}, fmt.Errorf("vision_config.hidden_size: %d is not a multiple of %d heads", v.Hidden, v.Heads)
	}
	c := clip.Config{Model: clip.Model{EmbedDim: h.Projection, QuickGELU: t.Activation == quickGELU,
		Vision: clip.Vision{Layers: v.Layers, Width: v.Hidden, HeadWidth: v.Hidden / v.Heads, MLPRatio: ratioOf(v.Intermediate, v.Hidden),
			PatchSize: v.PatchSize, ImageSize: v.ImageSize},
		Text: clip.Text{ContextLength: t.Positions, VocabSize: t.Vocab, Width: t.Hidden, Heads: t.Heads, Layers: t.Layers,
			MLPRatio: ratioOf(t.Intermediate, t.Hidden)},
	}}
	return c, c.Validate()
}

// ratioOf is the mlp_ratio that gives exactly this hidden size, which is cut and
// not rounded.
func ratioOf(size, width int) float64 {
	ratio := float64(size) / float64(width)
	if clip.Hidden(width, ratio) < size {
		ratio = math.Nextafter(ratio, math.Inf(1))
	}
	return ratio
}

// hfConfigOf is the config.json of a model; a ResNet or a gated model has none.
func hfConfigOf(c clip.Config) (hfConfig, error) {
	v, t := c.Model.Vision, c.Model.Text
	if c.Gates() > 0 {
		return hfConfig{}, fmt.Errorf("this model has %d gated blocks, and Hugging Face's CLIPModel has no gated blocks; write it as %s", c.Gates(), OpenCLIP)
	}
	if c.ResNet() {
		return hfConfig{}, fmt.Errorf("the image tower is a ResNet, which Hugging Face's CLIPModel has not; write it as %s", OpenCLIP)
	}
	activation := gelu
	if c.Model.QuickGELU {
		activation = quickGELU
	}
	// The vocabulary ends with the start and the end of text, which also pads.
	bos, eos := tokenID(t.VocabSize-2), tokenID(t.VocabSize-1)
	return hfConfig{Architectures: []string{"CLIPModel"}, ModelType: "clip", Projection: c.Model.EmbedDim, LogitScale: 2.6592, DType: "float32",
		Text: hfTower{Hidden: t.Width, Intermediate: t.Hidden(), Projection: c.Model.EmbedDim, Layers: t.Layers, Heads: t.Heads,
			Positions: t.ContextLength, Vocab: t.VocabSize, BOS: &bos, EOS: &eos, Pad: &eos, Activation: activation, Eps: layerNormEps, ModelType: "clip_text_model"},
		Vision: hfTower{Hidden: v.Width, Intermediate: v.Hidden(), Projection: c.Model.EmbedDim, Layers: v.Layers, Heads: v.Heads(),
			ImageSize: v.ImageSize, PatchSize: v.PatchSize, Channels: 3, Activation: activation, Eps: layerNormEps, ModelType: "clip_vision_model"},
	}, nil
}
