package layout

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"react/data/glob"
	"react/ops/clip/internal/cliptest"
)

// TestEveryLayoutIsListed finds each variable of type Layout in the package's files, and wants
// as many in the table; names and files must be told apart.
func TestEveryLayoutIsListed(t *testing.T) {
	files, err := glob.In(".", "*.go")
	if err != nil {
		t.Fatal(err)
	}
	var declared []string
	for _, path := range files {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if ok {
				if name, ok := literal.Type.(*ast.Ident); ok && name.Name == "Layout" {
					declared = append(declared, path)
				}
			}
			return true
		})
	}
	if len(declared) != len(layouts) {
		t.Errorf("layouts are written in %s, and the table has %d: %s", strings.Join(declared, ", "), len(layouts), strings.Join(Namings(), ", "))
	}
	var names, configs []string
	for _, l := range layouts {
		if slices.Contains(names, l.name) || slices.Contains(configs, l.config) || l.name == "" || l.config == "" {
			t.Errorf("a second layout %q, config %q", l.name, l.config)
		}
		names, configs = append(names, l.name), append(configs, l.config)
		if len(l.weights) == 0 || len(l.image) == 0 || len(l.text) == 0 || l.claims == nil || l.read == nil || l.origins == nil || l.write == nil {
			t.Errorf("%s lacks a field: %+v", l.name, l)
		}
	}
}

// TestLayoutsRoundTrip writes a model in each layout and reads it: it is known by its config and
// its names, and gives the bytes of open_clip's files again.
func TestLayoutsRoundTrip(t *testing.T) {
	c := cliptest.SmallModel(0, false)
	first := t.TempDir()
	if err := Save(c, first, OpenCLIP); err != nil {
		t.Fatal(err)
	}
	want := readFile(t, filepath.Join(first, weightsFile))
	for _, l := range layouts {
		dir, again := t.TempDir(), t.TempDir()
		if err := Save(c, dir, l.name); err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		s, err := Open(dir, OpenOptions{})
		if err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		if s.Naming != l.name || s.ConfigFile != filepath.Join(dir, l.config) {
			t.Errorf("%s: read as %s by %s", l.name, s.Naming, s.ConfigFile)
		}
		got, err := s.Checkpoint()
		if err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		if err := Save(got, again, OpenCLIP); err != nil {
			t.Fatalf("%s: %v", l.name, err)
		}
		if err := got.Close(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(readFile(t, filepath.Join(again, weightsFile)), want) {
			t.Errorf("%s: the weights are not the same bytes", l.name)
		}
	}
}
