package layout

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	"react/data/image"
	"react/data/jsonfile"
	"react/ops/clip"
	"react/ops/clip/fields"
)

// The files of an image processor: its own, and since transformers 5 a part of the
// processor's, under "image_processor".
const (
	hfProcessorFile = "preprocessor_config.json"
	hfProcessorFive = "processor_config.json"
)

// hfProcessor is CLIPImageProcessor's config.
type hfProcessor struct {
	Type      string   `json:"image_processor_type,omitempty"`
	Extractor string   `json:"feature_extractor_type,omitempty"` // the type's older name
	Resize    *bool    `json:"do_resize"`
	Crop      *bool    `json:"do_center_crop"`
	Rescale   *bool    `json:"do_rescale,omitempty"`
	Factor    *float64 `json:"rescale_factor,omitempty"`
	Normalize *bool    `json:"do_normalize"`
	RGB       *bool    `json:"do_convert_rgb,omitempty"`
	// what a size of one number means
	Square   *bool           `json:"default_to_square,omitempty"`
	Resample *int            `json:"resample"` // as PIL counts filters
	Mean     *clip.Channels  `json:"image_mean"`
	Std      *clip.Channels  `json:"image_std"`
	CropSize json.RawMessage `json:"crop_size,omitempty"`
	Size     json.RawMessage `json:"size,omitempty"`
	Pillow   int             `json:"pillow,omitempty"` // ours, as in Preprocess
}

var hfProcessorFields = fields.Table{"": {
	"image_processor_type": nil, "feature_extractor_type": nil, "do_resize": nil, "do_center_crop": nil, "do_rescale": nil, "rescale_factor": nil,
	"do_normalize": nil, "do_convert_rgb": nil, "default_to_square": nil, "resample": nil, "image_mean": nil, "image_std": nil,
	"crop_size": nil, "size": nil, "pillow": nil,
	"auto_map": fields.Off, "do_pad": fields.Off, "pad_size": fields.Off, "do_flip_channel_order": fields.Off, "do_reduce_labels": fields.Off, "crop_pct": fields.Off,
	"processor_class": fields.Any, "_valid_processor_keys": fields.Any, "data_format": fields.Any, "input_data_format": fields.Any, "device": fields.Any,
	"return_tensors": fields.Any, "disable_grouping": fields.Any, "image_seq_length": fields.Any, "transformers_version": fields.Any, "antialias": isOneOfBool(true),
	"backend": fields.Any,
}}

func isOneOfBool(want bool) func(any) bool {
	return func(v any) bool { return v == nil || v == want }
}

// The resampling filters of PIL that are supported.
const (
	pilBilinear = 2
	pilBicubic  = 3
)

// readProcessors gives what a folder's processor files say, nil without one. Two
// files that say different things are an error, since versions of transformers
// differ in which they take.
func readProcessors(dir string, side int) (*clip.Preprocess, error) {
	old, err := readProcessor(filepath.Join(dir, hfProcessorFile), side, func(data []byte) ([]byte, error) { return data, nil })
	if err != nil {
		return nil, err
	}
	five, err := readProcessor(filepath.Join(dir, hfProcessorFive), side, imageProcessor)
	switch {
	case err != nil:
		return nil, err
	case old != nil && five != nil && *old != *five:
		return nil, fmt.Errorf("%s: %s and %s say different things about pixels; take the one away that the weights were not trained with", dir, hfProcessorFile, hfProcessorFive)
	case five != nil:
		return five, nil
	}
	return old, nil
}

// imageProcessor is the part of a processor_config.json; before transformers 5 it
// has none.
func imageProcessor(data []byte) ([]byte, error) {
	var p struct {
		Image json.RawMessage `json:"image_processor"`
	}
	err := jsonfile.Unmarshal(data, &p)
	if string(p.Image) == "null" {
		return nil, err
	}
	return p.Image, err
}

func readProcessor(path string, side int, part func([]byte) ([]byte, error)) (*clip.Preprocess, error) {
	data, err := readConfigFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		data, err = part(data)
	}
	if err == nil && data == nil {
		return nil, nil
	}
	var p hfProcessor
	if err == nil {
		err = hfProcessorFields.Read(data, &p)
	}
	var out *clip.Preprocess
	if err == nil {
		out, err = p.preprocess(side)
	}
	if err == nil {
		err = out.Validate()
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return out, nil
}

