package ftfy

import (
	"math/rand/v2"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestRulesEqualTheirPattern holds the fast matcher to the regular expression on
// characters that rules name.
func TestRulesEqualTheirPattern(t *testing.T) {
	var all []rune
	for _, pairs := range categories {
		all = append(all, []rune(pairs)...)
	}
	all = append(all, []rune(strings.Join(badRules, "")+"abcXYZ.,?! 　😀𝒜\n\t09_")...)
	re := regexp.MustCompile(pattern(strings.Join(badRules, "|")))
	rng := rand.New(rand.NewPCG(1, 2))
	bad := 0
	for range 100_000 {
		var b strings.Builder
		for range 1 + rng.IntN(6) {
			b.WriteRune(all[rng.IntN(len(all))])
		}
		want := re.MatchString(b.String())
		if want {
			bad++
		}
		if got := isBad(b.String()); got != want {
			t.Fatalf("%q: got %v, want %v", b.String(), got, want)
		}
	}
	if bad < 3_000 || bad > 80_000 {
		t.Errorf("%d of 100,000 are bad: the test tells little", bad)
	}
}

// TestFixEqualsFtfy has strings of many kinds (testdata/make_cases.py) with what
// ftfy 6.3.1 makes of each, and then html.unescape.
func TestFixEqualsFtfy(t *testing.T) {
	raw, err := os.ReadFile("testdata/cases.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n")
	if len(lines) < 3000 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, line := range lines {
		var text [3]string // as it is, fixed, unescaped
		for i, part := range strings.Split(line, "\t") {
			if text[i], err = strconv.Unquote(part); err != nil {
				t.Fatal(line, err)
			}
		}
		fixed := Fix(text[0])
		if fixed != text[1] {
			t.Errorf("%+q:\ngot  %+q\nwant %+q", text[0], fixed, text[1])
		}
		if got := Unescape(fixed); got != text[2] {
			t.Errorf("%+q, unescaped:\ngot  %+q\nwant %+q", text[0], got, text[2])
		}
		if IsPlain(text[0]) && text[1] != text[0] {
			t.Errorf("%+q is said to be plain", text[0])
		}
	}
}

func TestLongTexts(t *testing.T) {
	long := strings.Repeat("é", maxSegment+5)
	if got := Fix(long); got != long {
		t.Error("a long line without mojibake changes")
	}
	if got, want := Fix(strings.Repeat("“", 300_000)), strings.Repeat(`"`, 300_000); got != want {
		t.Error("long quotes stay")
	}
	if got := Fix("&amp; <b>\n&amp;"); got != "&amp; <b>\n&amp;" { // entities stay behind HTML
		t.Errorf("got %q", got)
	}
	if got := Fix("&amp;\n<b> &amp;"); got != "&\n<b> &amp;" {
		t.Errorf("got %q", got)
	}
}

func FuzzFix(f *testing.F) {
	for _, text := range []string{"", "voilÃ le travail", "&#1;&#x92;&nLt;", "â€œ like this â€�", "\x1b[31m\xff", "ŉ ﬁ Ｌ \u0085"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(text, "\ufffd")
		fixed := Fix(text)
		if strings.ToValidUTF8(fixed, "") != fixed {
			t.Errorf("%+q becomes %+q, which is no UTF-8", text, fixed)
		}
		Unescape(fixed)
	})
}

func BenchmarkFix(b *testing.B) {
	for name, text := range map[string]string{"ASCII": "a photo of a red square on the table, 4k", "entity": "R&amp;D and AT&T in a box",
		"accents": "A photo of the café in Zürich – it’s nice", "Korean": "서울의 밤 풍경 사진 고화질", "mojibake": "voilÃ le travail â€œquotedâ€\u009d"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Fix(text)
			}
		})
	}
}
