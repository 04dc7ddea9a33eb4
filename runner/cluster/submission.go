package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"react/data/wholefile"
	"react/data/words"
	"react/runner/launch"
	"react/runner/slurm"
)

// submission sends arrays, each after those that it waits for.
type submission struct {
	*Launcher
	lock    *os.File
	retry   bool
	exclude []string
	program string
	jobs    []string // of the arrays sent
}

func (s *submission) send(arrays []*launch.Array) error {
	var err error
	if s.program, err = keepProgram(filepath.Join(s.root(), "bin")); err != nil {
		return err
	}
	records, err := launch.Load(s.root())
	if err != nil {
		return err
	}
	for i, a := range arrays {
		r, err := s.prepare(len(records)+i+1, a)
		if err != nil {
			return err
		}
		id, err := s.sbatch(r)
		if err != nil {
			return errors.Join(err, r.Settle("", false))
		}
		if err := r.Settle(id, false); err != nil {
			return err
		}
		s.jobs = append(s.jobs, id)
		fmt.Fprintf(s.stderr, "job %s: %s %s\n", id, words.Plural(len(a.Indices()), "stage"), a.Op)
	}
	return nil
}

// prepare writes the folder of an array. Its job's name has a part made up on
// the spot, so that it is found again and nothing else is.
func (s *submission) prepare(number int, a *launch.Array) (*launch.Record, error) {
	name := fmt.Sprintf("%03d-%s", number, a.Op)
	r, err := launch.NewRecord(filepath.Join(s.root(), name), fmt.Sprintf("rn-%s-%s-%08x", s.Name, name, rand.Uint32()), a)
	if err != nil {
		return nil, err
	}
	r.Retry = s.retry
	for _, ref := range a.After {
		r.After = append(r.After, s.element(ref))
	}
	if a.Each != nil {
		r.Each = s.job(*a.Each)
	}
	return r, nil
}

func (s *submission) job(ref launch.Ref) string {
	if ref.Job != "" {
		return ref.Job
	}
	return s.jobs[ref.Array]
}

func (s *submission) element(ref launch.Ref) string {
	return fmt.Sprintf("%s_%d", s.job(ref), ref.Index)
}

// sbatch submits. Where no node would be left without those that failed, it
// takes them again.
func (s *submission) sbatch(r *launch.Record) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	script := slurm.Script{Record: r, Program: s.program, Store: s.Store.Root(), Args: s.settings.Args(), WorkDir: dir,
		Throttle: s.options.throttle, Exclude: s.exclude, Site: s.site}
	path := filepath.Join(r.Dir, "submit.sh")
	write := func() error { return os.WriteFile(path, []byte(script.Text()), 0o777) }
	if err := errors.Join(write(), r.Save()); err != nil {
		return "", err
	}
	id, err := slurm.Submit(path, s.lock)
	if err == nil || len(s.exclude) == 0 {
		return id, err
	}
	script.Exclude = nil
	if err := write(); err != nil {
		return "", err
	}
	return slurm.Submit(path, s.lock)
}

// keepProgram copies the program that runs to dir/DIGEST/runner, so that a new
// build does not reach jobs that are queued, and returns the copy.
func keepProgram(dir string) (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(self)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(data)
	dir = filepath.Join(dir, hex.EncodeToString(sum[:6]))
	path := filepath.Join(dir, "runner")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return "", err
	}
	return path, wholefile.Write(path, data, 0o755)
}
