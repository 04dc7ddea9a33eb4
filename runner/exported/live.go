package exported

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"react/ops/op"
	"react/results/export"
	"react/runner/cli"
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/schedule"
	"react/runner/store"
)

// Live writes TensorBoard's files while stages are made: a run for each training, with what a line
// of its log has at each step, and one for each trial, with its results and what the sweep varies.
// What is missing of stages that were made before or elsewhere is filled in from the store.
//
// A run's folder is called in words and ends with the stage's key or the trial's id, by which a
// sweep that says it in other words finds it again. A fault of the folder is said once, and then
// nothing more is written: a training never ends of it. nil writes nothing.
type Live struct {
	dir    string
	stderr io.Writer
	now    func() time.Time
	name   string // of the experiment
	trials []plan.Trial
	varied []experiment.Varied // of each trial
	places map[string][]place  // by the key of a stage with results

	mu      sync.Mutex
	broken  bool
	folders map[string]string         // by the key or id that ends them
	runs    map[string]*export.Events // by the same
	steps   map[string]int64          // of trainings, by key
}

// place is where results of a stage stand: under the name of a set, in a trial.
type place struct {
	trial int
	set   string
}

// NewLive is for what stages of an experiment write, or for one stage of none; "" writes nothing.
func NewLive(dir string, e *experiment.Experiment, stderr io.Writer) *Live {
	if dir == "" {
		return nil
	}
	l := &Live{dir: dir, stderr: stderr, now: time.Now, places: map[string][]place{},
		folders: map[string]string{}, runs: map[string]*export.Events{}, steps: map[string]int64{}}
	if e != nil {
		l.name, l.trials, l.varied = e.Name, e.Plan.Trials, experiment.VariedParams(e.Plan)
		for i, t := range l.trials {
			for name, stage := range t.Stages {
				l.places[stage.Key] = append(l.places[stage.Key], place{i, strings.TrimPrefix(name, "evaluate/")})
			}
		}
	}
	l.do(func() error {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		names, err := os.ReadDir(dir)
		for _, name := range names {
			l.folders[name.Name()[strings.LastIndexByte(name.Name(), ' ')+1:]] = name.Name()
		}
		return err
	})
	return l
}

// do does what writes, unless that failed before.
func (l *Live) do(write func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken {
		return
	}
	if err := write(); err != nil {
		l.broken = true
		fmt.Fprintf(l.stderr, "warning: no more TensorBoard files are written: %v (the same command completes them later)\n", err)
	}
}

// run opens the run whose folder ends with an id.
func (l *Live) run(words, id string) (*export.Events, error) {
	if run := l.runs[id]; run != nil {
		return run, nil
	}
	if l.folders[id] == "" {
		l.folders[id] = strings.TrimSpace(folderName(words) + " " + id)
	}
	run, err := export.OpenEvents(filepath.Join(l.dir, l.folders[id]), l.now)
	if err == nil {
		l.runs[id] = run
	}
	return run, err
}

// mostWords is how many bytes of a folder's name are words.
const mostWords = 160

// folderName makes words the beginning of a folder's name.
func folderName(words string) string {
	words = strings.Map(func(r rune) rune {
		if r == '/' || unicode.IsControl(r) {
			return '-'
		}
		return r
	}, strings.TrimLeft(words, ". "))
	for len(words) > mostWords {
		_, n := utf8.DecodeLastRuneInString(words)
		words = words[:len(words)-n]
	}
	return words
}

// Lines is told of the log of a task that trains.
func (l *Live) Lines(t *schedule.Task) func(lines []byte, before bool) {
	if l == nil {
		return nil
	}
	begun := false // the attempt's own steps
	now := func(int) time.Time { return l.now() }
	return func(raw []byte, before bool) {
		l.do(func() error {
			lines, err := readLines(raw)
			if err != nil {
				return err
			}
			if before {
				begun = false
				return l.add(t, lines, true, new(bool), now)
			}
			return l.add(t, lines, false, &begun, now)
		})
	}
}

func readLines(raw []byte) (lines []map[string]any, err error) {
	for dec := json.NewDecoder(bytes.NewReader(raw)); dec.More(); {
		var line map[string]any
		if err := dec.Decode(&line); err != nil {
			return nil, err
		}
		if _, ok := line["step"].(float64); !ok {
			return nil, errors.New("a line of a training's log has no step")
		}
		lines = append(lines, line)
	}
	return lines, nil
}

