package spec

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false,
	"rewrite the expected errors in testdata/spec_*.txtar and ../testdata/script/spec_*.txtar")

// TestGoldenErrors runs the scripts that runner's own tests run through the command, without the
// command: `exits 3 runner vet FILE --set ...` followed by `cmp stderr WANT`. Every section has
// one, with the mistakes that people make in it.
func TestGoldenErrors(t *testing.T) {
	files, err := filepath.Glob("../testdata/script/spec_*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			changed := runScript(t, a)
			if changed && *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o666); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func runScript(t *testing.T, a *txtar.Archive) (changed bool) {
	t.Helper()
	got := ""
	for _, line := range strings.Split(string(a.Comment), "\n") {
		args := splitLine(line)
		switch {
		case len(args) > 4 && args[0] == "exits" && args[2] == "runner" && args[3] == "vet":
			got = vet(t, a, args[4:])
			if got == "" {
				t.Errorf("%s: no error", line)
			}
		case len(args) == 3 && args[0] == "cmp" && args[1] == "stderr":
			want := member(t, a, args[2])
			if string(want.Data) == got {
				continue
			}
			changed = true
			if !*update {
				t.Errorf("%s\ngot:\n%swant:\n%s", args[2], got, want.Data)
			}
			want.Data = []byte(got)
		}
	}
	return changed
}

// vet is the error of one file with overrides, as the command prints it.
func vet(t *testing.T, a *txtar.Archive, args []string) string {
	t.Helper()
	var o Options
	for i := 1; i+1 < len(args); i += 2 {
		o.Sets = append(o.Sets, args[i+1])
	}
	for i := range a.Files {
		if a.Files[i].Name == commonOf(args[0]) {
			o.Common = a.Files[i].Data
		}
	}
	if _, err := Parse(args[0], member(t, a, args[0]).Data, o); err != nil {
		return err.Error() + "\n"
	}
	return ""
}

func member(t *testing.T, a *txtar.Archive, name string) *txtar.File {
	t.Helper()
	for i := range a.Files {
		if a.Files[i].Name == name {
			return &a.Files[i]
		}
	}
	t.Fatalf("no file %s", name)
	return nil
}

// splitLine splits a line of a script; single quotes hold spaces.
func splitLine(line string) []string {
	var out []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}
