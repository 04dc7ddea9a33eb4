package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"react/data/words"
	"react/runner/cli"
	"react/runner/record"
	"react/runner/store"
)

// gcOptions are the flags of gc.
type gcOptions struct {
	store     string
	dryRun    bool
	olderThan string
	maxSize   string
	keep      []string

	age  time.Duration // of olderThan; 0: no limit
	size int64         // of maxSize; below 0: no limit
}

// smallFile is what gc leaves of an entry that a sweep names: rows, reports and
// curves are smaller, weights and embeddings larger.
const smallFile = 1 << 20

func newGC() *cobra.Command {
	var o gcOptions
	cmd := &cobra.Command{
		Use:   "gc",
		Short: "Free disk space: what no sweep names, what was not used for long",
		Long: `gc removes from the store the outputs that no sweep's records name (runner rm
deletes records), damaged outputs that were set aside, what killed processes left,
and logs of stages that no sweep names.

With --older-than or --max-size it also takes the large files (over 1 MiB: weights,
embeddings, indexes) out of outputs that sweeps name, those not used for longest
first: first the checkpoints of finished trials, then the rest of what finished
trials need, last what unfinished ones will read. Rows, reports and curves stay,
so tables stay too; what is missing is made again when something needs it.

What a running sweep uses is left alone. gc does not ask; --dry-run shows first.

` + cli.ExitHelp,
		Args: cli.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := o.parse(); err != nil {
				return err
			}
			s, err := store.Open(o.store)
			if err != nil {
				return err
			}
			defer s.Close()
			return collect(cmd.OutOrStdout(), s, o)
		},
	}
	cli.StoreFlag(cmd, &o.store)
	flags := cmd.Flags()
	flags.BoolVarP(&o.dryRun, "dry-run", "n", false, "only say what would be freed")
	flags.StringVar(&o.olderThan, "older-than", "", "also free what was not used for this `time`, such as 30d or 12h")
	flags.StringVar(&o.maxSize, "max-size", "", "free more, until the outputs take at most this `size`, such as 200GiB")
	flags.StringSliceVar(&o.keep, "keep", []string{"evaluate"}, "`ops` that --older-than and --max-size leave whole, or none")
	return cmd
}

func (o *gcOptions) parse() (err error) {
	for _, op := range o.keep {
		if err := checkOp("--keep", op); err != nil && op != "none" {
			return cli.Usage(err)
		}
	}
	o.size = -1
	if o.olderThan != "" {
		if o.age, err = cli.ParseAge(o.olderThan); err != nil {
			return cli.Usage(fmt.Errorf("--older-than %s: %w", o.olderThan, err))
		}
	}
	if o.maxSize != "" {
		if o.size, err = cli.ParseBytes(o.maxSize); err != nil {
			return cli.Usage(fmt.Errorf("--max-size %s: %w", o.maxSize, err))
		}
	}
	return nil
}

