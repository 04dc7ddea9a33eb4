package clip

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fields says how each object of open_clip_config.json is read: a nil rule is a
// field of Config; a rule accepts the values under which the field changes
// nothing here. open_clip's vocabulary up to 4.2; its fields of other text towers
// count only when text_arch or hf_model_name asks for one, which is refused.
var fields = map[string]map[string]func(v any) bool{
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
		"pad_id": anyValue, "output_tokens": anyValue, "hf_tokenizer_name": anyValue, "tokenizer_kwargs": anyValue,
		"hf_model_pretrained": anyValue, "hf_proj_type": anyValue, "hf_pooler_type": anyValue, "hf_model_config": anyValue, "bert_tokenizer": isOff,
		"text_mask": anyValue, "eos_id": anyValue, "bos_id": anyValue, "text_arch": isOneOf("clip"), "variable_text": isOff, "block_type": isOneOf("default"),
		"tokenizer_mode": anyValue, "tokenizer_type": anyValue, "tiktoken_name": anyValue,
		"attention_mode": anyValue, "pos_embed": anyValue, "rope_temperature": anyValue, "mlp_type": anyValue, "norm_type": anyValue, "norm_eps": anyValue,
		"attn_gated": anyValue, "pre_norm": anyValue, "norm_placement": anyValue, "zero_init_residual": anyValue, "reg_tokens": anyValue,
		"value_residual": anyValue, "attention_bias": anyValue, "mlp_bias": anyValue, "gate_bias": anyValue,
	},
	"preprocess_cfg": {
		"mean": nil, "std": nil,
		"interpolation": isOneOf("bicubic"), "resize_mode": isOneOf("shortest"), "mode": isOneOf("RGB"),
		"size": anyValue, "fill_color": anyValue,
	},
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
	}
	return false
}

func isOneOf(values ...string) func(any) bool {
	return func(v any) bool {
		s, ok := v.(string)
		return v == nil || ok && slices.Contains(values, s)
	}
}

// checkFields refuses fields that would change the model and are not understood,
// and gives the rest with only the fields of Config.
func checkFields(data []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var root map[string]any
	if err := decoder.Decode(&root); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if err := checkObject("", root); err != nil {
		return nil, err
	}
	return json.Marshal(root)
}

func checkObject(path string, object map[string]any) error {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := strings.TrimPrefix(path+"."+name, ".")
		rule, known := fields[path][name]
		value := object[name]
		switch {
		case !known:
			return fmt.Errorf("%s: unknown field; it may change the model, so it is not ignored", at)
		case rule != nil && !rule(value):
			return fmt.Errorf("%s: %v is not supported here: it would be another model", at, value)
		case rule != nil || value == nil:
			delete(object, name)
		default:
			if list, ok := value.([]any); ok && name == "image_size" && len(list) == 2 && list[0] == list[1] {
				object[name] = list[0]
			}
			if child, ok := value.(map[string]any); ok {
				if err := checkObject(at, child); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
