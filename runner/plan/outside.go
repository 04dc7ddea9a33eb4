package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/ops/op"
)

// Identify gives what keys call an outside file: the digest of all of it with
// strict, of a large one else that of a sample.
type Identify func(path string, strict bool) (string, error)

// CheckFiles compares outside files with the lines of the key that was made of
// them, each by what its line says, a whole digest or a sample's. It returns an
// error for each file that is not as it was, or one for all files of a role whose
// lines were folded into one; of those, large ones are read whole with strict.
func CheckFiles(lines []string, files map[string]op.Files, strict bool, identify Identify) []error {
	named := map[string]bool{}
	digests := map[string]string{} // "file role name" → digest
	for _, line := range lines {
		named[line] = true
		if at := strings.LastIndexByte(line, ' '); strings.HasPrefix(line, "file ") {
			digests[line[:at]] = line[at+1:]
		}
	}
	var faults []error
	for _, role := range slices.Sorted(maps.Keys(files)) {
		faults = append(faults, checkRole(role, files[role], named, digests, strict, identify)...)
	}
	return faults
}

func checkRole(role string, f op.Files, named map[string]bool, digests map[string]string, strict bool, identify Identify) []error {
	var faults []error
	var now []string
	for _, path := range f.Paths {
		one := op.Files{Root: f.Root, Paths: []string{path}}
		line, err := fileLines(role, one, func(string) (string, error) { return "", nil })
		if err != nil {
			return append(faults, err)
		}
		name := strings.TrimSuffix(line[0], " ")
		was, listed := digests[name]
		way := strict
		if listed { // the same way as then
			way = !strings.Contains(was, ":")
		}
		digest, err := identify(path, way)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("outside file %s: cannot be read, and the record has no copy: %w", path, err))
		case listed && digest != was:
			faults = append(faults, fmt.Errorf("outside file %s: has changed: its digest is %.12s, the record has %.12s", path, digest, was))
		}
		now = append(now, name+" "+digest)
	}
	if folded := foldLines(role, now); len(faults) == 0 && len(folded) == 1 && len(now) > 1 && !named[folded[0]] {
		faults = append(faults, fmt.Errorf("outside files of %s in %s: one of %d has changed", role, f.Root, len(now)))
	}
	return faults
}
