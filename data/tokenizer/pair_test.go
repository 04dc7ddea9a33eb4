package tokenizer

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// pairOf is a tokenizer as vocab.json and merges.txt.
func pairOf(t testing.TB, tok *Tokenizer) (vocab, merges []byte) {
	t.Helper()
	vocab, err := json.Marshal(tok.sortedTokens())
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	text.WriteString("#version: 0.2\n")
	for _, m := range tok.merges {
		text.WriteString(tok.tokens[m[0]] + " " + tok.tokens[m[1]] + "\n")
	}
	return vocab, text.Bytes()
}

// folder holds files by name.
func folder(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, raw := range files {
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestEveryFormGivesReferenceIDs loads OpenAI's vocabulary from each of the
// forms in which checkpoints come.
func TestEveryFormGivesReferenceIDs(t *testing.T) {
	tok := openAI(t)
	gz, err := os.ReadFile(filepath.Join(fixtures(), "tokenizer", openAIName))
	if err != nil {
		t.Fatal(err)
	}
	vocab, merges := pairOf(t, tok)
	var hf bytes.Buffer
	if err := tok.write(&hf); err != nil {
		t.Fatal(err)
	}
	for name, files := range map[string]map[string][]byte{
		"OpenAI's":                        {openAIName: gz},
		"vocab.json and merges.txt":       {vocabName: vocab, mergesName: merges},
		"tokenizer.json":                  {fileName: hf.Bytes()},
		"tokenizer.json before the other": {fileName: hf.Bytes(), vocabName: []byte("{}"), mergesName: nil},
		"a list that goes on":             {vocabName: vocab, mergesName: append(bytes.Clone(merges), "zz yy\n"...)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Load(folder(t, files))
			if err != nil {
				t.Fatal(err)
			}
			if got.VocabSize() != 49408 || got.EOT() != 49407 || got.Context() != DefaultContext {
				t.Errorf("got vocabulary %d, end %d, context %d", got.VocabSize(), got.EOT(), got.Context())
			}
			checkGolden(t, got, readGolden(t, filepath.Join("testdata", "openai-cases.json")))
			// These were made without ftfy, which the first file has for both texts.
			checkGolden(t, got, slices.DeleteFunc(readGolden(t, filepath.Join(fixtures(), "tokenizer", "cases.json")), func(c golden) bool {
				return c.Text == "ﬁne ligatures" || c.Text == "…ellipsis… and “quotes”"
			}))
		})
	}
}

func TestPairGivesTheSameTokenizer(t *testing.T) {
	want := trained(t)
	vocab, merges := pairOf(t, want)
	for name, lines := range map[string][]byte{
		"as written": merges, "without #version": merges[bytes.IndexByte(merges, '\n')+1:], "from Windows": bytes.ReplaceAll(merges, []byte("\n"), []byte("\r\n")),
	} {
		got, err := Load(folder(t, map[string][]byte{vocabName: vocab, mergesName: lines}))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if !slices.Equal(got.tokens, want.tokens) || !slices.Equal(got.merges, want.merges) || got.Context() != DefaultContext {
			t.Errorf("%s: got %d tokens, %d merges", name, len(got.tokens), len(got.merges))
		}
	}
}

func TestMissingMerges(t *testing.T) {
	tok := trained(t)
	vocab, merges := pairOf(t, tok)
	short := merges[:bytes.LastIndexByte(merges[:len(merges)-1], '\n')+1]
	lastToken := tok.tokens[tok.merges[len(tok.merges)-1][0]] + tok.tokens[tok.merges[len(tok.merges)-1][1]]
	for name, c := range map[string]struct {
		files map[string][]byte
		want  string
	}{
		"no tokenizer": {nil, "no tokenizer: none of tokenizer.json, vocab.json with merges.txt, bpe_simple_vocab_16e6.txt.gz is there"},
		"no file":      {map[string][]byte{vocabName: vocab}, "vocab.json: its merges are missing: open "},
		"no merges":    {map[string][]byte{vocabName: vocab, mergesName: nil}, "merges are missing: none of the 0 makes token 512"},
		"one":          {map[string][]byte{vocabName: vocab, mergesName: short}, `"` + lastToken + `", and 0 others`},
		"of another":   {map[string][]byte{vocabName: vocab, mergesName: []byte("z zzz\n")}, `merges.txt: line 1: merge of "z" and "zzz": "zzz" is not in the vocabulary`},
		"no vocabulary": {map[string][]byte{vocabName: []byte("[]"), mergesName: merges},
			"vocab.json: vocabulary: want an object of names and whole numbers, got a list"},
		"tokenizer.json": {map[string][]byte{fileName: edited(t, func(f map[string]any) {
			model(f)["merges"] = model(f)["merges"].([]any)[:3]
		})}, "merges are missing: none of the 3 makes token 515"},
		"OpenAI's": {map[string][]byte{openAIName: zipped("#version\na b\nc d\n")}, "2 merges, 48894 are due: the file is cut short"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Load(folder(t, c.files))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestTruncation(t *testing.T) {
	tok := trained(t)
	ids := func(text string, context int, how Truncation) ([]int32, error) {
		row := make([]int32, context)
		n, err := tok.EncodeAs(text, row, how)
		return row[:n], err
	}
	one, two, three := tok.endIDs['1'], tok.endIDs['2'], tok.endIDs['3']
	for _, c := range []struct {
		text    string
		context int
		how     Truncation
		want    []int32
	}{
		{"1 2", 4, KeepEOT, []int32{tok.sot, one, two, tok.eot}},
		{"1 2", 4, DropEOT, []int32{tok.sot, one, two, tok.eot}},
		{"1 2", 4, Refuse, []int32{tok.sot, one, two, tok.eot}},
		{"1 2 3", 4, KeepEOT, []int32{tok.sot, one, two, tok.eot}},
		{"1 2 3", 4, DropEOT, []int32{tok.sot, one, two, three}},
		{"1 2 3  ", 5, DropEOT, []int32{tok.sot, one, two, three, tok.eot}},
		{"1", 2, DropEOT, []int32{tok.sot, one}},
	} {
		if got, err := ids(c.text, c.context, c.how); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q to %d, policy %d: got %v, %v, want %v", c.text, c.context, c.how, got, err, c.want)
		}
	}
	row, err := ids(strings.Repeat("1 2 3 ", 20), 4, Refuse)
	if want := `caption "1 2 3 1 2 3 1 2 3 1 2 3 1 2 3 1 2 3 1 2 …" is over 4 tokens, start and end of text included`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if !slices.Equal(row, []int32{tok.sot, one, two, tok.eot}) {
		t.Errorf("refused, the row is %v", row)
	}
	if _, err := read(bytes.NewReader(edited(t, func(f map[string]any) { f["truncation"].(map[string]any)["direction"] = "Left" }))); err == nil || !strings.Contains(err.Error(), `truncation.direction: "Left"`) {
		t.Errorf("cut on the left: %v", err)
	}
}

func FuzzLoadPair(f *testing.F) {
	vocab, merges := pairOf(f, trained(f))
	f.Add(vocab, merges)
	f.Add([]byte(`{"a":0,"a":-1}`), []byte("#version\r\n\r\na  b"))
	f.Fuzz(func(t *testing.T, vocab, merges []byte) {
		tokens, ids, err := readVocab(bytes.NewReader(vocab))
		if err != nil {
			return
		}
		rules, err := readMergeLines(bytes.NewReader(merges), ids)
		if err != nil {
			return
		}
		if tok, err := build(tokens, rules, 12); err == nil {
			checkEncode(t, tok, "a photo of 2 cafés", 12)
		}
	})
}
