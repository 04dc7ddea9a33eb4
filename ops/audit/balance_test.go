package audit

import (
	"path/filepath"
	"testing"

	"github.com/parquet-go/parquet-go"

	"react/ops/embed"
	"react/ops/modality"
	"react/ops/op"
)

// TestPlacesFollowTheLists: how many places K asks for depends on how lists are made.
func TestPlacesFollowTheLists(t *testing.T) {
	dir, names := t.TempDir(), []string{"a", "b", "c"}
	var asked []embed.Query // two prompts a class
	for i := range 2 * len(names) {
		asked = append(asked, embed.Query{Class: names[i/2], Index: int32(i / 2)})
	}
	if err := parquet.WriteFile(filepath.Join(dir, embed.QueriesFile), asked); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		p    BalanceParams
		by   []string
		want int
	}{
		"prompt":     {BalanceParams{K: 5, Per: "prompt"}, []string{"t2t"}, 10},
		"class":      {BalanceParams{K: 5, Per: "class"}, []string{"t2t"}, 5},
		"both":       {BalanceParams{K: 5, Per: "prompt"}, []string{"t2t", "t2i"}, 20},
		"sum":        {BalanceParams{K: 5, Per: "prompt", Fuse: "sum"}, []string{"t2t", "t2i"}, 10},
		"with names": {BalanceParams{K: 5, Per: "prompt"}, []string{"t2t", modality.TextMatch}, 15},
		"rrf":        {BalanceParams{K: 5, Per: "class", Fuse: "rrf"}, []string{"t2t", "t2i", modality.TextMatch}, 5},
		"names":      {BalanceParams{K: 5, Per: "prompt"}, []string{modality.TextMatch}, 5},
	} {
		b := &balancer{run: &op.Run{In: map[string]string{"queries": dir}}, p: c.p, classes: names, out: Balance{Classes: make([]ClassBalance, 3)}}
		for _, by := range c.by {
			b.run.In["hits."+by] = "there"
		}
		if err := b.places(t.Context()); err != nil || b.out.Classes[1].Places != c.want {
			t.Errorf("%s: %d places, %v, want %d", name, b.out.Classes[1].Places, err, c.want)
		}
	}
}
