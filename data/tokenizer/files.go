package tokenizer

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/data/jsonfile"
)

const (
	fileName   = "tokenizer.json"
	vocabName  = "vocab.json"
	mergesName = "merges.txt"
	openAIName = "bpe_simple_vocab_16e6.txt.gz"
	configName = "tokenizer_config.json"

	maxBytes = 64 << 20 // of a vocabulary file, unpacked; CLIP's has 2 MiB
	maxVocab = 1 << 20

	// numMerges is how many of OpenAI's merges CLIP uses: 49,152 − 256 − 2.
	numMerges = 48894

	splitPattern = `'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+`
)

// byteOrder is the bytes in the order of their ids, and byteChars their
// characters: printable ones stand for themselves, the others come after, as
// U+0100 and on.
var byteOrder, byteChars = func() (order [256]byte, chars [256]rune) {
	n := 0
	add := func(b int, r rune) {
		order[n], chars[b] = byte(b), r
		n++
	}
	printable := func(b int) bool {
		return '!' <= b && b <= '~' || '¡' <= b && b <= '¬' || '®' <= b && b <= 'ÿ'
	}
	for b := range 256 {
		if printable(b) {
			add(b, rune(b))
		}
	}
	for b := range 256 {
		if !printable(b) {
			add(b, rune(n+68)) // n starts at 188
		}
	}
	return order, chars
}()

// baseTokens are the 512 tokens that every vocabulary starts with.
func baseTokens() []string {
	tokens := make([]string, 0, numBase)
	for _, b := range byteOrder {
		tokens = append(tokens, string(byteChars[b]))
	}
	for _, b := range byteOrder {
		tokens = append(tokens, string(byteChars[b])+endOfWord)
	}
	return tokens
}

// build checks a vocabulary and makes its tables. Tokens are in id order; the last
// must be the end of text.
func build(tokens []string, merges [][2]int32, context int) (*Tokenizer, error) {
	t := &Tokenizer{tokens: tokens, merges: merges, context: context, rules: make(map[pair]rule, len(merges))}
	ids := make(map[string]int32, len(tokens))
	for i, token := range tokens {
		if first, ok := ids[token]; ok {
			return nil, fmt.Errorf("token %q has two ids, %d and %d", token, first, i)
		}
		ids[token] = int32(i)
	}
	if err := t.findFixed(ids); err != nil {
		return nil, err
	}
	for rank, m := range merges {
		p := pair{m[0], m[1]}
		product := tokens[p.left] + tokens[p.right]
		id, ok := ids[product]
		if !ok {
			return nil, fmt.Errorf("merge %d: %q is not in the vocabulary", rank, product)
		}
		if _, seen := t.rules[p]; !seen {
			t.rules[p] = rule{int32(rank), id}
		}
	}
	if err := t.checkReached(); err != nil {
		return nil, err
	}
	return t.withEncoders(), nil
}

// checkReached refuses a vocabulary whose merges are missing in part: captions
// would become other, longer rows without a word. A token is a byte, a special
// token, or what a merge makes.
func (t *Tokenizer) checkReached() error {
	reached := make([]bool, len(t.tokens))
	for b := range 256 {
		reached[t.byteIDs[b]], reached[t.endIDs[b]] = true, true
	}
	reached[t.sot], reached[t.eot] = true, true
	for _, r := range t.rules {
		reached[r.id] = true
	}
	missing, first := 0, -1
	for id, ok := range reached {
		if !ok && first < 0 {
			first = id
		}
		if !ok {
			missing++
		}
	}
	if missing > 0 {
		return fmt.Errorf("merges are missing: none of the %d makes token %d, %q, and %d others of the vocabulary's %d; take both from one model",
			len(t.merges), first, t.tokens[first], missing-1, len(t.tokens))
	}
	return nil
}

// findFixed looks up the tokens that every vocabulary must have.
func (t *Tokenizer) findFixed(ids map[string]int32) (err error) {
	find := func(token string) int32 {
		id, ok := ids[token]
		if !ok && err == nil {
			err = fmt.Errorf("token %q is missing from the vocabulary", token)
		}
		return id
	}
	for b, char := range byteChars {
		t.byteIDs[b] = find(string(char))
		t.endIDs[b] = find(string(char) + endOfWord)
	}
	t.sot, t.eot = find(startOfText), find(endOfText)
	if err == nil && int(t.eot) != len(t.tokens)-1 {
		err = fmt.Errorf("token %q has id %d, not the highest, %d: the text tower would pool at the wrong place", endOfText, t.eot, len(t.tokens)-1)
	}
	return err
}

