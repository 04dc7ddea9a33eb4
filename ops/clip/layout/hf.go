package layout

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"react/ops/clip"
)

// HF is the layout of Hugging Face's CLIPModel.
const HF = "hf"

var hf = Layout{
	name:        HF,
	config:      hfConfigFile,
	weights:     []string{hfWeightsFile, "pytorch_model.bin"},
	image:       []string{"vision_model."},
	text:        []string{"text_model."},
	other:       []string{"visual_projection."},
	claims:      hfClaims,
	read:        readHFConfig,
	activations: hfActivations,
	origins:     hfOrigins,
	write:       saveHF,
}

// hfClaims passes over a config.json without a model_type, which is another library's
// (timm's folders have one), and says of another model_type than CLIPModel's that it may be one.
func hfClaims(path string) claimed {
	kind, err := modelType(path)
	switch {
	case err == nil && kind == hfModelType:
		return isOwn
	case err == nil && kind == "":
		return isNot
	}
	return mayBe
}

// rename is a rule of training's key map: names that start so in open_clip, and
// how they start in Hugging Face's.
type rename struct{ openCLIP, hf string }

// hfNames map whole names or, with a dot at the end, beginnings. Both ways the
// first that fits is taken.
var hfNames = []rename{
	{"logit_scale", "logit_scale"},
	{"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
	{"positional_embedding", "text_model.embeddings.position_embedding.weight"},
	{"ln_final.", "text_model.final_layer_norm."},
	{"text_projection", "text_projection.weight"},
	{"transformer.resblocks.", "text_model.encoder.layers."},
	{"visual.class_embedding", "vision_model.embeddings.class_embedding"},
	{"visual.positional_embedding", "vision_model.embeddings.position_embedding.weight"},
	{"visual.conv1.weight", "vision_model.embeddings.patch_embedding.weight"},
	{"visual.ln_pre.", "vision_model.pre_layrnorm."}, // sic
	{"visual.ln_post.", "vision_model.post_layernorm."},
	{"visual.proj", "visual_projection.weight"},
	{"visual.transformer.resblocks.", "vision_model.encoder.layers."},
}

// hfBlock maps what follows a block's number.
var hfBlock = []rename{
	{"attn.out_proj.", "self_attn.out_proj."},
	{"ln_1.", "layer_norm1."},
	{"ln_2.", "layer_norm2."},
	{"mlp.c_fc.", "mlp.fc1."},
	{"mlp.c_proj.", "mlp.fc2."},
}

// hfTransposed are [width, E] in open_clip and linear layers, [E, width], in HF.
var hfTransposed = []string{"text_projection", "visual.proj"}

var hfHeads = []string{"q", "k", "v"} // in the order of in_proj's rows

// toHF gives the HF names of a parameter: three for an attention's joined
// projections, none where HF's model has no such parameter (gates, ResNets).
func toHF(name string) []string {
	for _, rule := range hfNames {
		if name == rule.openCLIP {
			return []string{rule.hf}
		}
		rest, ok := strings.CutPrefix(name, rule.openCLIP)
		if !ok || !strings.HasSuffix(rule.openCLIP, ".") {
			continue
		}
		if !strings.HasSuffix(rule.openCLIP, "resblocks.") {
			return []string{rule.hf + rest}
		}
		block, rest, _ := strings.Cut(rest, ".")
		return prefixed(rule.hf+block+".", toHFBlock(rest))
	}
	return nil
}

func toHFBlock(rest string) []string {
	if kind, ok := strings.CutPrefix(rest, "attn.in_proj_"); ok {
		var names []string
		for _, h := range hfHeads {
			names = append(names, "self_attn."+h+"_proj."+kind)
		}
		return names
	}
	for _, rule := range hfBlock {
		if last, ok := strings.CutPrefix(rest, rule.openCLIP); ok {
			return []string{rule.hf + last}
		}
	}
	return nil
}

func prefixed(prefix string, names []string) []string {
	for i := range names {
		names[i] = prefix + names[i]
	}
	return names
}

// hfOrigins goes over all names that open_clip's side of the map can have, so
// that the map stands in one place.
func hfOrigins(named map[string]piece) map[string]origin {
	out := map[string]origin{}
	used := map[string]bool{}
	for name := range named {
		for _, candidate := range fromHF(name) {
			parts := toHF(candidate)
			o := origin{transpose: slices.Contains(hfTransposed, candidate)}
			for _, part := range parts {
				if p, ok := named[part]; ok {
					o.pieces = append(o.pieces, p)
				}
			}
			if len(o.pieces) == len(parts) && (!o.transpose || len(o.pieces[0].shape) == 2) && !uneven(o.pieces) {
				out[candidate] = o
				used[name] = true
			}
		}
	}
	for name, p := range named {
		if !used[name] && !isBuffer(name) {
			out[name] = origin{pieces: []piece{p}}
		}
	}
	return out
}

// uneven says whether pieces cannot be joined: their rows differ in form.
func uneven(pieces []piece) bool {
	return slices.ContainsFunc(pieces, func(p piece) bool {
		return len(pieces) > 1 && (len(p.shape) == 0 || !slices.Equal(p.shape, pieces[0].shape))
	})
}

var hfHead = regexp.MustCompile(`^self_attn\.[qkv]_proj\.(weight|bias)$`)

// fromHF gives the open_clip name of an HF name, none when it has none.
func fromHF(name string) []string {
	for _, rule := range hfNames {
		if name == rule.hf {
			return []string{rule.openCLIP}
		}
		rest, ok := strings.CutPrefix(name, rule.hf)
		if !ok || !strings.HasSuffix(rule.hf, ".") {
			continue
		}
		if !strings.HasSuffix(rule.openCLIP, "resblocks.") {
			return []string{rule.openCLIP + rest}
		}
		block, rest, _ := strings.Cut(rest, ".")
		if _, err := strconv.Atoi(block); err != nil {
			return nil
		}
		return prefixed(rule.openCLIP+block+".", fromHFBlock(rest))
	}
	return nil
}

func fromHFBlock(rest string) []string {
	if m := hfHead.FindStringSubmatch(rest); m != nil {
		return []string{"attn.in_proj_" + m[1]}
	}
	for _, rule := range hfBlock {
		if last, ok := strings.CutPrefix(rest, rule.hf); ok {
			return []string{rule.openCLIP + last}
		}
	}
	return nil
}

func saveHF(c *clip.Checkpoint, dir string) error {
	config, err := hfConfigOf(c.Config)
	if err != nil {
		return err
	}
	processor, err := hfProcessorOf(c.Config)
	if err != nil {
		return err
	}
	w, err := c.Weights.Check(c.Config)
	if err != nil {
		return err
	}
	if w, err = hfWeightsOf(w); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, hfConfigFile), config); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, hfProcessorFile), processor); err != nil {
		return err
	}
	// transformers wants to be told that the tensors lie as PyTorch's do.
	return writeSafetensors(filepath.Join(dir, hfWeightsFile), w, `{"format":"pt"}`)
}

// hfWeightsOf gives weights the names and shapes of CLIPModel; what is not
// transposed is shared.
func hfWeightsOf(w *clip.Weights) (*clip.Weights, error) {
	out := &clip.Weights{}
	for _, name := range w.Names() {
		t := w.At(name)
		names := toHF(name)
		switch {
		case len(names) == 0:
			return nil, fmt.Errorf("parameter %q has no place in Hugging Face's CLIPModel", name)
		case slices.Contains(hfTransposed, name):
			out.Put(names[0], []int{t.Shape[1], t.Shape[0]}, transposed(t.Data, t.Shape[0], t.Shape[1]))
			continue
		}
		rows := len(t.Data) / len(names)
		for i, hf := range names {
			shape := slices.Clone(t.Shape)
			if len(names) > 1 {
				shape[0] /= len(names)
			}
			out.Put(hf, shape, t.Data[i*rows:(i+1)*rows])
		}
	}
	return out, nil
}

func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
