package apart

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"react/data/embeddings"
	"react/data/proc"
	"react/ops"
	"react/ops/knn"
	"react/ops/op"
	"react/ops/retrieve"
)

// parentEnv makes the test program a parent that makes an index apart, for TestNoOrphan: it names
// the folder of embeddings.
const parentEnv = "APART_TEST_PARENT"

func TestMain(m *testing.M) {
	if folder := os.Getenv(parentEnv); folder != "" {
		go func() {
			for len(Running()) == 0 {
				time.Sleep(time.Millisecond)
			}
			fmt.Println(Running()[0])
		}()
		dir, _ := os.MkdirTemp("", "apart-test-")
		_, err := Run(context.Background(), "index", newRun(dir, folder, &notes{}), long)
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// long are params of an index that trains for minutes.
var long = params("opq-ivf-pq", 64, 2)

func params(kind string, code, lists int) json.RawMessage {
	raw, err := op.Canonical(retrieve.IndexParams{Side: "text", Params: knn.Params{Kind: kind, NList: lists, NProbe: 1, Code: code, TrainSize: 1 << 16}})
	if err != nil {
		panic(err)
	}
	return raw
}

// notes are what a run said.
type notes struct {
	mu       sync.Mutex
	facts    map[string]string
	warnings []string
	lines    []string
	progress int
	log      bytes.Buffer
}

func newRun(dir, folder string, n *notes) *op.Run {
	n.facts = map[string]string{}
	return &op.Run{Dir: dir, In: map[string]string{"embeddings": folder}, Workers: 1, Log: &n.log,
		Progress: func(op.Progress) { n.progress++ },
		Warn:     func(format string, args ...any) { n.warnings = append(n.warnings, fmt.Sprintf(format, args...)) },
		Fact: func(key string, value any) {
			raw, _ := json.Marshal(value)
			n.mu.Lock()
			defer n.mu.Unlock()
			n.facts[key] = string(raw)
		}}
}

// folder has n random vectors.
func folder(t *testing.T, n, dim int) string {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	vectors, meta := make([]float32, n*dim), make([]embeddings.Meta, n)
	for i := range n {
		sum := 0.0
		for d := range dim {
			v := rng.NormFloat64()
			vectors[i*dim+d], sum = float32(v), sum+v*v
		}
		for d := range dim {
			vectors[i*dim+d] /= float32(math.Sqrt(sum))
		}
		meta[i] = embeddings.Meta{Caption: "c", Row: int64(i)}
	}
	dir := t.TempDir()
	w, err := embeddings.Create(dir, dim, embeddings.Options{Text: true})
	if err == nil {
		err = errors.Join(w.Append(nil, vectors, meta), w.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// contents are the bytes of a directory's files.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		out[strings.TrimPrefix(path, dir)] = string(raw)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestSameBytes: an index that was made apart is the one that this process makes, and says the
// same.
func TestSameBytes(t *testing.T) {
	in := folder(t, 400, 16)
	for _, kind := range []string{"flat", "ivf-flat", "ivf-pq", "opq-ivf-pq"} {
		t.Run(kind, func(t *testing.T) {
			var here, there notes
			p := params(kind, 2, 2)
			a, b := newRun(t.TempDir(), in, &here), newRun(t.TempDir(), in, &there)
			if err := ops.All["index"].Run(context.Background(), a, p); err != nil {
				t.Fatal(err)
			}
			peak, err := Run(context.Background(), "index", b, p)
			if err != nil {
				t.Fatal(err)
			}
			if peak < 1<<20 {
				t.Errorf("the child held %d bytes", peak)
			}
			if got, want := contents(t, b.Dir), contents(t, a.Dir); !maps.Equal(got, want) {
				t.Error("the files differ")
			}
			if !maps.Equal(here.facts, there.facts) || here.progress != there.progress || strings.Join(here.warnings, "\n") != strings.Join(there.warnings, "\n") {
				t.Errorf("apart: %v %d %q; here: %v %d %q", there.facts, there.progress, there.warnings, here.facts, here.progress, here.warnings)
			}
			if strings.Contains(there.log.String(), "WARNING clustering") {
				t.Errorf("the log has FAISS's words: %s", &there.log)
			}
		})
	}
}

// TestErrors: an error of the stage is the stage's error, with the number that the system gave it.
func TestErrors(t *testing.T) {
	in := folder(t, 20, 16)
	_, err := Run(context.Background(), "index", newRun(t.TempDir(), in, &notes{}), params("ivf-pq", 2, 2))
	if err == nil || err.Error() != "index kind ivf-pq: codes need 256 rows to train on, and the pool has 20 (another kind)" {
		t.Errorf("got %v", err)
	}
	_, err = Run(context.Background(), "index", newRun(t.TempDir(), filepath.Join(in, "none"), &notes{}), params("flat", 0, 0))
	if !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, syscall.ENOENT) || errors.Is(err, syscall.EIO) {
		t.Errorf("got %v, want an error of a file that is not there", err)
	}
	_, err = Run(context.Background(), "index", newRun(t.TempDir(), in, &notes{}), json.RawMessage(`{"sides":1}`))
	if err == nil || !strings.Contains(err.Error(), "params of index") {
		t.Errorf("got %v", err)
	}
}

// begin makes a long index apart and waits for its process.
func begin(ctx context.Context, t *testing.T) (pid int, ended chan error) {
	t.Helper()
	run := newRun(t.TempDir(), folder(t, 20_000, 64), &notes{})
	ended = make(chan error, 1)
	go func() {
		_, err := Run(ctx, "index", run, long)
		ended <- err
	}()
	for deadline := time.Now().Add(time.Minute); len(Running()) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("no process begins")
		}
		time.Sleep(time.Millisecond)
	}
	return Running()[0], ended
}

// TestEndsWithTheContext: training that would take minutes ends at once, and its process is gone.
func TestEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	pid, ended := begin(ctx, t)
	time.Sleep(300 * time.Millisecond) // it trains
	cancel()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it goes on for 10 s after its end was asked for")
	}
	if proc.Runs(pid) || len(Running()) > 0 {
		t.Errorf("process %d is there (%v)", pid, Running())
	}
}

// TestSignalsAreTheParents: what a terminal or a cluster sends to both processes does not end the
// child; killed, it is said so, and may be tried again.
func TestSignalsAreTheParents(t *testing.T) {
	pid, ended := begin(t.Context(), t)
	time.Sleep(300 * time.Millisecond)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR2} {
		syscall.Kill(pid, s)
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	syscall.Kill(pid, syscall.SIGKILL)
	if err := <-ended; !errors.As(err, new(passing)) || !strings.Contains(err.Error(), "the process of index was killed (by somebody, ") {
		t.Errorf("got %v", err)
	}
}

// TestNoOrphan: a child ends with its parent, however that ends.
func TestNoOrphan(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), parentEnv+"="+folder(t, 20_000, 64))
	out, err := parent.StdoutPipe()
	if err == nil {
		err = parent.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	pid, wrong := strconv.Atoi(strings.TrimSpace(line))
	if err != nil || wrong != nil {
		rest, _ := io.ReadAll(out)
		t.Fatalf("got %q %s (%v)", line, rest, err)
	}
	time.Sleep(300 * time.Millisecond)
	parent.Process.Kill()
	parent.Wait()
	for deadline := time.Now().Add(10 * time.Second); proc.Runs(pid); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatal("the child is there 10 s after its parent was killed")
		}
	}
}
