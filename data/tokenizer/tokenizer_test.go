package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

type golden struct {
	Text string
	IDs  []int32
}

func readGolden(t *testing.T, path string) []golden {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var cases []golden
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func checkGolden(t *testing.T, tok *Tokenizer, cases []golden) {
	t.Helper()
	for _, c := range cases {
		got := make([]int32, len(c.IDs))
		tok.Encode(c.Text, got)
		if !slices.Equal(got, c.IDs) {
			t.Errorf("%q:\ngot  %v\nwant %v", c.Text, got, c.IDs)
		}
	}
}

// fixtures is the folder of reference outputs: FIXTURES, or ../shared/fixtures from
// the module's root.
func fixtures() string {
	if dir := os.Getenv("FIXTURES"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..", "..", "shared", "fixtures")
}

func openAI(t testing.TB) *Tokenizer {
	path := filepath.Join(fixtures(), "tokenizer", "bpe_simple_vocab_16e6.txt.gz")
	if _, err := os.Stat(path); err != nil {
		t.Skipf("OpenAI's merges file is not ours to commit, and %s is not here", path)
	}
	tok, err := loadMerges(path)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func TestMergesGiveReferenceIDs(t *testing.T) {
	tok := openAI(t)
	if tok.VocabSize() != 49408 || tok.SOT() != 49406 || tok.EOT() != 49407 || tok.Context() != 77 {
		t.Errorf("got vocabulary %d, start %d, end %d, context %d", tok.VocabSize(), tok.SOT(), tok.EOT(), tok.Context())
	}
	checkGolden(t, tok, readGolden(t, filepath.Join("testdata", "openai-cases.json")))
	if !tok.IsCLIP() {
		t.Error("CLIP's own vocabulary is not known as such")
	}
	dir := t.TempDir()
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	again, err := Load(dir)
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, again, readGolden(t, filepath.Join("testdata", "openai-cases.json")))
}

// captions is the corpus of the committed tokenizer: deterministic, with repeated
// letters, digits, accents and symbols in it.
func captions(yield func(string) bool) {
	rng := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[rng.IntN(len(words))] }
	for range 2000 {
		caption := fmt.Sprintf("%s %s %s %s, %s %d", pick("a photo of", "An emoji of", "picture:", "the"),
			pick("striped", "dotted", "señorita's", "naïve", "aaaa", "aaaaaaa"), pick("red", "blue", "grey-green"),
			pick("triangle", "triangles", "trial", "café", "don't", "ба́бочка"), pick("isolated", "stock &amp; vector", "#1!!", "…"), rng.IntN(2000))
		if !yield(caption) {
			return
		}
	}
}

func trained(t testing.TB) *Tokenizer {
	tok, err := Train(captions, 700, 16)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

// TestHuggingFaceAgrees holds the tokenizer that Train makes to the ids that the
// library gave for its tokenizer.json (testdata/golden.py).
func TestHuggingFaceAgrees(t *testing.T) {
	tok := trained(t)
	var got bytes.Buffer
	if err := tok.write(&got); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", fileName)
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("training gives other bytes than %s; UPDATE=1 go test, then testdata/golden.py, rewrites both", path)
	}
	cases := readGolden(t, filepath.Join("testdata", "huggingface-cases.json"))
	checkGolden(t, tok, cases)
	loaded, err := Load("testdata")
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, loaded, cases)
	if loaded.Context() != 16 || loaded.VocabSize() != tok.VocabSize() {
		t.Errorf("got context %d, vocabulary %d", loaded.Context(), loaded.VocabSize())
	}
}

func TestTrainIgnoresOrder(t *testing.T) {
	all := slices.Collect(captions)
	slices.Reverse(all)
	other, err := Train(slices.Values(all), 700, 16)
	if err != nil {
		t.Fatal(err)
	}
	if tok := trained(t); !slices.Equal(other.tokens, tok.tokens) || !slices.Equal(other.merges, tok.merges) {
		t.Error("captions in another order give another tokenizer")
	}
}

func TestTrainByHand(t *testing.T) {
	// ab five times, ab and cd in "abcd", a tie of (a,b</w>) before (c,d</w>) by spelling
	corpus := []string{"ab", "ab", "cd", "cd", "abx", "abx", "abx", "q"}
	tok, err := Train(slices.Values(corpus), 1000, 8)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"ab", "abx</w>", "ab</w>", "cd</w>"}
	if got := tok.tokens[numBase : tok.VocabSize()-2]; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTrainRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		captions       []string
		vocab, context int
		want           string
	}{
		"no words":      {[]string{"", " \t"}, 600, 8, "captions have no words to train a tokenizer on"},
		"small":         {[]string{"a"}, 513, 8, "vocabulary: 513 is under 514 (every byte twice, start and end of text)"},
		"short context": {[]string{"a"}, 600, 1, "context: 1 is under 2 (start and end of text)"},
	} {
		_, err := Train(slices.Values(c.captions), c.vocab, c.context)
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: got %v, want %s", name, err, c.want)
		}
	}
}

