package layout

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"react/ops/clip"
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

// wrappers are what stands in the names of models that were wrapped for
// distributed, compiled or sharded training, at the beginning and inside, in
// whatever order they were wrapped.
var wrappers = []string{"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module"}

// unwrap takes the wrappers' names away, and any other beginning that all names
// share where CLIP's own names follow it (Lightning's "model.clip.").
func unwrap(pieces []piece) map[string]piece {
	names := make([]string, len(pieces))
	for i, p := range pieces {
		parts := strings.Split(p.name, ".")
		names[i] = strings.Join(slices.DeleteFunc(parts[:len(parts):len(parts)], func(part string) bool { return slices.Contains(wrappers, part) }), ".")
	}
	prefix := sharedPrefix(names)
	for prefix != "" && !slices.ContainsFunc(names, func(name string) bool { return isCLIP(strings.TrimPrefix(name, prefix)) }) {
		cut := strings.LastIndex(strings.TrimSuffix(prefix, "."), ".")
		prefix = prefix[:cut+1]
	}
	if slices.ContainsFunc(names, isCLIP) { // a tower alone: visual. is no wrapper
		prefix = ""
	}
	named := map[string]piece{}
	for i, p := range pieces {
		named[strings.TrimPrefix(names[i], prefix)] = p
	}
	return named
}

// sharedPrefix is the beginning that all names share, up to a dot.
func sharedPrefix(names []string) string {
	if len(names) == 0 {
		return ""
	}
	first, last := slices.Min(names), slices.Max(names)
	n := 0
	for n < len(first) && n < len(last) && first[n] == last[n] {
		n++
	}
	return first[:strings.LastIndex(first[:n], ".")+1]
}

// topNames are the beginnings of the names of a CLIP model, of either naming.
var topNames = []string{"visual.", "transformer.resblocks.", "token_embedding.", "positional_embedding", "ln_final.", "text_projection", "logit_scale",
	"vision_model.", "text_model.", "visual_projection."}

func isCLIP(name string) bool {
	return slices.ContainsFunc(topNames, func(top string) bool { return strings.HasPrefix(name, top) })
}

// checkTowers says in a sentence what a whole list of missing parameters would:
// that the names are another model's, or those of one tower.
func checkTowers(named map[string]piece) error {
	names := slices.Sorted(maps.Keys(named))
	has := func(prefixes ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
		})
	}
	image, text := has("visual.", "vision_model."), has("token_embedding.", "text_model.", "transformer.resblocks.")
	some := strings.Join(names[:min(3, len(names))], ", ")
	prefix := sharedPrefix(names)
	switch {
	case image && text:
		return nil
	case image && has("text."):
		return fmt.Errorf("its text tower has names that begin with \"text.\": a model of open_clip's custom_text, which is not supported")
	case image:
		return fmt.Errorf("there is no text tower among its %d tensors (no name begins with token_embedding. or text_model.); a CLIP model has both", len(names))
	case text:
		return fmt.Errorf("there is no image tower among its %d tensors (no name begins with visual. or vision_model.); a CLIP model has both", len(names))
	case prefix != "":
		return fmt.Errorf("all %d names begin with %q, and what follows is not a CLIP model's (the first: %s)", len(names), prefix, some)
	}
	return fmt.Errorf("none of its %d tensors has a name of a CLIP model (the first: %s)", len(names), some)
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
	return clip.IsLeftOut(name) || strings.HasSuffix(name, ".position_ids")
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
