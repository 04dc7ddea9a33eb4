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

	"react/ops"
	"react/ops/engine"
	"react/runner/store"
)

// verifyOptions are the flags of verify.
type verifyOptions struct {
	store    string
	jobs     int
	setAside bool
	rerun    int
	seed     uint64
	cheapest bool
	op       string
	engine   string
}

func newVerify() *cobra.Command {
	var o verifyOptions
	cmd := &cobra.Command{
		Use:   "verify [SWEEP...]",
		Short: "Read stored outputs again and compare digests; --rerun makes some once more",
		Long: `verify reads every file of the outputs in the store, or of those that the given
sweeps name (NAME or NAME/HASH), and compares its digest with the manifest. sweep
itself compares sizes only. With --set-aside, damaged outputs are moved away, so
that the next sweep makes them again.

--rerun N makes N of the sound stages once more from the same inputs, in a place
that is dropped afterwards, and compares the digests file by file: the same engine
on the same kind of processor should give the same bytes. Stages are drawn with
--seed, or are the --cheapest by the time they took.

It ends with 1 when something is damaged or differs.

` + exitHelp,
		RunE: func(cmd *cobra.Command, names []string) error {
			if err := o.check(); err != nil {
				return usageError{err}
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
	storeFlag(cmd, &o.store)
	flags := cmd.Flags()
	flags.IntVarP(&o.jobs, "jobs", "j", runtime.GOMAXPROCS(0), "read this `many` files at a time")
	flags.BoolVar(&o.setAside, "set-aside", false, "move damaged outputs away, so that a sweep makes them again")
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
	case o.rerun < 0:
		return fmt.Errorf("--rerun %d: at least 0", o.rerun)
	case !engine.Known(o.engine):
		return fmt.Errorf("--engine %s: %s", o.engine, engine.Choices)
	case o.op != "":
		return checkOp("--op", o.op)
	}
	return nil
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

	records map[string]stageRecord // of the stages that sweeps name
	order   []string               // their keys: inputs first in each plan
	sound   map[string]store.Entry
	damaged []*store.Damaged
	missing int
}

// errDamaged is the end of a verify that found something.
type errDamaged struct{ damaged, differ int }

// Error counts.
func (e errDamaged) Error() string {
	switch {
	case e.damaged > 0 && e.differ > 0:
		return fmt.Sprintf("%s damaged, %s made otherwise", plural(e.damaged, "output"), plural(e.differ, "output"))
	case e.damaged > 0:
		return plural(e.damaged, "output") + " damaged"
	}
	return plural(e.differ, "rerun") + " gave other bytes"
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
	if len(v.damaged) > 0 || differ > 0 {
		return errDamaged{len(v.damaged), differ}
	}
	return nil
}

// choose gives the keys to check: all in the store, or those of the sweeps.
func (v *verifier) choose(names []string) ([]string, error) {
	sweeps, err := v.store.Sweeps()
	if len(names) > 0 && err == nil {
		sweeps, err = findSweeps(v.store, names)
	}
	if err != nil {
		return nil, err
	}
	v.records = map[string]stageRecord{}
	for _, sweep := range sweeps {
		var p planRecord
		if err := sweep.ReadJSON(planFile, &p); err != nil {
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
		for _, f := range e.Manifest.Large(e.Evicted, -1) {
			files, size = files+1, size+f.Size
			group.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				return blame(v.store.VerifyFile(e, f))
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
	v.report(files, size, time.Since(start))
	return v.putAside()
}

func (v *verifier) report(files int, size int64, took time.Duration) {
	fmt.Fprintf(v.w, "%s, %s, %s read in %s", plural(len(v.sound)+len(v.damaged), "output"), plural(files, "file"), bytesText(size), seconds(took))
	if len(v.damaged) == 0 {
		fmt.Fprintln(v.w, ": all as their manifests say")
		return
	}
	fmt.Fprintf(v.w, ": %d damaged\n", len(v.damaged))
	for _, d := range v.damaged {
		op := v.records[d.Key].Op
		if op == "" {
			op = "output"
		}
		fmt.Fprintf(v.w, "%s %s: %s\n", op, short(d.Key), d.Why)
	}
	if !v.o.setAside {
		fmt.Fprintln(v.w, "--set-aside moves them away; the next sweep makes them again")
	}
}

func (v *verifier) putAside() error {
	if !v.o.setAside {
		return nil
	}
	for _, d := range v.damaged {
		to, err := v.store.SetAside(d.Key)
		if err != nil {
			return err
		}
		fmt.Fprintf(v.w, "%s moved to %s\n", short(d.Key), to)
	}
	if len(v.damaged) > 0 {
		fmt.Fprintln(v.w, "the next sweep makes them again; runner gc frees their space")
	}
	return nil
}
