package words

import "testing"

func TestPlural(t *testing.T) {
	for n, want := range map[int]string{0: "0 trials", 1: "1 trial", 2: "2 trials"} {
		if got := Plural(n, "trial"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1<<20 - 1: "1024.0 KiB",
		1 << 20: "1.0 MiB", 3 << 30: "3.0 GiB", 1 << 40: "1.0 TiB", 5 << 50: "5120.0 TiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("%d: got %q, want %q", n, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for words, want := range map[[2]string]int{{"", ""}: 0, {"", "ab"}: 2, {"evaluate", "evalute"}: 1, {"kitten", "sitting"}: 3,
		{"form", "from"}: 1, {"ca", "abc"}: 3, {"γ", "g"}: 1} {
		if got := Distance(words[0], words[1]); got != want {
			t.Errorf("%q: got %d, want %d", words, got, want)
		}
		if got := Distance(words[1], words[0]); got != want {
			t.Errorf("%q the other way: got %d, want %d", words, got, want)
		}
	}
}
