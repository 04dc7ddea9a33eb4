package clip

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"react/data/image"
	"react/data/jsonfile"
)

// Config is open_clip_config.json: the architecture and the pixel statistics it
// was trained with. The zero value is not usable; take one from Arch or Load.
type Config struct {
	Model      Model       `json:"model_cfg"`
	Preprocess *Preprocess `json:"preprocess_cfg,omitempty"`
}

// Model is open_clip's model_cfg.
type Model struct {
	EmbedDim  int    `json:"embed_dim"`
	Vision    Vision `json:"vision_cfg"`
	Text      Text   `json:"text_cfg"`
	QuickGELU bool   `json:"quick_gelu"` // x*sigmoid(1.702x) for GELU, as OpenAI's weights need
}

// React is the fork's react_cfg: gated blocks before the last K vision blocks.
type React struct {
	Enabled bool `json:"enabled"`
	LastK   int  `json:"last_k_layers"`
}

// Text is the text tower.
type Text struct {
	ContextLength int     `json:"context_length"`
	VocabSize     int     `json:"vocab_size"`
	Width         int     `json:"width"`
	Heads         int     `json:"heads"`
	Layers        int     `json:"layers"`
	MLPRatio      float64 `json:"mlp_ratio,omitempty"`

	// HFTokenizer being set makes open_clip read the folder's own tokenizer files and
	// not its vocabulary of 49,408. Here they are always read.
	HFTokenizer string `json:"hf_tokenizer_name,omitempty"`
}

// Preprocess is open_clip's preprocess_cfg: how an image becomes a tower's pixels.
type Preprocess struct {
	Mean          channels `json:"mean"`
	Std           channels `json:"std"`
	Interpolation string   `json:"interpolation,omitempty"` // bicubic, which "" is, or bilinear
	ResizeMode    string   `json:"resize_mode,omitempty"`   // shortest, which "" is, longest or squash
	FillColor     int      `json:"fill_color,omitempty"`    // grey of the borders of longest

	// Not open_clip's, which passes over both: Crop is floorCrop where offsets are
	// rounded down, as Hugging Face's processors do; Pillow is the major version whose
	// results are reproduced, see image.TallFirst.
	Crop   string `json:"crop,omitempty"`
	Pillow int    `json:"pillow,omitempty"`
}

// floorCrop is Hugging Face's rounding of the crop's offset.
const floorCrop = "floor"

// channels are values of red, green and blue. One number in a file is all three,
// as open_clip and transformers have it.
type channels [3]float32

// UnmarshalJSON reads three numbers or one.
func (c *channels) UnmarshalJSON(data []byte) error {
	var all []float32
	var one float32
	if json.Unmarshal(data, &one) == nil {
		all = []float32{one, one, one}
	} else if json.Unmarshal(data, &all) != nil || len(all) != 3 {
		return fmt.Errorf("mean or std: want three numbers (red, green, blue) or one, got %.60s", data)
	}
	*c = channels(all)
	return nil
}

// UnmarshalJSON reads what a file says over open_clip's defaults.
func (p *Preprocess) UnmarshalJSON(data []byte) error {
	type plain Preprocess
	q := plain(openAI)
	if err := jsonfile.Unmarshal(data, &q); err != nil {
		return err
	}
	*p = Preprocess(q)
	return nil
}

func (p *Preprocess) validate() error {
	if p == nil {
		return nil
	}
	oneOf := func(field, value string, all ...string) error {
		if value != "" && !slices.Contains(all, value) {
			return fmt.Errorf("preprocess_cfg.%s: %s is not supported here: one of %s", field, value, strings.Join(all, ", "))
		}
		return nil
	}
	if err := errors.Join(oneOf("interpolation", p.Interpolation, "bicubic", "bilinear", "random"),
		oneOf("resize_mode", p.ResizeMode, image.Shortest, image.Longest, image.Squash), oneOf("crop", p.Crop, floorCrop)); err != nil {
		return err
	}
	for c, std := range p.Std {
		if !(std > 0) || math.IsInf(float64(std), 0) || math.IsInf(float64(p.Mean[c]), 0) {
			return fmt.Errorf("preprocess_cfg: mean %v and std %v of channel %d cannot normalise pixels", p.Mean[c], std, c)
		}
	}
	if p.FillColor < 0 || p.FillColor > 255 {
		return fmt.Errorf("preprocess_cfg.fill_color: %d is not in 0 to 255", p.FillColor)
	}
	if p.Pillow < 0 || p.Pillow > 1000 {
		return fmt.Errorf("preprocess_cfg.pillow: %d is not a major version", p.Pillow)
	}
	return nil
}

// openAI are the pixel statistics of a config that gives none.
var openAI = Preprocess{Mean: [3]float32{0.48145466, 0.4578275, 0.40821073}, Std: [3]float32{0.26862954, 0.26130258, 0.27577711}}

//go:embed archs/*.json
var archs embed.FS

