// Package glob finds the files that a pattern names, the one way for every place that takes
// patterns of files.
//
// A pattern is a shell's, with what the tools around webdataset add to it:
//
//   - ?  [a-z]  [!a-z]   within one name; a name that begins with a dot is met only by a
//     pattern that does (macOS leaves ._a.tar beside a.tar)
//     **                    any number of folders, none among them
//     {00000..00041}        numbers with their leading zeros, a step as {0..9..3}, letters
//     {train,val}           one of several; each must be there
//     a*.tar::b*.tar        several patterns
//     \*                    the letter itself; a name that is there as it is written, such
//     as data[v1], needs no \
//
// Not expanded are ~ and $HOME, and addresses are not read: Foreign says so of a path.
package glob

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// NoMatch is the error for a pattern, or a part of one, that no file meets.
type NoMatch struct {
	Pattern string
	Why     string // follows the quoted pattern
}

// Error is "a/*.tar" matches no file.
func (e *NoMatch) Error() string { return fmt.Sprintf("%q%s", e.Pattern, e.Why) }

// Files lists the files and folders that a pattern names, sorted, each once. A pattern that
// names none is a NoMatch, and so is one of which an alternative is not there.
func Files(pattern string) ([]string, error) {
	if pattern == "" {
		return nil, errors.New("the pattern is empty")
	}
	if exists(pattern) {
		return []string{pattern}, nil
	}
	var all []string
	for _, part := range strings.Split(pattern, "::") {
		found, err := files(part)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// files are those of one pattern of a list.
func files(pattern string) ([]string, error) {
	if exists(pattern) {
		return []string{pattern}, nil
	}
	alternatives, err := expand(pattern)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", pattern, err)
	}
	var all, missing []string
	for _, one := range alternatives {
		found, err := match("", one)
		if err != nil {
			return nil, fmt.Errorf("%q: %w", pattern, err)
		}
		if len(found) == 0 {
			missing = append(missing, one)
		}
		all = append(all, found...)
	}
	switch {
	case len(missing) == 0:
		return all, nil
	case len(missing) < len(alternatives):
		return nil, &NoMatch{pattern, fmt.Sprintf(
			": %d of its %d alternatives match no file, the first is %s",
			len(missing), len(alternatives), missing[0])}
	case Foreign(pattern) != "":
		return nil, &NoMatch{pattern, ": " + Foreign(pattern)}
	}
	return nil, &NoMatch{pattern, " matches no file"}
}

// In lists what a pattern of * ? [] and ** meets below a folder, whose own name is no
// pattern. The names begin with dir; none is no error.
func In(dir, pattern string) ([]string, error) {
	if dir = filepath.Clean(dir); dir == "." {
		dir = ""
	}
	found, err := match(dir, pattern)
	if err != nil {
		return nil, fmt.Errorf("folder %s: %q: %w", dir, pattern, err)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

var (
	address  = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+://`)
	variable = regexp.MustCompile(`\$(\w+|\{\w+\})`)
)

// Foreign says why a path cannot be found as it is written: it is an address, a command, or
// has what only a shell replaces. "" for others.
func Foreign(path string) string {
	switch {
	case strings.HasPrefix(path, "http://"), strings.HasPrefix(path, "https://"):
		return "is an address, and files are read from disk only: download them first"
	case address.MatchString(path):
		scheme, _, _ := strings.Cut(path, "://")
		return "files are read from disk only, not from " + scheme + "://: copy them first"
	case strings.HasPrefix(path, "pipe:"):
		return "commands (pipe:) are not run: name the files themselves"
	case strings.HasPrefix(path, "~"):
		return "~ is not expanded here: write the folder out, or a path relative to the current folder"
	}
	if name := variable.FindString(path); name != "" {
		return name + " is not expanded here: write its value"
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
