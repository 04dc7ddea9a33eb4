package train

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"react/data/wholefile"
	"react/ops/clip"
	"react/ops/clip/layout"
	"react/ops/clip/optim"
	"react/ops/engine"
	"react/ops/op"
)

// partialFormat is the version of what a training keeps in Run.Partial; another version is not
// read.
//
//	1: state.json, NNNNNN.safetensors, NNNNNN.jsonl, and the kept snapshots
const partialFormat = 1

// stateFile is the file that makes the others count. It is written last and by rename, and names
// them with their digests.
const stateFile = "state.json"

// defaultSaveEvery is the time between two saves where Run gives none.
const defaultSaveEvery = 30 * time.Second

// trainingState is what state.json holds.
type trainingState struct {
	Format int               `json:"format"`
	Engine map[string]string `json:"engine"` // another one would round otherwise from here on
	Step   int               `json:"step"`   // steps taken; with the seed, the place in the data
	Files  map[string]string `json:"files"`  // path in the directory → sha256
}

// saver keeps a training's state (weights, moments, step, metrics so far, kept snapshots) in
// Run.Partial. The order of the data and its augmentation are functions of seed and step, and need
// no keeping.
type saver struct {
	t       *Training
	run     *op.Run
	engine  map[string]string
	metrics func() error // puts the lines written so far into MetricsFile

	digests map[string]string // of the files in the directory that do not change: kept snapshots
	saved   int               // step of the last save
	last    time.Time
	pause   time.Duration
}

func newSaver(t *Training, run *op.Run, eng *engine.Engine) *saver {
	s := &saver{t: t, run: run, engine: op.EngineFacts(eng), digests: map[string]string{}, last: time.Now(), pause: run.SaveEvery}
	if t.fitted != "" {
		s.engine["batch"] = t.fitted
	}
	if s.pause == 0 {
		s.pause = defaultSaveEvery
	}
	return s
}

// due says whether it is time to save the state after a step.
func (s *saver) due(step int) bool {
	return s.run.Partial != "" && step != s.t.Steps && time.Since(s.last) >= s.pause
}

// now saves the state after a step, unless it is saved. A state that cannot be written is said in
// the log: it is a matter of time lost after a kill, and a full disk will stop the stage itself.
func (s *saver) now(step int) {
	if s.run.Partial == "" || step == s.saved {
		return
	}
	start := time.Now()
	if err := s.save(step); err != nil {
		fmt.Fprintf(s.run.Log, "the state of step %d was not saved: %v\n", step, err)
	} else {
		fmt.Fprintf(s.run.Log, "saved the state of step %d in %v\n", step, time.Since(start).Round(time.Millisecond))
	}
	s.last, s.saved = time.Now(), step
	s.pause = max(s.pause, op.SaveShare*s.last.Sub(start))
}

func (s *saver) save(step int) error {
	if err := os.MkdirAll(s.run.Partial, 0o777); err != nil {
		return err
	}
	state := trainingState{Format: partialFormat, Engine: s.engine, Step: step, Files: map[string]string{}}
	weights, metrics := weightsOf(step), metricsOf(step)
	if err := errors.Join(s.saveWeights(filepath.Join(s.run.Partial, weights)), s.metrics(), op.CopyFile(s.run.Path(MetricsFile), filepath.Join(s.run.Partial, metrics))); err != nil {
		return err
	}
	for _, name := range []string{weights, metrics} {
		sum, err := op.SyncedDigest(filepath.Join(s.run.Partial, name))
		if err != nil {
			return err
		}
		state.Files[name] = sum
	}
	if err := s.keepSnapshots(); err != nil {
		return err
	}
	maps.Copy(state.Files, s.digests)
	if err := writeState(s.run.Partial, state); err != nil {
		return err
	}
	return s.dropOthers(state)
}

// saveWeights writes what trains, with its moments.
func (s *saver) saveWeights(path string) error {
	c, err := s.t.Trainer.Checkpoint()
	if err != nil {
		return err
	}
	state, err := s.t.Trainer.State()
	if err != nil {
		return err
	}
	w := state.Moments
	for _, name := range s.t.Trainer.Changing() {
		tensor := c.Weights.At(name)
		w.Put(name, tensor.Shape, tensor.Data)
	}
	return layout.WriteSafetensors(path, w)
}

// keepSnapshots links the finished files of the stage's own snapshots into the directory, once
// each.
func (s *saver) keepSnapshots() error {
	return filepath.WalkDir(s.run.Path(snapshotsDir), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(s.run.Dir, path)
		if err != nil || s.digests[rel] != "" {
			return err
		}
		if err := op.LinkFile(path, filepath.Join(s.run.Partial, rel)); err != nil {
			return err
		}
		s.digests[rel], err = op.SyncedDigest(path)
		return err
	})
}

