// Package launch is what the launchers share: stages become lines of immutable
// task files, files are grouped so that one job array runs each, and what a
// worker did is read back from the files that it left. It starts nothing and
// knows no cluster (runner/slurm does) and no store.
//
// Words: a task is a line of tasks.jsonl, which holds all that a worker needs to
// make one stage; an array is a folder with such a file, run as one job array
// (Slurm) or one indexed job (Kubernetes), whose index counts the lines from
// zero; an element is one line of an array; an attempt is what a worker did for
// an element, kept in attempts/INDEX.json and replaced whole each time.
//
// The folder of an array:
//
//	tasks.jsonl           the tasks, read-only
//	array.json            name, keys and resources, written before it is submitted
//	job.json              what the cluster called it, written after
//	attempts/INDEX.json   what a worker did, or does: a heartbeat
//	INDEX.log             what a worker printed
//
// Truth is in files first: a stage is done when the store has it, failed when
// an attempt says so. What a scheduler says is asked only for the rest.
package launch

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"react/data/wholefile"
	"react/ops/op"
)

// Names of files in an array's folder.
const (
	TasksFile   = "tasks.jsonl"
	arrayFile   = "array.json"
	jobFile     = "job.json"
	attemptsDir = "attempts"
)

// Task is one line: a stage, and what it may use.
type Task struct {
	Key       string              `json:"key"`
	Op        string              `json:"op"`
	Params    json.RawMessage     `json:"params"`
	In        map[string]string   `json:"in,omitempty"` // role → key
	Files     map[string]op.Files `json:"files,omitempty"`
	Lines     []string            `json:"lines"` // the key's preimage
	Trials    []string            `json:"trials"`
	Title     string              `json:"title,omitempty"` // in words, where --tensorboard names a run by it
	Resources Resources           `json:"resources"`
}

// Resources are what a stage asks of a node. Zero values leave the choice to
// the cluster.
type Resources struct {
	Class  string `json:"class"` // "engine" for stages that compute on one, else "data"
	CPUs   int    `json:"cpus,omitempty"`
	Memory int64  `json:"memory,omitempty"` // bytes
	GPUs   int    `json:"gpus,omitempty"`
}

// Name is how messages call the task's stage.
func (t *Task) Name() string { return t.Op + " " + t.Key[:min(12, len(t.Key))] }

// Log is where an element's worker prints.
func Log(dir string, index int) string { return filepath.Join(dir, strconv.Itoa(index)+".log") }

// writeTasks writes the tasks of an array. Slots without a task (nil) are empty
// objects, so that a line's number stays its index.
func writeTasks(dir string, tasks []*Task) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for _, t := range tasks {
		var err error
		if t == nil {
			err = enc.Encode(struct{}{})
		} else {
			err = enc.Encode(t)
		}
		if err != nil {
			return err
		}
	}
	path := filepath.Join(dir, TasksFile)
	if err := writeFile(path, b.Bytes()); err != nil {
		return err
	}
	return os.Chmod(path, 0o444)
}

// ReadTask reads the line with that index, counted from zero.
func ReadTask(path string, index int) (*Task, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	r := bufio.NewReader(f)
	for i := 0; ; i++ {
		line, err := r.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("%s: no task %d: it has %d", path, index, i)
		}
		if i < index {
			continue
		}
		var t Task
		if err := json.Unmarshal(line, &t); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, index+1, err)
		}
		if t.Key == "" {
			return nil, fmt.Errorf("%s:%d: the line is empty", path, index+1)
		}
		return &t, nil
	}
}

// WriteJSON writes v whole or not at all, and on disk before it returns.
func WriteJSON(path string, v any) error {
	data, err := json.MarshalIndent(v, "", "\t")
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return writeFile(path, append(data, '\n'))
}

// ReadJSON reads what WriteJSON wrote. That there is no file is not an error.
func ReadJSON(path string, v any) (found bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err == nil {
		err = json.Unmarshal(data, v)
	}
	if err != nil {
		return false, fmt.Errorf("%s: %w", path, err)
	}
	return true, nil
}

// writeFile makes the folder of path and writes the file whole or not at all.
func writeFile(path string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	return wholefile.WriteMode(path, data, 0o644)
}
