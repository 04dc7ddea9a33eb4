package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"

	"react/data/jsonfile"
)

// hfFile is what we write and read of Hugging Face's tokenizer.json. Parts that
// only have to be recognised are kept raw.
type hfFile struct {
	Version       string          `json:"version"`
	Truncation    *hfTruncation   `json:"truncation"`
	Padding       *hfPadding      `json:"padding"`
	Added         []hfAdded       `json:"added_tokens"`
	Normalizer    json.RawMessage `json:"normalizer"`
	PreTokenizer  json.RawMessage `json:"pre_tokenizer"`
	PostProcessor json.RawMessage `json:"post_processor"`
	Decoder       json.RawMessage `json:"decoder"`
	Model         hfModel         `json:"model"`
}

type hfTruncation struct {
	Direction string `json:"direction"`
	MaxLength int    `json:"max_length"`
	Strategy  string `json:"strategy"`
	Stride    int    `json:"stride"`
}

type hfPadding struct {
	Strategy  any    `json:"strategy"`
	Direction string `json:"direction"`
	Multiple  *int   `json:"pad_to_multiple_of"`
	ID        int64  `json:"pad_id"`
	TypeID    int64  `json:"pad_type_id"`
	Token     string `json:"pad_token"`
}

type hfAdded struct {
	ID         int64  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

type hfModel struct {
	Type    string   `json:"type"`
	Dropout *float64 `json:"dropout"`
	Unknown string   `json:"unk_token"`
	Prefix  *string  `json:"continuing_subword_prefix"`
	Suffix  string   `json:"end_of_word_suffix"`
	FuseUnk bool     `json:"fuse_unk"`
	Bytes   bool     `json:"byte_fallback"`

	IgnoreMerges bool `json:"ignore_merges,omitempty"`

	Vocab  hfVocab   `json:"vocab"`
	Merges []hfMerge `json:"merges"`
}

// hfToken is an entry of the vocabulary.
type hfToken struct {
	token string
	id    int64
}

// hfVocab is a JSON object of token: id, kept in the file's order.
type hfVocab []hfToken

// MarshalJSON writes the object in the order of the slice.
func (v hfVocab) MarshalJSON() ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for i, token := range v {
		if i > 0 {
			buf.WriteByte(',')
		}
		name, err := json.Marshal(token.token)
		if err != nil {
			return nil, err
		}
		buf.Write(name)
		buf.WriteByte(':')
		buf.WriteString(strconv.FormatInt(token.id, 10))
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// UnmarshalJSON reads the object, in no order; of a token twice the last counts, as in
// other JSON readers.
func (v *hfVocab) UnmarshalJSON(raw []byte) error {
	var vocab map[string]int64
	if err := jsonfile.Unmarshal(raw, &vocab); err != nil {
		return fmt.Errorf("vocabulary: %w", err)
	}
	*v = make(hfVocab, 0, len(vocab))
	for token, id := range vocab {
		*v = append(*v, hfToken{token, id})
	}
	return nil
}

// hfMerge is "left right" in files before tokenizers 0.20 and in ours, which all
// versions read, and ["left", "right"] in later ones.
type hfMerge [2]string

// MarshalJSON writes the old form.
func (m hfMerge) MarshalJSON() ([]byte, error) { return json.Marshal(m[0] + " " + m[1]) }

// UnmarshalJSON reads both forms.
func (m *hfMerge) UnmarshalJSON(raw []byte) error {
	var halves []string
	if err := json.Unmarshal(raw, &halves); err != nil {
		var text string
		if err := json.Unmarshal(raw, &text); err != nil {
			return fmt.Errorf("model.merges: %s is not a merge", raw)
		}
		halves = strings.Split(text, " ")
	}
	if len(halves) != 2 {
		return fmt.Errorf("model.merges: %s is not a merge of two symbols", raw)
	}
	*m = hfMerge(halves)
	return nil
}

const (
	clipNormalizer = `{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Replace","pattern":{"Regex":"\\s+"},"content":" "},{"type":"Lowercase"}]}`
	clipDecoder    = `{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true}`
)

func newHFFile(t *Tokenizer) hfFile {
	added := func(id int32) hfAdded {
		return hfAdded{ID: int64(id), Content: t.tokens[id], Special: true}
	}
	pattern, _ := json.Marshal(splitPattern) // a string always marshals
	prefix := ""
	f := hfFile{
		Version:    "1.0",
		Truncation: &hfTruncation{Direction: "Right", MaxLength: t.context, Strategy: "LongestFirst"},
		Padding:    &hfPadding{Strategy: map[string]int{"Fixed": t.context}, Direction: "Right", Token: t.tokens[0]},
		Added:      []hfAdded{added(t.sot), added(t.eot)},
		Normalizer: json.RawMessage(clipNormalizer),
		PreTokenizer: json.RawMessage(`{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":` + string(pattern) +
			`},"behavior":"Removed","invert":true},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":true}]}`),
		PostProcessor: json.RawMessage(fmt.Sprintf(`{"type":"RobertaProcessing","sep":[%q,%d],"cls":[%q,%d],"trim_offsets":false,"add_prefix_space":false}`,
			endOfText, t.eot, startOfText, t.sot)),
		Decoder: json.RawMessage(clipDecoder),
		Model:   hfModel{Type: "BPE", Unknown: endOfText, Prefix: &prefix, Suffix: endOfWord, Vocab: t.sortedTokens(), Merges: []hfMerge{}},
	}
	for _, m := range t.merges {
		f.Model.Merges = append(f.Model.Merges, hfMerge{t.tokens[m[0]], t.tokens[m[1]]})
	}
	return f
}

// check refuses files whose ids would differ from what Encode gives.
func (f *hfFile) check() error {
	m := f.Model
	switch {
	case m.Type != "" && m.Type != "BPE":
		return fmt.Errorf("model.type: %q is not BPE", m.Type)
	case m.Suffix != endOfWord:
		return fmt.Errorf("model.end_of_word_suffix: %q is not %q: not a CLIP tokenizer", m.Suffix, endOfWord)
	case m.Prefix != nil && *m.Prefix != "":
		return fmt.Errorf("model.continuing_subword_prefix: %q is not empty: not a CLIP tokenizer", *m.Prefix)
	case m.Dropout != nil && *m.Dropout != 0:
		return fmt.Errorf("model.dropout: %g: merges that drop out give other ids each time", *m.Dropout)
	case m.IgnoreMerges:
		return fmt.Errorf("model.ignore_merges: true gives other ids for words that are tokens")
	}
	return errors.Join(checkNormalizer(f.Normalizer), checkSplit(f.PreTokenizer), checkEnds(f.PostProcessor), f.checkAdded())
}

func (t *Tokenizer) withEncoders() *Tokenizer {
	t.encoders = &sync.Pool{New: func() any { return &encoder{cache: map[string][]int32{}} }}
	return t
}
