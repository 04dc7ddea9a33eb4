package plan

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"react/ops/op"
)

// TestCheckFiles: outside files are held to the lines of a key, each in the way in
// which its line was made, many files of a pool by the one line that stands for them.
func TestCheckFiles(t *testing.T) {
	content := map[string]string{}
	identify := func(path string, strict bool) (string, error) {
		text, ok := content[filepath.Base(path)]
		if !ok {
			return "", fs.ErrNotExist
		}
		if strings.HasPrefix(text, "large") && !strict {
			return "sampled:" + text, nil
		}
		return text, nil
	}
	files := func(role string, names ...string) map[string]op.Files {
		f := op.Files{Root: "/data"}
		for _, name := range names {
			f.Paths = append(f.Paths, "/data/"+name)
		}
		return map[string]op.Files{role: f}
	}
	var many []string
	for i := range maxFileLines + 1 {
		many = append(many, fmt.Sprintf("%03d.tar", i))
	}
	for name, c := range map[string]struct {
		files  map[string]op.Files
		strict bool // when the key was made, and now
		change func()
		want   string
	}{
		"nothing changed":       {files: files("dataset", "a", "b"), change: func() {}},
		"one changed":           {files("dataset", "a", "b"), false, func() { content["b"] = "other" }, "outside file /data/b: has changed: its digest is other, the record has text-of-b"},
		"one is gone":           {files("dataset", "a", "b"), false, func() { delete(content, "a") }, "outside file /data/a: cannot be read, and the record has no copy"},
		"of a sample":           {files: files("dataset", "large"), change: func() {}},
		"a sample that changed": {files("dataset", "large"), false, func() { content["large"] = "large2" }, "outside file /data/large: has changed"},
		"many":                  {files: files("pool.shards", many...), change: func() {}},
		"many, strictly":        {files: files("pool.shards", append(many[1:], "large")...), strict: true, change: func() {}},
		"one of many":           {files("pool.shards", many...), false, func() { content["007.tar"] = "other" }, "outside files of pool.shards in /data: one of 101 has changed"},
		"no files":              {files: files("dataset"), change: func() {}},
	} {
		t.Run(name, func(t *testing.T) {
			clear(content)
			for _, name := range append(many, "a", "b") {
				content[name] = "text-of-" + name
			}
			content["large"] = "large1"
			var lines []string
			for role, f := range c.files {
				all, err := fileLines(role, f, func(path string) (string, error) { return identify(path, c.strict) })
				if err != nil {
					t.Fatal(err)
				}
				lines = foldLines(role, all)
			}
			c.change()
			err := errors.Join(CheckFiles(lines, c.files, c.strict, identify)...)
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
