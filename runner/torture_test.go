package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"react/ops"
	"react/runner/experiment"
	"react/runner/internal/storetest"
	"react/runner/store"
)

// TestTorture kills a sweep of every op with SIGKILL at moments that nobody
// chose, lets it go on, and kills it again. Whenever a sweep ends by itself its
// tables must be, byte for byte, those of one that was left alone; then it
// begins with an empty store. Nothing that was published may be lost or
// damaged, nothing half-done may stay. It prints what the kills met.
//
// TORTURE_TIMES kills (10) of experiments/TORTURE_EXPERIMENT.cue (torture);
// `make torture` and `make kill` set them.
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("several sweeps")
	}
	times, err := strconv.Atoi(cmp.Or(os.Getenv("TORTURE_TIMES"), "10"))
	if err != nil {
		t.Fatal(err)
	}
	name := cmp.Or(os.Getenv("TORTURE_EXPERIMENT"), "torture")
	spec, err := filepath.Abs("../experiments/" + name + ".cue")
	if err != nil {
		t.Fatal(err)
	}
	v := &victim{t: t, name: name, spec: spec, counts: map[string]*toll{}}
	start := time.Now()
	v.restart()
	v.sweep()
	v.whole, v.want = time.Since(start), v.tables()
	v.restart()
	for v.kills < times {
		v.round()
	}
	v.sweep()
	v.compare()
	t.Log("\n" + v.report())
}

// victim is the sweep that is killed.
type victim struct {
	t          *testing.T
	name, spec string
	dir        string        // of the store
	whole      time.Duration // of a sweep left alone
	want       map[string]string

	kills, ends         int
	kept, lost, damaged int // published outputs, over all kills
	counts              map[string]*toll
}

// toll is what kills did to the stages of one op.
type toll struct{ met, resumed int }

// command starts the sweep, each time with other parallelism.
func (v *victim) command() *exec.Cmd {
	cmd, _ := command(v.dir, "sweep", v.spec, "--save-every", "20ms", "-j", []string{"1", "2", "auto"}[v.kills%3])
	return cmd
}

// sweep runs to the end.
func (v *victim) sweep() {
	v.t.Helper()
	cmd := v.command()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		v.t.Fatalf("%v\n%s", err, &stderr)
	}
}

// round runs until a kill, or to the end. In every fourth a second process
// shares the work, and dies right after the first.
func (v *victim) round() {
	before := v.entries()
	cmd, other := v.command(), v.command()
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	shared := v.kills%4 == 3
	if shared {
		if err := other.Start(); err != nil {
			v.t.Fatal(err)
		}
	}
	timer := time.AfterFunc(v.whole/40+rand.N(v.whole/4), func() { cmd.Process.Signal(syscall.SIGKILL) })
	err := cmd.Wait()
	timer.Stop()
	if shared {
		if err != nil {
			other.Process.Signal(syscall.SIGKILL)
		}
		if ended := other.Wait(); err == nil && ended != nil {
			v.t.Errorf("the second process: %v", ended)
		}
	}
	if err == nil {
		v.compare()
		v.restart()
		return
	}
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		v.t.Fatal(err)
	}
	v.kills++
	v.examine(before)
}

// examine holds what a kill left against what was there before.
func (v *victim) examine(before []string) {
	after := v.entries()
	for _, key := range before {
		if !slices.Contains(after, key) {
			v.lost++
			v.t.Errorf("kill %d: the entry of %s is gone", v.kills, key)
		}
	}
	v.kept += len(after)
	s, err := store.Open(filepath.Join(v.dir, ".runner"))
	if err != nil {
		v.t.Fatal(err)
	}
	for _, key := range after {
		entry, ok, err := s.Lookup(key)
		if err != nil || !ok {
			v.t.Fatalf("kill %d: %v, found %v", v.kills, err, ok)
		}
		if err := s.Verify(entry); err != nil {
			v.damaged++
			v.t.Errorf("kill %d: %v", v.kills, err)
		}
	}
	v.count(s, after)
}

