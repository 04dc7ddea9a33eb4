package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"react/data/jsonfile"
)

// part is a step of a tokenizer.json before or behind the model: a normalizer, a
// pre-tokenizer or a post-processor. A field that none of CLIP's has is an error.
type part struct {
	Type           string                 `json:"type"`
	Normalizers    []part                 `json:"normalizers"`
	Pretokenizers  []part                 `json:"pretokenizers"`
	Processors     []part                 `json:"processors"`
	Pattern        struct{ Regex string } `json:"pattern"`
	Content        string                 `json:"content"`
	Behavior       string                 `json:"behavior"`
	Invert         bool                   `json:"invert"`
	AddPrefixSpace *bool                  `json:"add_prefix_space"`
	TrimOffsets    any                    `json:"trim_offsets"` // where a token was: not used
	// finds no more in what CLIP's pattern found
	UseRegex any                      `json:"use_regex"`
	Sep      []any                    `json:"sep"`
	Cls      []any                    `json:"cls"`
	Single   []map[string]templateRef `json:"single"`
	Pair     any                      `json:"pair"`
	Special  any                      `json:"special_tokens"`
}

type templateRef struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

// partsOf reads a step and those in it, in order; none for null.
func partsOf(field string, raw json.RawMessage) ([]part, error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var p part
	if err := jsonfile.Strict(raw, &p); err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	return p.flat(nil), nil
}

func (p part) flat(all []part) []part {
	if p.Type != "Sequence" {
		return append(all, p)
	}
	for _, inner := range slices.Concat(p.Normalizers, p.Pretokenizers, p.Processors) {
		all = inner.flat(all)
	}
	return all
}

// checkNormalizer wants what clean does and Hugging Face's format can say.
func checkNormalizer(raw json.RawMessage) error {
	parts, err := partsOf("normalizer", raw)
	if err != nil {
		return err
	}
	isLower := false
	for _, p := range parts {
		switch {
		case p.Type == "Lowercase":
			isLower = true
		case p.Type == "NFC", p.Type == "Replace" && p.Pattern.Regex == `\s+` && p.Content == " ":
		default:
			return fmt.Errorf("normalizer: %s is no step of CLIP's, and would give other ids", p.Type)
		}
	}
	if !isLower {
		return errors.New("normalizer: does not lower the case: not a CLIP tokenizer")
	}
	return nil
}

// checkSplit wants CLIP's pattern, with or without the special tokens, and bytes.
func checkSplit(raw json.RawMessage) error {
	parts, err := partsOf("pre_tokenizer", raw)
	if err != nil {
		return err
	}
	pattern, byteLevel := "", false
	for _, p := range parts {
		switch {
		case p.Type == "ByteLevel" && p.AddPrefixSpace != nil && *p.AddPrefixSpace:
			return errors.New("pre_tokenizer: add_prefix_space: true gives other ids")
		case p.Type == "ByteLevel":
			byteLevel = true
		case p.Type == "Split" && p.Behavior == "Removed" && p.Invert:
			pattern = p.Pattern.Regex
		case p.Type == "Split":
			return fmt.Errorf("pre_tokenizer: behavior %q with invert %v; CLIP's keeps what its pattern finds (Removed, true)", p.Behavior, p.Invert)
		case len(parts) > 1:
			return fmt.Errorf("pre_tokenizer: %s is no step of CLIP's, and would give other ids", p.Type)
		}
	}
	if strings.TrimPrefix(pattern, `<\|startoftext\|>|<\|endoftext\|>|`) != splitPattern || !byteLevel {
		return fmt.Errorf("pre_tokenizer: not CLIP's: its pattern is %q, want %q on bytes", pattern, splitPattern)
	}
	return nil
}

// checkEnds wants a post-processor that puts the start and the end of text around
// a row, as Encode does.
func checkEnds(raw json.RawMessage) error {
	parts, err := partsOf("post_processor", raw)
	if err != nil {
		return err
	}
	is := func(token []any, want string) bool { return len(token) == 2 && token[0] == want }
	found := false
	for _, p := range parts {
		switch p.Type {
		case "ByteLevel": // sets offsets alone
		case "RobertaProcessing", "BertProcessing":
			found = is(p.Cls, startOfText) && is(p.Sep, endOfText)
		case "TemplateProcessing":
			found = len(p.Single) == 3 && p.Single[0]["SpecialToken"].ID == startOfText && p.Single[1]["Sequence"].ID == "A" && p.Single[2]["SpecialToken"].ID == endOfText
		default:
			return fmt.Errorf("post_processor: %s is none of CLIP's", p.Type)
		}
	}
	if !found {
		return fmt.Errorf("post_processor: does not put %s and %s around a caption, as CLIP's does", startOfText, endOfText)
	}
	return nil
}

// checkAdded refuses tokens that Hugging Face's library would cut out of captions
// whole. "!" is the padding of some of open_clip's, which was trained without.
func (f *hfFile) checkAdded() error {
	for _, a := range f.Added {
		if a.Content != startOfText && a.Content != endOfText && a.Content != baseTokens()[0] {
			return fmt.Errorf("added_tokens: %q would be cut out of captions as a whole, which CLIP's tokenizer does not do", a.Content)
		}
	}
	return nil
}

// classes are the tokenizers of transformers that are CLIP's, or are what their
// tokenizer.json says.
var tokenizerClasses = []string{"", "CLIPTokenizer", "CLIPTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"}

// passedOver are the fields of tokenizer_config.json that do not change the ids of
// a row: about loading, padding, decoding, and what tokenizer.json says too.
var passedOver = strings.Fields(`backend unk_token pad_token cls_token sep_token mask_token model_max_length errors name_or_path
	special_tokens_map_file tokenizer_file processor_class added_tokens_decoder clean_up_tokenization_spaces split_special_tokens
	chat_template use_fast trust_remote_code vocab_file merges_file model_input_names is_local local_files_only
	tokenize_chinese_chars never_split transformers_version max_length stride truncation_strategy pad_to_multiple_of pad_token_type_id`)

// checkConfig refuses a tokenizer_config.json that asks for other ids than Encode
// gives; none is fine.
func checkConfig(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && info.Size() > maxBytes {
		err = fmt.Errorf("larger than %d MiB", maxBytes>>20)
	}
	fields := map[string]any{}
	if err == nil {
		err = jsonfile.Read(path, &fields)
	}
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		if !isAsCLIP(name, fields[name]) {
			return fmt.Errorf("file %s: %s: %.60v would give other ids than CLIP's tokenizer", path, name, fields[name])
		}
	}
	return nil
}

func isAsCLIP(name string, v any) bool {
	switch name {
	case "tokenizer_class":
		class, ok := v.(string)
		return v == nil || ok && slices.Contains(tokenizerClasses, class)
	case "bos_token":
		return v == nil || contentOf(v) == startOfText
	case "eos_token":
		return v == nil || contentOf(v) == endOfText
	case "do_lower_case", "add_bos_token", "add_eos_token":
		return v == nil || v == true
	case "padding_side", "truncation_side":
		return v == nil || v == "right"
	}
	return slices.Contains(passedOver, name) || isOff(v)
}

// contentOf is a token's text; older files have an object of it.
func contentOf(v any) string {
	if object, ok := v.(map[string]any); ok {
		v = object["content"]
	}
	text, _ := v.(string)
	return text
}

// isOff says whether a field is as if it were not there.
func isOff(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return v == nil || v == false || v == "" || v == 0.0
}
