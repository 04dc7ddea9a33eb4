package cli

import (
	"testing"
	"time"

	"react/data/words"
)

func TestParseAge(t *testing.T) {
	for text, want := range map[string]time.Duration{"90m": 90 * time.Minute, "12h": 12 * time.Hour, "30d": 720 * time.Hour, "2w": 336 * time.Hour} {
		if got, err := ParseAge(text); err != nil || got != want {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "d", "-3d", "1.5d", "-2h", "0s", "99999999d", "soon"} {
		if got, err := ParseAge(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]int64{"0": 0, "4096": 4096, "7B": 7, "1K": 1 << 10, "1.5KiB": 1536, "500MiB": 500 << 20, "20GB": 20e9, "2T": 2 << 40, "1 GiB": 1 << 30} {
		if got, err := ParseBytes(text); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "B", "-1", "1e30", "NaN", "Inf", "many", "1 XB"} {
		if got, err := ParseBytes(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1 << 10: "1.0 KiB", 3 << 19: "1.5 MiB", 5 << 30: "5.0 GiB", 3 << 40: "3.0 TiB"} {
		if got := words.Bytes(n); got != want {
			t.Errorf("%d: got %s, want %s", n, got, want)
		}
	}
}

func TestDurationText(t *testing.T) {
	for seconds, want := range map[float64]string{0.2: "1s", 1.6: "2s", 59.9: "60s", 61: "1m01s", 3599: "59m59s", 3600: "1h00m", 90000: "25h00m", 200000: "2d07h"} {
		if got := Duration(seconds); got != want {
			t.Errorf("%v: got %s, want %s", seconds, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	for word, want := range map[string]string{
		"tune.gamma=0.8":          "tune.gamma=0.8",
		`tune.mode="full"`:        `'tune.mode="full"'`,
		"task.prompts=[\"a {}\"]": `'task.prompts=["a {}"]'`,
		"name=it's":               `'name=it'\''s'`,
	} {
		if got := Quote(word); got != want {
			t.Errorf("%s: got %s, want %s", word, got, want)
		}
	}
}
