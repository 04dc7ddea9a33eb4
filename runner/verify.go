package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"react/data/caught"
	"react/data/words"
	"react/ops"
	"react/ops/engine"
	"react/runner/cli"
	"react/runner/exec"
	"react/runner/record"
	"react/runner/store"
)

// verifyOptions are the flags of verify.
type verifyOptions struct {
	store     string
	jobs      int
	setAside  bool
	offspring bool
	rerun     int
	seed      uint64
	cheapest  bool
	op        string
	engine    string
}

func newVerify() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [SWEEP...]",
		Short: "Read stored outputs again and compare digests; --rerun makes some once more",
		Long: `verify reads every file of the outputs in the store, or of those that the given
sweeps name (NAME or NAME/HASH), and compares its digest with the manifest. sweep
itself compares what it reads, and of other outputs sizes only.

Each manifest records the digests of what the output was made from, as it was read.
An output is in doubt when these are not the digests that its inputs have now, or
when it records none (it was made before November 2026) and an input was made after
it.

With --set-aside, damaged outputs and those in doubt are moved away, so that the
next sweep makes them again, and with them every output that may have been made from
damaged bytes: one that does not record that it read the sound ones, and all that is
made from such. --descendants moves all that was made from them.

--rerun N makes N of the sound stages once more from the same inputs, in a place
that is dropped afterwards, and compares the digests file by file: the same engine
on the same kind of processor should give the same bytes. Stages are drawn with
--seed, or are the --cheapest by the time they took.

It ends with 1 when something is damaged or differs.

` + cli.ExitHelp,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := o.check(); err != nil {
				return cli.Usage(err)
			}
			s, err := store.Open(o.store)
			if err != nil {
				return err
			}
			defer s.Close()
			v := &verifier{store: s, o: o, w: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
			return v.run(cmd.Context(), names)
		},
	}
	cli.StoreFlag(cmd, &o.store)
	flags := cmd.Flags()
	flags.IntVarP(&o.jobs, "jobs", "j", runtime.GOMAXPROCS(0), "read this `many` files at a time")
	flags.BoolVar(&o.setAside, "set-aside", false, "move damaged outputs away, so that a sweep makes them again")
	flags.BoolVar(&o.offspring, "descendants", false, "with --set-aside: also what was made from them and records that it read sound bytes")
	flags.IntVar(&o.rerun, "rerun", 0, "make this `many` stages once more and compare")
	flags.Uint64Var(&o.seed, "seed", 0, "`seed` of the draw of stages to rerun")
	flags.BoolVar(&o.cheapest, "cheapest", false, "rerun those that took the least time")
	flags.StringVar(&o.op, "op", "", "rerun only stages of this `op`")
	flags.StringVar(&o.engine, "engine", "auto", "`engine` that reruns compute with: "+engine.Choices)
	return cmd
}

func (o *verifyOptions) check() error {
	switch {
	case o.jobs < 1:
		return fmt.Errorf("--jobs %d: at least 1", o.jobs)
	case o.offspring && !o.setAside:
		return errors.New("--descendants: only with --set-aside")
	case o.rerun < 0:
		return fmt.Errorf("--rerun %d: at least 0", o.rerun)
	case o.op != "":
		return errors.Join(exec.CheckEngine(o.engine), checkOp("--op", o.op))
	}
	return exec.CheckEngine(o.engine)
}

// checkOp finds ops that are none in flags.
func checkOp(flag, name string) error {
	if _, ok := ops.All[name]; ok {
		return nil
	}
	return fmt.Errorf("%s %s: no such op; there are %s", flag, name, strings.Join(slices.Sorted(maps.Keys(ops.All)), ", "))
}

// verifier is one call of verify.
type verifier struct {
	store     *store.Store
	o         verifyOptions
	w, stderr io.Writer

	records map[string]record.Stage // of the stages that sweeps name
	order   []string                // their keys: inputs first in each plan
	sound   map[string]store.Entry
	damaged []*store.Damaged
	doubts  []doubt
	missing int
}

// errDamaged is the end of a verify that found something.
type errDamaged struct{ damaged, doubted, differ int }

// Error counts.
func (e errDamaged) Error() string {
	var parts []string
	if e.damaged > 0 {
		parts = append(parts, words.Plural(e.damaged, "output")+" damaged")
	}
	if e.doubted > 0 {
		parts = append(parts, words.Plural(e.doubted, "output")+" in doubt")
	}
	if e.differ > 0 {
		parts = append(parts, words.Plural(e.differ, "rerun")+" gave other bytes")
	}
	return strings.Join(parts, ", ")
}

