package store

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"react/data/glob"
	"react/data/proc"
)

// Process is the head of what a process keeps about itself in a sweep's folder.
type Process struct {
	Host    string    `json:"host"`
	Boot    string    `json:"boot"` // of the kernel: in one, locks tell who is alive
	PID     int       `json:"pid"`
	Slurm   string    `json:"slurm,omitempty"` // job, or array job and task
	Started time.Time `json:"started"`
}

// HostName is how manifests and processes call this machine.
func HostName() string { return hostName() }

// Presence is a process's file in a sweep's folder, processes/<owner>.json: what
// it is doing, for other processes to read. This process alone writes it. The
// lock beside it is held while the process lives.
type Presence struct {
	Process
	path string
	lock *flock.Flock // nil on a file system without locks
}

// Sighting is a process's file, as another finds it.
type Sighting struct {
	Process
	Life Life
	Path string
	Data []byte // the whole file
}

// Life says whether a process still runs.
type Life string

// The answers. Elsewhere is a process on another host, or on a file system
// without locks: its heartbeat has to tell.
const (
	Alive     Life = "alive"
	Gone      Life = "gone"
	Elsewhere Life = "elsewhere"
)

// keptProcesses is how many files of processes that are gone a sweep keeps: the
// newest say why stages failed.
const keptProcesses = 20

const processesFolder = "processes"

// Join makes this process's file. Nothing is in it before the first Write.
func (w *Sweep) Join() (*Presence, error) {
	dir := w.Path(processesFolder)
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, &Error{w.root, "make " + processesFolder, err}
	}
	w.forgetGone()
	path := filepath.Join(dir, ownerName())
	p := &Presence{Process: Process{hostName(), boot(), os.Getpid(), slurmJob(), now()}, path: path + ".json"}
	lock, _, err := tryLock(path + ".lock")
	if err != nil {
		return nil, &Error{w.root, "lock " + filepath.Base(path), err}
	}
	p.lock = lock
	return p, nil
}

// Write puts v in place of what the file held. It is not synced: after a crash
// of the machine no process is left to tell about.
func (p *Presence) Write(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return replaceFile(p.path, append(data, '\n'))
}

// Leave gives up the lock; the file stays.
func (p *Presence) Leave() error {
	os.Remove(lockOf(p.path))
	return unlock(p.lock)
}

// Processes lists the processes that work or worked on the sweep, the latest to
// start last. It writes nothing.
func (w *Sweep) Processes() ([]Sighting, error) {
	paths, err := glob.In(w.Path(processesFolder), "*.json")
	if err != nil {
		return nil, err
	}
	var found []Sighting
	for _, path := range paths {
		data, err := os.ReadFile(path)
		var s Sighting
		if err != nil || json.Unmarshal(data, &s.Process) != nil {
			continue // removed meanwhile, or cut off by a crash of the machine
		}
		s.Path, s.Data, s.Life = path, data, life(s.Process, lockOf(path))
		found = append(found, s)
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].Started.Before(found[j].Started) })
	return found, nil
}

func life(p Process, lock string) Life {
	switch {
	case p.Boot != boot() && p.Host == hostName():
		return Gone // the machine was started again
	case p.Boot != boot():
		return Elsewhere
	}
	if _, err := os.Stat(lock); err != nil {
		return Gone // it left, or has no lock
	}
	held, err := lockIsHeld(lock)
	switch {
	case err != nil && !proc.IsZombie(p.PID):
		return Elsewhere
	case err == nil && held:
		return Alive
	}
	return Gone
}

// lockIsHeld looks at a lock file that is there. Looks share the lock for an
// instant; the process has it alone, from before its file is there to be read.
func lockIsHeld(path string) (bool, error) {
	lock := flock.New(path, flock.SetFlag(os.O_RDONLY))
	ok, err := lock.TryRLock()
	return !ok, errors.Join(err, lock.Close())
}

// forgetGone removes the oldest files of processes that are gone.
func (w *Sweep) forgetGone() {
	found, err := w.Processes()
	if err != nil {
		return
	}
	for left := len(found); left >= keptProcesses && len(found) > 0; found = found[1:] {
		if found[0].Life != Gone {
			continue
		}
		os.Remove(found[0].Path)
		os.Remove(lockOf(found[0].Path))
		left--
	}
}

func lockOf(path string) string { return strings.TrimSuffix(path, ".json") + ".lock" }
