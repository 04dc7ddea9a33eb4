package plan

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"react/data/datasets"
	"react/data/glob"
	"react/data/knowledge"
	"react/data/shards"
	"react/ops/backbone"
	"react/ops/clip/layout"
	"react/ops/op"
)

// globFiles finds the files of a pattern, sorted by name.
func globFiles(pattern string) (op.Files, error) {
	f, err := patternFiles(pattern)
	for _, path := range f.Paths {
		if info, err := os.Stat(path); err == nil && info.IsDir() {
			return f, fmt.Errorf("%q: %s is a folder: name the files in it, such as %s",
				pattern, path, filepath.Join(path, "*.parquet"))
		}
	}
	return f, err
}

// patternFiles finds the files and folders of a pattern, sorted by name.
func patternFiles(pattern string) (op.Files, error) {
	names, err := glob.Files(pattern)
	var none *glob.NoMatch
	if errors.As(err, &none) {
		hint := fetchHint(none.Pattern)
		if glob.Foreign(none.Pattern) != "" {
			hint = "" // err says it
		}
		return op.Files{}, missingError(err.Error() + hint)
	}
	if err != nil {
		return op.Files{}, err
	}
	f, err := absolute(filepath.Dir(pattern), names)
	// the pattern is one of folders too
	if info, bad := os.Stat(f.Root); bad != nil || !info.IsDir() {
		f = rooted(f.Paths)
	}
	return f, err
}

// shardFiles are the tars of a pattern, or the members of the folders that it matches:
// img2dataset's files layout.
func shardFiles(pattern string) (op.Files, error) {
	found, err := patternFiles(pattern)
	if err != nil {
		return found, err
	}
	out := op.Files{Root: found.Root}
	for _, path := range found.Paths {
		entries, err := os.ReadDir(path)
		if err != nil { // a file
			out.Paths = append(out.Paths, path)
			continue
		}
		for _, e := range entries {
			if e.Type().IsRegular() && shards.Loose(e.Name()) {
				out.Paths = append(out.Paths, filepath.Join(path, e.Name()))
			}
		}
	}
	if len(out.Paths) == 0 {
		return out, fmt.Errorf("%q matches folders without images", pattern)
	}
	return out, nil
}

// ShardFiles are the files of a pool's shards; none where nothing is there.
func ShardFiles(pattern string) ([]string, error) {
	f, err := shardFiles(pattern)
	if gone := missingError(""); errors.As(err, &gone) {
		return nil, nil
	}
	return f.Paths, err
}

// oneFile is a single outside file.
func oneFile(name string) (op.Files, error) {
	info, err := os.Stat(name)
	if err != nil {
		return op.Files{}, missingError(fmt.Sprintf("%q: no such file%s", name, fetchHint(name)))
	}
	if info.IsDir() {
		return op.Files{}, fmt.Errorf("%q is a folder, not a file", name)
	}
	return absolute(filepath.Dir(name), []string{name})
}

// folderFiles are all the files below a folder, sorted by name.
func folderFiles(dir string) (op.Files, error) { return filesIn(dir, datasets.FilesBelow) }

// splitFiles finds the files that reading one split of a set depends on, sorted by name, once for
// all trials: listing a folder of images for each would take minutes.
func (b *builder) splitFiles(o datasets.Options, captions bool) func(string) (op.Files, error) {
	return func(dir string) (op.Files, error) {
		key := listing{dir: dir, split: o.Split, captions: captions}
		if o.Entry != nil {
			key.benchmark = o.Entry.Name
		}
		if f, ok := b.listed[key]; ok {
			return f, nil
		}
		f, err := filesIn(dir, func(dir string) ([]string, error) {
			return datasets.SplitFiles(dir, o, captions)
		})
		if err == nil {
			b.listed[key] = f
		}
		return f, err
	}
}

// listing names the files of a split.
type listing struct {
	dir, split, benchmark string
	captions              bool
}

// filesIn are files of a folder, as list finds them.
func filesIn(dir string, list func(dir string) ([]string, error)) (op.Files, error) {
	info, err := os.Stat(dir)
	if err != nil || !info.IsDir() {
		return op.Files{}, missingError(fmt.Sprintf("%q: no such folder%s", dir, fetchHint(dir)))
	}
	names, err := list(dir)
	if err == nil && len(names) == 0 {
		err = fmt.Errorf("%q holds no file", dir)
	}
	if err != nil {
		return op.Files{}, err
	}
	return absolute(dir, names)
}

// checkpointFiles are the files of a checkpoint: a folder's, or a file of weights with what is read
// beside it.
func checkpointFiles(path string) (op.Files, error) {
	info, err := os.Stat(path)
	if err != nil {
		return op.Files{}, missingError(fmt.Sprintf("%q: no such folder or file%s", path, fetchHint(path)))
	}
	if !info.IsDir() {
		return backbone.WeightsFiles(path)
	}
	f, err := folderFiles(path)
	if err == nil {
		err = layout.HasWeights(path)
	}
	return f, err
}

// wordNetFiles are the files of WordNet's database that are read.
func wordNetFiles(dir string) (op.Files, error) {
	var names []string
	for _, name := range knowledge.WordNetFiles {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err != nil {
			return op.Files{}, missingError(fmt.Sprintf("%q: no %s of WordNet's database (on Debian: apt-get install wordnet-base)", dir, name))
		}
		names = append(names, path)
	}
	return absolute(dir, names)
}

func absolute(root string, names []string) (op.Files, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return op.Files{}, err
	}
	f := op.Files{Root: root}
	for _, name := range names {
		abs, err := filepath.Abs(name)
		if err != nil {
			return op.Files{}, err
		}
		f.Paths = append(f.Paths, abs)
	}
	return f, nil
}

// fetchHint says how a path is meant, or names the command that makes the files this project knows
// how to get.
func fetchHint(path string) string {
	if why := glob.Foreign(path); why != "" {
		return " (" + why + ")"
	}
	if strings.HasPrefix(filepath.ToSlash(filepath.Clean(path)), "cache/emoji/") {
		return " (`make emoji` fetches it; paths are relative to the current folder)"
	}
	return " (paths are relative to the current folder)"
}