// loadMerges reads OpenAI's bpe_simple_vocab_16e6.txt.gz: CLIP's own vocabulary of
// 49,408 tokens. Context is DefaultContext.
func loadMerges(path string) (*Tokenizer, error) {
	return fromFile(path, func(r io.Reader) (*Tokenizer, error) {
		t, err := readMerges(r)
		if err == nil && len(t.merges) < numMerges {
			err = fmt.Errorf("%d merges, %d are due: the file is cut short", len(t.merges), numMerges)
		}
		return t, err
	})
}

// fromFile reads a file and names it in an error.
func fromFile[T any](path string, read func(io.Reader) (T, error)) (out T, err error) {
	f, err := os.Open(path)
	if err != nil {
		return out, err
	}
	defer f.Close()
	if out, err = read(f); err != nil {
		err = fmt.Errorf("file %s: %w", path, err)
	}
	return out, err
}

// readBounded reads all of a vocabulary's file.
func readBounded(r io.Reader) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err == nil && len(raw) > maxBytes {
		err = fmt.Errorf("larger than %d MiB", maxBytes>>20)
	}
	return raw, err
}

func readMerges(r io.Reader) (*Tokenizer, error) {
	unzipped, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	tokens := baseTokens()
	ids := make(map[string]int32, numBase+numMerges)
	for i, token := range tokens {
		ids[token] = int32(i)
	}
	var merges [][2]int32
	lines := bufio.NewScanner(io.LimitReader(unzipped, maxBytes))
	for line := 1; len(merges) < numMerges && lines.Scan(); line++ {
		if line == 1 {
			if !strings.Contains(lines.Text(), "#version") {
				return nil, fmt.Errorf("line 1: not a merges file: its first line names no #version")
			}
			continue
		}
		merge, err := parseMerge(lines.Text(), ids)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		product := tokens[merge[0]] + tokens[merge[1]]
		ids[product] = int32(len(tokens))
		tokens = append(tokens, product)
		merges = append(merges, merge)
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(merges) == 0 {
		return nil, fmt.Errorf("no merges")
	}
	return build(append(tokens, startOfText, endOfText), merges, DefaultContext)
}

// parseMerge reads "left right" into ids.
func parseMerge(text string, ids map[string]int32) ([2]int32, error) {
	left, right, ok := strings.Cut(text, " ")
	if !ok || strings.Contains(right, " ") {
		return [2]int32{}, fmt.Errorf("%q is not a merge of two symbols", text)
	}
	return mergeIDs(left, right, ids)
}

func mergeIDs(left, right string, ids map[string]int32) (merge [2]int32, err error) {
	for i, symbol := range []string{left, right} {
		id, ok := ids[symbol]
		if !ok {
			return merge, fmt.Errorf("merge of %q and %q: %q is not in the vocabulary", left, right, symbol)
		}
		merge[i] = id
	}
	return merge, nil
}

// Load reads the tokenizer of a checkpoint's folder: tokenizer.json, written by
// Save or by Hugging Face's library for a CLIP model; without it vocab.json and
// merges.txt, or OpenAI's bpe_simple_vocab_16e6.txt.gz. A file of another kind of
// tokenizer is an error, not a guess, and so is a tokenizer_config.json beside it
// that asks for other ids. The context is the file's truncation length, or
// DefaultContext.
func Load(dir string) (*Tokenizer, error) {
	for _, kind := range []struct {
		name string
		load func(path string) (*Tokenizer, error)
	}{{fileName, loadFile}, {vocabName, loadPair}, {openAIName, loadMerges}} {
		path := filepath.Join(dir, kind.name)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			t, err := kind.load(path)
			if err == nil && kind.name != openAIName {
				err = checkConfig(filepath.Join(dir, configName))
			}
			if err != nil {
				return nil, err
			}
			return t, nil
		}
	}
	return nil, fmt.Errorf("folder %s: no tokenizer: none of %s, %s with %s, %s is there", dir, fileName, vocabName, mergesName, openAIName)
}

// loadFile reads a tokenizer.json.
func loadFile(path string) (*Tokenizer, error) { return fromFile(path, read) }

