package clip

import "react/ops/clip/fields"

// OpenCLIPFields is open_clip's vocabulary up to 4.2; its fields of other text
// towers count only when text_arch or hf_model_name asks for one, which is refused.
var OpenCLIPFields = fields.Table{
	"": {"model_cfg": nil, "preprocess_cfg": nil},
	"model_cfg": {
		"embed_dim": nil, "vision_cfg": nil, "text_cfg": nil, "quick_gelu": nil,
		"custom_text": fields.Off, "init_logit_bias": fields.Off, "nonscalar_logit_scale": fields.Off, "multimodal_cfg": fields.Off,
		"init_logit_scale": fields.Any, "cast_dtype": fields.Any, "output_dict": fields.Any,
	},
	"model_cfg.vision_cfg": {
		"layers": nil, "width": nil, "head_width": nil, "mlp_ratio": nil, "patch_size": nil, "image_size": nil, "react_cfg": nil,
		"ls_init_value": fields.Off, "patch_dropout": fields.Off, "input_patchnorm": fields.Off, "global_average_pool": fields.Off, "attentional_pool": fields.Off,
		"no_ln_pre": fields.Off, "final_ln_after_pool": fields.Off, "timm_model_name": fields.Off, "act_kwargs": fields.Off, "norm_kwargs": fields.Off,
		"qk_norm": fields.Off, "scaled_cosine_attn": fields.Off, "scale_heads": fields.Off, "scale_attn_inner": fields.Off, "scale_attn": fields.Off, "scale_fc": fields.Off,
		"pool_type": fields.OneOf("tok"), "pos_embed_type": fields.OneOf("learnable"),
		"output_tokens": fields.Any, "n_queries": fields.Any, "attn_pooler_queries": fields.Any, "attn_pooler_heads": fields.Any,
		"block_type": fields.OneOf("default"), "image_seq_len": fields.Any, "timm_model_kwargs": fields.Any,
		"timm_model_pretrained": fields.Any, "timm_pool": fields.Any, "timm_proj": fields.Any, "timm_proj_bias": fields.Any, "timm_drop": fields.Off, "timm_drop_path": fields.Off,
	},
	"model_cfg.vision_cfg.react_cfg": {"enabled": nil, "last_k_layers": nil},
	"model_cfg.text_cfg": {
		"context_length": nil, "vocab_size": nil, "width": nil, "heads": nil, "layers": nil, "mlp_ratio": nil,
		"ls_init_value": fields.Off, "embed_cls": fields.Off, "no_causal_mask": fields.Off, "final_ln_after_pool": fields.Off, "proj_bias": fields.Off,
		"hf_model_name": fields.Off, "act_kwargs": fields.Off, "norm_kwargs": fields.Off, "correct_cls_mask": fields.Any,
		"qk_norm": fields.Off, "scaled_cosine_attn": fields.Off, "scale_heads": fields.Off, "scale_attn_inner": fields.Off, "scale_attn": fields.Off, "scale_fc": fields.Off,
		"pool_type": fields.OneOf("argmax"), "proj_type": fields.OneOf("linear"),
		"pad_id": fields.Any, "output_tokens": fields.Any, "hf_tokenizer_name": nil, "tokenizer_kwargs": isPlainTokenizer,
		"hf_model_pretrained": fields.Any, "hf_proj_type": fields.Any, "hf_pooler_type": fields.Any, "hf_model_config": fields.Any, "bert_tokenizer": fields.Off,
		"text_mask": fields.Off, "eos_id": fields.Any, "bos_id": fields.Any, "text_arch": fields.OneOf("clip"), "variable_text": fields.Off, "block_type": fields.OneOf("default"),
		"tokenizer_mode": fields.Off, "tokenizer_type": fields.Off, "tiktoken_name": fields.Off,
		"attention_mode": fields.Any, "pos_embed": fields.Any, "rope_temperature": fields.Any, "mlp_type": fields.Any, "norm_type": fields.Any, "norm_eps": fields.Any,
		"attn_gated": fields.Any, "pre_norm": fields.Any, "norm_placement": fields.Any, "zero_init_residual": fields.Any, "reg_tokens": fields.Any,
		"value_residual": fields.Any, "attention_bias": fields.Any, "mlp_bias": fields.Any, "gate_bias": fields.Any,
	},
	"preprocess_cfg": {
		"mean": nil, "std": nil, "interpolation": nil, "resize_mode": nil, "fill_color": nil, "crop": nil, "pillow": nil,
		"mode": fields.OneOf("RGB"),
		"size": fields.Any, // open_clip takes the tower's image_size whatever stands here
	},
}

// isPlainTokenizer accepts options under which open_clip gives the ids of the
// tokenizer's own files: how captions are cleaned and cut, no masking.
func isPlainTokenizer(v any) bool {
	options, ok := v.(map[string]any)
	for name, value := range options {
		switch name {
		case "clean":
			ok = ok && fields.OneOf("lower", "whitespace")(value)
		case "context_length":
		default:
			ok = ok && fields.Off(value)
		}
	}
	return ok || v == nil
}
