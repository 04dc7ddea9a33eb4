package pools

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestGlobPoolNamesTheFolder(t *testing.T) {
	dir := t.TempDir()
	if _, err := globPool(dir); err == nil || !strings.Contains(err.Error(), filepath.Base(dir)) {
		t.Errorf("got %v, want an error that names the folder", err)
	}
}
