package engine

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	onnx "github.com/gomlx/compute-onnx"
)

// libraryEnv names the file of ONNX Runtime's library; it goes before the
// folders of librarySearch.
const libraryEnv = "ONNXRUNTIME_SHARED_LIBRARY_PATH"

// libraryFolder is where make puts the library, beside bin/.
var libraryFolder = filepath.Join("cache", "onnxruntime")

var libraryNames = []string{"libonnxruntime.so.1", "libonnxruntime.so", "libonnxruntime.dylib"}

// findONNX is the path of the library: what the environment names, else the
// first of librarySearch that is a file. "" when there is none.
func findONNX() string {
	if path := os.Getenv(libraryEnv); path != "" {
		if isFile(path) {
			return path
		}
		return ""
	}
	for _, path := range librarySearch() {
		if isFile(path) {
			return path
		}
	}
	return ""
}

// librarySearch lists cache/onnxruntime/ under the working directory, the
// program's folder and that folder's parent.
func librarySearch() []string {
	var paths []string
	for _, root := range programRoots() {
		for _, name := range libraryNames {
			if path, err := filepath.Abs(filepath.Join(root, libraryFolder, name)); err == nil {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// FindONNX is the path of ONNX Runtime's library that onnx and auto would load,
// or an error that says where it was looked for.
func FindONNX() (string, error) {
	if path := findONNX(); path != "" {
		return path, nil
	}
	if path := os.Getenv(libraryEnv); path != "" {
		return "", fmt.Errorf("ONNX Runtime: %s names %s, which is not a file", libraryEnv, path)
	}
	return "", fmt.Errorf("ONNX Runtime: no %s in %s; set %s, or use the engine go", libraryNames[0], strings.Join(searchFolders(), ", "), libraryEnv)
}

func searchFolders() []string {
	var folders []string
	for _, path := range librarySearch() {
		if dir := filepath.Dir(path); len(folders) == 0 || folders[len(folders)-1] != dir {
			folders = append(folders, dir)
		}
	}
	return folders
}

func openONNX() (*Engine, error) {
	path, err := FindONNX()
	if err != nil {
		return nil, err
	}
	// The library is named to the backend by the environment only; named, it is never installed.
	if err := os.Setenv(libraryEnv, path); err != nil {
		return nil, err
	}
	backend, err := onnx.New("cpu")
	if err != nil {
		return nil, fmt.Errorf("ONNX Runtime: %s does not load: %w", path, firstLine(err))
	}
	e := newEngine("onnx", backend)
	e.facts["compute-onnx"] = moduleVersion("github.com/gomlx/compute-onnx")
	e.facts["onnxruntime"] = libraryVersion(path)
	return e, nil
}

// libraryVersion reads the version off the library's file: its real name
// (libonnxruntime.so.1.27.0), or the recipe that make leaves beside it.
func libraryVersion(path string) string {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		if _, version, ok := strings.Cut(filepath.Base(target), ".so."); ok && strings.Contains(version, ".") {
			return version
		}
	}
	if recipe, err := os.ReadFile(filepath.Join(filepath.Dir(path), "recipe")); err == nil {
		return strings.TrimPrefix(strings.TrimSpace(string(recipe)), "onnxruntime ")
	}
	return filepath.Base(path)
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// firstLine drops what follows an error's first line: the backends' errors carry stacks when
// printed in full.
func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}
