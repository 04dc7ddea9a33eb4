package starter

import "testing"

// TestSetName: an evaluation is called as its folder is, by a name that a spec takes.
func TestSetName(t *testing.T) {
	taken := map[string]bool{}
	for _, c := range [][2]string{
		{"birds", "birds"}, {"data/birds/test", "birds-2"}, {"./in/sets/task/", "task"}, {"test", "test"}, {"../val", "val"},
		{"oxford-pets", "oxford-pets"}, {"20 news groups", "set-20-news-groups"}, {"shards/x.tar", "x"}, {"pairs", "set-pairs"},
		{".", "set"}, {"画像", "set-2"},
	} {
		if got := setName(c[0], taken); got != c[1] {
			t.Errorf("%s: %q, want %q", c[0], got, c[1])
		}
	}
}
