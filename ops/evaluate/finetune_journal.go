package evaluate

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"react/data/glob"
	"react/data/wholefile"
	"react/ops/blas"
	"react/ops/engine"
	"react/ops/op"
)

// fineTuneJournal is what a fine-tuning that is stopped knows of its trainings when it goes on:
// journal.json in Run.Partial, beside the state of the training that was under way. Without
// Run.Partial it is in memory alone.
type fineTuneJournal struct {
	dir string

	// scores of another one are not mixed with this one's
	Engine map[string]string       `json:"engine"`
	Runs   map[string]*fineTuneRun `json:"runs"` // by settings
	// sha256 of the file that logitsOf names, "" before there is one
	Logits string `json:"logits"`
	// settings of the search with which the training on all images diverged, the best first
	Passed int    `json:"passed,omitempty"`
	Sum    string `json:"sum"` // of all of this, see sumOf
}

// fineTuneRun is one training.
type fineTuneRun struct {
	Done     bool            `json:"done,omitempty"`
	Diverged bool            `json:"diverged,omitempty"`
	Scores   map[int]float64 `json:"scores"` // of epochs, counted from 0
}

const (
	journalFile = "journal.json"
	logitsNext  = "logits.npy"
)

func openJournal(run *op.Run, eng *engine.Engine) (*fineTuneJournal, error) {
	fresh := &fineTuneJournal{dir: run.Partial, Engine: op.EngineFacts(eng), Runs: map[string]*fineTuneRun{}}
	if run.Partial == "" {
		return fresh, nil
	}
	raw, err := os.ReadFile(filepath.Join(run.Partial, journalFile))
	if errors.Is(err, fs.ErrNotExist) {
		return fresh, nil
	}
	j := &fineTuneJournal{dir: run.Partial}
	if err == nil {
		err = json.Unmarshal(raw, j)
	}
	if err == nil {
		err = j.check()
	}
	if err == nil && !maps.Equal(j.Engine, fresh.Engine) {
		err = fmt.Errorf("it is of engine %v, this is %v", j.Engine, fresh.Engine)
	}
	if err != nil {
		run.Warn("what an attempt before left is not used, fine-tuning begins anew: %v", err)
		return fresh, os.RemoveAll(run.Partial)
	}
	return j, nil
}

// check compares the journal, and the logits beside it, with their digests.
func (j *fineTuneJournal) check() error {
	sum := j.Sum
	j.Sum = ""
	if now, err := op.SumOf(j); err != nil || now != sum {
		return errors.Join(fmt.Errorf("%s was changed: it does not have the digest in it", journalFile), err)
	}
	if j.Logits == "" {
		return nil
	}
	now, err := op.SyncedDigest(filepath.Join(j.dir, logitsOf(j.Logits)))
	if err == nil && now != j.Logits {
		err = fmt.Errorf("%s: sha256 is %s, not %s", logitsOf(j.Logits), now, j.Logits)
	}
	return err
}

// run gives the entry of a training, a new one where there is none.
func (j *fineTuneJournal) run(name string) *fineTuneRun {
	if j.Runs[name] == nil {
		j.Runs[name] = &fineTuneRun{Scores: map[int]float64{}}
	}
	return j.Runs[name]
}

// pass notes that the last training diverged, and forgets it.
func (j *fineTuneJournal) pass() error {
	delete(j.Runs, finalRun)
	j.Passed, j.Logits = j.Passed+1, ""
	return j.save()
}

func (j *fineTuneJournal) save() error {
	if j.dir == "" {
		return nil
	}
	sealed := *j
	var err error
	if sealed.Sum, err = op.SumOf(j); err != nil {
		return err
	}
	raw, err := json.MarshalIndent(&sealed, "", "\t")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(j.dir, 0o777); err != nil {
		return err
	}
	return wholefile.Write(filepath.Join(j.dir, journalFile), append(raw, '\n'), 0o666)
}

// keepLogits keeps the best epoch's, under a name of their own: until the journal is saved, it
// names those before.
func (j *fineTuneJournal) keepLogits(m blas.Matrix) error {
	if j.dir == "" {
		return nil
	}
	if err := os.MkdirAll(j.dir, 0o777); err != nil {
		return err
	}
	before, next := j.Logits, filepath.Join(j.dir, logitsNext)
	if err := op.WriteMatrix(next, m); err != nil {
		return err
	}
	sum, err := op.SyncedDigest(next)
	if err != nil {
		return err
	}
	if err := wholefile.Publish(next, filepath.Join(j.dir, logitsOf(sum))); err != nil {
		return err
	}
	j.Logits = sum
	files, err := glob.In(j.dir, logitsOf("*"))
	for _, file := range files {
		if name := filepath.Base(file); name != logitsOf(before) && name != logitsOf(sum) {
			err = errors.Join(err, os.Remove(file))
		}
	}
	return err
}

func logitsOf(sum string) string { return fmt.Sprintf("logits-%.12s.npy", sum) }

// logits are those kept by an attempt before; the zero value where there are none.
func (j *fineTuneJournal) logits() (blas.Matrix, error) {
	if j.dir == "" || len(j.run(finalRun).Scores) == 0 {
		return blas.Matrix{}, nil
	}
	return op.ReadMatrix(filepath.Join(j.dir, logitsOf(j.Logits)))
}

// best is the epoch with the highest score, the first of equal ones; -1 for none.
func (r *fineTuneRun) best() (epoch int, score float64) {
	epoch = -1
	for _, e := range slices.Sorted(maps.Keys(r.Scores)) {
		if epoch < 0 || r.Scores[e] > score {
			epoch, score = e, r.Scores[e]
		}
	}
	return epoch, score
}
