package ops

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEveryOpIsListed: an op whose line in All was forgotten would be code that nothing runs.
func TestEveryOpIsListed(t *testing.T) {
	defined := regexp.MustCompile(`\bDefine\(\d+, "([^"]+)"`)
	found := 0
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range defined.FindAllSubmatch(text, -1) {
			found++
			if _, ok := All[string(m[1])]; !ok {
				t.Errorf("%s defines %q, which is not in All (ops/ops.go)", path, m[1])
			}
		}
		return err
	})
	if err != nil || found != len(All) {
		t.Errorf("%d ops are defined, %d are listed (%v)", found, len(All), err)
	}
}
