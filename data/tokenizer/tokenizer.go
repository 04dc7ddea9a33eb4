// Package tokenizer turns captions into the token ids that CLIP's text tower
// reads: byte-level BPE with an end-of-word suffix, as OpenAI's CLIP, open_clip
// and Hugging Face's CLIP tokenizers do it.
//
// A tokenizer comes from captions (Train) or from a checkpoint's folder (Load):
// its tokenizer.json, vocab.json and merges.txt, or OpenAI's merges file;
// Save writes a tokenizer.json that Hugging Face's tokenizers library loads and that gives the
// same ids there.
//
// Words used here: a symbol is a string of CLIP's printable alphabet, one
// character for each byte; a word is what the splitting pattern finds in a
// cleaned caption; a merge joins two symbols into one, its rank is its place in
// the list; a token is a symbol with an id. Ids are 256 bytes, 256 bytes that end
// a word, the merges' products in rank order, the start, the end of text.
//
// Cleaning is OpenAI's and open_clip's: ftfy's fix_text (package ftfy), HTML
// unescaping twice, white space collapsed, Python's lower case. tokenizer.json has
// no word for the first two, so a Hugging Face tokenizer wants captions that had
// them already.
package tokenizer

import (
	"fmt"
	"sync"
)

const (
	startOfText = "<|startoftext|>"
	endOfText   = "<|endoftext|>"
	endOfWord   = "</w>"

	// numBase counts the tokens that every vocabulary starts with.
	numBase = 512

	// DefaultContext is CLIP's row length, used where a file does not say one.
	DefaultContext = 77
)

// Tokenizer is an immutable vocabulary with its merges and a row length.
// All methods may be called concurrently.
type Tokenizer struct {
	tokens   []string      // id → token, as written in the vocabulary
	merges   [][2]int32    // by rank, ids of the two halves
	rules    map[pair]rule // from merges
	byteIDs  [256]int32    // byte inside a word → id
	endIDs   [256]int32    // byte that ends a word → id
	sot, eot int32
	context  int
	encoders *sync.Pool // of *encoder
}

// VocabSize is the number of token ids, the rows of the token embedding.
func (t *Tokenizer) VocabSize() int { return len(t.tokens) }

// Context is the row length that Save writes and that callers give Encode.
func (t *Tokenizer) Context() int { return t.context }

// SOT is the id of the start-of-text token, the first of every row.
func (t *Tokenizer) SOT() int32 { return t.sot }

// EOT is the id of the end-of-text token, the highest of all, at which the text
// tower pools.
func (t *Tokenizer) EOT() int32 { return t.eot }

// WithContext is the same tokenizer with another row length.
func (t *Tokenizer) WithContext(context int) (*Tokenizer, error) {
	if context < 2 {
		return nil, fmt.Errorf("context: %d is under 2 (start and end of text)", context)
	}
	other := *t
	other.context = context
	return &other, nil
}

// Truncation says what becomes of a caption of more tokens than a row has.
type Truncation uint8

const (
	// KeepEOT cuts words off and puts the end of text in the last place, as
	// open_clip and Hugging Face do. It is what Encode does.
	KeepEOT Truncation = iota
	// DropEOT cuts the row, end of text included, as ELEVATER and K-LITE do: the
	// tower then pools at the highest id that is left.
	DropEOT
	// Refuse makes it an error, as OpenAI's tokenize does.
	Refuse
)

// Encode writes the row of a caption to dst [context]: start of text, the words'
// tokens, end of text, zeros. It returns the number of tokens without the zeros.
// What is too long is cut, and the end of text kept. Any string is taken: bytes
// that are not UTF-8 count as U+FFFD. dst shorter than 2 panics.
func (t *Tokenizer) Encode(text string, dst []int32) int {
	n, _ := t.EncodeAs(text, dst, KeepEOT)
	return n
}

// EncodeAs is Encode with a choice of truncation. Only Refuse gives errors; dst
// then holds the row as KeepEOT makes it.
func (t *Tokenizer) EncodeAs(text string, dst []int32, over Truncation) (int, error) {
	e := t.encoders.Get().(*encoder)
	defer t.encoders.Put(e)
	last := len(dst) - 1
	n := 1
	dst[0], dst[last] = t.sot, t.eot
	e.text = clean(e.text[:0], text)
	isLong := false
	for rest := e.text; !isLong; {
		var word []byte
		if word, rest = next(rest); word == nil {
			break
		}
		ids := e.word(t, word)
		copied := copy(dst[n:last], ids)
		n += copied
		if isLong = copied < len(ids); isLong && over == DropEOT {
			dst[last] = ids[copied]
			return len(dst), nil
		}
	}
	dst[n] = t.eot
	clear(dst[n+1:])
	if isLong && over == Refuse {
		return n + 1, fmt.Errorf("caption %q is over %d tokens, start and end of text included", shortened(text), len(dst))
	}
	return n + 1, nil
}

// shortened is a caption for a message.
func shortened(text string) string {
	if runes := []rune(text); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return text
}

// encoder holds one goroutine's buffers and the tokens of words it has met.
type encoder struct {
	text  []byte
	cache map[string][]int32
	merge merger
}

const (
	maxCached     = 1 << 15 // words an encoder remembers, some 3 MiB
	maxCachedWord = 48      // bytes; longer ones are seldom seen twice
)

// word is the tokens of one word, valid until the next call.
func (e *encoder) word(t *Tokenizer, word []byte) []int32 {
	if ids, ok := e.cache[string(word)]; ok {
		return ids
	}
	switch string(word) {
	case startOfText:
		return []int32{t.sot}
	case endOfText:
		return []int32{t.eot}
	}
	ids := e.merge.run(t, word)
	if len(word) > maxCachedWord || len(e.cache) >= maxCached {
		return ids
	}
	ids = append([]int32(nil), ids...)
	e.cache[string(word)] = ids
	return ids
}
