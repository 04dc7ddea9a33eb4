// Package layout reads and writes CLIP weights in the layouts that other programs use:
// which files a folder has, what parameters are called in them, and how the config is
// written. What weights alone do not say is deduced or asked for.
package layout

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"react/data/jsonfile"
	"react/ops/clip"
)

// Layout is a way in which programs keep a model in a folder: the files of its config and
// weights, and the names of parameters in them. A new one is a value of this type in a file
// of its own and its place in layouts.
type Layout struct {
	name   string
	config string // the config's file
	// files of weights, the preferred first; each may have ".index.json" after it, which names its
	// shards
	weights []string

	// Beginnings of parameters' names: of the image tower, of the text tower, and of others
	// that a model has.
	image, text, other []string

	// claims says whether a folder's config is of this layout, or may be.
	claims func(path string) claimed
	// read gives the config of a folder.
	read func(dir string) (clip.Config, error)
	// activations are those that a folder's config names, whatever else it says; nil where the
	// config is only ever read as a whole.
	activations func(dir string) ([]string, error)
	// origins gives the parameters of a file by open_clip's names; those without one keep theirs.
	origins func(named map[string]piece) map[string]origin
	// write fills a folder; what the layout cannot hold is an error before any file.
	write func(c *clip.Checkpoint, dir string) error
}

// layouts are all layouts. Where a folder has the configs of several the first is read,
// and names that no other layout knows are the first's.
var layouts = []*Layout{&openCLIP, &hf}

// claimed says how sure it is that a config is of a layout.
type claimed int

const (
	isNot claimed = iota
	mayBe         // it is read, so that errors name it, where no other layout has a config
	isOwn
)

// Namings lists the names of the layouts, in which weights can be written.
func Namings() []string {
	names := make([]string, len(layouts))
	for i, l := range layouts {
		names[i] = l.name
	}
	return names
}

// Save writes a checkpoint into a folder that exists, in the files and the
// names of a layout. What that cannot hold is an error before any file.
func Save(c *clip.Checkpoint, dir, naming string) error {
	for _, l := range layouts {
		if l.name == naming {
			return l.write(c, dir)
		}
	}
	return fmt.Errorf("unknown naming %q: one of %s", naming, strings.Join(Namings(), ", "))
}

// found is which files of a checkpoint are read.
type found struct {
	dir     string
	layout  *Layout   // of the config, nil for none
	beside  []*Layout // others that have a config there
	weights []string  // paths; several when the weights are in shards
}

var weightsEnds = []string{".safetensors", ".pt", ".pth", ".bin"}

// find looks at a folder or a file of weights, with the configs beside it.
func find(path string) (found, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return found{}, fmt.Errorf("%s: no such folder or file (paths are relative to the current folder)", path)
	}
	if err != nil {
		return found{}, err
	}
	if !info.IsDir() {
		f := found{dir: filepath.Dir(path), weights: []string{path}}
		f.findConfig()
		return f, nil
	}
	f := found{dir: path}
	f.findConfig()
	var names []string
	if f.layout != nil {
		names = slices.Clone(f.layout.weights)
	}
	for _, l := range layouts {
		if l != f.layout {
			names = append(names, l.weights...)
		}
	}
	for _, name := range names {
		if f.weights, err = existing(path, name); f.weights != nil || err != nil {
			return f, err
		}
	}
	return f, f.findOnly(names)
}

// HasWeights says why a folder or a file is none of weights, as far as the names of files tell; nil
// where it may be.
func HasWeights(path string) error {
	_, err := find(path)
	return err
}

// findConfig takes the first layout that has a config in the folder.
func (f *found) findConfig() {
	for _, l := range layouts {
		path := filepath.Join(f.dir, l.config)
		if !isFile(path) {
			continue
		}
		switch claim := l.claims(path); {
		case f.layout == nil && claim != isNot:
			f.layout = l
		case f.layout != nil && claim == isOwn:
			f.beside = append(f.beside, l)
		}
	}
}

// findOnly takes the folder's one file of weights of any other name.
func (f *found) findOnly(names []string) error {
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	var files []string
	for _, e := range entries {
		if slices.Contains(weightsEnds, filepath.Ext(e.Name())) && !e.IsDir() {
			files = append(files, e.Name())
		}
	}
	switch len(files) {
	case 0:
		return fmt.Errorf("%s: no weights in it: none of %s, nor one file that ends in %s", f.dir, strings.Join(names, ", "), strings.Join(weightsEnds, ", "))
	case 1:
		f.weights = []string{filepath.Join(f.dir, files[0])}
		return nil
	}
	return fmt.Errorf("%s: several files of weights (%s); name one of them", f.dir, strings.Join(files, ", "))
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// existing gives a file of weights, or its shards, nil when neither is there.
func existing(dir, name string) ([]string, error) {
	path := filepath.Join(dir, name)
	if isFile(path) {
		return []string{path}, nil
	}
	data, err := readConfigFile(path + ".index.json")
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var index struct {
		Map map[string]string `json:"weight_map"`
	}
	if err := jsonfile.Unmarshal(data, &index); err != nil {
		return nil, fmt.Errorf("%s.index.json: %w", path, err)
	}
	var shards []string
	for _, shard := range index.Map {
		if filepath.Base(shard) != shard {
			return nil, fmt.Errorf("%s.index.json: shard %q is not a file of the same folder", path, shard)
		}
		if shard := filepath.Join(dir, shard); !slices.Contains(shards, shard) {
			shards = append(shards, shard)
		}
	}
	slices.Sort(shards)
	if len(shards) == 0 {
		return nil, fmt.Errorf("%s.index.json: names no shard", path)
	}
	return shards, nil
}

// maxConfig bounds a config file; with a list of labels they have some 100 KiB.
const maxConfig = 16 << 20

// readConfigFile reads a JSON file beside weights, if it is of a sane size.
func readConfigFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxConfig {
		return nil, fmt.Errorf("%d bytes are no config (over %d MiB)", info.Size(), maxConfig>>20)
	}
	return os.ReadFile(path)
}
