package reproduce

import (
	"errors"
	"fmt"
	"strings"

	"react/ops"
	"react/runner/cli"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/spec/v1"
	"react/runner/store"
)

// restorer makes stages of records, without the experiment's file.
type restorer struct {
	identify plan.Identify
	commits  map[string]string // key → the commit of the program that made it
	made     map[string]*plan.Stage
	told     map[string]bool // faults of outside files
}

func newRestorer(s *store.Store) *restorer {
	return &restorer{identify: s.Identify, commits: map[string]string{}, made: map[string]*plan.Stage{}}
}

// stages restores records that stand inputs first. The error has a line for
// each thing that keeps them from being made as they were: an op of another
// version, an outside file that is missing or has changed, each file once.
func (r *restorer) stages(records []record.Stage) ([]*plan.Stage, error) {
	r.told = map[string]bool{}
	var stages []*plan.Stage
	var errs []error
	for _, record := range records {
		stage, err := r.stage(record)
		if err != nil {
			errs = append(errs, fmt.Errorf("stage %s %s: %w", record.Op, cli.Short(record.Key), err))
		}
		r.made[record.Key] = stage // also a broken one: its readers are looked at all the same
		stages = append(stages, stage)
	}
	return stages, errors.Join(errs...)
}

func (r *restorer) stage(record record.Stage) (*plan.Stage, error) {
	stage := &plan.Stage{Op: record.Op, In: map[string]*plan.Stage{}, Files: record.Files, Key: record.Key, Lines: record.Lines}
	for _, line := range record.Lines {
		if params, ok := strings.CutPrefix(line, "params "); ok { // plan.json has them indented
			stage.Params = v1.OpParams(record.Op, []byte(params))
		}
	}
	for role, key := range record.In {
		if stage.In[role] = r.made[key]; stage.In[role] == nil {
			return stage, fmt.Errorf("the record is damaged: it has no stage %s, its input %s", cli.Short(key), role)
		}
	}
	if plan.KeyOf(record.Lines) != record.Key {
		return stage, errors.New("the record is damaged: its lines are not those of its key")
	}
	return stage, errors.Join(r.checkVersion(record), r.checkFiles(record))
}

// checkVersion refuses what this program would make otherwise.
func (r *restorer) checkVersion(record record.Stage) error {
	op, known := ops.All[record.Op]
	then := ""
	for _, line := range record.Lines {
		if version, ok := strings.CutPrefix(line, "op "+record.Op+" "); ok {
			then = version
		}
	}
	if known && then == fmt.Sprint(op.Version) {
		return nil
	}
	commit := r.commits[record.Key]
	if commit == "" {
		commit = "a commit that is not on record"
	}
	if !known {
		return fmt.Errorf("this program has no op %q; it was made by a program built from %s", record.Op, commit)
	}
	return fmt.Errorf("op %s has version %d in this program, version %s in the record; build the program from %s", record.Op, op.Version, then, commit)
}

// checkFiles compares outside files with the digests of the record; each fault
// is told once.
func (r *restorer) checkFiles(record record.Stage) error {
	var errs []error
	for _, err := range plan.CheckFiles(record.Lines, record.Files, cli.IsStrict(), r.identify) {
		if !r.told[err.Error()] {
			r.told[err.Error()] = true
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
