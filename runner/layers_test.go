package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLayers holds the direction of imports. It parses the files itself: go
// list would be answered from the test cache.
func TestLayers(t *testing.T) {
	may := map[string][]string{ // top folder → what of ours it may import: folders, or one package
		"schema":  {},
		"data":    {"data"},
		"results": {"results", "data/words", "data/wholefile"},
		"ops":     {"ops", "data", "results"},
		"runner":  {"runner", "ops", "data", "results", "schema"},
	}
	for file, imports := range projectImports(t) {
		top, _, _ := strings.Cut(file, "/")
		for _, path := range imports {
			ours, ok := strings.CutPrefix(path, "react/")
			if !ok {
				continue
			}
			if to, _, _ := strings.Cut(ours, "/"); !slices.Contains(may[top], to) && !slices.Contains(may[top], ours) {
				t.Errorf("%s imports %s: %s may import %q of ours", file, path, top, may[top])
			}
		}
	}
}

// orders are the packages of a folder: each imports only packages of the lines before its own.
// "." is the folder's own package: under runner the commands, which import all; under results the
// rows, which all read.
var orders = map[string][]string{
	"runner": {
		"child cli launch mutants internal/slurmtest internal/browsertest internal/faulty spec/v1 spec/fields spec/source",
		"apart spec/mistake slurm k8s listen",
		"spec/contract",
		"spec/rules",
		"spec",
		"spec/bounded plan/reads browse",
		"plan",
		"estimate starter",
		"store",
		"internal/storetest",
		"schedule",
		"experiment",
		"record",
		"exec tables differ gc curves complete scan",
		"forecast exported machine",
		"cluster reproduce retrieved preview",
		"status sweep trial",
		"report",
		".",
	},
	"ops/clip": {
		"fields resample",
		". maskclip",
		"internal/cliptest layout graph",
		"encode",
		"optim",
	},
	"results": {
		"evaluation plain reference render stat .",
		"internal/modes label dense",
		"grid",
		"internal/sample",
		"figures",
		"writers",
		"report export",
	},
	"data/datasets": {
		"catalogue classnames",
		".",
		"dense",
	},
}

// TestOrders holds the direction of imports between the packages of a folder.
func TestOrders(t *testing.T) {
	line := map[string]int{}
	for top, order := range orders {
		for i, names := range order {
			for _, name := range strings.Fields(names) {
				line[path.Join(top, name)] = i
			}
		}
	}
	for file, imports := range projectImports(t) {
		dir := path.Dir(file)
		top := ordered(dir)
		// a test may use what stands after its package
		if top == "" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		own, listed := line[dir]
		if !listed {
			t.Errorf("%s: package %s has no line in orders", file, dir)
		}
		for _, imported := range imports {
			to := strings.TrimPrefix(imported, "react/")
			at, ours := line[to]
			if ours && to != dir && strings.HasPrefix(to+"/", top+"/") && at >= own {
				t.Errorf("%s imports %s, which stands after it, or beside it, in orders", file, imported)
			}
		}
	}
}

// ordered is the folder in orders that a package is of, "" for none.
func ordered(dir string) string {
	for top := dir; top != "."; top = path.Dir(top) {
		if orders[top] != nil {
			return top
		}
	}
	return ""
}

// most is the number of files, tests apart, that a package may have.
const most = 20

// TestSizes holds that no package grows into a hall: who opens a folder sees at a glance what is in
// it.
func TestSizes(t *testing.T) {
	files := map[string]int{}
	for file := range projectImports(t) {
		if !strings.HasSuffix(file, "_test.go") {
			files[path.Dir(file)]++
		}
	}
	for dir, n := range files {
		if n > most {
			t.Errorf("package %s has %d files, more than %d: cut it", dir, n, most)
		}
	}
}

// opsPath are the packages of ops in the order of the data's path, the list last.
var opsPath = []string{"ops/op", "ops/backbone", "ops/pools", "ops/embed", "ops/retrieve", "ops/pairs", "ops/audit",
	"ops/train", "ops/places", "ops/evaluate", "ops"}

