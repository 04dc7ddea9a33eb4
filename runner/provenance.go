package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"react/data/glob"
	"react/runner/plan"
	"react/runner/schedule"
	"react/runner/store"
)

// runRecord is runs/<id>.json: who ran a sweep, when, with what, on what, and
// how it ended. Each stage's manifest names the run that made it.
type runRecord struct {
	Schema    string            `json:"schema"`
	ID        string            `json:"id"`
	Started   time.Time         `json:"started"`
	Finished  time.Time         `json:"finished,omitzero"`
	Outcome   string            `json:"outcome"` // running, done, failed, interrupted, store fault; a killed one stays "running"
	Stages    stageCounts       `json:"stages"`
	Command   []string          `json:"command"`
	Dir       string            `json:"dir"`
	Host      string            `json:"host"`
	PID       int               `json:"pid"`
	Binary    binaryRecord      `json:"binary"`
	Build     map[string]string `json:"build"` // as the Go tool recorded it: revision, libraries
	Git       *gitState         `json:"git,omitempty"`
	System    systemFacts       `json:"system"`
	Engine    engineRecord      `json:"engine"`
	Env       map[string]string `json:"env,omitempty"`
	Overrides []string          `json:"overrides,omitempty"`
	Spec      string            `json:"spec,omitempty"`     // sha256 of the file
	Resolved  string            `json:"resolved,omitempty"` // sha256 of the resolved spec
	Data      []dataRecord      `json:"data,omitempty"`
}

type stageCounts struct {
	Cached int `json:"cached"`
	Made   int `json:"made"`
	Failed int `json:"failed"`
}

type binaryRecord struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
}

type engineRecord struct {
	Asked     string            `json:"asked"`
	Name      string            `json:"name,omitempty"` // "" when no stage opened one
	Libraries map[string]string `json:"libraries,omitempty"`
}

// dataRecord is the outside files of a role; plan.json has each with its digest.
type dataRecord struct {
	Role   string `json:"role"`
	Root   string `json:"root"`
	Files  int    `json:"files"`
	SHA256 string `json:"sha256"` // of the key lines that name them
}

// Facts of a stage's manifest that say who made it.
const (
	runFact    = "run"
	commitFact = "commit"
)

// envAllowed are the variables that change how fast or with what a sweep runs;
// no other variable is recorded.
var envAllowed = []string{"OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "GOMAXPROCS", "GOMEMLIMIT",
	"CUDA_VISIBLE_DEVICES", "XLA_FLAGS", "ONNXRUNTIME_SHARED_LIBRARY_PATH", "SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"}

// provenance is what this process knows of itself.
func provenance() runRecord {
	now := time.Now().UTC()
	r := runRecord{Schema: "runner.run/v1", Started: now.Truncate(time.Millisecond), Outcome: "running", Command: os.Args, PID: os.Getpid(),
		Build: buildFacts(), System: readSystem(), Env: map[string]string{}}
	r.Dir, _ = os.Getwd()
	r.Host, _ = os.Hostname()
	r.ID = fmt.Sprintf("%s-%s-%d", now.Format("20060102T150405.000"), strings.NewReplacer("/", "_").Replace(r.Host), r.PID)
	r.Binary.Path, _ = os.Executable()
	for _, name := range envAllowed {
		if value, ok := os.LookupEnv(name); ok {
			r.Env[name] = value
		}
	}
	return r
}

// provenance of a run of this experiment. What cannot be found out is left
// empty: a sweep does not fail for want of git.
func (e *experiment) provenance(ctx context.Context, o sweepOptions) runRecord {
	r := provenance()
	r.Engine.Asked = o.engine
	r.Overrides = e.Overrides
	r.Spec, r.Resolved = sha256Hex(e.Source), sha256Hex(e.Resolved)
	r.Data = dataOf(e.plan.Stages)
	if f, err := e.store.Fingerprint(r.Binary.Path); err == nil {
		r.Binary.SHA256 = f.SHA256
	}
	r.Git = readGit(ctx, filepath.Dir(e.File), o.keepDiff)
	return r
}

// dataOf sums up the outside files of the stages, each role and root once.
func dataOf(stages []*plan.Stage) []dataRecord {
	seen := map[string]dataRecord{}
	for _, s := range stages {
		for role, f := range s.Files {
			var lines []string
			for _, line := range s.Lines {
				if strings.HasPrefix(line, "file "+role+" ") {
					lines = append(lines, line)
				}
			}
			d := dataRecord{role, f.Root, len(f.Paths), sha256Hex([]byte(strings.Join(lines, "\n")))}
			seen[d.Role+" "+d.Root+" "+d.SHA256] = d
		}
	}
	var list []dataRecord
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		list = append(list, seen[key])
	}
	return list
}

