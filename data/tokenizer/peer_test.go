package tokenizer

import (
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"react/data/peer"
)

// longTail makes captions of about a dozen words drawn from a vocabulary with
// frequencies as 1/rank, one word in ten made of two, as rare words are.
func longTail(tok *Tokenizer, n int) []string {
	var words []string
	for _, token := range tok.tokens[numBase : len(tok.tokens)-2] {
		if word, ok := strings.CutSuffix(token, endOfWord); ok && isASCII(word) {
			words = append(words, word)
		}
	}
	rng := rand.New(rand.NewPCG(5, 6))
	word := func() string { return words[int(math.Pow(float64(len(words)), rng.Float64()))-1] }
	captions := make([]string, n)
	for i := range captions {
		var b strings.Builder
		for j := range 4 + rng.IntN(16) {
			if j > 0 {
				b.WriteString([]string{" ", " ", " ", " ", ", ", " - "}[rng.IntN(6)])
			}
			b.WriteString(word())
			if rng.IntN(10) == 0 {
				b.WriteString(word())
			}
		}
		captions[i] = b.String()
	}
	return captions
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= 128 || r == '&' || r == '<' }) < 0
}

// encodeAllInto encodes captions on one core.
func encodeAllInto(tok *Tokenizer, captions []string, row []int32) {
	for _, c := range captions {
		tok.Encode(c, row)
	}
}

// BenchmarkEncodeLongTail is the target of 200,000 captions a second on a core:
// 20,000 captions, none twice, with the cache empty at the start of each round.
func BenchmarkEncodeLongTail(b *testing.B) {
	tok := openAI(b)
	all := longTail(tok, 20000)
	row := make([]int32, 77)
	start := peer.CPUSeconds(b)
	for b.Loop() {
		cold := *tok
		encodeAllInto(cold.withEncoders(), all, row)
	}
	b.ReportMetric(float64(b.N*len(all))/(peer.CPUSeconds(b)-start), "captions/cpu-s")
}

// timed is a process of testdata/peer.py.
type timed struct {
	*peer.Process
	ids []int32 // of the first caption
}

func startTimed(t *testing.T, python, vocabulary, captions, kind string) timed {
	t.Helper()
	p := timed{Process: peer.Start(t, kind, exec.Command(python, filepath.Join("testdata", "peer.py"), vocabulary, captions, kind))}
	for _, field := range strings.Fields(p.Line(t)) {
		id, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		p.ids = append(p.ids, int32(id))
	}
	return p
}

// TestSpeedAgainstPython takes turns with OpenAI's tokenizer in Python, and Hugging
// Face's in Rust where it is installed, by processor time.
func TestSpeedAgainstPython(t *testing.T) {
	rounds, python := peer.Rounds(t), peer.Python(t, "regex, ftfy, tokenizers")
	tok := openAI(t)
	all := longTail(tok, 5000)
	dir := t.TempDir()
	captions := filepath.Join(dir, "captions.txt")
	if err := os.WriteFile(captions, []byte(strings.Join(all, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := tok.Save(dir); err != nil {
		t.Fatal(err)
	}
	peers := []timed{startTimed(t, python, filepath.Join(fixtures(), "tokenizer", openAIName), captions, "openai")}
	if exec.Command(python, "-c", "import tokenizers").Run() == nil {
		peers = append(peers, startTimed(t, python, filepath.Join(dir, fileName), captions, "huggingface"))
	}
	row := make([]int32, 77)
	tok.Encode(all[0], row)
	for _, p := range peers {
		if !slices.Equal(p.ids, row) {
			t.Fatalf("%s gives %v, want %v", p.Name, p.ids, row)
		}
	}
	var own []float64
	theirs := make([][]float64, len(peers))
	for range rounds {
		start := peer.CPUSeconds(t)
		encodeAllInto(tok, all, row)
		own = append(own, peer.CPUSeconds(t)-start)
		for i, p := range peers {
			var seconds float64
			p.Ask(t, "go", &seconds)
			theirs[i] = append(theirs[i], seconds)
		}
	}
	n := float64(len(all))
	for i, p := range peers {
		peer.Record(t, peer.Row{Work: "captions to ids", Us: "data/tokenizer", Peer: p.Name, Unit: "captions/CPU-s",
			Ours: n / peer.Median(own), Theirs: n / peer.Median(theirs[i]), Ratio: peer.Compare(own, theirs[i])})
	}
}
