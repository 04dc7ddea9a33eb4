package report

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"react/data/datasets/catalogue"
	"react/results/reference"
)

// licences says whose data the results were made with, as far as that is
// written anywhere: in notes beside the files, and in the catalogue of
// benchmarks.
func (r *reporter) licences() ([]byte, error) {
	n := licenceNotes{}
	var b bytes.Buffer
	b.WriteString("# Whose data this was made with\n\nNotes found beside the files and in the catalogue of benchmarks, not legal advice. The folder holds measurements, captions and class names; images only where the page shows them.\n")
	used := r.usedPools()
	for _, name := range slices.Sorted(maps.Keys(r.Params.Pool)) {
		pool := r.Params.Pool[name]
		if !used[name] {
			continue
		}
		fmt.Fprintf(&b, "\n## Pool %s\n\n", name)
		if pool.World != nil {
			b.WriteString("Images and captions are made by the program from the spec; nobody else has rights in them.\n")
			continue
		}
		if err := n.beside(&b, slices.DeleteFunc([]string{pool.LAION, pool.Shards}, func(s string) bool { return s == "" })); err != nil {
			return nil, err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Params.Evaluate)) {
		set := r.Params.Evaluate[name].Dataset
		if strings.HasPrefix(set, "pool:") {
			continue
		}
		fmt.Fprintf(&b, "\n## Evaluation set %s (%s)\n\n", name, set)
		if entry, err := catalogue.Find(filepath.Base(set)); err == nil {
			fmt.Fprintf(&b, "%s: %s\n", entry.Title, entry.Licence)
			continue
		}
		if err := n.beside(&b, []string{set}); err != nil {
			return nil, err
		}
	}
	if w := r.Params.Backbone.Weights; w != "" {
		fmt.Fprintf(&b, "\n## Backbone\n\n%s. ", w)
		if err := n.beside(&b, []string{w}); err != nil {
			return nil, err
		}
	}
	r.publishedSources(&b)
	return b.Bytes(), nil
}

// usedPools are those that a trial reads.
func (r *reporter) usedPools() map[string]bool {
	used := map[string]bool{}
	for _, t := range r.Plan.Trials {
		for path := range t.Params {
			if rest, ok := strings.CutPrefix(path, "pool."); ok {
				name, _, _ := strings.Cut(rest, ".")
				used[name] = true
			}
		}
	}
	return used
}

// licenceNotes are the files that have been quoted.
type licenceNotes map[string]bool

// beside writes the licence note that lies beside the files, or in a folder
// above within the working directory; one that was quoted before is named.
func (n licenceNotes) beside(b *bytes.Buffer, paths []string) error {
	for _, path := range paths {
		for dir := filepath.Clean(path); dir != "." && dir != string(filepath.Separator); dir = filepath.Dir(dir) {
			for _, name := range []string{"LICENSES.md", "LICENSE.md", "LICENSE.txt", "LICENSE", "LICENCE"} {
				note, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					continue
				}
				file := filepath.ToSlash(filepath.Join(dir, name))
				if n[file] {
					fmt.Fprintf(b, "See the note from %s above.\n", file)
					return nil
				}
				n[file] = true
				fmt.Fprintf(b, "From %s:\n\n", file)
				for _, line := range strings.Split(strings.TrimSpace(string(note)), "\n") {
					fmt.Fprintln(b, strings.TrimRight("> "+line, " "))
				}
				return nil
			}
		}
	}
	fmt.Fprintf(b, "No licence note was found beside %s. Say here whose it is before you pass it on.\n", strings.Join(paths, ", "))
	return nil
}

// publishedSources lists where figures of others, set beside ours, are from.
func (r *reporter) publishedSources(b *bytes.Buffer) {
	told := map[string]bool{}
	for _, g := range r.grids {
		for _, beside := range g.Beside {
			v, ok := reference.Find(beside.Reference.ID)
			if !ok || told[v.Source] {
				continue
			}
			if len(told) == 0 {
				b.WriteString("\n## Published figures beside ours\n\n")
			}
			told[v.Source] = true
			fmt.Fprintf(b, "- %s (%s)\n", v.Source, v.URL)
		}
	}
}
