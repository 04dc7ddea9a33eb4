package reproduce

import (
	"fmt"
	"maps"
	"slices"

	"react/data/words"
	"react/runner/cli"
	"react/runner/record"
)

// putAside moves what is damaged or in doubt, and what may have been made of it.
func (v *verifier) putAside(l *record.Lineage) error {
	if !v.SetAside || len(v.damaged)+len(v.doubts) == 0 {
		return nil
	}
	gone, kept := map[string]bool{}, map[string]bool{}
	move := func(key string) (string, error) {
		gone[key] = true
		delete(v.sound, key)
		return v.store.SetAside(key)
	}
	others := 0
	along := func(key string, suspects []string) error {
		for _, other := range l.Descendants(key) {
			switch {
			case gone[other]:
			case v.Descendants || slices.Contains(suspects, other):
				others++
				if _, err := move(other); err != nil {
					return err
				}
			default:
				kept[other] = true
			}
		}
		return nil
	}
	for _, d := range v.damaged {
		if err := along(d.Key, l.Suspects(d.Key)); err != nil {
			return err
		}
	}
	for _, d := range v.doubts {
		if err := along(d.key, l.Descendants(d.key)); err != nil {
			return err
		}
	}
	for _, key := range v.wrongKeys() {
		to, err := move(key)
		if err != nil {
			return err
		}
		if to != "" {
			fmt.Fprintf(v.Stdout, "%s moved to %s\n", cli.Short(key), to)
		}
	}
	if others > 0 {
		fmt.Fprintf(v.Stdout, "%s moved too: they may have been made from the damaged bytes\n", words.Plural(others, "other output"))
	}
	if n := countNot(kept, gone); n > 0 {
		fmt.Fprintf(v.Stdout, "%s made from them stay: their manifests say that they read the sound bytes (--descendants moves them too)\n", words.Plural(n, "output"))
	}
	fmt.Fprintln(v.Stdout, "the next sweep makes them again; runner gc frees their space")
	return nil
}

// wrongKeys are the outputs that are damaged or in doubt.
func (v *verifier) wrongKeys() (keys []string) {
	for _, d := range v.damaged {
		keys = append(keys, d.Key)
	}
	for _, d := range v.doubts {
		keys = append(keys, d.key)
	}
	return keys
}

// countNot counts what is in one set and not in the other.
func countNot(in, out map[string]bool) (n int) {
	for key := range in {
		if !out[key] {
			n++
		}
	}
	return n
}

// doubt is an output that was not made from what its inputs are now.
type doubt struct{ key, why string }

// doubt compares what the sound outputs read with their inputs' manifests.
func (v *verifier) doubt(l *record.Lineage) (doubts []doubt) {
	for _, key := range slices.Sorted(maps.Keys(v.sound)) {
		if why := l.Differs(key); why != "" {
			doubts = append(doubts, doubt{key, why})
		}
	}
	return doubts
}