// count notes which stages the process was making.
func (v *victim) count(s *store.Store, done []string) {
	files, _ := filepath.Glob(filepath.Join(v.dir, ".runner/cache/locks/*.json"))
	making := 0
	for _, file := range files {
		var h store.Holder
		data, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(data, &h)
		}
		if err != nil {
			v.t.Fatal(err)
		}
		if slices.Contains(done, h.Key) {
			continue // published, and not yet given up
		}
		making++
		_, err = os.Stat(filepath.Join(s.Partial(h.Key), "state.json"))
		v.meet(h.Op, err == nil)
	}
	if making == 0 {
		v.meet("no stage: start, end, or between two", false)
	}
}

func (v *victim) meet(what string, resumed bool) {
	c := v.counts[what]
	if c == nil {
		c = &toll{}
		v.counts[what] = c
	}
	c.met++
	if resumed {
		c.resumed++
	}
}

// entries are the keys that are published.
func (v *victim) entries() []string {
	dirs, err := filepath.Glob(filepath.Join(v.dir, ".runner/cache/??/*"))
	if err != nil {
		v.t.Fatal(err)
	}
	keys := make([]string, len(dirs))
	for i, dir := range dirs {
		keys[i] = filepath.Base(dir)
	}
	return keys
}

// tables are the files of the last sweep's tables.
func (v *victim) tables() map[string]string {
	files := map[string]string{}
	root := filepath.Join(v.dir, ".runner/sweeps", v.name, "latest", "tables")
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(root, path))
		files[path] = string(data)
		return err
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return files
}

// compare holds an ended sweep to the one that was left alone.
func (v *victim) compare() {
	v.ends++
	got := v.tables()
	for name, want := range v.want {
		if got[name] != want {
			v.t.Errorf("after %d kills %s is\n%s\nwant\n%s", v.kills, name, got[name], want)
		}
	}
	if len(got) != len(v.want) {
		v.t.Errorf("tables in %v, want %v", slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(v.want)))
	}
	for _, rest := range []string{"tmp", "locks", "partial", "damaged"} {
		if left, _ := filepath.Glob(filepath.Join(v.dir, ".runner/cache", rest, "*")); len(left) != 0 {
			v.t.Errorf("after %d kills and the end there is still %v", v.kills, left)
		}
	}
}

// restart begins with an empty store.
func (v *victim) restart() {
	v.dir = v.t.TempDir()
	storetest.Clean(v.t, v.dir)
}

// report is the table of what was met.
func (v *victim) report() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: killed %d times, ended %d times with the tables of a sweep left alone (%v)\n\n", v.name, v.kills, v.ends, v.whole.Round(time.Second))
	fmt.Fprintf(&b, "| killed in | times | gone on from its saved state | begun anew |\n|:--|--:|--:|--:|\n")
	names := make([]string, 0, len(v.counts))
	for name := range v.counts {
		names = append(names, name)
	}
	sort.Slice(names, func(i, j int) bool {
		return v.counts[names[i]].met > v.counts[names[j]].met || v.counts[names[i]].met == v.counts[names[j]].met && names[i] < names[j]
	})
	for _, name := range names {
		c := v.counts[name]
		fmt.Fprintf(&b, "| %s | %d | %d | %d |\n", name, c.met, c.resumed, c.met-c.resumed)
	}
	fmt.Fprintf(&b, "\nOf %d published outputs, counted after each kill, %d were lost and %d damaged.\n", v.kept, v.lost, v.damaged)
	return b.String()
}

// TestTortureHasEveryOp keeps the experiment as wide as its name says.
func TestTortureHasEveryOp(t *testing.T) {
	e, err := experiment.Load(t.Context(), "../experiments/torture.cue", nil, filepath.Join(t.TempDir(), "store"))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, stage := range e.Plan.Stages {
		used[stage.Op] = true
	}
	// reads a dictionary, which the repository has none of; it is of one moment
	used["knowledge"] = true
	for name := range ops.All {
		// of outside folders of embeddings, and all is made here; testdata/script/retrieve.txtar
		// has it
		if name == "check-encoder" {
			continue
		}
		if !used[name] {
			t.Errorf("experiments/torture.cue has no stage of op %s", name)
		}
	}
}
