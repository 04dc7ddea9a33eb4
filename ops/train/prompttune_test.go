package train

import (
	"slices"
	"testing"

	"react/data/tokenizer"
)

// TestPromptLayout places four vectors around a name of one word and the full stop.
func TestPromptLayout(t *testing.T) {
	tok, err := tokenizer.Train(slices.Values([]string{"a dog"}), 520, 10)
	if err != nil {
		t.Fatal(err)
	}
	name, stop := wordsOf(tok, "x")[0], wordsOf(tok, ".")[0]
	sot, eot := tok.SOT(), tok.EOT()
	for position, want := range map[string][2][]int32{
		"end":    {{sot, 0, 0, 0, 0, name, stop, eot, 0, 0}, {-1, 0, 1, 2, 3, -1, -1, -1, -1, -1}},
		"middle": {{sot, 0, 0, name, 0, 0, stop, eot, 0, 0}, {-1, 0, 1, -1, 2, 3, -1, -1, -1, -1}},
		"front":  {{sot, name, 0, 0, 0, 0, stop, eot, 0, 0}, {-1, -1, 0, 1, 2, 3, -1, -1, -1, -1}},
	} {
		p := LearnedPrompt{Length: 4, Position: position}
		l, err := p.Layout(tok, []string{"x", "x x x x x x"})
		if err != nil || !slices.Equal(l.Tokens[:10], want[0]) || !slices.Equal(l.Slots[:10], want[1]) {
			t.Errorf("%s: got %v %v, want %v, %v", position, l.Tokens[:10], l.Slots[:10], want, err)
		}
		if got := l.Tokens[10:]; got[9] != eot || len(got) != 10 {
			t.Errorf("%s: a long name is cut to %v", position, got)
		}
	}
}

// TestBarePromptIsTheTemplate: begun from a template's words, without CoOp's full stop, the tokens
// are the template's own.
func TestBarePromptIsTheTemplate(t *testing.T) {
	tok, err := tokenizer.Train(slices.Values([]string{"an emoji of a dog"}), 530, 16)
	if err != nil {
		t.Fatal(err)
	}
	words := wordsOf(tok, "an emoji of")
	p := LearnedPrompt{Length: len(words), Position: "end", Bare: true}
	l, err := p.Layout(tok, []string{"dog"})
	if err != nil {
		t.Fatal(err)
	}
	for i, slot := range l.Slots {
		if slot >= 0 {
			l.Tokens[i] = words[slot]
		}
	}
	want := make([]int32, tok.Context())
	if tok.Encode("an emoji of dog", want); !slices.Equal(l.Tokens, want) {
		t.Errorf("got %v, want %v", l.Tokens, want)
	}
}