// collect looks and removes with sweeps kept from beginning; a dry run only
// looks, and may be in a store that cannot be written.
func collect(w io.Writer, s *store.Store, o gcOptions) error {
	if o.dryRun {
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
func survey(s *store.Store, o gcOptions) (*garbage, error) {
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
	return g, g.shrink(s, kept, o)
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
		here := entryBytes(e, 0)
		g.total += here
		if !roots.named(key) {
			g.add(e.Manifest.Op, "no sweep names it", here, func(s *store.Store) error { return s.Remove(key) })
			continue
		}
		used, err := s.Used(key)
		if err != nil {
			continue // removed meanwhile
		}
		kept = append(kept, keptEntry{e, entryBytes(e, smallFile), used, roots.class(e)})
	}
	return kept, nil
}

// entryBytes is the size of an entry's files of more than the given bytes that
// are there.
func entryBytes(e store.Entry, over int64) (n int64) {
	for _, f := range e.Manifest.Large(e.Evicted, over) {
		n += f.Size
	}
	return n
}

// shrink adds the large files that are too old or too many.
func (g *garbage) shrink(s *store.Store, kept []keptEntry, o gcOptions) error {
	slices.SortStableFunc(kept, func(a, b keptEntry) int { return cmp.Or(cmp.Compare(a.class, b.class), a.used.Compare(b.used)) })
	left := g.total - g.bytes()
	for _, e := range kept {
		if e.large == 0 || e.class == pinned || slices.Contains(o.keep, e.Manifest.Op) {
			continue
		}
		why := ""
		switch {
		case o.age > 0 && time.Since(e.used) > o.age:
			why = "large files not used for " + o.olderThan
		case o.size >= 0 && left > o.size:
			why = "large files over --max-size " + o.maxSize
		default:
			continue
		}
		left -= e.large
		g.add(e.Manifest.Op, why, e.large, func(s *store.Store) error {
			_, err := s.Evict(e.Entry, smallFile)
			return err
		})
	}
	return nil
}

// Classes of entries that sweeps name, in the order in which they go.
const (
	finishedCheckpoint = iota
	finishedOther
	unfinished // a stage that is still to run reads it
	pinned     // a running sweep may read it
)

// roots are the stages that sweeps name.
type roots struct {
	keys    map[string]int // key → class, of finished stages without regard to their op
	leading map[string]bool
}

// findRoots reads every plan in the store. A plan that cannot be read could
// name anything, so nothing is collected then.
func findRoots(s *store.Store) (*roots, error) {
	sweeps, err := s.Sweeps()
	if err != nil {
		return nil, err
	}
	making, err := s.Leases()
	if err != nil {
		return nil, err
	}
	r := &roots{map[string]int{}, map[string]bool{}}
	for _, h := range making {
		r.keys[h.Key] = pinned
	}
	for _, sweep := range sweeps {
		var p record.Plan
		if err := sweep.ReadJSON(record.PlanFile, &p); err != nil {
			return nil, &store.Error{Root: s.Root(), What: "collect",
				Err: fmt.Errorf("%w: which outputs it needs cannot be known; runner rm %s/%s deletes its records", err, sweep.Name, sweep.Hash)}
		}
		r.add(s, &p, sweep.Held())
	}
	return r, nil
}

// add marks a plan's stages, readers before inputs. A plan one of whose stages
// is being made is running, whoever runs it.
func (r *roots) add(s *store.Store, p *record.Plan, held bool) {
	for _, stage := range p.Stages {
		held = held || r.keys[stage.Key] == pinned
	}
	wanted := map[string]bool{}
	for _, t := range p.Trials {
		for _, key := range t.Stages {
			wanted[key] = true
		}
	}
	needed := map[string]bool{}
	for _, stage := range slices.Backward(p.Stages) {
		class := finishedOther
		switch {
		case held:
			class = pinned
		case needed[stage.Key]:
			class = unfinished
		}
		r.keys[stage.Key] = max(r.keys[stage.Key], class)
		if !wanted[stage.Key] && !needed[stage.Key] {
			continue
		}
		if e, ok, _ := s.Lookup(stage.Key); !ok || needed[stage.Key] && len(e.Evicted) > 0 {
			for _, key := range stage.In {
				needed[key] = true
			}
		}
	}
}

// named reports whether a sweep names the key, or the key that begins so.
func (r *roots) named(key string) bool {
	if _, ok := r.keys[key]; ok {
		return true
	}
	if len(r.leading) == 0 {
		for full := range r.keys {
			r.leading[cli.Short(full)] = true
		}
	}
	return r.leading[key]
}

func (r *roots) class(e store.Entry) int {
	class := r.keys[e.Key]
	if class == finishedOther && holdsCheckpoint(e) {
		return finishedCheckpoint
	}
	return class
}

// holdsCheckpoint reports whether an output is a tuned checkpoint: no trial but
// its own reads it. What others start from (pretrain and what follows it)
// counts as the rest.
func holdsCheckpoint(e store.Entry) bool {
	return e.Manifest.Op == "tune" && slices.ContainsFunc(e.Manifest.Files, func(f store.File) bool {
		return strings.EqualFold(filepath.Ext(f.Path), ".safetensors")
	})
}