// commit names the source that the program was built from; "+changes" means
// that it was changed after that commit. Where the build does not say, it is the
// experiment's repository that is named; "" where there is none.
func (r *runRecord) commit() string {
	switch revision := r.Build["vcs.revision"]; {
	case revision != "" && r.Build["vcs.modified"] == "true":
		return revision + "+changes"
	case revision != "":
		return revision
	case r.Git != nil && r.Git.Dirty:
		return r.Git.Commit + "+changes of the experiment's repository"
	case r.Git != nil:
		return r.Git.Commit + " of the experiment's repository"
	}
	return ""
}

// stamp has the stages of a run say who made them; a run without an id is on no
// record.
func (r *runRecord) stamp(run func(context.Context, *schedule.Attempt) error) func(context.Context, *schedule.Attempt) error {
	return func(ctx context.Context, a *schedule.Attempt) error {
		if r.ID != "" {
			a.Fact(runFact, r.ID)
		}
		if commit := r.commit(); commit != "" {
			a.Fact(commitFact, commit)
		}
		return run(ctx, a)
	}
}

// begin records a run before its first stage.
func (r *runRecord) begin(w *store.Sweep) error {
	if r.Git != nil && len(r.Git.diff) > 0 {
		if err := w.Write(r.Git.Patch, r.Git.diff); err != nil {
			return err
		}
	}
	return r.write(w)
}

// end records how the run came out.
func (r *runRecord) end(w *store.Sweep, report *schedule.Report, failure error) error {
	r.Finished = time.Now().UTC().Truncate(time.Millisecond)
	r.Stages = stageCounts{len(report.Cached), len(report.Made), len(report.Failures)}
	switch {
	case failure == nil:
		r.Outcome = "done"
	case errors.As(failure, new(*store.Error)):
		r.Outcome = "store fault"
	case errors.Is(failure, context.Canceled):
		r.Outcome = "interrupted"
	default:
		r.Outcome = "failed"
	}
	return r.write(w)
}

func (r *runRecord) write(w *store.Sweep) error {
	return errors.Join(w.WriteJSON(runsFolder+"/"+r.ID+".json", r), w.WriteJSON(provenanceFile, r))
}

// runRecording is a run that is put on record.
type runRecording struct {
	runRecord
	folder  *store.Sweep
	engines *engines
}

// recordedRun is schedule.Run with its record written before and after.
func recordedRun(ctx context.Context, tasks []*schedule.Task, options schedule.Options, r runRecording) (*schedule.Report, error) {
	if err := r.begin(r.folder); err != nil {
		return nil, err
	}
	for _, t := range tasks {
		t.Run = r.stamp(t.Run)
	}
	report, failure := schedule.Run(ctx, tasks, options)
	if eng := r.engines.opened(); eng != nil {
		r.Engine.Name, r.Engine.Libraries = eng.Name(), eng.Describe()
	}
	if err := r.end(r.folder, report, failure); failure == nil {
		failure = err
	}
	return report, failure
}

// runsOf reads the runs of a sweep, oldest first by their names.
func runsOf(w *store.Sweep) ([]runRecord, error) {
	files, err := glob.In(w.Path(runsFolder), "*.json")
	if err != nil {
		return nil, err
	}
	runs := make([]runRecord, len(files))
	for i, file := range files {
		if err := w.ReadJSON(runsFolder+"/"+filepath.Base(file), &runs[i]); err != nil {
			return nil, err
		}
	}
	return runs, nil
}

// buildFacts are the settings that the Go tool put into the program.
func buildFacts() map[string]string {
	facts := map[string]string{"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return facts
	}
	for _, s := range info.Settings {
		if strings.HasPrefix(s.Key, "vcs.") || s.Key == "GOEXPERIMENT" || s.Key == "GOAMD64" {
			facts[s.Key] = s.Value
		}
	}
	for _, dep := range info.Deps {
		if shownLibraries[dep.Path] {
			facts[dep.Path] = dep.Version
		}
	}
	return facts
}

// shownLibraries are the libraries that results depend on.
var shownLibraries = map[string]bool{
	"cuelang.org/go": true,
	"github.com/DataIntelligenceCrew/go-faiss": true,
	"github.com/apache/arrow-go/v18":           true,
	"github.com/gomlx/compute":                 true,
	"github.com/gomlx/compute-onnx":            true,
	"github.com/gomlx/go-xla":                  true,
	"github.com/gomlx/gomlx":                   true,
	"github.com/parquet-go/parquet-go":         true,
	"gonum.org/v1/gonum":                       true,
}