// Arch gives the config of an architecture that ships with the program.
func Arch(name string) (Config, error) {
	data, err := archs.ReadFile("archs/" + name + ".json")
	if err != nil || strings.ContainsAny(name, `/\`) {
		return Config{}, fmt.Errorf("unknown arch %q: one of %s", name, strings.Join(Archs(), ", "))
	}
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		return Config{}, fmt.Errorf("arch %s: %w", name, err)
	}
	return c, nil
}

// Archs lists the names that Arch knows, sorted.
func Archs() []string {
	entries, err := archs.ReadDir("archs")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".json"))
	}
	slices.Sort(names)
	return names
}

// Dim is the length E of an embedding.
func (c Config) Dim() int { return c.Model.EmbedDim }

// ImageSize is the side of an image in pixels.
func (c Config) ImageSize() int { return c.Model.Vision.ImageSize }

// ContextLength is the number of tokens of a caption.
func (c Config) ContextLength() int { return c.Model.Text.ContextLength }

// VocabSize is the number of token ids.
func (c Config) VocabSize() int { return c.Model.Text.VocabSize }

// Preparation is how an image becomes the square that the image tower reads.
func (c Config) Preparation() image.Preparation {
	out := image.Preparation{Size: c.ImageSize()}
	if p := c.Preprocess; p != nil {
		out.Mode, out.Fill, out.FloorCrop, out.Pillow = p.ResizeMode, uint8(p.FillColor), p.Crop == floorCrop, p.Pillow
		if p.Interpolation == "bilinear" { // open_clip's "random" is bicubic but for training
			out.Filter = image.Bilinear
		}
	}
	return out
}

// DescribePixels says in a line how an image becomes the tower's pixels.
func (c Config) DescribePixels() string {
	p := c.Preparation()
	how := map[string]string{image.Squash: "squashed to %d", image.Longest: "longer side to %d, borders"}[p.Mode]
	if how == "" {
		how = "shorter side to %d, centre crop"
		if p.FloorCrop {
			how += " (offset rounded down)"
		}
	}
	filter := "bicubic"
	if p.Filter == image.Bilinear {
		filter = "bilinear"
	}
	text := fmt.Sprintf(how+", %s", p.Size, filter)
	if p.Pillow >= image.TallFirst {
		text += fmt.Sprintf(" as in Pillow %d", p.Pillow)
	}
	mean, std := c.Normalization()
	return fmt.Sprintf("%s; mean %.4g, std %.4g", text, mean, std)
}

// Normalization is the mean and deviation of the channels, of values in [0, 1].
func (c Config) Normalization() (mean, std [3]float32) {
	p := openAI
	if c.Preprocess != nil {
		p = *c.Preprocess
	}
	return p.Mean, p.Std
}

// Gates is the number of gated blocks; they stand before the last ones.
func (c Config) Gates() int {
	if r := c.Model.Vision.React; r != nil && r.Enabled {
		return r.LastK
	}
	return 0
}

// WithVocab is the config with another vocabulary size.
func (c Config) WithVocab(n int) Config {
	c.Model.Text.VocabSize = n
	return c
}

// WithGates is the config with gated blocks before the last k vision blocks.
func (c Config) WithGates(k int) Config {
	c.Model.Vision.React = &React{Enabled: true, LastK: k}
	return c
}

func hidden(width int, ratio float64) int { return int(float64(width) * ratio) }

func (t Text) hidden() int { return hidden(t.Width, t.MLPRatio) }

// MarshalJSON writes the fields that differ from open_clip's defaults or have none.
func (c Config) MarshalJSON() ([]byte, error) {
	type plain Config
	p := plain(c)
	if p.Model.Vision.MLPRatio == defaultMLPRatio {
		p.Model.Vision.MLPRatio = 0
	}
	if p.Model.Text.MLPRatio == defaultMLPRatio {
		p.Model.Text.MLPRatio = 0
	}
	return json.Marshal(p)
}

const defaultMLPRatio = 4.0

// UnmarshalJSON reads a config and refuses what it does not understand: a field
// that this package ignores would give a model that is silently another one.
func (c *Config) UnmarshalJSON(data []byte) error {
	type plain Config
	var p plain
	if err := openCLIPFields.read(data, &p); err != nil {
		return err
	}
	v, t := &p.Model.Vision, &p.Model.Text
	v.setDefaults()
	setDefault(&t.MLPRatio, defaultMLPRatio)
	setDefault(&t.ContextLength, 77)
	setDefault(&t.VocabSize, 49408)
	setDefault(&t.Width, 512)
	setDefault(&t.Heads, 8)
	setDefault(&t.Layers, 12)
	*c = Config(p)
	return c.Validate()
}

func setDefault[T int | float64](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

// maxSide bounds every size in a config, far above any CLIP, so that a damaged
// file is an error and not an allocation.
const maxSide = 1 << 20

// Validate says what makes the config no model: sizes that are not positive or
// do not divide.
func (c Config) Validate() error {
	t := c.Model.Text
	err := positive("model_cfg.", []size{{"embed_dim", c.Model.EmbedDim},
		{"text_cfg.context_length", t.ContextLength}, {"text_cfg.vocab_size", t.VocabSize},
		{"text_cfg.width", t.Width}, {"text_cfg.heads", t.Heads}, {"text_cfg.layers", t.Layers}})
	switch {
	case err != nil:
		return err
	case t.Width%t.Heads != 0:
		return fmt.Errorf("model_cfg.text_cfg.width: %d is not a multiple of heads %d", t.Width, t.Heads)
	case !validRatio(t.MLPRatio) || t.hidden() < 1:
		return fmt.Errorf("model_cfg.text_cfg.mlp_ratio: %v is not a ratio", t.MLPRatio)
	}
	return errors.Join(c.Model.Vision.validate(), c.Preprocess.validate())
}

// size is a field that must be positive.
type size struct {
	name  string
	value int
}

func positive(prefix string, sizes []size) error {
	for _, f := range sizes {
		if f.value < 1 || f.value > maxSide {
			return fmt.Errorf("%s%s: %d is not a size", prefix, f.name, f.value)
		}
	}
	return nil
}

func validRatio(r float64) bool { return r > 0 && r <= 64 && !math.IsNaN(r) }
