package clip

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// The namings of parameters. OpenAI's own and REACT's are open_clip's.
const (
	OpenCLIP = "open_clip"
	HF       = "hf" // Hugging Face's CLIPModel
)

// Namings lists the namings that weights can be written in.
var Namings = []string{OpenCLIP, HF}

// piece is a tensor of a file, under the name it has there.
type piece struct {
	file tensorFile
	tensorInfo
}

// origin says where a parameter of open_clip's name comes from: pieces joined
// along their first axis, transposed when transpose is set.
type origin struct {
	pieces    []piece
	transpose bool
}

func (o origin) shape() []int {
	shape := slices.Clone(o.pieces[0].shape)
	for _, p := range o.pieces[1:] {
		if len(shape) > 0 && len(p.shape) > 0 {
			shape[0] += p.shape[0]
		}
	}
	if o.transpose {
		slices.Reverse(shape)
	}
	return shape
}

// read gives the parameter's values; without joining or transposing they are
// the file's own.
func (o origin) read() ([]float32, error) {
	var data []float32
	for _, p := range o.pieces {
		part, err := p.file.float32(p.name)
		if err != nil {
			return nil, err
		}
		if len(o.pieces) == 1 {
			data = part
			break
		}
		data = append(data, part...)
	}
	if o.transpose {
		rows, columns := o.pieces[0].shape[0], o.pieces[0].shape[1]
		return transposed(data, rows, columns), nil
	}
	return data, nil
}

func transposed(data []float32, rows, columns int) []float32 {
	out := make([]float32, len(data))
	for i := range rows {
		for j := range columns {
			out[j*rows+i] = data[i*columns+j]
		}
	}
	return out
}

// unwrap takes the prefix away that every name has when the model was wrapped
// for distributed or compiled training.
func unwrap(pieces []piece) map[string]piece {
	prefix := ""
	for _, candidate := range []string{"module.", "_orig_mod."} {
		if len(pieces) > 0 && !slices.ContainsFunc(pieces, func(p piece) bool { return !strings.HasPrefix(p.name, prefix+candidate) }) {
			prefix += candidate
		}
	}
	named := map[string]piece{}
	for _, p := range pieces {
		named[strings.TrimPrefix(p.name, prefix)] = p
	}
	return named
}

// namingOf tells the naming by the names.
func namingOf(named map[string]piece) string {
	for name := range named {
		if strings.HasPrefix(name, "vision_model.") || strings.HasPrefix(name, "text_model.") {
			return HF
		}
	}
	return OpenCLIP
}

// origins gives the parameters of a file by open_clip's names. What has no such
// name comes under its own, to be found left over.
func origins(named map[string]piece) map[string]origin {
	if namingOf(named) == HF {
		return hfOrigins(named)
	}
	out := map[string]origin{}
	for name, p := range named {
		if !isBuffer(name) {
			out[name] = origin{pieces: []piece{p}}
		}
	}
	return out
}

// isBuffer says whether a checkpoint carries the name and no model needs it.
func isBuffer(name string) bool {
	return slices.Contains(leftOut, name) || strings.HasSuffix(name, ".num_batches_tracked") || strings.HasSuffix(name, ".position_ids")
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