func (v *verifier) run(ctx context.Context, names []string) error {
	keys, err := v.choose(names)
	if err != nil {
		return err
	}
	if err := v.checkAll(ctx, keys); err != nil {
		return err
	}
	differ := 0
	if v.o.rerun > 0 {
		if differ, err = v.rerunSome(ctx); err != nil {
			return err
		}
	}
	if len(v.damaged) > 0 || len(v.doubts) > 0 || differ > 0 {
		return errDamaged{len(v.damaged), len(v.doubts), differ}
	}
	return nil
}

// choose gives the keys to check: all in the store, or those of the sweeps.
func (v *verifier) choose(names []string) ([]string, error) {
	sweeps, err := v.store.Sweeps()
	if len(names) > 0 && err == nil {
		sweeps, err = record.FindSweeps(v.store, names)
	}
	if err != nil {
		return nil, err
	}
	v.records = map[string]record.Stage{}
	for _, sweep := range sweeps {
		var p record.Plan
		if err := sweep.ReadJSON(record.PlanFile, &p); err != nil {
			return nil, err
		}
		for _, record := range p.Stages {
			if _, have := v.records[record.Key]; !have {
				v.records[record.Key] = record
				v.order = append(v.order, record.Key)
			}
		}
	}
	if len(names) > 0 {
		return v.order, nil
	}
	return v.store.Keys()
}

// checkAll reads the files of all entries, jobs at a time, whichever entry they
// are of: one entry may hold most of the bytes.
func (v *verifier) checkAll(ctx context.Context, keys []string) error {
	start := time.Now()
	v.sound = map[string]store.Entry{}
	wrong := map[string]*store.Damaged{}
	var mu sync.Mutex
	blame := func(err error) error {
		var damaged *store.Damaged
		if !errors.As(err, &damaged) {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		wrong[damaged.Key] = damaged
		return nil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(v.o.jobs)
	files, size := 0, int64(0)
	for _, key := range keys {
		e, ok, err := v.store.Lookup(key)
		if err = blame(err); err != nil {
			return errors.Join(err, group.Wait())
		}
		if !ok {
			v.missing++
			continue
		}
		v.sound[key] = e
		if err := blame(v.store.VerifyNames(e)); err != nil {
			return errors.Join(err, group.Wait())
		}
		for _, f := range e.Manifest.Large(e.Evicted, -1) {
			files, size = files+1, size+f.Size
			group.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				return caught.Do(f.Path, func() error { return blame(v.store.VerifyFile(e, f)) })
			})
		}
	}
	if err := group.Wait(); err != nil {
		return err
	}
	for _, key := range keys {
		if damaged := wrong[key]; damaged != nil {
			v.damaged = append(v.damaged, damaged)
			delete(v.sound, key)
		}
	}
	lineage, err := record.ReadLineage(v.store)
	if err != nil {
		return err
	}
	v.doubts = v.doubt(lineage)
	v.report(files, size, time.Since(start))
	return v.putAside(lineage)
}

func (v *verifier) report(files int, size int64, took time.Duration) {
	fmt.Fprintf(v.w, "%s, %s, %s read in %s", words.Plural(len(v.sound)+len(v.damaged), "output"), words.Plural(files, "file"), words.Bytes(size), cli.Seconds(took))
	switch {
	case len(v.damaged) == 0 && len(v.doubts) == 0:
		fmt.Fprintln(v.w, ": all as their manifests say")
		return
	case len(v.doubts) == 0:
		fmt.Fprintf(v.w, ": %d damaged\n", len(v.damaged))
	default:
		fmt.Fprintf(v.w, ": %d damaged, %d in doubt\n", len(v.damaged), len(v.doubts))
	}
	for _, d := range v.damaged {
		op := v.records[d.Key].Op
		if op == "" {
			op = "output"
		}
		fmt.Fprintf(v.w, "%s %s: %s\n", op, cli.Short(d.Key), d.Why)
	}
	for _, d := range v.doubts {
		fmt.Fprintf(v.w, "%s %s: in doubt: %s\n", v.sound[d.key].Manifest.Op, cli.Short(d.key), d.why)
	}
	if !v.o.setAside {
		fmt.Fprintln(v.w, "--set-aside moves them away; the next sweep makes them again")
	}
}

// putAside moves what is damaged or in doubt, and what may have been made of it.
func (v *verifier) putAside(l *record.Lineage) error {
	if !v.o.setAside || len(v.damaged)+len(v.doubts) == 0 {
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
			case v.o.offspring || slices.Contains(suspects, other):
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
			fmt.Fprintf(v.w, "%s moved to %s\n", cli.Short(key), to)
		}
	}
	if others > 0 {
		fmt.Fprintf(v.w, "%s moved too: they may have been made from the damaged bytes\n", words.Plural(others, "other output"))
	}
	if n := countNot(kept, gone); n > 0 {
		fmt.Fprintf(v.w, "%s made from them stay: their manifests say that they read the sound bytes (--descendants moves them too)\n", words.Plural(n, "output"))
	}
	fmt.Fprintln(v.w, "the next sweep makes them again; runner gc frees their space")
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
