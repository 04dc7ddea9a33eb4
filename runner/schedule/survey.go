package schedule

import (
	"errors"
	"fmt"

	"react/runner/store"
)

// Status is what a run would do with a task.
type Status int

const (
	// ToRun tasks have no entry and are wanted, or read by a task that runs.
	ToRun Status = iota
	// Cached tasks have an entry, without its large files where nothing that
	// runs reads them.
	Cached
	// Unneeded tasks have no entry, and nothing that runs reads them.
	Unneeded
)

// String is the word that plans print.
func (s Status) String() string {
	return [...]string{"run", "cached", "not needed"}[s]
}

// Survey is the state of a plan's tasks in the store, in the order of the
// tasks.
type Survey struct {
	Status  []Status
	Entries []store.Entry    // of the cached tasks
	Damaged []*store.Damaged // nil but for tasks whose entry failed its check
}

// Count returns how many tasks have a status.
func (s *Survey) Count(status Status) int {
	n := 0
	for _, have := range s.Status {
		if have == status {
			n++
		}
	}
	return n
}

// Look finds what a run would do, and writes nothing. tasks are in topological
// order.
func Look(s *store.Store, tasks []*Task) (*Survey, error) {
	readers, err := findReaders(tasks)
	if err != nil {
		return nil, err
	}
	v := &Survey{make([]Status, len(tasks)), make([]store.Entry, len(tasks)), make([]*store.Damaged, len(tasks))}
	for i := len(tasks) - 1; i >= 0; i-- {
		entry, ok, err := s.Lookup(tasks[i].Key)
		if err != nil && !errors.As(err, &v.Damaged[i]) {
			return nil, err
		}
		v.Entries[i] = entry
		switch {
		// large files may be gone when nobody reads them
		case ok && (len(entry.Evicted) == 0 || !v.anyRuns(readers[i])):
			v.Status[i] = Cached
		case !tasks[i].Wanted && !v.anyRuns(readers[i]):
			v.Status[i] = Unneeded
		}
	}
	return v, nil
}

func (s *Survey) anyRuns(tasks []int) bool {
	for _, i := range tasks {
		if s.Status[i] == ToRun {
			return true
		}
	}
	return false
}

// findReaders inverts Needs, and checks the order.
func findReaders(tasks []*Task) ([][]int, error) {
	index := make(map[string]int, len(tasks))
	readers := make([][]int, len(tasks))
	for i, t := range tasks {
		if _, twice := index[t.Key]; twice {
			return nil, fmt.Errorf("bug: stage %s is planned twice", t.Name())
		}
		for _, need := range t.Needs {
			j, ok := index[need]
			if !ok {
				return nil, fmt.Errorf("bug: stage %s does not come after its input %s", t.Name(), need)
			}
			readers[j] = append(readers[j], i)
		}
		index[t.Key] = i
	}
	return readers, nil
}
