package classnames

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"react/data/jsonfile"
)

// ReadSynonyms reads other names of classes: JSON, {"CLASS": ["another name", ...]}. It gives the
// names of each class, its own first. A class that is not asked for, and a name that is empty,
// there twice or another class's, are errors.
func ReadSynonyms(path string, classes []string) ([][]string, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var others map[string][]string
	if !utf8.Valid(raw) { // the decoder would replace what is not
		err = errors.New("not UTF-8")
	} else {
		err = jsonfile.Named(jsonfile.Unmarshal(raw, &others), "{\"CLASS\": [\"another name\"]}")
	}
	names := make([][]string, len(classes))
	if err == nil {
		err = addSynonyms(names, classes, others)
	}
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", path, err)
	}
	return names, nil
}

func addSynonyms(names [][]string, classes []string, others map[string][]string) error {
	owner := map[string]string{} // of each name, letter case aside
	for _, class := range classes {
		owner[strings.ToLower(class)] = class
	}
	for _, class := range slices.Sorted(maps.Keys(others)) {
		if owner[strings.ToLower(class)] != class {
			return fmt.Errorf("%q is no class of the task", class)
		}
		for _, name := range others[class] {
			is := strings.ToLower(strings.TrimSpace(name))
			if is == "" || strings.Contains(name, "{}") {
				return fmt.Errorf("class %q: %q is no name", class, name)
			}
			if of, taken := owner[is]; taken {
				return fmt.Errorf("class %q: the name %q is also of class %q", class, name, of)
			}
			owner[is] = class
		}
	}
	for i, class := range classes {
		names[i] = []string{class}
		for _, name := range others[class] {
			names[i] = append(names[i], strings.TrimSpace(name))
		}
	}
	return nil
}
