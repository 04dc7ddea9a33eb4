package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"

	"react/data/glob"
	"react/data/proc"
	"react/runner/cli"
)

// leasePeriod is the time between two heartbeats of a lease. One that has not
// beaten for leaseMissed periods is dead.
const (
	leasePeriod = 5 * time.Second
	leaseMissed = 3
)

// Lease is a process's word that it is making the output of a key, so that
// others make something else meanwhile. It saves work and nothing more: who
// publishes first wins, with a lease or without one.
//
// A lease is a lock file, cache/locks/<key>.lock, which the kernel frees when
// the process dies, and a file beside it that says who holds it. Where locks do
// not reach (another host on some network file systems), a lease lives as long
// as its heartbeat, a counter, moves. Watchers time that with their own
// monotonic clock; no clock of another host and no file time is read.
type Lease struct {
	store *Store
	lock  *flock.Flock // nil on a file system without locks
	path  string       // of the holder's file

	holder Holder // the heartbeat's alone once it runs
	stop   chan struct{}
	done   chan struct{}
}

// Holder says who holds a lease.
type Holder struct {
	Key   string    `json:"key"`
	Op    string    `json:"op"`
	ID    string    `json:"id"` // of this holding
	Host  string    `json:"host"`
	Boot  string    `json:"boot,omitempty"` // of the kernel: in one, locks tell who is alive
	PID   int       `json:"pid"`
	Slurm string    `json:"slurm,omitempty"` // job, or array job and task
	Since time.Time `json:"since"`           // for people
	Beat  int64     `json:"beat"`
}

// String names the process.
func (h Holder) String() string {
	if h.ID == "" {
		return "another process"
	}
	text := fmt.Sprintf("process %d on %s", h.PID, h.Host)
	if h.Slurm != "" {
		text += ", Slurm job " + h.Slurm
	}
	return text
}

// sight is when a watcher first saw a heartbeat, by its own clock.
type sight struct {
	id   string
	beat int64
	at   time.Time
}

// TryLease takes the lease of a key. When another process holds it, the lease
// is nil and the holder is returned. The lease of a process that died is taken
// over: at once on one host, after three heartbeats missed across hosts.
func (s *Store) TryLease(key, op string) (*Lease, Holder, error) {
	if err := checkKey(key); err != nil {
		return nil, Holder{}, err
	}
	if _, err := s.prepare(); err != nil {
		return nil, Holder{}, err
	}
	l, holder, err := s.tryLease(key, op)
	if err != nil {
		return nil, Holder{}, &Error{s.root, "lease " + op + " " + cli.Short(key), err}
	}
	return l, holder, nil
}

func (s *Store) tryLease(key, op string) (*Lease, Holder, error) {
	for {
		lock, held, err := tryLock(s.lockPath(key))
		if err != nil {
			return nil, Holder{}, err
		}
		holder, there := readHolder(s.holderPath(key))
		if alive := there && s.beats(holder); held && (!there || holder.Boot == boot() || alive) {
			return nil, holder, nil
		} else if held { // by a host that is gone, for whom the file system still keeps the lock
			os.Remove(s.lockPath(key))
			continue
		} else if there && alive && (lock == nil || holder.Boot != boot()) {
			return nil, holder, unlock(lock)
		}
		l := &Lease{store: s, lock: lock, path: s.holderPath(key), holder: newHolder(key, op), stop: make(chan struct{}), done: make(chan struct{})}
		if err := l.write(); err != nil {
			return nil, Holder{}, errors.Join(err, unlock(lock))
		}
		go l.beat(s.period)
		return l, Holder{}, nil
	}
}

// Leases lists the leases whose holders live, by key. A holder of another host
// counts as alive until its heartbeat has been watched and found missing.
func (s *Store) Leases() ([]Holder, error) {
	paths, err := glob.In(filepath.Join(s.root, "cache", "locks"), "*.json")
	if err != nil {
		return nil, err
	}
	var alive []Holder
	for _, path := range paths {
		if h, ok := readHolder(path); ok && s.holds(h) {
			alive = append(alive, h)
		}
	}
	return alive, nil
}

// holds says whether the holder is alive, without taking anything.
func (s *Store) holds(h Holder) bool {
	if h.Boot != boot() {
		return s.beats(h)
	}
	lock, held, err := tryLock(s.lockPath(h.Key))
	if err != nil || held {
		return true
	}
	if lock == nil {
		return s.beats(h)
	}
	os.Remove(lock.Path())
	lock.Close()
	return false
}

