package clip

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
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

// Hidden is the width of an MLP in a tower of a width.
func Hidden(width int, ratio float64) int { return int(float64(width) * ratio) }

// Hidden is the width of a block's MLP.
func (t Text) Hidden() int { return Hidden(t.Width, t.MLPRatio) }

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
	if err := OpenCLIPFields.Read(data, &p); err != nil {
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
	case !validRatio(t.MLPRatio) || t.Hidden() < 1:
		return fmt.Errorf("model_cfg.text_cfg.mlp_ratio: %v is not a ratio", t.MLPRatio)
	}
	return errors.Join(c.Model.Vision.validate(), c.Preprocess.Validate())
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

// Describe is the architecture in words.
func (c Config) Describe() string {
	v, t := c.Model.Vision, c.Model.Text
	image := fmt.Sprintf("ViT of %d blocks, width %d, %d heads, patches of %d pixels", v.Layers, v.Width, v.Heads(), v.PatchSize)
	if c.ResNet() {
		image = fmt.Sprintf("ResNet of %s bottlenecks, width %d, %d heads", strings.Trim(strings.ReplaceAll(fmt.Sprint(v.Stages), " ", "+"), "[]"), v.Width, v.Heads())
	}
	return fmt.Sprintf("%s at %d pixels; text of %d blocks, width %d, %d heads, %d tokens of %d; embeddings of %d",
		image, v.ImageSize, t.Layers, t.Width, t.Heads, t.ContextLength, t.VocabSize, c.Dim())
}
