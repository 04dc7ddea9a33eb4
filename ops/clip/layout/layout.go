// Package layout reads and writes CLIP weights in the layouts that other programs use:
// which files a folder has, what parameters are called in them, and how the config is
// written. What weights alone do not say is deduced or asked for.
package layout

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/data/jsonfile"
)

// layout is which files of a checkpoint are read.
type layout struct {
	dir     string
	config  string   // ConfigFile or hfConfigFile in dir, "" for none
	beside  string   // hfConfigFile where config is ConfigFile and both are there
	weights []string // paths; several when the weights are in shards
}

// The files that weights are in, in the order of preference. Each may have
// ".index.json" after it, which names its shards.
var (
	openCLIPWeights = []string{WeightsFile, "open_clip_pytorch_model.bin"}
	hfWeights       = []string{hfWeightsFile, "pytorch_model.bin"}
	weightsEnds     = []string{".safetensors", ".pt", ".pth", ".bin"}
)

// findLayout looks at a folder or a file of weights, with the configs beside it.
func findLayout(path string) (layout, error) {
	info, err := os.Stat(path)
	if err != nil {
		return layout{}, err
	}
	if !info.IsDir() {
		l := layout{dir: filepath.Dir(path), weights: []string{path}}
		l.findConfig()
		return l, nil
	}
	l := layout{dir: path}
	l.findConfig()
	names := slices.Concat(openCLIPWeights, hfWeights)
	if l.config == hfConfigFile {
		names = slices.Concat(hfWeights, openCLIPWeights)
	}
	for _, name := range names {
		if l.weights, err = existing(path, name); l.weights != nil || err != nil {
			return l, err
		}
	}
	return l, l.findOnly(names)
}

// findConfig prefers open_clip's config. Beside it, a config.json that is not a
// CLIPModel's is another library's (timm's folders have one) and not read.
func (l *layout) findConfig() {
	hf := filepath.Join(l.dir, hfConfigFile)
	kind, err := modelType(hf)
	switch {
	case isFile(filepath.Join(l.dir, ConfigFile)):
		l.config = ConfigFile
		if err == nil && kind == hfModelType {
			l.beside = hfConfigFile
		}
	case isFile(hf) && (err != nil || kind != ""):
		l.config = hfConfigFile
	}
}

// findOnly takes the folder's one file of weights of any other name.
func (l *layout) findOnly(names []string) error {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return err
	}
	var found []string
	for _, e := range entries {
		if slices.Contains(weightsEnds, filepath.Ext(e.Name())) && !e.IsDir() {
			found = append(found, e.Name())
		}
	}
	switch len(found) {
	case 0:
		return fmt.Errorf("%s: no weights in it: none of %s, nor one file that ends in %s", l.dir, strings.Join(names, ", "), strings.Join(weightsEnds, ", "))
	case 1:
		l.weights = []string{filepath.Join(l.dir, found[0])}
		return nil
	}
	return fmt.Errorf("%s: several files of weights (%s); name one of them", l.dir, strings.Join(found, ", "))
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