// TestOpsPath: each of opsPath may import those before it, and what it is made of, which knows none
// of them. Tests from outside of a package may run what comes after it.
func TestOpsPath(t *testing.T) {
	for file, imports := range projectImports(t) {
		dir := filepath.ToSlash(filepath.Dir(file))
		if !strings.HasPrefix(file, "ops/") || strings.HasPrefix(dir, "ops/internal") || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, path := range imports {
			to := strings.TrimPrefix(path, "react/")
			if at := slices.Index(opsPath, to); at >= 0 && at >= slices.Index(opsPath, dir) {
				t.Errorf("%s imports %s: of %q each may import those before it", file, path, opsPath)
			}
		}
	}
}

// TestOneCaller keeps libraries with traps behind one package each.
func TestOneCaller(t *testing.T) {
	for library, callers := range map[string][]string{
		"github.com/DataIntelligenceCrew/go-faiss": {"ops/knn"},
		"github.com/gomlx/":                        {"ops/clip", "ops/engine"},
		"github.com/spf13/cobra":                   {"runner", "runner/cli", "runner/complete"},
		"cuelang.org/go":                           {"runner/spec", "schema"},
	} {
		for file, imports := range projectImports(t) {
			dir := filepath.ToSlash(filepath.Dir(file))
			for _, path := range imports {
				if strings.HasPrefix(path, library) && !below(dir, callers) {
					t.Errorf("%s imports %s: only %q may", file, path, callers)
				}
			}
		}
	}
}

// TestOneGlob keeps patterns of files to one package: filepath.Glob takes the letters of a
// folder's own name for a pattern, meets hidden files, and says nothing of what it cannot read.
func TestOneGlob(t *testing.T) {
	// other users' processes in /proc, which it cannot read
	may := []string{"runner/cluster/cancel.go"}
	for file := range projectImports(t) {
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte("filepath."+"Glob(")) && !strings.HasSuffix(file, "_test.go") && !slices.Contains(may, file) {
			t.Errorf("%s calls filepath.Glob: data/glob has Files for patterns and In for a folder's files", file)
		}
	}
}

// TestFilesAreReadWithinBounds: a command evaluates a file in a process that can be ended. The text
// that init has made itself is no such file.
func TestFilesAreReadWithinBounds(t *testing.T) {
	unbounded := regexp.MustCompile(`spec\.(Load|Parse|NewDraft|Format)\(`)
	may := []string{"runner/spec", "runner/plan"} // which are given what was read
	for file := range projectImports(t) {
		dir := filepath.ToSlash(filepath.Dir(file))
		if !strings.HasPrefix(dir, "runner") || below(dir, may) || strings.HasSuffix(file, "_test.go") || file == "runner/starter/starter.go" {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", file))
		if err != nil {
			t.Fatal(err)
		}
		if call := unbounded.Find(text); call != nil {
			t.Errorf("%s calls %s: package bounded does that with limits", file, call)
		}
	}
}

// below reports whether dir is one of the callers; of "runner" only the
// package itself is meant, of the others the folders in them too.
func below(dir string, callers []string) bool {
	for _, caller := range callers {
		if dir == caller || caller != "runner" && strings.HasPrefix(dir, caller+"/") {
			return true
		}
	}
	return false
}

// projectImports are the imports of every Go file of the project, tests
// included, by path from the module's root.
func projectImports(t *testing.T) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	for _, top := range []string{"schema", "data", "ops", "results", "runner"} {
		err := filepath.WalkDir(filepath.Join("..", top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			rel, err := filepath.Rel("..", path)
			if err != nil {
				return err
			}
			imports[filepath.ToSlash(rel)] = paths(t, file.Imports)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return imports
}

func paths(t *testing.T, specs []*ast.ImportSpec) []string {
	t.Helper()
	out := []string{}
	for _, spec := range specs {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, path)
	}
	return out
}
