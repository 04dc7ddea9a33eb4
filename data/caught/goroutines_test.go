package caught

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// uncaught are goroutines that may do without, and why.
var uncaught = map[string]string{
	"data/datasets/check.go: s.decode(": "decode catches, what is left counts",
	"data/fetch/fetch.go: r.work(":      "work catches",
	"data/fetch/fetch.go: r.tell":       "counts alone",
	"ops/knn/exact_fused.go: f.work":    "numbers that pack found finite, of lengths that newFused chose",
}

// TestEveryGoroutineIsCaught: a goroutine of data or ops without Do or Group ends
// the process, and all stages with it, when outside data make it panic.
func TestEveryGoroutineIsCaught(t *testing.T) {
	found := 0
	for _, top := range []string{"data", "ops"} {
		err := filepath.WalkDir(filepath.Join("..", "..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			raw, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name := strings.TrimPrefix(filepath.ToSlash(path), "../../")
			if strings.HasPrefix(name, "data/caught/") {
				return nil
			}
			for _, bare := range goroutines(t, name, string(raw), &found) {
				t.Errorf("%s: a panic of this goroutine ends the process: caught.Do in it, or a caught.Group", bare)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if found < 9 {
		t.Errorf("only %d goroutines were found: the test looks for something else than the tree has", found)
	}
}

// goroutines gives the places where a file starts goroutines that are not caught.
func goroutines(t *testing.T, name, source string, found *int) (bare []string) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	text := func(n ast.Node) string { return source[files.Position(n.Pos()).Offset:files.Position(n.End()).Offset] }
	ast.Inspect(file, func(n ast.Node) bool {
		var started ast.Node
		switch n := n.(type) {
		case *ast.GoStmt:
			started = n.Call
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "Go" && len(n.Args) == 1 {
				if strings.Contains(source, "var "+text(f.X)+" caught.Group") {
					*found++
					return true
				}
				started = n.Args[0]
			}
		}
		if started == nil {
			return true
		}
		*found++
		body := text(started)
		for exempt := range uncaught {
			in, what, _ := strings.Cut(exempt, ": ")
			if in == name && strings.Contains(body, what) {
				return true
			}
		}
		if !strings.Contains(body, "caught.Do(") {
			bare = append(bare, files.Position(n.Pos()).String())
		}
		return true
	})
	return bare
}
