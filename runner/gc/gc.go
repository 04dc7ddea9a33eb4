// Package gc frees space in a store: what no sweep names, and, by age or size, the
// large files of what sweeps do name.
//
// Words: a root is a stage that a sweep names; garbage is what a collection found, with
// the reason; a class says what goes first.
package gc

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"react/data/words"
	"react/runner/store"
)

// Options say what goes beside what no sweep names.
type Options struct {
	DryRun    bool          // only say what would be freed
	Age       time.Duration // large files that were not used for so long; 0: no limit
	OlderThan string        // Age as it was given
	Size      int64         // of all outputs in the end; below 0: no limit
	MaxSize   string        // Size as it was given
	Keep      []string      // ops that Age and Size leave whole
}

// smallFile is what gc leaves of an entry that a sweep names: rows, reports and
// curves are smaller, weights and embeddings larger.
const smallFile = 1 << 20

// Collect looks and removes with sweeps kept from beginning; a dry run only
// looks, and may be in a store that cannot be written.
func Collect(w io.Writer, s *store.Store, o Options) error {
	if o.DryRun {
		g, err := survey(s, o)
		if err != nil {
			return err
		}
		return g.print(w, "would free")
	}
	var g *garbage
	err := s.Collect(func() (err error) {
		if g, err = survey(s, o); err != nil {
			return err
		}
		return g.free(s)
	})
	if err != nil {
		return err
	}
	return g.print(w, "freed")
}

// garbage is what a collection found.
type garbage struct {
	items []garbageItem
	total int64 // bytes of all entries and litter before
}

// garbageItem is one thing to remove.
type garbageItem struct {
	op, why string
	bytes   int64
	remove  func(*store.Store) error
}

func (g *garbage) add(op, why string, bytes int64, remove func(*store.Store) error) {
	g.items = append(g.items, garbageItem{op, why, bytes, remove})
}

func (g *garbage) bytes() (n int64) {
	for _, item := range g.items {
		n += item.bytes
	}
	return n
}

func (g *garbage) free(s *store.Store) error {
	for _, item := range g.items {
		if err := item.remove(s); err != nil {
			return err
		}
	}
	return nil
}

// print sums by reason and op.
func (g *garbage) print(w io.Writer, verb string) error {
	fmt.Fprintf(w, "%s %s of %s", verb, words.Bytes(g.bytes()), words.Bytes(g.total))
	if len(g.items) == 0 {
		fmt.Fprintln(w, ": nothing to free")
		return nil
	}
	fmt.Fprintln(w)
	type group struct {
		why, op string
		count   int
		bytes   int64
	}
	var groups []*group
	for _, item := range g.items {
		at := slices.IndexFunc(groups, func(x *group) bool { return x.why == item.why && x.op == item.op })
		if at < 0 {
			at = len(groups)
			groups = append(groups, &group{why: item.why, op: item.op})
		}
		groups[at].count++
		groups[at].bytes += item.bytes
	}
	slices.SortStableFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(a.why, b.why), cmp.Compare(b.bytes, a.bytes), cmp.Compare(a.op, b.op))
	})
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "\nWHY\tOP\tOUTPUTS\tSIZE\n")
	for _, x := range groups {
		fmt.Fprintf(table, "%s\t%s\t%d\t%s\n", x.why, x.op, x.count, words.Bytes(x.bytes))
	}
	return table.Flush()
}

// survey finds what is to go.
func survey(s *store.Store, o Options) (*garbage, error) {
	roots, err := findRoots(s)
	if err != nil {
		return nil, err
	}
	g := &garbage{}
	if err := g.litter(s); err != nil {
		return nil, err
	}
	g.logs(s, roots)
	if err := g.partials(s, roots); err != nil {
		return nil, err
	}
	kept, err := g.entries(s, roots)
	if err != nil {
		return nil, err
	}
	programs := s.Programs()
	for _, p := range programs {
		g.total += p.Bytes
	}
	g.shrink(programs, kept, o)
	return g, nil
}

func (g *garbage) litter(s *store.Store) error {
	found, err := s.Litter()
	for _, l := range found {
		g.total += l.Bytes
		g.add("-", map[string]string{"damaged": "damaged", "abandoned": "left by a killed process"}[l.Why], l.Bytes, func(s *store.Store) error { return s.Clear(l) })
	}
	return err
}

func (g *garbage) logs(s *store.Store, roots *roots) {
	for _, l := range s.Logs() {
		if !roots.named(l.Key) {
			g.total += l.Bytes
			g.add(l.Op, "log of a stage that no sweep names", l.Bytes, func(*store.Store) error { return l.Remove() })
		}
	}
}

// partials adds what stopped stages kept that no sweep names any more. A stage
// that runs is named by its sweep.
func (g *garbage) partials(s *store.Store, roots *roots) error {
	sizes, err := s.Partials()
	for _, key := range slices.Sorted(maps.Keys(sizes)) {
		g.total += sizes[key]
		if !roots.named(key) {
			g.add("-", "state of a stopped stage that no sweep names", sizes[key], func(s *store.Store) error { return s.DropPartial(key) })
		}
	}
	return err
}

// keptEntry is an entry that a sweep names.
type keptEntry struct {
	store.Entry
	large int64 // bytes that evicting would free
	used  time.Time
	class int // smaller goes first
}

// entries adds what no sweep names and returns the rest.
func (g *garbage) entries(s *store.Store, roots *roots) ([]keptEntry, error) {
	keys, err := s.Keys()
	if err != nil {
		return nil, err
	}
	var kept []keptEntry
	for _, key := range keys {
		e, ok, err := s.Lookup(key)
		if errors.As(err, new(*store.Damaged)) {
			continue // the sweep that needs it will say so and set it aside
		}
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		here := e.Bytes(0)
		g.total += here
		if !roots.named(key) {
			g.add(e.Manifest.Op, "no sweep names it", here, func(s *store.Store) error { return s.Remove(key) })
			continue
		}
		used, err := s.Used(key)
		if err != nil {
			continue // removed meanwhile
		}
		kept = append(kept, keptEntry{e, e.Bytes(smallFile), used, roots.class(e)})
	}
	return kept, nil
}

// shrink adds what is too old or too much: first programs, which are compiled again in seconds,
// then large files.
func (g *garbage) shrink(programs []store.Program, kept []keptEntry, o Options) {
	left := g.total - g.bytes()
	add := func(op, what string, bytes int64, used time.Time, remove func(*store.Store) error) {
		switch {
		case o.Age > 0 && time.Since(used) > o.Age:
			what += " not used for " + o.OlderThan
		case o.Size >= 0 && left > o.Size:
			what += " over --max-size " + o.MaxSize
		default:
			return
		}
		left -= bytes
		g.add(op, what, bytes, remove)
	}
	for _, p := range programs {
		add("-", "compiled programs", p.Bytes, p.Used, func(*store.Store) error { return p.Remove() })
	}
	slices.SortStableFunc(kept, func(a, b keptEntry) int {
		return cmp.Or(cmp.Compare(a.class, b.class), a.used.Compare(b.used))
	})
	for _, e := range kept {
		if e.large == 0 || e.class == pinned || slices.Contains(o.Keep, e.Manifest.Op) {
			continue
		}
		add(e.Manifest.Op, "large files", e.large, e.used, func(s *store.Store) error {
			_, err := s.Evict(e.Entry, smallFile)
			return err
		})
	}
}
