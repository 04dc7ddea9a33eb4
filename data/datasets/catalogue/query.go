package catalogue

import (
	"fmt"
	"slices"
	"strings"
)

// QueryClasses are the names by which the classes of a benchmark are asked for, one a class, or
// those of all benchmarks of a suite ("elevater"), each name once; and a digest of the entries that
// they are from.
func QueryClasses(name string) (classes []string, digest string, err error) {
	entries, err := entriesOf(name)
	if err != nil {
		return nil, "", err
	}
	seen := map[string]bool{}
	var digests []string
	for _, e := range entries {
		digests = append(digests, e.Digest)
		for _, names := range e.Classes {
			if !seen[names[0]] || len(entries) == 1 {
				seen[names[0]] = true
				classes = append(classes, names[0])
			}
		}
	}
	if len(classes) == 0 {
		return nil, "", fmt.Errorf("%s has no classes to ask for", name)
	}
	return classes, strings.Join(digests, " "), nil
}

// entriesOf is a benchmark, or the benchmarks of a suite that have classes, by name.
func entriesOf(name string) ([]*Entry, error) {
	e, err := Find(name)
	if err == nil {
		return []*Entry{e}, nil
	}
	var out []*Entry
	for _, e := range All() {
		if slices.Contains(e.Suites, name) && len(e.Classes) > 0 {
			out = append(out, e)
		}
	}
	if len(out) == 0 {
		return nil, err
	}
	return out, nil
}
