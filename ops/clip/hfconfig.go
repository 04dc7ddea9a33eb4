package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
)

// The files of a Hugging Face folder.
const (
	hfConfigFile    = "config.json"
	hfWeightsFile   = "model.safetensors"
	hfProcessorFile = "preprocessor_config.json"
)

// hfTower is text_config or vision_config; what is absent has transformers' defaults.
type hfTower struct {
	Hidden       int     `json:"hidden_size"`
	Intermediate int     `json:"intermediate_size"`
	Projection   int     `json:"projection_dim"`
	Layers       int     `json:"num_hidden_layers"`
	Heads        int     `json:"num_attention_heads"`
	Positions    int     `json:"max_position_embeddings,omitempty"` // text
	Vocab        int     `json:"vocab_size,omitempty"`              // text
	EOS          *int    `json:"eos_token_id,omitempty"`            // text
	ImageSize    int     `json:"image_size,omitempty"`              // vision
	PatchSize    int     `json:"patch_size,omitempty"`              // vision
	Channels     int     `json:"num_channels,omitempty"`            // vision
	Activation   string  `json:"hidden_act"`
	Eps          float64 `json:"layer_norm_eps"`
	ModelType    string  `json:"model_type"`
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

// layerNormEps is the towers' own; a model with another one is another model.
const layerNormEps = 1e-5

// The activations, as hidden_act names them.
const (
	QuickGELU = "quick_gelu" // x*sigmoid(1.702x)
	GELU      = "gelu"       // exact, by erf
)

// UnmarshalJSON reads a config with transformers' defaults. Old files say some
// fields in text_config_dict, which counts more.
func (c *hfConfig) UnmarshalJSON(data []byte) error {
	type plain hfConfig
	p := plain{
		Projection: 512,
		Text: hfTower{Hidden: 512, Intermediate: 2048, Layers: 12, Heads: 8, Positions: 77, Vocab: 49408,
			Activation: QuickGELU, Eps: layerNormEps},
		Vision: hfTower{Hidden: 768, Intermediate: 3072, Layers: 12, Heads: 12, ImageSize: 224, PatchSize: 32, Channels: 3,
			Activation: QuickGELU, Eps: layerNormEps},
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	old := struct {
		Text   *hfTower `json:"text_config_dict"`
		Vision *hfTower `json:"vision_config_dict"`
	}{&p.Text, &p.Vision}
	if err := json.Unmarshal(data, &old); err != nil {
		return err
	}
	*c = hfConfig(p)
	return nil
}

// readHFConfig reads a folder's config.json and, if it is there,
// preprocessor_config.json.
func readHFConfig(dir string) (Config, error) {
	path := filepath.Join(dir, hfConfigFile)
	data, err := os.ReadFile(path)
	if err != nil {
		return Config{}, err
	}
	var h hfConfig
	if err := json.Unmarshal(data, &h); err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	c, err := h.config()
	if err != nil {
		return Config{}, fmt.Errorf("%s: %w", path, err)
	}
	c.Preprocess, err = readProcessor(filepath.Join(dir, hfProcessorFile), c.ImageSize())
	return c, err
}

// config is the model that an HF config describes.
func (h hfConfig) config() (Config, error) {
	t, v := h.Text, h.Vision
	switch {
	case h.ModelType != "clip":
		return Config{}, fmt.Errorf("model_type: %q is not \"clip\" (a CLIPModel)", h.ModelType)
	case t.Activation != v.Activation:
		return Config{}, fmt.Errorf("hidden_act: %q in the text tower, %q in the image tower; they must be the same", t.Activation, v.Activation)
	case t.Activation != QuickGELU && t.Activation != GELU:
		return Config{}, fmt.Errorf("hidden_act: %q is neither %s nor %s", t.Activation, QuickGELU, GELU)
	case t.Eps != layerNormEps || v.Eps != layerNormEps:
		return Config{}, fmt.Errorf("layer_norm_eps: %g and %g; only %g is supported", t.Eps, v.Eps, layerNormEps)
	case v.Channels != 3:
		return Config{}, fmt.Errorf("vision_config.num_channels: %d is not 3", v.Channels)
	case t.EOS != nil && *t.EOS != 2 && *t.EOS != t.Vocab-1: // 2 stands in old files, where the highest id is meant
		return Config{}, fmt.Errorf("text_config.eos_token_id: %d; the text tower pools at the highest id, %d", *t.EOS, t.Vocab-1)
	case v.Heads < 1 || v.Hidden%v.Heads != 0 || t.Hidden < 1 || v.Hidden < 1:
		return Config{}, fmt.Errorf("vision_config.hidden_size: %d is not a multiple of %d heads", v.Hidden, v.Heads)
	}
	c := Config{Model: Model{EmbedDim: h.Projection, QuickGELU: t.Activation == QuickGELU,
		Vision: Vision{Layers: v.Layers, Width: v.Hidden, HeadWidth: v.Hidden / v.Heads, MLPRatio: ratioOf(v.Intermediate, v.Hidden),
			PatchSize: v.PatchSize, ImageSize: v.ImageSize},
		Text: Text{ContextLength: t.Positions, VocabSize: t.Vocab, Width: t.Hidden, Heads: t.Heads, Layers: t.Layers,
			MLPRatio: ratioOf(t.Intermediate, t.Hidden)},
	}}
	return c, c.Validate()
}

// ratioOf is the mlp_ratio that gives exactly this hidden size, which is cut and
// not rounded.
func ratioOf(size, width int) float64 {
	ratio := float64(size) / float64(width)
	if hidden(width, ratio) < size {
		ratio = math.Nextafter(ratio, math.Inf(1))
	}
	return ratio
}

// hfProcessor is preprocessor_config.json.
type hfProcessor struct {
	Type      string          `json:"image_processor_type,omitempty"`
	Extractor string          `json:"feature_extractor_type,omitempty"`
	Resize    *bool           `json:"do_resize"`
	Crop      *bool           `json:"do_center_crop"`
	Normalize *bool           `json:"do_normalize"`
	Resample  *int            `json:"resample"`
	Mean      *[3]float32     `json:"image_mean"`
	Std       *[3]float32     `json:"image_std"`
	CropSize  json.RawMessage `json:"crop_size,omitempty"`
	Size      json.RawMessage `json:"size,omitempty"`
}

const bicubic = 3 // as PIL counts resampling filters

// readProcessor gives the pixel statistics, nil without a file.
func readProcessor(path string, side int) (*Preprocess, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var p hfProcessor
	if err := json.Unmarshal(data, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	off := func(b *bool) bool { return b != nil && !*b }
	switch {
	case off(p.Resize) || off(p.Crop) || off(p.Normalize):
		return nil, fmt.Errorf("%s: do_resize, do_center_crop or do_normalize is off, which is not supported", path)
	case p.Resample != nil && *p.Resample != bicubic:
		return nil, fmt.Errorf("%s: resample: %d is not %d (bicubic)", path, *p.Resample, bicubic)
	}
	for _, raw := range []json.RawMessage{p.Size, p.CropSize} {
		if got := sideOf(raw); got != 0 && got != side {
			return nil, fmt.Errorf("%s: size: %s is not the %d pixels of the image tower", path, raw, side)
		}
	}
	mean, std := openAI.Mean, openAI.Std
	if p.Mean != nil {
		mean = *p.Mean
	}
	if p.Std != nil {
		std = *p.Std
	}
	return &Preprocess{Mean: mean, Std: std}, nil
}

// sideOf reads 224, {"shortest_edge": 224} or {"height": 224, "width": 224}; 0 is none of these.
func sideOf(raw json.RawMessage) int {
	var n int
	if json.Unmarshal(raw, &n) == nil {
		return n
	}
	var object struct {
		Shortest int `json:"shortest_edge"`
		Height   int `json:"height"`
	}
	if json.Unmarshal(raw, &object) != nil {
		return 0
	}
	return max(object.Shortest, object.Height)
}

// hfConfigOf is the config.json of a model; a ResNet or a gated model has none.
func hfConfigOf(c Config) (hfConfig, error) {
	v, t := c.Model.Vision, c.Model.Text
	if c.Gates() > 0 {
		return hfConfig{}, fmt.Errorf("this model has %d gated blocks, and Hugging Face's CLIPModel has no gated blocks; write it as %s", c.Gates(), OpenCLIP)
	}
	if c.ResNet() {
		return hfConfig{}, fmt.Errorf("the image tower is a ResNet, which Hugging Face's CLIPModel has not; write it as %s", OpenCLIP)
	}
	activation := GELU
	if c.Model.QuickGELU {
		activation = QuickGELU
	}
	eos := t.VocabSize - 1
	return hfConfig{Architectures: []string{"CLIPModel"}, ModelType: "clip", Projection: c.Model.EmbedDim, LogitScale: 2.6592, DType: "float32",
		Text: hfTower{Hidden: t.Width, Intermediate: t.hidden(), Projection: c.Model.EmbedDim, Layers: t.Layers, Heads: t.Heads,
			Positions: t.ContextLength, Vocab: t.VocabSize, EOS: &eos, Activation: activation, Eps: layerNormEps, ModelType: "clip_text_model"},
		Vision: hfTower{Hidden: v.Width, Intermediate: v.hidden(), Projection: c.Model.EmbedDim, Layers: v.Layers, Heads: v.heads(),
			ImageSize: v.ImageSize, PatchSize: v.PatchSize, Channels: 3, Activation: activation, Eps: layerNormEps, ModelType: "clip_vision_model"},
	}, nil
}

// hfProcessorOf is the preprocessor_config.json of a model.
func hfProcessorOf(c Config) hfProcessor {
	mean, std := c.Normalization()
	on, resample := true, bicubic
	side := c.ImageSize()
	return hfProcessor{Type: "CLIPImageProcessor", Extractor: "CLIPFeatureExtractor", Resize: &on, Crop: &on, Normalize: &on, Resample: &resample,
		Mean: &mean, Std: &std,
		CropSize: json.RawMessage(fmt.Sprintf(`{"height":%d,"width":%d}`, side, side)), Size: json.RawMessage(fmt.Sprintf(`{"shortest_edge":%d}`, side))}
}
