package results

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"react/data/wholefile"
)

// File is a file in memory, named by its path with slashes.
type File struct {
	Path string
	Data []byte
}

// WriteFiles writes files into dir, which is made when it is not there, and returns their paths.
// Each file appears whole or not at all; one that holds these bytes already is left alone.
func WriteFiles(dir string, files []File) ([]string, error) {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, err
	}
	var paths []string
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			return nil, err
		}
		if err := WriteBytes(path, f.Data); err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// FileName turns a table's name into a name that every file system takes.
func FileName(name string) string {
	safe := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			return r
		}
		return '-'
	}, name)
	safe = strings.TrimLeft(safe, ".-")
	if safe == "" {
		return "table"
	}
	return safe
}

// WriteBytes puts data at path, whole or not at all; a file that holds it already stays untouched.
func WriteBytes(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	return wholefile.WriteMode(path, data, 0o644)
}