// writeState makes the new state the one that counts.
func writeState(dir string, state trainingState) error {
	data, err := json.MarshalIndent(state, "", "\t")
	if err != nil {
		return err
	}
	return wholefile.Write(filepath.Join(dir, stateFile), append(data, '\n'), 0o666)
}

// dropOthers removes the files of earlier states.
func (s *saver) dropOthers(state trainingState) error {
	files, err := os.ReadDir(s.run.Partial)
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.IsDir() || f.Name() == stateFile || state.Files[f.Name()] != "" {
			continue
		}
		if err := os.Remove(filepath.Join(s.run.Partial, f.Name())); err != nil {
			return err
		}
	}
	return nil
}

// restore puts the trainer where a saved state left it and returns the lines of metrics.jsonl up to
// there, and the steps taken; none for a fresh start. A state that is damaged, or of another
// engine, is dropped with a warning.
func (s *saver) restore() ([]byte, int, error) {
	if s.run.Partial == "" {
		return nil, 0, nil
	}
	state, err := s.read()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, os.RemoveAll(s.run.Partial) // what was written before the first state
	}
	var lines []byte
	if err == nil {
		lines, err = s.takeFiles(state)
	}
	if err == nil {
		err = s.setWeights(state.Step)
	}
	if err != nil {
		s.run.Warn("the saved state of an attempt before is not used, training begins anew: %v", err)
		s.digests = map[string]string{}
		return nil, 0, errors.Join(os.RemoveAll(s.run.Path(snapshotsDir)), os.RemoveAll(s.run.Partial))
	}
	s.saved = state.Step
	s.run.Fact(op.ResumedAtStep, state.Step)
	fmt.Fprintf(s.run.Log, "%s of %d, which an earlier attempt saved\n", resumedFrom(state.Step), s.t.Steps)
	return lines, state.Step, nil
}

func (s *saver) read() (trainingState, error) {
	var state trainingState
	data, err := os.ReadFile(filepath.Join(s.run.Partial, stateFile))
	if err != nil {
		return state, err
	}
	if err := json.Unmarshal(data, &state); err != nil {
		return state, fmt.Errorf("%s: %w", stateFile, err)
	}
	if state.Format != partialFormat || state.Step < 1 || state.Step >= s.t.Steps {
		return state, fmt.Errorf("%s: format %d, step %d of %d", stateFile, state.Format, state.Step, s.t.Steps)
	}
	if !maps.Equal(state.Engine, s.engine) {
		return state, fmt.Errorf("it is of engine %v, this is %v", state.Engine, s.engine)
	}
	return state, nil
}

// takeFiles checks every file's digest, links the snapshots into the stage's directory and returns
// the lines of metrics.
func (s *saver) takeFiles(state trainingState) ([]byte, error) {
	for _, name := range slices.Sorted(maps.Keys(state.Files)) {
		from := filepath.Join(s.run.Partial, name)
		sum, err := op.SyncedDigest(from)
		if err != nil {
			return nil, err
		}
		if sum != state.Files[name] {
			return nil, fmt.Errorf("%s: sha256 is %s, not %s", name, sum, state.Files[name])
		}
		if !strings.HasPrefix(name, snapshotsDir+string(filepath.Separator)) {
			continue
		}
		s.digests[name] = sum
		if err := op.LinkFile(from, s.run.Path(name)); err != nil {
			return nil, err
		}
	}
	lines, err := os.ReadFile(filepath.Join(s.run.Partial, metricsOf(state.Step)))
	if n := bytes.Count(lines, []byte("\n")); err == nil && n != state.Step {
		err = fmt.Errorf("%d lines of metrics for %d steps", n, state.Step)
	}
	return lines, err
}

// setWeights gives the trainer what trains and its moments. After an error it has the weights that
// it had.
func (s *saver) setWeights(step int) error {
	saved, err := layout.ReadSafetensors(filepath.Join(s.run.Partial, weightsOf(step)))
	if err != nil {
		return err
	}
	before, err := s.t.Trainer.Checkpoint()
	if err != nil {
		return err
	}
	after := &clip.Checkpoint{Config: before.Config, Weights: &clip.Weights{}}
	for _, name := range before.Weights.Names() {
		tensor := before.Weights.At(name)
		if saved.At(name) != nil {
			tensor = saved.At(name)
		}
		after.Weights.Put(name, tensor.Shape, tensor.Data)
	}
	err = s.t.Trainer.Reset(after)
	if err == nil {
		err = s.t.Trainer.SetState(&optim.State{Step: step, Moments: saved})
	}
	if err == nil {
		return nil
	}
	return errors.Join(err, s.t.Trainer.Reset(before))
}

func weightsOf(step int) string { return fmt.Sprintf("%06d.safetensors", step) }
func metricsOf(step int) string { return fmt.Sprintf("%06d.jsonl", step) }