// preprocess is what the processor does, for a tower of side pixels.
func (p hfProcessor) preprocess(side int) (*clip.Preprocess, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	out := &clip.Preprocess{Mean: clip.OpenAIPixels.Mean, Std: clip.OpenAIPixels.Std, Crop: clip.FloorCrop, Pillow: p.Pillow}
	if p.Mean != nil {
		out.Mean = *p.Mean
	}
	if p.Std != nil {
		out.Std = *p.Std
	}
	if p.Resample != nil && *p.Resample == pilBilinear {
		out.Interpolation = "bilinear"
	}
	squash, err := p.resized(side)
	if err != nil {
		return nil, err
	}
	if squash {
		out.ResizeMode, out.Crop = image.Squash, ""
	}
	isCropped := p.Crop == nil || *p.Crop
	if !isCropped && !squash {
		return nil, errors.New("do_center_crop: false leaves images that are no squares")
	}
	if isCropped {
		if err := sizeIs("crop_size", p.CropSize, side, "height", "width"); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (p hfProcessor) check() error {
	for _, step := range []struct {
		name string
		on   *bool
	}{{"do_resize", p.Resize}, {"do_rescale", p.Rescale}, {"do_normalize", p.Normalize}, {"do_convert_rgb", p.RGB}} {
		if step.on != nil && !*step.on {
			return fmt.Errorf("%s: false is not supported: the tower would see other pixels", step.name)
		}
	}
	const factor = 1.0 / 255
	switch {
	case p.Type != "" && !strings.HasPrefix(p.Type, "CLIP"):
		return fmt.Errorf("image_processor_type: %s is not CLIP's, whose defaults are read here", p.Type)
	case p.Type == "" && p.Extractor != "" && !strings.HasPrefix(p.Extractor, "CLIP"):
		return fmt.Errorf("feature_extractor_type: %s is not CLIP's, whose defaults are read here", p.Extractor)
	case p.Factor != nil && math.Abs(*p.Factor-factor) > 1e-9:
		return fmt.Errorf("rescale_factor: %g is not 1/255", *p.Factor)
	case p.Resample != nil && *p.Resample != pilBicubic && *p.Resample != pilBilinear:
		return fmt.Errorf("resample: %d is neither %d (bicubic) nor %d (bilinear)", *p.Resample, pilBicubic, pilBilinear)
	}
	return nil
}

// resized holds size to the tower's, and says whether the image is squashed into
// a square and not cut: with height and width given.
func (p hfProcessor) resized(side int) (squash bool, err error) {
	var object map[string]any
	if json.Unmarshal(p.Size, &object) == nil && object != nil {
		if _, ok := object["height"]; ok {
			return true, sizeIs("size", p.Size, side, "height", "width")
		}
		return false, sizeIs("size", p.Size, side, "shortest_edge")
	}
	isNumber := len(p.Size) > 0 && string(p.Size) != "null"
	return isNumber && p.Square != nil && *p.Square, sizeIs("size", p.Size, side)
}

// sizeIs wants one number or an object of exactly these keys, all of them side;
// absent is transformers' default, 224, which must be it too.
func sizeIs(field string, raw json.RawMessage, side int, keys ...string) error {
	var n int
	if len(raw) == 0 || string(raw) == "null" {
		raw, n = json.RawMessage("the default, 224"), 224
	} else if json.Unmarshal(raw, &n) != nil {
		var object map[string]int
		if json.Unmarshal(raw, &object) != nil || len(object) != len(keys) {
			return fmt.Errorf("%s: %.60s is not supported: one number or %q", field, raw, keys)
		}
		n = side
		for _, key := range keys {
			if object[key] != side {
				n = object[key]
			}
		}
	}
	if n != side {
		return fmt.Errorf("%s: %.60s is not the %d pixels of the image tower", field, raw, side)
	}
	return nil
}

// hfProcessorOf is the preprocessor_config.json of a model.
func hfProcessorOf(c clip.Config) (hfProcessor, error) {
	mean, std := c.Normalization()
	on, resample, side := true, pilBicubic, c.ImageSize()
	prepared := c.Preparation()
	if prepared.Filter == image.Bilinear {
		resample = pilBilinear
	}
	square := json.RawMessage(fmt.Sprintf(`{"height":%d,"width":%d}`, side, side))
	size := json.RawMessage(fmt.Sprintf(`{"shortest_edge":%d}`, side))
	switch prepared.Mode {
	case image.Squash:
		size = square
	case image.Longest:
		return hfProcessor{}, fmt.Errorf("preprocess_cfg.resize_mode: %s is no way of Hugging Face's CLIPImageProcessor; write it as %s", prepared.Mode, OpenCLIP)
	}
	return hfProcessor{Type: "CLIPImageProcessor", Extractor: "CLIPFeatureExtractor", Resize: &on, Crop: &on, Rescale: &on, Normalize: &on, RGB: &on,
		Resample: &resample, Mean: (*clip.Channels)(&mean), Std: (*clip.Channels)(&std), CropSize: square, Size: size, Pillow: prepared.Pillow}, nil
}
