package tokenizer

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
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
	start := cpuSeconds(b)
	for b.Loop() {
		cold := *tok
		encodeAllInto(cold.withEncoders(), all, row)
	}
	b.ReportMetric(float64(b.N*len(all))/(cpuSeconds(b)-start), "captions/cpu-s")
}

// peer is a process of testdata/peer.py.
type peer struct {
	name string
	in   io.Writer
	out  *bufio.Scanner
	ids  []int32 // of the first caption
}

func startPeer(t *testing.T, python, vocabulary, captions, kind string) *peer {
	t.Helper()
	cmd := exec.Command(python, filepath.Join("testdata", "peer.py"), vocabulary, captions, kind)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		cmd.Wait()
	})
	p := &peer{name: kind, in: in, out: bufio.NewScanner(out)}
	for _, field := range strings.Fields(p.line(t)) {
		id, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		p.ids = append(p.ids, int32(id))
	}
	return p
}

func (p *peer) line(t *testing.T) string {
	t.Helper()
	if !p.out.Scan() {
		t.Fatalf("peer %s ended: %v", p.name, p.out.Err())
	}
	return p.out.Text()
}

// seconds is one round of the peer.
func (p *peer) seconds(t *testing.T) float64 {
	t.Helper()
	if _, err := fmt.Fprintln(p.in, "go"); err != nil {
		t.Fatal(err)
	}
	s, err := strconv.ParseFloat(p.line(t), 64)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSpeedAgainstPython prints captions per second of processor time beside OpenAI's
// tokenizer in Python and Hugging Face's in Rust, and the median ratios of
// TOKENIZER_SPEED_ROUNDS interleaved rounds:
//
//	TOKENIZER_SPEED_ROUNDS=10 PEER_PYTHON=python3 go test ./data/tokenizer -run SpeedAgainstPython -v
func TestSpeedAgainstPython(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("TOKENIZER_SPEED_ROUNDS"))
	python := os.Getenv("PEER_PYTHON")
	if rounds == 0 || python == "" {
		t.Skip("a measurement: TOKENIZER_SPEED_ROUNDS and PEER_PYTHON (with regex, ftfy, tokenizers) are not set")
	}
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
	peers := []*peer{startPeer(t, python, filepath.Join(fixtures(), "tokenizer", openAIName), captions, "openai")}
	if exec.Command(python, "-c", "import tokenizers").Run() == nil {
		peers = append(peers, startPeer(t, python, filepath.Join(dir, fileName), captions, "huggingface"))
	}
	row := make([]int32, 77)
	tok.Encode(all[0], row)
	for _, p := range peers {
		if !slices.Equal(p.ids, row) {
			t.Fatalf("%s gives %v, want %v", p.name, p.ids, row)
		}
	}
	var own []float64
	theirs := make([][]float64, len(peers))
	for range rounds {
		start := cpuSeconds(t)
		encodeAllInto(tok, all, row)
		own = append(own, cpuSeconds(t)-start)
		for i, p := range peers {
			theirs[i] = append(theirs[i], p.seconds(t))
		}
	}
	t.Logf("ours: %.0f captions/s", float64(len(all))/median(own))
	for i, p := range peers {
		ratios := make([]float64, rounds)
		for j := range ratios {
			ratios[j] = theirs[i][j] / own[j]
		}
		t.Logf("%s: %.0f captions/s; ours is %.1f times as fast", p.name, float64(len(all))/median(theirs[i]), median(ratios))
	}
}

// cpuSeconds is the processor time of this process so far, the collector's too.
func cpuSeconds(t testing.TB) float64 {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