// add adds the steps of lines. Steps taken before are left as they are where they are there. Those
// of an attempt are new: the first voids what a killed one wrote of it and of later ones.
func (l *Live) add(t *schedule.Task, lines []map[string]any, before bool, begun *bool, at func(i int) time.Time) error {
	run, err := l.run(t.Called(), cli.Short(t.Key))
	if err != nil {
		return err
	}
	for i, line := range lines {
		step, last := stepOf(line), run.Last(t.Op+"/loss")
		if before && step <= last {
			continue
		}
		if !*begun || step <= last {
			if err := run.Begin(step); err != nil {
				return err
			}
			*begun = true
		}
		if err := run.Add(step, at(i), scalarsOf(t, line)...); err != nil {
			return err
		}
	}
	return nil
}

// scalarsOf are the numbers of a line, by name.
func scalarsOf(t *schedule.Task, line map[string]any) []export.Scalar {
	values := scalars(line)
	delete(values, "step")
	out := make([]export.Scalar, 0, len(values))
	for _, key := range slices.Sorted(maps.Keys(values)) {
		out = append(out, export.Scalar{Tag: t.Op + "/" + key, Value: values[key]})
	}
	return out
}

// Complete fills in what is missing of tasks that have an entry, inputs before readers.
func (l *Live) Complete(tasks []*schedule.Task, entries map[string]store.Entry) {
	if l == nil {
		return
	}
	for _, t := range tasks {
		if entry, ok := entries[t.Key]; ok {
			l.ended(t, entry)
		}
	}
}

// ended fills in what is missing of a task, and adds its results to the trials that have them.
func (l *Live) ended(t *schedule.Task, entry store.Entry) {
	l.do(func() error {
		lines, err := readMetrics(entry.Dir)
		if err != nil {
			return err
		}
		if n := len(lines); n > 0 {
			l.steps[t.Key] = stepOf(lines[n-1])
			at := func(i int) time.Time { return timeOf(entry.Manifest, i+1, n) }
			if err := l.add(t, lines, true, new(bool), at); err != nil {
				return err
			}
		}
		return errors.Join(l.release(t), l.addResults(t, entry))
	})
}

// release closes the file of a task that ended.
func (l *Live) release(t *schedule.Task) error {
	if run := l.runs[cli.Short(t.Key)]; run != nil {
		return run.Close()
	}
	return nil
}

func (l *Live) addResults(t *schedule.Task, entry store.Entry) error {
	rows, err := op.ReadRows(entry.Dir)
	if err != nil || len(rows) == 0 {
		return err
	}
	for _, p := range l.places[t.Key] {
		if err := l.addTrial(p.trial, p.set, rows, entry.Manifest.Finished); err != nil {
			return err
		}
	}
	return nil
}

// addTrial adds to a trial's run the results of a set that it lacks, at the last step of its
// training.
func (l *Live) addTrial(i int, set string, rows []op.MetricRow, at time.Time) error {
	trial, varied := l.trials[i], l.varied[i]
	run, err := l.run(cmp.Or(varied.Words, l.name), trial.ID)
	if err != nil {
		return err
	}
	var values []export.Scalar
	for _, r := range rows {
		if tag := resultName(set, r.Metric); r.Class == "" && run.Last(tag) < 0 {
			values = append(values, export.Scalar{Tag: tag, Value: r.Value})
		}
	}
	if len(values) == 0 {
		return nil
	}
	var step int64
	if tune := trial.Stages[plan.Tune]; tune != nil {
		step = l.steps[tune.Key]
	}
	if run.Last(export.HParamsTag) < 0 {
		err = run.HParams(at, groupOf(trial), hparams(varied.Params))
	}
	if err == nil {
		err = run.Add(step, at, values...)
	}
	return errors.Join(err, run.Close())
}

// groupOf is what the seeds of a trial have in common.
func groupOf(t plan.Trial) string {
	if t.Seed == nil {
		return t.ID
	}
	return strings.TrimSuffix(t.ID, fmt.Sprintf("-s%d", *t.Seed))
}

// hparams are params as TensorBoard takes them: numbers, truths and texts.
func hparams(params map[string]any) map[string]any {
	out := map[string]any{}
	for path, v := range params {
		switch v := v.(type) {
		case string, bool, float64:
			out[path] = v
		case int64:
			out[path] = float64(v)
		default:
			out[path] = cli.JSONText(v)
		}
	}
	return out
}

// Reporter tells the next one, and writes what stages left.
func (l *Live) Reporter(next schedule.Reporter) schedule.Reporter {
	if l == nil {
		return next
	}
	return liveReporter{next, l}
}

type liveReporter struct {
	schedule.Reporter
	live *Live
}

// End fills in, and closes the file of a stage that failed.
func (r liveReporter) End(t *schedule.Task, o schedule.Outcome) {
	if o.Err == nil {
		r.live.ended(t, o.Entry)
	} else {
		r.live.do(func() error { return r.live.release(t) })
	}
	r.Reporter.End(t, o)
}
