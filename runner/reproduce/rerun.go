package reproduce

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"react/data/words"
	"react/ops/train"
	"react/runner/cli"
	"react/runner/exec"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// rerunSome makes stages once more and counts those that came out otherwise.
func (v *verifier) rerunSome(ctx context.Context) (differ int, err error) {
	engines := exec.NewEngines(v.Engine, v.Devices.Share(v.Engine, 1), v.store, v.Stderr)
	defer engines.Close()
	maker := exec.Maker{Engines: engines, Workers: runtime.GOMAXPROCS(0), Identify: v.store.Identify}
	r := newRestorer(v.store)
	for key, e := range v.sound {
		r.commits[key], _ = e.Manifest.Facts[record.CommitFact].(string)
	}
	ran := 0
	for _, key := range v.drawOrder() {
		if ran == v.Rerun {
			break
		}
		stage, err := v.restore(r, key)
		if err != nil {
			fmt.Fprintf(v.Stderr, "not run again: %v\n", err)
			continue
		}
		ran++
		same, err := v.rerun(ctx, stage, maker)
		if ctx.Err() != nil {
			return differ, ctx.Err()
		}
		if err != nil {
			return differ, fmt.Errorf("rerun of %s %s: %w", stage.Op, cli.Short(key), err)
		}
		if !same {
			differ++
		}
	}
	if ran < v.Rerun {
		fmt.Fprintf(v.Stdout, "only %s could be run again: a sweep must name them, and their inputs must be whole\n", words.Plural(ran, "stage"))
	}
	return differ, nil
}

// drawOrder is the order in which stages are tried.
func (v *verifier) drawOrder() []string {
	var keys []string
	for _, key := range v.order {
		if e, ok := v.sound[key]; ok && len(e.Evicted) == 0 && (v.Op == "" || v.Op == e.Manifest.Op) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys) // whatever order sweeps were recorded in
	if !v.Cheapest {
		rand.New(rand.NewPCG(v.Seed, 0)).Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		return keys
	}
	slices.SortStableFunc(keys, func(a, b string) int {
		return cmp.Compare(record.Took(v.sound[a].Manifest), record.Took(v.sound[b].Manifest))
	})
	return keys
}

// restore makes a stage of its record, its inputs known by key alone: they are
// not run.
func (v *verifier) restore(r *restorer, key string) (*plan.Stage, error) {
	planned := v.records[key]
	for role, in := range planned.In {
		if e, ok := v.sound[in]; !ok || len(e.Evicted) > 0 {
			return nil, fmt.Errorf("stage %s %s: its input %s %s is not whole", planned.Op, cli.Short(key), role, cli.Short(in))
		}
		r.made[in] = &plan.Stage{Op: v.records[in].Op, Key: in}
	}
	stages, err := r.stages([]record.Stage{planned})
	if err != nil {
		return nil, err
	}
	return stages[0], nil
}

// rerun makes a stage in a transaction that is dropped and compares its files.
func (v *verifier) rerun(ctx context.Context, stage *plan.Stage, maker exec.Maker) (same bool, err error) {
	then := v.sound[stage.Key].Manifest
	txn, err := v.store.Begin(stage.Key, stage.Op, stage.Lines)
	if err != nil {
		return false, err
	}
	defer txn.Discard()
	notes := &rerunNotes{facts: map[string]any{}}
	attempt := &schedule.Attempt{Dir: txn.Dir(), In: map[string]string{}, Log: notes, Fact: notes.fact,
		Progress: func(int, int, string) {}, Warn: func(string, ...any) {}}
	for _, in := range stage.In {
		attempt.In[in.Key] = v.sound[in.Key].Dir
	}
	start := time.Now()
	if err := maker.Run(stage)(ctx, attempt); err != nil {
		return false, errors.Join(err, notes.tail())
	}
	files, err := txn.Files()
	if err != nil {
		return false, err
	}
	now := store.Manifest{Files: files, Facts: notes.facts, Started: start, Finished: time.Now()}
	return v.tell(stage, store.Entry{Dir: v.sound[stage.Key].Dir, Manifest: then}, store.Entry{Dir: txn.Dir(), Manifest: now}), nil
}

// differingOutputs names the files that are not the same in two outputs; that
// trainings took another time is no difference.
func differingOutputs(a, b store.Entry) []string {
	return slices.DeleteFunc(store.Differing(a.Manifest.Files, b.Manifest.Files), func(path string) bool {
		if path != train.TimedFile {
			return false
		}
		inA, errA := os.ReadFile(filepath.Join(a.Dir, path))
		inB, errB := os.ReadFile(filepath.Join(b.Dir, path))
		return errA == nil && errB == nil && train.SameButTimes(inA, inB)
	})
}

// tell prints what a rerun came to, and says whether it is what it was: the same bytes, or where
// another engine or another number of devices computed, the same but for rounding.
func (v *verifier) tell(stage *plan.Stage, then, now store.Entry) (same bool) {
	differ := differingOutputs(then, now)
	files := len(now.Manifest.Files)
	verdict := words.Plural(files, "file") + ", the same bytes"
	if len(differ) > 0 {
		verdict = fmt.Sprintf("%d of %s differ: %s", len(differ), words.Plural(files, "file"), strings.Join(differ, ", "))
	}
	fmt.Fprintf(v.Stdout, "%s %s again in %s (then %s): %s\n", stage.Op, cli.Short(stage.Key), cli.Seconds(record.Took(now.Manifest)), cli.Seconds(record.Took(then.Manifest)), verdict)
	if len(differ) == 0 {
		return true
	}
	was, is := record.ComputedOn(then.Manifest.Facts), record.ComputedOn(now.Manifest.Facts)
	other := otherwise(was, is)
	if other == "" {
		fmt.Fprintf(v.Stdout, "\tengine %s then and now; made on %s\n", orNone(is), then.Manifest.Host)
		return false
	}
	said, explained := byValue(then.Dir, now.Dir, differ)
	verdict = "which rounds otherwise and explains it"
	if !explained {
		verdict = "and rounding does not explain it"
	}
	fmt.Fprintf(v.Stdout, "\t%s, %s: %s\n", other, verdict, strings.Join(said, "; "))
	return explained
}

// rerunNotes keeps what a rerun says, to show it when it fails.
type rerunNotes struct {
	mu    sync.Mutex
	log   bytes.Buffer
	facts map[string]any
}

// Write keeps the log.
func (n *rerunNotes) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.log.Write(p)
}

func (n *rerunNotes) fact(name string, value any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.facts[name] = value
}

// tail is the end of the log as an error, nil when there is no log.
func (n *rerunNotes) tail() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	text := strings.TrimSpace(n.log.String())
	if text == "" {
		return nil
	}
	return errors.New(text[max(0, len(text)-2000):])
}
