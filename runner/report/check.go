package report

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"react/results"
	"react/runner/cli"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/spec/bounded"
	"react/runner/spec/v1"
	"react/runner/store"
)

// checkPublication verifies a folder from itself. Faults are what is not as it
// says; the error is what kept it from being read.
func checkPublication(ctx context.Context, dir string) (p *publication, faults []string, err error) {
	faults, err = checkDigests(dir)
	if err != nil {
		return nil, nil, err
	}
	p, err = readPublication(ctx, dir)
	if err != nil {
		return nil, faults, fmt.Errorf("%s%w", strings.Join(append(faults, ""), "\n"), err)
	}
	c := &publicationCheck{publication: p, stageOf: map[string]*publishedStage{}}
	c.stages()
	c.accuracies()
	if err := c.spec(ctx, filepath.Join(dir, filepath.FromSlash(publishedSpec))); err != nil {
		return nil, nil, err
	}
	c.trials()
	c.rows()
	derived, err := p.derived()
	if err != nil {
		return nil, nil, err
	}
	for _, f := range derived {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			c.fault("%q, which its tables or figures name, is no file of the folder", f.Path)
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(f.Path)))
		if err == nil && !bytes.Equal(data, f.Data) {
			c.fault("%s is not what follows from the rows with this program", f.Path)
		}
	}
	return p, append(faults, c.faults...), nil
}

// checkDigests compares the files with the list of digests.
func checkDigests(dir string) (faults []string, err error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%s: no such folder (runner publish FILE|SWEEP DIR writes one)", dir)
	} else if !info.IsDir() {
		return nil, fmt.Errorf("%s: a file, and no folder (runner publish FILE|SWEEP DIR writes one)", dir)
	}
	names, err := listFiles(dir) // first: nothing is read through a link
	if err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(filepath.Join(dir, publishedDigests))
	if os.IsNotExist(err) {
		return nil, fmt.Errorf("%s is no folder that runner publish wrote: it has no %s", dir, publishedDigests)
	}
	if err != nil {
		return nil, err
	}
	listed := map[string]bool{publishedDigests: true}
	for i, line := range strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n") {
		digest, name, ok := strings.Cut(line, "  ")
		if !ok || !filepath.IsLocal(filepath.FromSlash(name)) {
			return nil, fmt.Errorf("file %s: line %d is not a digest and a path", filepath.Join(dir, publishedDigests), i+1)
		}
		listed[name] = true
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		switch {
		case os.IsNotExist(err):
			faults = append(faults, name+" is missing")
		case err != nil:
			return nil, err
		case record.SHA256Hex(data) != digest:
			faults = append(faults, name+" has been changed: its digest is not the listed one")
		}
	}
	for _, name := range names {
		if !listed[name] {
			faults = append(faults, name+" is not listed in "+publishedDigests)
		}
	}
	return faults, nil
}

// publicationCheck collects faults.
type publicationCheck struct {
	*publication
	stageOf map[string]*publishedStage
	faults  []string
}

func (c *publicationCheck) fault(format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...))
}

// stages computes the keys again, and follows the inputs.
func (c *publicationCheck) stages() {
	for i := range c.publication.stages {
		s := &c.publication.stages[i]
		if plan.KeyOf(s.Lines) != s.Key {
			c.fault("stage %s %s: its lines are not those of its key", s.Op, cli.Short(s.Key))
		}
		for _, role := range slices.Sorted(maps.Keys(s.In)) {
			in := c.stageOf[s.In[role]]
			switch {
			case in == nil:
				c.fault("stage %s %s: its input %s, %s, is not among the stages before it", s.Op, cli.Short(s.Key), role, cli.Short(s.In[role]))
			case slices.Contains(s.Lines, "in "+role+" "+plan.Identity(in.Lines)):
				c.reads(role, s, in)
			case slices.Contains(s.Lines, "in "+role+" "+plan.FormerIdentity(in.Lines)):
				c.unbound++
				c.reads(role, s, in)
			default:
				c.fault("stage %s %s: its key does not name its input %s, %s", s.Op, cli.Short(s.Key), role, cli.Short(s.In[role]))
			}
		}
		c.stageOf[s.Key] = s
	}
}