func read(r io.Reader) (*Tokenizer, error) {
	raw, err := readBounded(r)
	if err != nil {
		return nil, err
	}
	var f hfFile
	if err := jsonfile.Strict(raw, &f); err != nil {
		return nil, err
	}
	if err := f.check(); err != nil {
		return nil, err
	}
	tokens, ids, err := f.vocabulary()
	if err != nil {
		return nil, err
	}
	merges := make([][2]int32, len(f.Model.Merges))
	for i, m := range f.Model.Merges {
		if merges[i], err = mergeIDs(m[0], m[1], ids); err != nil {
			return nil, fmt.Errorf("merge %d: %w", i, err)
		}
	}
	context := DefaultContext
	if f.Truncation != nil {
		context = f.Truncation.MaxLength
		if d := f.Truncation.Direction; d != "" && d != "Right" {
			return nil, fmt.Errorf("truncation.direction: %q cuts the beginning of a caption; CLIP's is Right", d)
		}
	}
	if context < 2 || context > 1<<20 {
		return nil, fmt.Errorf("truncation.max_length: %d is not a row length", context)
	}
	return build(tokens, merges, context)
}

// clipDigest is the sha256 of CLIP's own 49,408 tokens, each with a new line after it.
const clipDigest = "e30e57b6f1e47616982ef898d8922be24e535b4fa3d0110477b3a6f02ebbae7d"

// IsCLIP says whether the vocabulary is the one of OpenAI's and open_clip's models,
// which their programs carry with them. Its tokens are the merges in their order.
func (t *Tokenizer) IsCLIP() bool {
	if len(t.merges) != numMerges {
		return false
	}
	h := sha256.New()
	for _, token := range t.tokens {
		io.WriteString(h, token+"\n")
	}
	return hex.EncodeToString(h.Sum(nil)) == clipDigest
}

// SaveFor writes what Save does and tokenizer_config.json, without which
// transformers, and so open_clip, does not know what kind of tokenizer it is.
func (t *Tokenizer) SaveFor(dir string) error {
	text, err := json.MarshalIndent(struct {
		Class   string `json:"tokenizer_class"`
		Start   string `json:"bos_token"`
		End     string `json:"eos_token"`
		Unknown string `json:"unk_token"`
		// not the "!" of id 0: transformers would cut that out of captions
		Pad     string `json:"pad_token"`
		Context int    `json:"model_max_length"`
		CleanUp bool   `json:"clean_up_tokenization_spaces"`
	}{"PreTrainedTokenizerFast", startOfText, endOfText, endOfText, endOfText, t.context, false}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, configName), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return t.Save(dir)
}

// Save writes dir/tokenizer.json: the same tokenizer, the same bytes. Padding to
// the context with 0 and truncation that keeps the end of text are in the file.
func (t *Tokenizer) Save(dir string) error {
	var buf bytes.Buffer
	if err := t.write(&buf); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, fileName), buf.Bytes(), 0o644)
}

func (t *Tokenizer) write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(newHFFile(t))
}

func (t *Tokenizer) sortedTokens() hfVocab {
	vocab := make(hfVocab, len(t.tokens))
	for id, token := range t.tokens {
		vocab[id] = hfToken{token, int64(id)}
	}
	return vocab
}

func sortByID(a, b hfToken) int {
	return int(min(max(a.id-b.id, -1), 1))
}

// vocabulary is the tokens of the model and the added ones, by id without holes.
func (f *hfFile) vocabulary() (tokens []string, ids map[string]int32, err error) {
	all := f.Model.Vocab
	known := make(map[string]int64, len(all))
	for _, v := range all {
		known[v.token] = v.id
	}
	for _, a := range f.Added {
		if id, ok := known[a.Content]; !ok {
			all = append(all, hfToken{a.Content, a.ID})
			known[a.Content] = a.ID
		} else if id != a.ID {
			return nil, nil, fmt.Errorf("added token %q has id %d, in the vocabulary %d", a.Content, a.ID, id)
		}
	}
	if len(all) > maxVocab {
		return nil, nil, fmt.Errorf("vocabulary of %d tokens is over %d", len(all), maxVocab)
	}
	slices.SortStableFunc(all, sortByID)
	ids = make(map[string]int32, len(all))
	for i, v := range all {
		if v.id != int64(i) {
			return nil, nil, fmt.Errorf("vocabulary of %d tokens: token %q has id %d where %d is due", len(all), v.token, v.id, i)
		}
		tokens = append(tokens, v.token)
		ids[v.token] = int32(i)
	}
	return tokens, ids, nil
}