// Release gives the lease up, after the output was published or dropped.
func (l *Lease) Release() {
	close(l.stop)
	<-l.done
	if h, ok := readHolder(l.path); ok && h.ID == l.holder.ID {
		os.Remove(l.path)
	}
	if l.lock == nil {
		return
	}
	if sameFile(l.lock) {
		os.Remove(l.lock.Path())
	}
	l.lock.Close()
}

// beat moves the counter until Release. A lease that another process took, for
// instance while this one was stopped, is left to it.
func (l *Lease) beat(period time.Duration) {
	defer close(l.done)
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-tick.C:
		}
		if h, ok := readHolder(l.path); ok && h.ID != l.holder.ID {
			return
		}
		l.holder.Beat++
		_ = l.write() // a beat that is missed is made up by the next
	}
}

// write puts the holder's file in place whole. It is not synced: after a crash
// of the machine nobody holds anything.
func (l *Lease) write() error {
	data, err := json.Marshal(l.holder)
	if err != nil {
		return err
	}
	return replaceFile(l.path, append(data, '\n'))
}

// beats says whether a holder's counter has moved within the last periods, as
// this store has watched it: the first look counts as a beat, but for a process
// of this machine that has ended.
func (s *Store) beats(h Holder) bool {
	if h.Boot == boot() && proc.IsZombie(h.PID) {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	seen, ok := s.sights[h.Key]
	if !ok || seen.id != h.ID || seen.beat != h.Beat {
		if s.sights == nil {
			s.sights = map[string]sight{}
		}
		s.sights[h.Key] = sight{h.ID, h.Beat, time.Now()}
		return true
	}
	return time.Since(seen.at) <= leaseMissed*s.period
}

func (s *Store) lockPath(key string) string {
	return filepath.Join(s.root, "cache", "locks", key+".lock")
}

func (s *Store) holderPath(key string) string {
	return filepath.Join(s.root, "cache", "locks", key+".json")
}

// tryLock locks a file, which is made. held says that another has it; lock is
// nil then, and where the file system has no locks.
func tryLock(path string) (lock *flock.Flock, held bool, err error) {
	for {
		lock := newLock(path)
		ok, err := lock.TryLock()
		switch {
		case err != nil && noLocks(err):
			return nil, false, unlock(lock)
		case err != nil:
			return nil, false, err
		case !ok:
			return nil, true, unlock(lock)
		case sameFile(lock):
			return lock, false, nil
		}
		lock.Close() // its holder released it, and with it the file
	}
}

func unlock(lock *flock.Flock) error {
	if lock == nil {
		return nil
	}
	return lock.Close()
}

// clearLeases removes what dead processes of this host left of theirs.
func (s *Store) clearLeases() {
	names, err := os.ReadDir(filepath.Join(s.root, "cache", "locks"))
	if err != nil {
		return
	}
	files := map[string][]string{} // of a key
	for _, e := range names {
		if key := leaseKey.FindString(e.Name()); key != "" {
			files[key] = append(files[key], filepath.Join(s.root, "cache", "locks", e.Name()))
		}
	}
	for key, paths := range files {
		if h, ok := readHolder(s.holderPath(key)); ok && h.Boot != boot() {
			continue
		}
		lock, held, err := tryLock(s.lockPath(key))
		if err != nil || held || lock == nil {
			continue
		}
		for _, path := range append(paths, lock.Path()) {
			os.Remove(path)
		}
		lock.Close()
	}
}

// leaseKey finds the key in the name of a lease's file.
var leaseKey = regexp.MustCompile(`[0-9a-f]{64}`)

// readHolder is false for a file that is not there or is no holder's.
func readHolder(path string) (Holder, bool) {
	var h Holder
	data, err := os.ReadFile(path)
	return h, err == nil && json.Unmarshal(data, &h) == nil
}

func newHolder(key, op string) Holder {
	return Holder{Key: key, Op: op, ID: fmt.Sprintf("%016x", rand.Uint64()), Host: hostName(), Boot: boot(), PID: os.Getpid(), Slurm: slurmJob(), Since: now()}
}

// slurmJob is "" outside Slurm.
func slurmJob() string {
	if array := os.Getenv("SLURM_ARRAY_JOB_ID"); array != "" {
		return array + "_" + os.Getenv("SLURM_ARRAY_TASK_ID")
	}
	return os.Getenv("SLURM_JOB_ID")
}

// boot identifies the running kernel. Containers of one host share it and its
// locks; a host that was started again has another.
var boot = sync.OnceValue(func() string {
	data, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if errors.Is(err, fs.ErrNotExist) {
		return hostName()
	}
	return strings.TrimSpace(string(data))
})
