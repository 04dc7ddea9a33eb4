package embed

import (
	"slices"
	"strings"
	"testing"
)

// TestQueriesAreWhatWasAsked: of every query, also of a synonym and of a mean, the prompt about the
// class is the string that was encoded.
func TestQueriesAreWhatWasAsked(t *testing.T) {
	names := [][]string{{"cat", "tabby"}, {"dog"}}
	rows := makeQueries(names, []string{"a {}", "the {} here"})
	var got []string
	for _, q := range rows {
		got = append(got, q.Query)
	}
	if want := []string{"a cat", "the cat here", "a tabby", "the tabby here", "a dog", "the dog here"}; !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	vectors := []float32{1, 0, 1, 0, 0, 1, 0, 1, 1, 0, 1, 0}
	mean, meta, means, err := meanQueries(rows, vectors)
	if err != nil {
		t.Fatal(err)
	}
	if len(mean) != 2 || len(meta) != 2 || mean[0].Query != "a cat | the cat here | a tabby | the tabby here" || means[0] != means[1] || means[2] != 1 {
		t.Errorf("means %+v %v", mean, means)
	}
	if _, _, _, err := meanQueries([]Query{{Query: "a"}, {Query: "b"}}, []float32{1, 0, -1, 0}); err == nil {
		t.Error("the mean of opposite queries is taken for a query")
	}
	for _, q := range slices.Concat(rows, mean) {
		if got := strings.ReplaceAll(q.Prompt, "{}", q.Class); got != q.Query {
			t.Errorf("prompt %q of class %q stands for %q, and %q was encoded", q.Prompt, q.Class, got, q.Query)
		}
	}
}
