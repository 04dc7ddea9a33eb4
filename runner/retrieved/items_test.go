package retrieved

import (
	"slices"
	"testing"

	"react/runner/cli"
	"react/runner/record"
)

// TestNotGenerated: the addresses of a generated pool are made up, also where it is filtered.
func TestNotGenerated(t *testing.T) {
	p := &record.Plan{Stages: []record.Stage{
		{Key: "world", Op: "world"},
		{Key: "filter", Op: "filter", In: map[string]string{"pool": "world"}},
		{Key: "again", Op: "filter", In: map[string]string{"pool": "filter"}},
		{Key: "files", Op: "filter"}, // of outside files
		{Key: "pairs of world", Op: "pairs", In: map[string]string{"pool": "world"}},
		{Key: "pairs of filter", Op: "pairs", In: map[string]string{"pool": "again"}},
		{Key: "pairs of files", Op: "pairs", In: map[string]string{"pool": "files"}},
		{Key: "pairs of outside files", Op: "pairs"},
	}}
	keys := []string{"pairs of world", "pairs of filter", "pairs of files", "pairs of outside files"}
	got, err := notGenerated(p, "sweep s", slices.Clone(keys))
	if err != nil || !slices.Equal(got, keys[2:]) {
		t.Errorf("got %q, %v", got, err)
	}
	_, err = notGenerated(p, "sweep s", slices.Clone(keys[:2]))
	want := "sweep s retrieves from a generated pool: there is nothing to fetch, its images are in the store"
	if cli.ExitCode(err) != cli.CodeUsage || err.Error() != want {
		t.Errorf("got %v", err)
	}
}