func TestEncodeCutsAndPads(t *testing.T) {
	tok := trained(t)
	row := make([]int32, 6)
	if n := tok.Encode("1 2 3 4 5 6", row); n != 6 || row[0] != tok.SOT() || row[5] != tok.EOT() {
		t.Errorf("cut: got %d tokens, %v", n, row)
	}
	if n := tok.Encode("1", row); n != 3 || row[2] != tok.EOT() || !slices.Equal(row[3:], []int32{0, 0, 0}) {
		t.Errorf("padded: got %d tokens, %v", n, row)
	}
	if n := tok.Encode("a photo", make([]int32, 2)); n != 2 {
		t.Errorf("no room: got %d tokens", n)
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"A  photo\tof\u00a0it":       "a|photo|of|it",
		"it's we'll x'y '":           "it|'s|we|'ll|x|'|y|'",
		"747-8½":                     "7|4|7|-|8|½",
		"C++ &amp;amp; &lt;b&gt;":    "c|++|&|<|b|>",
		"<|endoftext|> <|end":        "<|endoftext|>|<|end|",
		"e\u0301 İ \xff":             "é|i|\u0307|\ufffd",
		"ab!'s <<|startoftext|>":     "ab|!'|s|<<|",
		"...'ll":                     "...'|ll",
		"\u200bzero":                 "\u200b|zero",
		strings.Repeat("!", 3) + "a": "!!!|a",
	} {
		var words []string
		for word, rest := next(clean(nil, text)); word != nil; word, rest = next(rest) {
			words = append(words, string(word))
		}
		got := strings.Join(words, "|")
		if strings.HasPrefix(text, "<|end") { // the separator is in the words
			want, got = "<|endoftext|>,<|,end", strings.Join(words, ",")
		}
		if strings.HasPrefix(text, "ab!") {
			want, got = "ab,!',s,<<|,startoftext,|>", strings.Join(words, ",")
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", text, got, want)
		}
	}
}

func TestWithContext(t *testing.T) {
	tok, err := trained(t).WithContext(9)
	if err != nil || tok.Context() != 9 {
		t.Errorf("got %d, %v", tok.Context(), err)
	}
	if _, err := tok.WithContext(1); err == nil {
		t.Error("a row of one token was taken")
	}
}

// TestLongWordsMergeAlike holds the heap to the scan.
func TestLongWordsMergeAlike(t *testing.T) {
	tok := trained(t)
	rng := rand.New(rand.NewPCG(3, 4))
	letters := "aaaaabcdeiglnrtp"
	var long longMerger
	for range 500 {
		ids := make([]int32, 1+rng.IntN(200))
		for i := range ids {
			ids[i] = tok.byteIDs[letters[rng.IntN(len(letters))]]
		}
		want := mergeShort(tok.rules, slices.Clone(ids))
		if got := long.run(tok.rules, slices.Clone(ids)); !slices.Equal(got, want) {
			t.Fatalf("%v: got %v, want %v", ids, got, want)
		}
	}
}

func TestEncodeConcurrently(t *testing.T) {
	tok := trained(t)
	all := slices.Collect(captions)
	rows := make([][]int32, len(all))
	var group sync.WaitGroup
	for worker := range runtime.GOMAXPROCS(0) + 1 {
		group.Go(func() {
			for i := worker; i < len(all); i += runtime.GOMAXPROCS(0) + 1 {
				rows[i] = make([]int32, 16)
				tok.Encode(all[i], rows[i])
			}
		})
	}
	group.Wait()
	fresh := trained(t)
	row := make([]int32, 16)
	for i, caption := range all {
		if fresh.Encode(caption, row); !slices.Equal(row, rows[i]) {
			t.Fatalf("%q: got %v, want %v", caption, rows[i], row)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for name, tok := range map[string]*Tokenizer{"trained": trained(b), "openai": openAI(b)} {
		b.Run(name, func(b *testing.B) {
			all := slices.Collect(captions)
			row := make([]int32, 77)
			i := 0
			for b.Loop() {
				tok.Encode(all[i%len(all)], row)
				i++
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "captions/s")
		})
	}
}

func BenchmarkTrain(b *testing.B) {
	all := slices.Collect(captions)
	for b.Loop() {
		if _, err := Train(slices.Values(all), 4096, 16); err != nil {
			b.Fatal(err)
		}
	}
}
