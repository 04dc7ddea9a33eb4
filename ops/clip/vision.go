package clip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
)

// Vision is the image tower: a vision transformer (ViT), or CLIP's modified
// ResNet when Stages are given. open_clip's "layers" is either a number, which
// is Layers, or a list, which is Stages.
type Vision struct {
	Layers int   `json:"layers"` // blocks of a ViT; 0 in a ResNet
	Stages []int `json:"-"`      // bottlenecks in each of a ResNet's four stages; nil in a ViT
	// of a ResNet: channels after the stem; its features have 32 times as many
	Width     int     `json:"width"`
	HeadWidth int     `json:"head_width"`
	MLPRatio  float64 `json:"mlp_ratio,omitempty"` // of a ViT, as PatchSize is
	PatchSize int     `json:"patch_size"`          // pixels
	ImageSize int     `json:"image_size"`          // pixels, a square
	React     *React  `json:"react_cfg,omitempty"`
}

// ResNetStride is the pixels between two positions of a ResNet's last feature
// map, and resnetExpansion the width of that map over the stem's.
const (
	ResNetStride    = 32
	resnetExpansion = 32
	ResNetStages    = 4
)

// ResNet says whether the image tower is CLIP's modified ResNet.
func (c Config) ResNet() bool { return c.Model.Vision.ResNet() }

// ResNet says whether the tower is CLIP's modified ResNet.
func (v Vision) ResNet() bool { return v.Stages != nil }

// grid is the side of the square of patches, or of a ResNet's last feature map.
func (v Vision) grid() int {
	if v.ResNet() {
		return v.ImageSize / ResNetStride
	}
	return v.ImageSize / v.PatchSize
}

// Tokens are the positions of the grid and one more before them: a ViT's class
// token, a ResNet's mean.
func (v Vision) Tokens() int { return v.grid()*v.grid() + 1 }

// Features is the width of what is pooled.
func (v Vision) Features() int {
	if v.ResNet() {
		return v.Width * resnetExpansion
	}
	return v.Width
}

// Heads is the number of attention heads, of a ResNet in its pool.
func (v Vision) Heads() int { return v.Features() / v.HeadWidth }

// Hidden is the width of a block's MLP.
func (v Vision) Hidden() int { return Hidden(v.Width, v.MLPRatio) }

// setDefaults fills what is absent as open_clip does, and drops the sizes that
// a ResNet has not, as open_clip ignores them there.
func (v *Vision) setDefaults() {
	setDefault(&v.HeadWidth, 64)
	setDefault(&v.ImageSize, 224)
	setDefault(&v.Width, 768)
	if v.ResNet() {
		v.PatchSize, v.MLPRatio = 0, 0
		return
	}
	setDefault(&v.MLPRatio, defaultMLPRatio)
	setDefault(&v.PatchSize, 16)
	setDefault(&v.Layers, 12)
}

// MarshalJSON writes layers as the number or the list that it is.
func (v Vision) MarshalJSON() ([]byte, error) {
	type plain Vision
	if !v.ResNet() {
		return json.Marshal(plain(v))
	}
	return json.Marshal(struct {
		Stages    []int  `json:"layers"`
		Width     int    `json:"width"`
		HeadWidth int    `json:"head_width"`
		ImageSize int    `json:"image_size"`
		React     *React `json:"react_cfg,omitempty"`
	}{v.Stages, v.Width, v.HeadWidth, v.ImageSize, v.React})
}

// UnmarshalJSON reads layers as either form; checkFields has looked at the names.
func (v *Vision) UnmarshalJSON(data []byte) error {
	type plain Vision
	var p struct {
		plain
		Layers json.RawMessage `json:"layers"`
	}
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	*v = Vision(p.plain)
	if p.Layers == nil {
		return nil
	}
	var layers any = &v.Layers
	if bytes.HasPrefix(p.Layers, []byte("[")) {
		v.Stages, layers = []int{}, &v.Stages
	}
	if json.Unmarshal(p.Layers, layers) != nil {
		return fmt.Errorf("model_cfg.vision_cfg.layers: want a number of blocks, or the bottlenecks of a ResNet's 4 stages, got %.60s", p.Layers)
	}
	return nil
}

func (v Vision) validate() error {
	const prefix = "model_cfg.vision_cfg."
	if err := positive(prefix, []size{{"width", v.Width}, {"head_width", v.HeadWidth}, {"image_size", v.ImageSize}}); err != nil {
		return err
	}
	if v.ResNet() {
		return v.validateResNet(prefix)
	}
	if err := positive(prefix, []size{{"layers", v.Layers}, {"patch_size", v.PatchSize}}); err != nil {
		return err
	}
	switch {
	case v.Width%v.HeadWidth != 0:
		return fmt.Errorf("%swidth: %d is not a multiple of head_width %d", prefix, v.Width, v.HeadWidth)
	case v.ImageSize%v.PatchSize != 0:
		return fmt.Errorf("%simage_size: %d is not a multiple of patch_size %d", prefix, v.ImageSize, v.PatchSize)
	case !validRatio(v.MLPRatio) || v.Hidden() < 1:
		return fmt.Errorf("%smlp_ratio: %v is not a ratio", prefix, v.MLPRatio)
	case v.React != nil && v.React.Enabled && (v.React.LastK < 1 || v.React.LastK > v.Layers):
		return fmt.Errorf("%sreact_cfg.last_k_layers: %d is not in 1..%d", prefix, v.React.LastK, v.Layers)
	}
	return nil
}

func (v Vision) validateResNet(prefix string) error {
	switch {
	case len(v.Stages) != ResNetStages || slices.Min(v.Stages) < 1 || slices.Max(v.Stages) > maxSide:
		return fmt.Errorf("%slayers: %v is not the bottlenecks of %d stages", prefix, v.Stages, ResNetStages)
	case v.Width%2 != 0:
		return fmt.Errorf("%swidth: %d is odd; the first two convolutions of a ResNet have half of it", prefix, v.Width)
	case v.Features()%v.HeadWidth != 0:
		return fmt.Errorf("%swidth: %d times %d is not a multiple of head_width %d", prefix, v.Width, resnetExpansion, v.HeadWidth)
	case v.ImageSize%ResNetStride != 0:
		return fmt.Errorf("%simage_size: %d is not a multiple of %d, the stride of a ResNet", prefix, v.ImageSize, ResNetStride)
	case v.React != nil && v.React.Enabled:
		return fmt.Errorf("%sreact_cfg: a ResNet has no blocks to put gates before", prefix)
	}
	return nil
}
