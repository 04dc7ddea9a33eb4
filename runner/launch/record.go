package launch

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// Record is the folder of an array, as it is on disk.
type Record struct {
	Dir       string    `json:"-"`
	Name      string    `json:"name"` // the job's, found nowhere else
	Op        string    `json:"op"`
	Resources Resources `json:"resources"`
	Keys      []string  `json:"keys"`            // by index; "" for a slot without a task
	After     []string  `json:"after,omitempty"` // elements, "123_4"
	Each      string    `json:"each,omitempty"`  // job
	Retry     bool      `json:"retry,omitempty"` // asked for: what went wrong before does not count
	Created   time.Time `json:"created"`
	Job       Job       `json:"-"`
}

// Job is job.json: what became of the submission.
type Job struct {
	ID        string    `json:"id"` // "" when the cluster never got it
	Submitted time.Time `json:"submitted"`
	Adopted   bool      `json:"adopted,omitempty"` // found by name, its submitter having died
}

// Submitted says that it is known whether the cluster has the array.
func (r *Record) Submitted() bool { return !r.Job.Submitted.IsZero() }

// Settle records what became of the submission.
func (r *Record) Settle(id string, adopted bool) error {
	r.Job = Job{ID: id, Submitted: time.Now().UTC().Truncate(time.Millisecond), Adopted: adopted}
	return WriteJSON(filepath.Join(r.Dir, jobFile), r.Job)
}

// Load reads the arrays below root, in the order in which they were made.
// Folders without an array.json belong to a submitter that died before it
// asked for anything, and are left out.
func Load(root string) ([]*Record, error) {
	names, err := os.ReadDir(root)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var records []*Record
	for _, entry := range names {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		r := &Record{Dir: filepath.Join(root, entry.Name())}
		found, err := ReadJSON(filepath.Join(r.Dir, arrayFile), r)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		if _, err := ReadJSON(filepath.Join(r.Dir, jobFile), &r.Job); err != nil {
			return nil, err
		}
		records = append(records, r)
	}
	sort.SliceStable(records, func(i, j int) bool { return records[i].Created.Before(records[j].Created) })
	return records, nil
}

// NewRecord writes the folder of an array, all but job.json.
func NewRecord(dir, name string, a *Array) (*Record, error) {
	r := &Record{Dir: dir, Name: name, Op: a.Op, Resources: a.Resources, Created: time.Now().UTC().Truncate(time.Microsecond)}
	for _, t := range a.Tasks {
		key := ""
		if t != nil {
			key = t.Key
		}
		r.Keys = append(r.Keys, key)
	}
	if err := os.MkdirAll(filepath.Join(dir, attemptsDir), 0o777); err != nil {
		return nil, err
	}
	return r, writeTasks(dir, a.Tasks)
}

// Save writes array.json: from here on the array may be with the cluster.
func (r *Record) Save() error { return WriteJSON(filepath.Join(r.Dir, arrayFile), r) }
