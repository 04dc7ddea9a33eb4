package retrieved

import (
	"testing"

	"react/ops/pairs"
	"react/ops/retrieve"
	"react/runner/browse"
)

// TestClassesWithoutPairs: a class for which nothing was found is in the list, but
// not beside the rows of a control, which are found for none.
func TestClassesWithoutPairs(t *testing.T) {
	found := pairs.Pair{Caption: "a cat", Found: []pairs.Found{{Class: "cat", Modality: "t2t", Rank: 1}}}
	for _, c := range []struct {
		list []pairs.Pair
		want map[string]int
	}{
		{[]pairs.Pair{found}, map[string]int{"cat": 1, "dog": 0}},
		{[]pairs.Pair{{Caption: "a cat"}}, map[string]int{controlClass: 1}},
	} {
		b := &Browser{finder: &retrieve.Finder{}}
		b.showClasses(c.list, []string{"dog", "cat"}, map[int64][]browse.Mark{})
		got := map[string]int{}
		for _, class := range b.Site.Classes {
			got[class.Name] = class.Pairs
		}
		if len(got) != len(c.want) {
			t.Errorf("got %v, want %v", got, c.want)
		}
		for name, n := range c.want {
			if got[name] != n {
				t.Errorf("got %v, want %v", got, c.want)
			}
		}
	}
}
