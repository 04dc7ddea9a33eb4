package reproduce

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"react/data/caught"
	"react/data/words"
	"react/runner/cli"
	"react/runner/exec"
	"react/runner/record"
	"react/runner/store"
)

// VerifyOptions say what is compared, and what becomes of what differs.
type VerifyOptions struct {
	Jobs           int    // files that are read at a time
	SetAside       bool   // what is damaged or in doubt
	Descendants    bool   // and all that was made from it
	Rerun          int    // this many stages
	Seed           uint64 // of their draw
	Cheapest       bool   // not drawn: those that took the least time
	Op             string // of the stages that are run again; "" is any
	Engine         string
	Devices        exec.Devices
	Stdout, Stderr io.Writer
}

// Check says what is wrong with the flags.
func (o *VerifyOptions) Check() error {
	switch {
	case o.Jobs < 1:
		return fmt.Errorf("--jobs %d: at least 1", o.Jobs)
	case o.Descendants && !o.SetAside:
		return errors.New("--descendants: only with --set-aside")
	case o.Rerun < 0:
		return fmt.Errorf("--rerun %d: at least 0", o.Rerun)
	case o.Op != "":
		return errors.Join(exec.CheckEngine(o.Engine), o.Devices.Check(o.Engine), exec.CheckOp("--op", o.Op))
	}
	return errors.Join(exec.CheckEngine(o.Engine), o.Devices.Check(o.Engine))
}

// Verify reads the outputs of the store again, or those that sweeps name.
func Verify(ctx context.Context, s *store.Store, sweeps []string, o VerifyOptions) error {
	v := &verifier{VerifyOptions: o, store: s}
	return v.run(ctx, sweeps)
}

// verifier is one call of Verify.
type verifier struct {
	VerifyOptions
	store *store.Store

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
	if v.Rerun > 0 {
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
	group.SetLimit(v.Jobs)
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
	fmt.Fprintf(v.Stdout, "%s, %s, %s read in %s", words.Plural(len(v.sound)+len(v.damaged), "output"), words.Plural(files, "file"), words.Bytes(size), cli.Seconds(took))
	switch {
	case len(v.damaged) == 0 && len(v.doubts) == 0:
		fmt.Fprintln(v.Stdout, ": all as their manifests say")
		return
	case len(v.doubts) == 0:
		fmt.Fprintf(v.Stdout, ": %d damaged\n", len(v.damaged))
	default:
		fmt.Fprintf(v.Stdout, ": %d damaged, %d in doubt\n", len(v.damaged), len(v.doubts))
	}
	for _, d := range v.damaged {
		op := v.records[d.Key].Op
		if op == "" {
			op = "output"
		}
		fmt.Fprintf(v.Stdout, "%s %s: %s\n", op, cli.Short(d.Key), d.Why)
	}
	for _, d := range v.doubts {
		fmt.Fprintf(v.Stdout, "%s %s: in doubt: %s\n", v.sound[d.key].Manifest.Op, cli.Short(d.key), d.why)
	}
	if !v.SetAside {
		fmt.Fprintln(v.Stdout, "--set-aside moves them away; the next sweep makes them again")
	}
}