// reads looks at the bytes that a stage was made from.
func (c *publicationCheck) reads(role string, s, in *publishedStage) {
	if !readsWhatIsListed(s, in) {
		c.fault("stage %s %s: it was made from other bytes of its input %s, %s, than are listed", s.Op, cli.Short(s.Key), role, cli.Short(s.In[role]))
	}
}

// readsWhatIsListed compares what a stage read of an input with the input's files.
// Publications made before inputs were recorded do not say.
func readsWhatIsListed(s, in *publishedStage) bool {
	read := s.Inputs[in.Key]
	return read == "" || len(in.Files) == 0 || read == record.OutputDigest(store.Manifest{Files: in.Files})
}

// spec expands the experiment again and compares the trials.
func (c *publicationCheck) spec(ctx context.Context, file string) error {
	exp, err := bounded.LoadRecorded(ctx, file, c.page.Overrides)
	if err != nil {
		return err
	}
	// of cases and axes; seeds that a trial does not read make one of several
	count := map[string]int{}
	for _, t := range exp.Trials {
		count[t.Label+" "+cli.JSONText(t.Axes)]++
	}
	for _, t := range c.publication.trials {
		axes := v1.Params(t.Axes)
		if axes == nil {
			axes = map[string]any{}
		}
		name := t.Label + " " + cli.JSONText(axes)
		if count[name] == 0 && count[t.Label+" "+cli.JSONText(v1.Params(t.Axes))] == 0 {
			c.fault("trial %s: the spec has no such trial", t.Name)
		}
	}
	return nil
}

// trials looks for their stages.
func (c *publicationCheck) trials() {
	for _, t := range c.publication.trials {
		for _, name := range slices.Sorted(maps.Keys(t.Stages)) {
			if c.stageOf[t.Stages[name]] == nil {
				c.fault("trial %s: its stage %s, %s, is not among the stages", t.Name, name, cli.Short(t.Stages[name]))
			}
		}
	}
}

// rows compares each with its trial.
func (c *publicationCheck) rows() {
	trials := map[string]*publishedTrial{}
	for i := range c.publication.trials {
		trials[c.publication.trials[i].ID] = &c.publication.trials[i]
	}
	told, same := map[string]bool{}, map[uintptr]bool{} // rows of a trial share their params
	for _, row := range c.publication.rows {
		at := reflect.ValueOf(row.Params).Pointer()
		t := trials[row.Trial]
		what := ""
		switch {
		case t == nil:
			what = "is not among the trials"
		case t.Stages["evaluate/"+row.Set] != row.Key && t.Stages[row.Set] != row.Key:
			what = "has no stage " + cli.Short(row.Key) + " for " + row.Set
		case !reflect.DeepEqual(row.Seed, t.Seed):
			what = "has another seed than its rows"
		case !same[at] && cli.JSONText(paramsOfTrial(row)) != cli.JSONText(t.Params):
			what = "has other params than its rows"
		}
		same[at] = true
		if what != "" && !told[row.Trial+what] {
			told[row.Trial+what] = true
			c.fault("trial %s %s", row.Trial, what)
		}
	}
}

// paramsOfTrial are a row's params without what says which two classes it is of.
func paramsOfTrial(row results.Row) map[string]any {
	if _, two := row.Params[results.OtherClass]; !two {
		return row.Params
	}
	params := maps.Clone(row.Params)
	delete(params, results.OtherClass)
	return params
}

// accuracies counts the predictions again.
func (c *publicationCheck) accuracies() {
	type tally struct{ right, images int }
	counts := map[string]tally{} // by stage
	for _, key := range slices.Sorted(maps.Keys(c.cases.predictions)) {
		if c.stageOf[key] == nil {
			c.fault("predictions of stage %s: there is no such stage", cli.Short(key))
		}
		var t tally
		for _, p := range c.cases.predictions[key] {
			t.images++
			if p.Correct {
				t.right++
			}
		}
		counts[key] = t
	}
	told := map[string]bool{}
	for _, row := range c.publication.rows {
		t, ok := counts[row.Key]
		if !ok || row.Metric != "acc@1" || row.Class != "" || told[row.Key] {
			continue
		}
		told[row.Key] = true
		if got := float64(t.right) / float64(t.images); math.Abs(row.Value-got) > 1e-9 {
			c.fault("stage %s: acc@1 is %v in the rows, its predictions give %v", cli.Short(row.Key), row.Value, got)
		}
	}
}
