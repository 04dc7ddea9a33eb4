package glob

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// match finds what a pattern without braces meets; one that is relative begins at dir, ""
// being the current folder.
func match(dir, pattern string) ([]string, error) {
	if strings.HasPrefix(pattern, "/") {
		dir = "/"
	}
	parts := strings.FieldsFunc(pattern, func(r rune) bool { return r == '/' })
	parts = slices.CompactFunc(parts, func(a, b string) bool { return a == "**" && b == "**" })
	if len(parts) > 0 && strings.HasSuffix(pattern, "/") {
		parts = append(parts, ".") // folders only
	}
	var found []string
	err := walk(dir, parts, func(path string) { found = append(found, path) })
	return found, err
}

// walk goes down the parts of a pattern from dir and tells each path that meets them all.
func walk(dir string, parts []string, tell func(string)) error {
	if len(parts) == 0 {
		tell(dir)
		return nil
	}
	part, rest := parts[0], parts[1:]
	switch {
	case part == "**":
		return deep(dir, rest, tell)
	case strings.Contains(part, "**"):
		return fmt.Errorf("%s: ** stands for folders: write **/%s",
			part, strings.ReplaceAll(part, "**", "*"))
	case !strings.ContainsAny(part, `*?[\`):
		return step(dir, part, rest, tell)
	}
	names, err := members(dir, part)
	for _, name := range names {
		if err == nil {
			err = step(dir, name, rest, tell)
		}
	}
	return err
}

// step goes into a name of dir, if it is there.
func step(dir, name string, rest []string, tell func(string)) error {
	path := join(dir, name)
	look := os.Stat
	if len(rest) == 0 {
		look = os.Lstat // a link to nothing is an error of who reads it
	}
	info, err := look(path)
	if isAbsent(err) || err == nil && len(rest) > 0 && !info.IsDir() {
		return nil
	}
	if err != nil {
		return err
	}
	return walk(path, rest, tell)
}

// isAbsent tells what is not there from what cannot be looked at.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) ||
		errors.Is(err, syscall.ENAMETOOLONG)
}

func join(dir, name string) string {
	if dir == "" || dir == "/" {
		return dir + name
	}
	return dir + "/" + name
}

func list(dir string) ([]os.DirEntry, error) {
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if isAbsent(err) {
		return nil, nil
	}
	return entries, err
}

// members are the names in dir that meet one part of a pattern. A part that meets none but
// stands there as it is written means itself, as in a shell.
func members(dir, part string) ([]string, error) {
	entries, err := list(dir)
	if err != nil {
		return nil, err
	}
	form := strings.ReplaceAll(part, "[!", "[^")
	dots := strings.HasPrefix(part, ".") || strings.HasPrefix(part, `\.`)
	var names []string
	literal := false
	for _, e := range entries {
		literal = literal || e.Name() == part
		ok, bad := filepath.Match(form, e.Name())
		if bad != nil {
			err = fmt.Errorf(
				"%s: a [ without its ], or a \\ at the end (before a letter that means itself goes a \\)", part)
		}
		if ok && (dots || !isHidden(e.Name())) {
			names = append(names, e.Name())
		}
	}
	if literal {
		err = nil
	}
	if !literal || slices.Contains(names, part) {
		return names, err
	}
	if len(names) > 0 {
		return nil, fmt.Errorf(
			"%s is there as it is written, and as a pattern it meets %s: write %s for the first",
			join(dir, part), names[0], escape(part))
	}
	return []string{part}, nil
}

func isHidden(name string) bool { return strings.HasPrefix(name, ".") }

// escape writes a name as a pattern that meets it alone.
func escape(name string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(name)
}

// deep goes on in dir and in all folders below it, through links too, each folder once.
func deep(dir string, rest []string, tell func(string)) error {
	files := len(rest) == 0 // all below
	if files {
		rest = []string{"*"}
	}
	seen := map[string]bool{}
	var down func(dir string) error
	down = func(dir string) error {
		target, err := filepath.EvalSymlinks(join(dir, "."))
		if err != nil || seen[target] {
			return ignoreAbsent(err)
		}
		seen[target] = true
		err = walk(dir, rest, func(path string) {
			if info, err := os.Stat(path); !files || err != nil || !info.IsDir() {
				tell(path)
			}
		})
		if err != nil {
			return err
		}
		entries, err := list(dir)
		for _, e := range entries {
			if err != nil || isHidden(e.Name()) {
				continue
			}
			path := join(dir, e.Name())
			if info, look := os.Stat(path); look == nil && info.IsDir() {
				err = down(path)
			}
		}
		return err
	}
	return down(dir)
}

func ignoreAbsent(err error) error {
	if isAbsent(err) {
		return nil
	}
	return err
}
