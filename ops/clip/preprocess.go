package clip

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"react/data/image"
	"react/data/jsonfile"
)

// Preprocess is open_clip's preprocess_cfg: how an image becomes a tower's pixels.
type Preprocess struct {
	Mean          Channels `json:"mean"`
	Std           Channels `json:"std"`
	Interpolation string   `json:"interpolation,omitempty"` // bicubic, which "" is, or bilinear
	// shortest, which "" is, longest or squash
	ResizeMode string `json:"resize_mode,omitempty"`
	FillColor  int    `json:"fill_color,omitempty"` // grey of the borders of longest

	// Not open_clip's, which passes over both: Crop is floorCrop where offsets are
	// rounded down, as Hugging Face's processors do; Pillow is the major version whose
	// results are reproduced, see image.TallFirst.
	Crop   string `json:"crop,omitempty"`
	Pillow int    `json:"pillow,omitempty"`
}

// FloorCrop is Hugging Face's rounding of the crop's offset.
const FloorCrop = "floor"

// Channels are values of red, green and blue. One number in a file is all three,
// as open_clip and transformers have it.
type Channels [3]float32

// UnmarshalJSON reads three numbers or one.
func (c *Channels) UnmarshalJSON(data []byte) error {
	var all []float32
	var one float32
	if json.Unmarshal(data, &one) == nil {
		all = []float32{one, one, one}
	} else if json.Unmarshal(data, &all) != nil || len(all) != 3 {
		return fmt.Errorf("mean or std: want three numbers (red, green, blue) or one, got %.60s", data)
	}
	*c = Channels(all)
	return nil
}

// UnmarshalJSON reads what a file says over open_clip's defaults.
func (p *Preprocess) UnmarshalJSON(data []byte) error {
	type plain Preprocess
	q := plain(OpenAIPixels)
	if err := jsonfile.Unmarshal(data, &q); err != nil {
		return err
	}
	*p = Preprocess(q)
	return nil
}

// Validate says what cannot be done here; nil is open_clip's defaults.
func (p *Preprocess) Validate() error {
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
		oneOf("resize_mode", p.ResizeMode, image.Shortest, image.Longest, image.Squash), oneOf("crop", p.Crop, FloorCrop)); err != nil {
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

// OpenAIPixels are the pixel statistics of a config that gives none.
var OpenAIPixels = Preprocess{Mean: [3]float32{0.48145466, 0.4578275, 0.40821073}, Std: [3]float32{0.26862954, 0.26130258, 0.27577711}}

// Preparation is how an image becomes the square that the image tower reads.
func (c Config) Preparation() image.Preparation {
	out := image.Preparation{Size: c.ImageSize()}
	if p := c.Preprocess; p != nil {
		out.Mode, out.Fill, out.FloorCrop, out.Pillow = p.ResizeMode, uint8(p.FillColor), p.Crop == FloorCrop, p.Pillow
		if p.Interpolation == "bilinear" { // open_clip's "random" is bicubic but for training
			out.Filter = image.Bilinear
		}
	}
	return out
}

// DescribePixels says in a line how an image becomes the tower's pixels.
func (c Config) DescribePixels() string {
	p := c.Preparation()
	resized := map[string]string{image.Squash: "squashed to %d", image.Longest: "longer side to %d, borders"}[p.Mode]
	if resized == "" {
		resized = "shorter side to %d, centre crop"
		if p.FloorCrop {
			resized += " (offset rounded down)"
		}
	}
	filter := "bicubic"
	if p.Filter == image.Bilinear {
		filter = "bilinear"
	}
	text := fmt.Sprintf(resized+", %s", p.Size, filter)
	if p.Pillow >= image.TallFirst {
		text += fmt.Sprintf(" as in Pillow %d", p.Pillow)
	}
	mean, std := c.Normalization()
	return fmt.Sprintf("%s; mean %.4g, std %.4g", text, mean, std)
}

// Normalization is the mean and deviation of the channels, of values in [0, 1].
func (c Config) Normalization() (mean, std [3]float32) {
	p := OpenAIPixels
	if c.Preprocess != nil {
		p = *c.Preprocess
	}
	return p.Mean, p.Std
}
