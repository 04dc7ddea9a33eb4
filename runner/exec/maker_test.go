package exec

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"react/ops/op"
	"react/runner/plan"
	"react/runner/store"
)

// TestReadAsPlanned: a stage reads the outside files that its key names, from
// before its first byte to after its last, or it fails.
func TestReadAsPlanned(t *testing.T) {
	s, err := store.Open(filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "classnames.txt")
	write := func(text string) error { return os.WriteFile(path, []byte(text), 0o666) }
	for name, c := range map[string]struct {
		before func() error
		run    func() error
		want   string
		ran    bool
	}{
		"as planned":            {run: func() error { return nil }, ran: true},
		"changed before it ran": {func() error { return write("dog") }, func() error { return nil }, "since the stage was planned: outside file ", false},
		"changed while it ran":  {nil, func() error { return write("dog") }, "while the stage ran: outside file ", true},
		"gone while it ran":     {nil, func() error { return os.Remove(path) }, "while the stage ran: outside file ", true},
		"it fails":              {nil, func() error { return errors.New("row 3") }, "row 3", true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := write("cat"); err != nil {
				t.Fatal(err)
			}
			digest, err := s.Identify(path, true)
			if err != nil {
				t.Fatal(err)
			}
			stage := &plan.Stage{Lines: []string{"file classes classnames.txt " + digest},
				Files: map[string]op.Files{"classes": {Root: filepath.Dir(path), Paths: []string{path}}}}
			if c.before != nil {
				if err := c.before(); err != nil {
					t.Fatal(err)
				}
			}
			ran := false
			err = readAsPlanned(stage, s.Identify, func() error { ran = true; return c.run() })
			if ran != c.ran || (err == nil) != (c.want == "") || err != nil && !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("ran %v, %v; want %v, %q", ran, err, c.ran, c.want)
			}
		})
	}
}
