package cluster

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	"react/runner/apart"
	"react/runner/launch"
	"react/runner/slurm"
)

// memoryEvery is how often a worker looks at its own memory.
const memoryEvery = 200 * time.Millisecond

// pulse keeps a worker's attempt fresh, and its memory within the limit.
type pulse struct {
	dir   string
	index int
	done  chan struct{}
	wait  sync.WaitGroup

	mu      sync.Mutex
	attempt launch.Attempt
}

// startPulse writes the first heartbeat, counting on from the attempt before a
// requeue.
func startPulse(dir string, index int, task *launch.Task, job string) (*pulse, error) {
	a := launch.Attempt{Key: task.Key, Op: task.Op, State: launch.Running, Job: job, PID: os.Getpid(), Starts: 1,
		Started: time.Now().UTC().Truncate(time.Millisecond), LimitMem: task.Resources.Memory}
	a.Host, _ = os.Hostname()
	if a.LimitMem == 0 {
		a.LimitMem = slurm.MemoryFromEnv()
	}
	before, err := launch.ReadAttempt(dir, index)
	if err != nil {
		return nil, err
	}
	if before != nil && before.Key == a.Key {
		a.Starts, a.Preemptions, a.Timeouts = before.Starts+1, before.Preemptions, before.Timeouts
	}
	collectBelow(a.LimitMem)
	p := &pulse{dir: dir, index: index, done: make(chan struct{}), attempt: a}
	if err := launch.WriteAttempt(dir, index, &p.attempt); err != nil {
		return nil, err
	}
	p.wait.Add(1)
	go p.beat()
	return p, nil
}

// collectBelow has Go collect its garbage before the process comes near a
// limit, unless GOMEMLIMIT says otherwise. The fifth that it leaves is for what
// Go does not manage: the program itself and the libraries in C.
func collectBelow(limit int64) {
	if limit > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(limit / 5 * 4)
	}
}

func (p *pulse) progress(done, total int, note string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := p.attempt.Total == 0
	p.attempt.Done, p.attempt.Total, p.attempt.Note = done, total, note
	if first { // it is under way: not only at the next heartbeat
		launch.WriteAttempt(p.dir, p.index, &p.attempt)
	}
}

// stop ends the heartbeat and returns the attempt as it stands.
func (p *pulse) stop() launch.Attempt {
	close(p.done)
	p.wait.Wait()
	p.look()
	return p.attempt
}

func (p *pulse) beat() {
	defer p.wait.Done()
	memory, heart := time.NewTicker(memoryEvery), time.NewTicker(launch.HeartbeatEvery)
	defer memory.Stop()
	defer heart.Stop()
	for {
		select {
		case <-p.done:
			return
		case <-memory.C:
			p.look()
		case <-heart.C:
			p.mu.Lock()
			// one that is missed is not worth a stage
			launch.WriteAttempt(p.dir, p.index, &p.attempt)
			p.mu.Unlock()
		}
	}
}

// look notes the memory in use. Over the limit the process ends here, with the
// cause on record: a cluster would kill it without a word.
func (p *pulse) look() {
	now := residentMemory()
	p.mu.Lock()
	defer p.mu.Unlock()
	a := &p.attempt
	a.Memory, a.Peak = now, max(a.Peak, now)
	if a.LimitMem == 0 || now <= a.LimitMem {
		return
	}
	a.State, a.Cause = launch.Failed, launch.OutOfMem
	a.Message = fmt.Sprintf("holds %s, and asked for %s; --mem asks for more", mebibytes(now), mebibytes(a.LimitMem))
	launch.WriteAttempt(p.dir, p.index, a)
	fmt.Fprintln(os.Stderr, "out of memory:", a.Message)
	os.Exit(1)
}

// residentMemory is what the process, and those that make stages for it, hold
// that no file backs, in bytes. Files that are mapped can be dropped by the
// kernel and do not count.
func residentMemory() int64 {
	total := residentIn("self")
	for _, pid := range apart.Running() {
		total += residentIn(strconv.Itoa(pid))
	}
	return total
}

func residentIn(process string) int64 {
	f, err := os.Open(filepath.Join("/proc", process, "status"))
	if err != nil {
		return 0
	}
	defer f.Close()
	var total int64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name == "RssAnon" || name == "RssShmem" {
			kib, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			total += kib << 10
		}
	}
	return total
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", (n+1<<20-1)>>20) }
