package layout

import (
	"path/filepath"
	"strings"

	"react/ops/clip"
)

// release is what a released file needs beside its shapes.
type release struct {
	activation string
	preprocess *clip.Preprocess
}

var half = &clip.Preprocess{Mean: [3]float32{0.5, 0.5, 0.5}, Std: [3]float32{0.5, 0.5, 0.5}}

// releases are the checkpoints of REACT (Hugging Face, react-vl/react-in1k), as
// the reference's pretrained.py and factory.py load them. The two of
// openclip-vit-base-32 are not here: the reference loads them with GELU, though
// the weights they were tuned from were trained with QuickGELU.
var releases = map[string]release{
	"clip-vit-base-32-locked-text.pt":              {activation: quickGELU},
	"clip-vit-base-32-gated-image.pt":              {activation: quickGELU},
	"clip-vit-base-16-locked-text.pt":              {activation: quickGELU},
	"clip-vit-base-16-gated-image.pt":              {activation: quickGELU},
	"clip-vit-large-14-gated-image.pt":             {activation: quickGELU},
	"clip-vit-large-14-gated-image-laion2b.pt":     {activation: quickGELU},
	"openclip-laion2b-vit-base-32-locked-text.pt":  {activation: gelu},
	"openclip-laion2b-vit-base-32-gated-image.pt":  {activation: gelu},
	"openclip-vit-large-14-gated-image.pt":         {activation: gelu, preprocess: half},
	"openclip-vit-large-14-gated-image-laion2b.pt": {activation: gelu, preprocess: half},
	"openclip-vit-bigG-14-gated-image-laion2b.pt":  {activation: gelu},
}

// releaseOf knows a file by its name: REACT's, and open_clip's, which say
// quickgelu where it is used.
func releaseOf(path string) (release, bool) {
	name := filepath.Base(path)
	if r, ok := releases[name]; ok {
		return r, true
	}
	return release{activation: quickGELU}, strings.Contains(strings.ToLower(name), "quickgelu")
}
