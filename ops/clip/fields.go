package clip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/data/jsonfile"
)

// fieldTable says how each object of a config is read, by the object's path: a nil
// rule is a field that is honoured; a rule accepts the values under which the
// field changes nothing here. Every other value, and every field that has no
// rule, is refused by its name: it may change the model or the pixels.
type fieldTable map[string]map[string]func(v any) bool

// openCLIPFields is open_clip's vocabulary up to 4.2; its fields of other text
// towers count only when text_arch or hf_model_name asks for one, which is refused.
var openCLIPFields = fieldTable{
	"": {"model_cfg": nil, "preprocess_cfg": nil},
	"model_cfg": {
		"embed_dim": nil, "vision_cfg": nil, "text_cfg": nil, "quick_gelu": nil,
		"custom_text": isOff, "init_logit_bias": isOff, "nonscalar_logit_scale": isOff, "multimodal_cfg": isOff,
		"init_logit_scale": anyValue, "cast_dtype": anyValue, "output_dict": anyValue,
	},
	"model_cfg.vision_cfg": {
		"layers": nil, "width": nil, "head_width": nil, "mlp_ratio": nil, "patch_size": nil, "image_size": nil, "react_cfg": nil,
		"ls_init_value": isOff, "patch_dropout": isOff, "input_patchnorm": isOff, "global_average_pool": isOff, "attentional_pool": isOff,
		"no_ln_pre": isOff, "final_ln_after_pool": isOff, "timm_model_name": isOff, "act_kwargs": isOff, "norm_kwargs": isOff,
		"qk_norm": isOff, "scaled_cosine_attn": isOff, "scale_heads": isOff, "scale_attn_inner": isOff, "scale_attn": isOff, "scale_fc": isOff,
		"pool_type": isOneOf("tok"), "pos_embed_type": isOneOf("learnable"),
		"output_tokens": anyValue, "n_queries": anyValue, "attn_pooler_queries": anyValue, "attn_pooler_heads": anyValue,
		"block_type": isOneOf("default"), "image_seq_len": anyValue, "timm_model_kwargs": anyValue,
		"timm_model_pretrained": anyValue, "timm_pool": anyValue, "timm_proj": anyValue, "timm_proj_bias": anyValue, "timm_drop": isOff, "timm_drop_path": isOff,
	},
	"model_cfg.vision_cfg.react_cfg": {"enabled": nil, "last_k_layers": nil},
	"model_cfg.text_cfg": {
		"context_length": nil, "vocab_size": nil, "width": nil, "heads": nil, "layers": nil, "mlp_ratio": nil,
		"ls_init_value": isOff, "embed_cls": isOff, "no_causal_mask": isOff, "final_ln_after_pool": isOff, "proj_bias": isOff,
		"hf_model_name": isOff, "act_kwargs": isOff, "norm_kwargs": isOff, "correct_cls_mask": anyValue,
		"qk_norm": isOff, "scaled_cosine_attn": isOff, "scale_heads": isOff, "scale_attn_inner": isOff, "scale_attn": isOff, "scale_fc": isOff,
		"pool_type": isOneOf("argmax"), "proj_type": isOneOf("linear"),
		"pad_id": anyValue, "output_tokens": anyValue, "hf_tokenizer_name": nil, "tokenizer_kwargs": isPlainTokenizer,
		"hf_model_pretrained": anyValue, "hf_proj_type": anyValue, "hf_pooler_type": anyValue, "hf_model_config": anyValue, "bert_tokenizer": isOff,
		"text_mask": isOff, "eos_id": anyValue, "bos_id": anyValue, "text_arch": isOneOf("clip"), "variable_text": isOff, "block_type": isOneOf("default"),
		"tokenizer_mode": isOff, "tokenizer_type": isOff, "tiktoken_name": isOff,
		"attention_mode": anyValue, "pos_embed": anyValue, "rope_temperature": anyValue, "mlp_type": anyValue, "norm_type": anyValue, "norm_eps": anyValue,
		"attn_gated": anyValue, "pre_norm": anyValue, "norm_placement": anyValue, "zero_init_residual": anyValue, "reg_tokens": anyValue,
		"value_residual": anyValue, "attention_bias": anyValue, "mlp_bias": anyValue, "gate_bias": anyValue,
	},
	"preprocess_cfg": {
		"mean": nil, "std": nil, "interpolation": nil, "resize_mode": nil, "fill_color": nil, "crop": nil, "pillow": nil,
		"mode": isOneOf("RGB"),
		"size": anyValue, // open_clip takes the tower's image_size whatever stands here
	},
}

// isPlainTokenizer accepts options under which open_clip gives the ids of the
// tokenizer's own files: how captions are cleaned and cut, no masking.
func isPlainTokenizer(v any) bool {
	options, ok := v.(map[string]any)
	for name, value := range options {
		switch name {
		case "clean":
			ok = ok && isOneOf("lower", "whitespace")(value)
		case "context_length":
		default:
			ok = ok && isOff(value)
		}
	}
	return ok || v == nil
}

func anyValue(any) bool { return true }

// isOff accepts null, false, zero and empty.
func isOff(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case bool:
		return !v
	case json.Number:
		f, err := v.Float64()
		return err == nil && f == 0
	case string:
		return v == ""
	case map[string]any:
		return len(v) == 0
	case []any:
		return len(v) == 0
	}
	return false
}

func isOneOf(values ...string) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return v == nil || ok && slices.Contains(values, s)
	}
}

// read refuses fields that would change the model and are not understood, and
// decodes the others into a struct that has them.
func (t fieldTable) read(data []byte, into any) error {
	var raw json.RawMessage
	if err := jsonfile.Unmarshal(data, &raw); err != nil {
		return err
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var root any
	if err := decoder.Decode(&root); err != nil {
		return jsonfile.Plain(err, raw)
	}
	object, ok := root.(map[string]any)
	if !ok {
		return fmt.Errorf("not a JSON object: %.40s", raw)
	}
	if err := t.check("", object); err != nil {
		return err
	}
	cleaned, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return jsonfile.Strict(cleaned, into)
}

func (t fieldTable) check(path string, object map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		rule, known := t[path][name]
		value := object[name]
		switch {
		case !known:
			return fmt.Errorf("%s: unknown field; it may change the model, so it is not ignored", at)
		case rule != nil && !rule(value):
			return fmt.Errorf("%s: %s is not supported here: it would be another model", at, inJSON(value))
		case rule != nil || value == nil:
			delete(object, name)
		default:
			if list, ok := value.([]any); ok && name == "image_size" && len(list) == 2 && list[0] == list[1] {
				object[name] = list[0]
			}
			if child, ok := value.(map[string]any); ok && t[at] != nil {
				if err := t.check(at, child); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// inJSON is a value as JSON has it, shortened.
func inJSON(v any) string {
	text, err := json.Marshal(v)
	if s, ok := v.(string); ok {
		text = []byte(s)
	}
	if err != nil || len(text) > 60 {
		return fmt.Sprintf("%.57s...", text)
	}
	return string(text)
}
