package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"react/runner/cli"
)

// manifestName is the file that makes a directory an entry.
const manifestName = "manifest.json"

// manifestFormat is the version of the manifest's fields.
//
//	1: key, op, lines, files, facts, warnings, times, host; since November 2026
//	   also inputs and the seal, without which an older manifest is read too
const manifestFormat = 1

// Manifest says what an entry of the store is, what it was made from and what it holds. (What pins
// the rows of a pool is pool.Manifest of data/pool.)
type Manifest struct {
	Format int      `json:"format"`
	Key    string   `json:"key"`
	Op     string   `json:"op"`
	Lines  []string `json:"lines"` // the key's preimage
	Files  []File   `json:"files"` // sorted by path
	// Inputs are the digests of what was read, by key: Digest of each input's
	// manifest, whose files were compared with it. Nil in manifests made before
	// inputs were recorded: then they are taken to be as their own manifests say.
	Inputs map[string]string `json:"inputs,omitempty"`
	// Facts are what the stage says of itself (Run.Fact) and its process of the engine and
	// libraries (runner/exec); the names that are read again are in runner/record/facts.go.
	Facts    map[string]any `json:"facts,omitempty"`
	Warnings []string       `json:"warnings,omitempty"`
	Started  time.Time      `json:"started"`
	Finished time.Time      `json:"finished"`
	Host     string         `json:"host"`
}

// File is one file of an entry.
type File struct {
	Path   string `json:"path"` // relative to the entry, with slashes
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// A manifest ends with the digest of all that stands before it, so that a byte
// that changes in a warning or a fact is found too.
const (
	sealStart = ",\n\t\"sha256\": \""
	sealEnd   = "\"\n}\n"
)

// encode gives the manifest as its file has it, sealed.
func (m *Manifest) encode() ([]byte, error) {
	data, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return nil, err
	}
	data = bytes.TrimSuffix(data, []byte("\n}"))
	sum := sha256.Sum256(data)
	return append(data, sealStart+hex.EncodeToString(sum[:])+sealEnd...), nil
}

// checkSeal compares a manifest with its seal. Manifests without one are older.
func checkSeal(data []byte) error {
	at := bytes.LastIndex(data, []byte(sealStart))
	if at < 0 {
		return nil
	}
	sum := sha256.Sum256(data[:at])
	if string(data[at:]) != sealStart+hex.EncodeToString(sum[:])+sealEnd {
		return fmt.Errorf("%s was changed: its text does not have the digest at its end", manifestName)
	}
	return nil
}

// readManifest reads the manifest of a directory that is an entry of key. It
// names files in that directory and nothing else.
func readManifest(dir, key string) (Manifest, error) {
	var m Manifest
	path := filepath.Join(dir, manifestName)
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, errors.New("it has no " + manifestName)
	}
	if err == nil && !info.Mode().IsRegular() {
		return m, fmt.Errorf("%s is not a regular file", manifestName)
	}
	if err != nil {
		return m, err
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return m, fmt.Errorf("%s: %w", manifestName, err)
	}
	if m.Format != manifestFormat {
		return m, fmt.Errorf("%s: format %d, not %d", manifestName, m.Format, manifestFormat)
	}
	if m.Key != key {
		return m, fmt.Errorf("%s is of key %s", manifestName, cli.Short(m.Key))
	}
	if err := checkSeal(data); err != nil {
		return m, err
	}
	return m, m.checkPaths()
}

// checkPaths refuses names that would lead out of the entry.
func (m *Manifest) checkPaths() error {
	for _, f := range m.Files {
		if !isLocal(f.Path) {
			return fmt.Errorf("%s names %q, which is no file of the entry", manifestName, f.Path)
		}
	}
	return nil
}

// isLocal says whether a path with slashes, as records have them, names
// something below the folder that it is relative to.
func isLocal(path string) bool {
	return path != "." && path == filepath.ToSlash(filepath.Clean(path)) &&
		filepath.IsLocal(filepath.FromSlash(path))
}

// checkSizes compares the files with the manifest, and returns those that are
// not there because they were evicted.
func (m *Manifest) checkSizes(dir string) (evicted []string, err error) {
	folders := map[string]bool{".": true} // that are no links
	var gone []string
	for _, f := range m.Files {
		if err := checkFolder(dir, filepath.Dir(filepath.FromSlash(f.Path)), folders); err != nil {
			return nil, err
		}
		info, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if errors.Is(err, fs.ErrNotExist) {
			if gone == nil {
				gone = readEvicted(dir)
			}
			if !slices.Contains(gone, f.Path) {
				return nil, fmt.Errorf("%s is missing", f.Path)
			}
			evicted = append(evicted, f.Path)
			continue
		}
		if err != nil {
			return nil, err
		}
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%s is not a regular file", f.Path)
		}
		if info.Size() != f.Size {
			return nil, fmt.Errorf("%s has %d bytes, the manifest says %d", f.Path, info.Size(), f.Size)
		}
	}
	return evicted, nil
}

// checkFolder refuses a link on the way from an entry to a file of it. A folder
// that is not there is left to who looks for the file.
func checkFolder(dir, folder string, known map[string]bool) error {
	if known[folder] {
		return nil
	}
	if err := checkFolder(dir, filepath.Dir(folder), known); err != nil {
		return err
	}
	info, err := os.Lstat(filepath.Join(dir, folder))
	if err == nil && !info.IsDir() {
		return fmt.Errorf("%s is a link or a file, where a folder should be", filepath.ToSlash(folder))
	}
	known[folder] = true
	return nil
}
