package tokenizer

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// edited is the committed tokenizer.json after an edit of its JSON.
func edited(t testing.TB, edit func(f map[string]any)) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", fileName))
	if err != nil {
		t.Fatal(err)
	}
	var f map[string]any
	if err := json.Unmarshal(raw, &f); err != nil {
		t.Fatal(err)
	}
	edit(f)
	raw, err = json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func model(f map[string]any) map[string]any { return f["model"].(map[string]any) }
func vocab(f map[string]any) map[string]any { return model(f)["vocab"].(map[string]any) }

func splits(f map[string]any) []any {
	return f["pre_tokenizer"].(map[string]any)["pretokenizers"].([]any)
}

// TestTokenizerConfig has the file of transformers beside tokenizer.json: what
// changes the ids of a row is refused by its name.
func TestTokenizerConfig(t *testing.T) {
	const five = `{"backend": "tokenizers", "bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "model_max_length": 1000000000000000019884624838656,
		"pad_token": "<|endoftext|>", "tokenizer_class": "CLIPTokenizer", "unk_token": "<|endoftext|>"}`
	const four = `{"unk_token": {"content": "<|endoftext|>", "single_word": false, "__type": "AddedToken"}, "bos_token": {"content": "<|startoftext|>"}, "eos_token": {"content": "<|endoftext|>"},
		"pad_token": "<|endoftext|>", "add_prefix_space": false, "errors": "replace", "do_lower_case": true, "name_or_path": "x", "model_max_length": 77,
		"special_tokens_map_file": "x", "tokenizer_class": "CLIPTokenizer", "added_tokens_decoder": {"49406": {"content": "<|startoftext|>"}}}`
	for text, want := range map[string]string{five: "", four: "", "{}": "", `{"something_new": false}`: "",
		`{"tokenizer_class": "BertTokenizer"}`:        "tokenizer_class: BertTokenizer would give other ids",
		`{"do_lower_case": false}`:                    "do_lower_case: false",
		`{"add_eos_token": false}`:                    "add_eos_token: false",
		`{"truncation_side": "left"}`:                 "truncation_side: left",
		`{"bos_token": "<s>"}`:                        "bos_token: <s>",
		`{"eos_token": {"content": "</s>"}}`:          "eos_token: ",
		`{"add_prefix_space": true}`:                  "add_prefix_space: true",
		`{"strip_accents": true}`:                     "strip_accents: true",
		`{"additional_special_tokens": ["<x>"]}`:      "additional_special_tokens: ",
		`{"something_new": true}`:                     "something_new: true would give other ids",
		`[]`:                                          "want an object",
		`{"auto_map": {"AutoTokenizer": "a--b.Own"}}`: "auto_map: ",
	} {
		dir := t.TempDir()
		if err := trained(t).Save(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, configName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Load(dir)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), configName)) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	dir := t.TempDir()
	if err := trained(t).SaveFor(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err != nil {
		t.Errorf("what SaveFor wrote: %v", err)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(f map[string]any)
		want string
	}{
		"kind":    {func(f map[string]any) { model(f)["type"] = "WordPiece" }, `model.type: "WordPiece" is not BPE`},
		"suffix":  {func(f map[string]any) { model(f)["end_of_word_suffix"] = nil }, `model.end_of_word_suffix: "" is not "</w>": not a CLIP tokenizer`},
		"prefix":  {func(f map[string]any) { model(f)["continuing_subword_prefix"] = "##" }, `model.continuing_subword_prefix: "##" is not empty: not a CLIP tokenizer`},
		"dropout": {func(f map[string]any) { model(f)["dropout"] = 0.1 }, "model.dropout: 0.1: merges that drop out give other ids each time"},
		"cased":   {func(f map[string]any) { f["normalizer"] = nil }, "normalizer: does not lower the case: not a CLIP tokenizer"},
		"pattern": {func(f map[string]any) { f["pre_tokenizer"] = map[string]any{"type": "Whitespace"} }, `pre_tokenizer: not CLIP's: its pattern is ""`},
		"accents": {func(f map[string]any) {
			f["normalizer"].(map[string]any)["normalizers"].([]any)[0] = map[string]any{"type": "StripAccents"}
		}, `normalizer: StripAccents is no step of CLIP's`},
		"replaced": {func(f map[string]any) {
			f["normalizer"].(map[string]any)["normalizers"].([]any)[1].(map[string]any)["content"] = "_"
		}, `normalizer: Replace is no step`},
		"more pieces": {func(f map[string]any) { splits(f)[1] = map[string]any{"type": "Digits", "individual_digits": true} }, `field "individual_digits" is not known`},
		"punctuation": {func(f map[string]any) { splits(f)[1] = map[string]any{"type": "Punctuation"} }, `pre_tokenizer: Punctuation is no step of CLIP's`},
		"isolated":    {func(f map[string]any) { splits(f)[0].(map[string]any)["behavior"] = "Isolated" }, `pre_tokenizer: behavior "Isolated" with invert true`},
		"prefixed":    {func(f map[string]any) { splits(f)[1].(map[string]any)["add_prefix_space"] = true }, `add_prefix_space: true gives other ids`},
		"no ends":     {func(f map[string]any) { f["post_processor"] = nil }, `post_processor: does not put <|startoftext|> and <|endoftext|> around`},
		"other ends":  {func(f map[string]any) { f["post_processor"].(map[string]any)["cls"] = []any{"a", 1} }, `post_processor: does not put`},
		"whole words": {func(f map[string]any) { model(f)["ignore_merges"] = true }, `model.ignore_merges: true`},
		"more tokens": {func(f map[string]any) {
			f["added_tokens"] = append(f["added_tokens"].([]any), map[string]any{"content": "cat", "id": 5})
		}, `added_tokens: "cat" would be cut out`},
		"unknown":     {func(f map[string]any) { model(f)["shuffle"] = true }, `field "shuffle" is not known`},
		"byte":        {func(f map[string]any) { vocab(f)["zz"] = vocab(f)["~</w>"]; delete(vocab(f), "~</w>") }, `token "~</w>" is missing from the vocabulary`},
		"merge":       {func(f map[string]any) { model(f)["merges"] = []any{"a zzz"} }, `merge 0: merge of "a" and "zzz": "zzz" is not in the vocabulary`},
		"product":     {func(f map[string]any) { model(f)["merges"] = []any{"% &"} }, `merge 0: "%&" is not in the vocabulary`},
		"not a merge": {func(f map[string]any) { model(f)["merges"] = []any{"a b c"} }, `model.merges: "a b c" is not a merge of two symbols`},
		"merge kind":  {func(f map[string]any) { model(f)["merges"] = []any{3} }, `model.merges: 3 is not a merge`},
		"end id":      {func(f map[string]any) { vocab(f)["zz"] = 611 }, `token "<|endoftext|>" has id 610, not the highest, 611`},
		"hole":        {func(f map[string]any) { vocab(f)["zz"] = 1000 }, `token "zz" has id 1000 where 611 is due`},
		"shared id":   {func(f map[string]any) { vocab(f)["zz"] = 3 }, `has id 3 where 4 is due`},
		"added":       {func(f map[string]any) { f["added_tokens"].([]any)[0].(map[string]any)["id"] = 5 }, `added token "<|startoftext|>" has id 5, in the vocabulary 609`},
		"context":     {func(f map[string]any) { f["truncation"].(map[string]any)["max_length"] = 1 }, "truncation.max_length: 1 is not a row length"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := read(bytes.NewReader(edited(t, c.edit)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestLoadTakesOtherForms(t *testing.T) {
	raw := edited(t, func(f map[string]any) {
		f["truncation"], f["padding"] = nil, nil
		merges := model(f)["merges"].([]any)
		for i, m := range merges { // as tokenizers 0.20 and later write them
			merges[i] = strings.Split(m.(string), " ")
		}
		delete(vocab(f), startOfText) // named by added_tokens alone
	})
	tok, err := read(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	want := trained(t)
	if !slices.Equal(tok.tokens, want.tokens) || !slices.Equal(tok.merges, want.merges) || tok.Context() != DefaultContext {
		t.Errorf("got %d tokens, %d merges, context %d", len(tok.tokens), len(tok.merges), tok.Context())
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	dir := t.TempDir()
	if _, err := Load(dir); err == nil || !strings.Contains(err.Error(), "folder "+dir+": no tokenizer") {
		t.Errorf("missing: got %v", err)
	}
	path := filepath.Join(dir, fileName)
	if err := os.WriteFile(path, []byte(`{"model": {"vocab": {`), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(dir); err == nil || !strings.HasPrefix(err.Error(), "file "+path+": ") {
		t.Errorf("cut: got %v", err)
	}
	if _, err := loadMerges(path); err == nil || !strings.HasPrefix(err.Error(), "file "+path+": ") {
		t.Errorf("not gzip: got %v", err)
	}
}

func zipped(text string) []byte {
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	w.Write([]byte(text))
	w.Close()
	return buf.Bytes()
}

func TestReadMerges(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"header": {"a b\n", "line 1: not a merges file: its first line names no #version"},
		"three":  {"#version\na b\na b c\n", `line 3: "a b c" is not a merge of two symbols`},
		"one":    {"#version\na\n", `line 2: "a" is not a merge of two symbols`},
		"order":  {"#version\nab c\na b\n", `line 2: merge of "ab" and "c": "ab" is not in the vocabulary`},
		"twice":  {"#version\na b\na b\n", `token "ab" has two ids, 512 and 513`},
		"empty":  {"#version\n", "no merges"},
		"fine":   {"#version\na b</w>\nc ab</w>\n", ""},
	} {
		tok, err := readMerges(bytes.NewReader(zipped(c.text)))
		if c.want == "" {
			if err != nil || tok.tokens[513] != "cab</w>" || tok.VocabSize() != 516 {
				t.Errorf("%s: got %v, %v", name, tok, err)
			}
			continue
		}
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(edited(f, func(map[string]any) {}))
	f.Add([]byte(`{"normalizer":{"type":"Lowercase"},"model":{"type":"BPE","end_of_word_suffix":"</w>","vocab":{"a":-1},"merges":[["a"]]}}`))
	f.Add([]byte(`{"added_tokens":[{"id":-9223372036854775808,"content":"x"}],"truncation":{"max_length":-1}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if tok, err := read(bytes.NewReader(raw)); err == nil {
			checkEncode(t, tok, "a photo of 2 cafés", 12)
		}
	})
}

func FuzzLoadMerges(f *testing.F) {
	f.Add([]byte("#version\na b\nab c</w>\n"))
	f.Add([]byte("#version\na  b\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := readMerges(bytes.NewReader(text)); err == nil {
			t.Log("also a gzip file")
		}
		if tok, err := readMerges(bytes.NewReader(zipped(string(text)))); err == nil {
			checkEncode(t, tok, "a photo of 2 cafés", 12)
		}
	})
}

func FuzzEncode(f *testing.F) {
	tok := trained(f)
	f.Add("A photo of the señorita's café &amp;lt; 747", 16)
	f.Add("<|endoftext|><|startoftext|> '", 2)
	f.Add(strings.Repeat("aaab", 100), 77)
	f.Add("\xff\x00İ e\u0301 \u00a0&#0;&#x110000;", 9)
	f.Fuzz(func(t *testing.T, text string, context int) {
		checkEncode(t, tok, text, 2+int(uint(context)%100))
	})
}

// checkEncode holds a row to what every reader of it assumes.
func checkEncode(t *testing.T, tok *Tokenizer, text string, context int) {
	t.Helper()
	row := make([]int32, context)
	n := tok.Encode(text, row)
	if n < 2 || n > context || row[0] != tok.SOT() || row[n-1] != tok.EOT() {
		t.Fatalf("%q: got %d tokens, %v", text, n, row)
	}
	spelt := ""
	for i, id := range row {
		if id < 0 || int(id) >= tok.VocabSize() || i >= n && id != 0 {
			t.Fatalf("%q: got id %d at %d of %d", text, id, i, n)
		}
		if i > 0 && i < n-1 {
			spelt += tok.tokens[id]
		}
	}
	again := make([]int32, context)
	if tok.Encode(text, again); !slices.Equal(again, row) {
		t.Fatalf("%q: got %v, then %v", text, row, again)
	}
	if want := spelling(text); n < context && spelt != want || !strings.HasPrefix(want, spelt) {
		t.Fatalf("%q: tokens spell %q, want %q", text, spelt, want)
	}
}

// spelling is the words of a text in the alphabet of symbols.
func spelling(text string) string {
	var b strings.Builder
	for word, rest := next(clean(nil, text)); word != nil; word, rest = next(rest) {
		if w := string(word); w == startOfText || w == endOfText {
			b.WriteString(w)
			continue
		}
		for _, c := range word {
			b.WriteRune(byteChars[c])
		}
		b.WriteString(endOfWord)
	}
	return b.String()
}
