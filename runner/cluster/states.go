package cluster

import (
	"react/runner/launch"
	"react/runner/slurm"
	"react/runner/store"
)

// States tells, by key, where the stages of a sweep are that were ever
// given to a cluster; it is empty for a sweep that ran only here. It writes
// nothing. When the scheduler does not answer, what only it knows is left open.
func States(s *store.Store, folder *store.Sweep) (map[string]*launch.Status, error) {
	return newStates(s, folder).read(false)
}

// states reads where the stages of a sweep are, again and again: what is done
// is not looked up twice.
type states struct {
	store  *store.Store
	folder *store.Sweep
	done   map[string]bool
}

func newStates(s *store.Store, folder *store.Sweep) *states {
	return &states{s, folder, map[string]bool{}}
}

// read asks the files, and the scheduler in one question. With sure, that it
// does not answer is an error.
func (s *states) read(sure bool) (map[string]*launch.Status, error) {
	records, err := launch.Load(s.folder.Path(slurmFolder))
	if err != nil || len(records) == 0 {
		return nil, err
	}
	var ask []string
	looked := map[string]bool{}
	for _, r := range records {
		if s.open(r, looked) {
			ask = append(ask, r.Name)
		}
	}
	// Before the files: what ends in between has left its result by then.
	sched, err := slurm.Queue(ask)
	if err != nil && sure {
		return nil, err
	}
	return launch.Survey(records, func(key string) bool { return s.has(key, map[string]bool{}) }, sched)
}

// open says whether anything of an array is still to come.
func (s *states) open(r *launch.Record, looked map[string]bool) bool {
	open := !r.Submitted()
	for _, key := range r.Keys {
		open = open || key != "" && !s.has(key, looked)
	}
	return open && (!r.Submitted() || r.Job.ID != "")
}

// has looks a key up, once for each looked.
func (s *states) has(key string, looked map[string]bool) bool {
	if s.done[key] || looked[key] {
		return s.done[key]
	}
	looked[key] = true
	_, ok, err := s.store.Lookup(key)
	if ok && err == nil {
		s.done[key] = true
	}
	return s.done[key]
}
