package record

import (
	"cmp"
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
	"react/runner/experiment"
	"react/runner/plan"
	"react/runner/schedule"
	"react/runner/store"
)

// Run is runs/<id>.json: who ran a sweep, when, with what, on what, and
// how it ended. Each stage's manifest names the run that made it.
type Run struct {
	Schema   string    `json:"schema"`
	ID       string    `json:"id"`
	Started  time.Time `json:"started"`
	Finished time.Time `json:"finished,omitzero"`
	// running, done, failed, interrupted, store fault; "killed" where Runs finds that it no longer runs
	Outcome   string            `json:"outcome"`
	Stages    StageCounts       `json:"stages"`
	Command   []string          `json:"command"`
	Dir       string            `json:"dir"`
	Host      string            `json:"host"`
	PID       int               `json:"pid"`
	Binary    Binary            `json:"binary"`
	Build     map[string]string `json:"build"` // as the Go tool recorded it: revision, libraries
	Git       *Git              `json:"git,omitempty"`
	System    System            `json:"system"`
	Engine    Engine            `json:"engine"`
	Env       map[string]string `json:"env,omitempty"`
	Overrides []string          `json:"overrides,omitempty"`
	Spec      string            `json:"spec,omitempty"`     // sha256 of the file
	Common    string            `json:"common,omitempty"`   // that of common.cue beside it
	Resolved  string            `json:"resolved,omitempty"` // sha256 of the resolved spec
	Data      []Data            `json:"data,omitempty"`
}

// running is the outcome of a run that has not ended.
const running = "running"

// StageCounts are how many stages of a run were found, made and failed.
type StageCounts struct {
	Cached int `json:"cached"`
	Made   int `json:"made"`
	Failed int `json:"failed"`
}

// Binary is the program that ran.
type Binary struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256,omitempty"`
}

// Engine is what computed.
type Engine struct {
	Asked     string            `json:"asked"`
	Name      string            `json:"name,omitempty"` // "" when no stage opened one
	Libraries map[string]string `json:"libraries,omitempty"`
}

// Data is the outside files of a role; plan.json has each with its digest.
type Data struct {
	Role   string `json:"role"`
	Root   string `json:"root"`
	Files  int    `json:"files"`
	SHA256 string `json:"sha256"` // of the key lines that name them
}

// envAllowed are the variables that change how fast or with what a sweep runs;
// no other variable is recorded.
var envAllowed = []string{"OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "GOMAXPROCS", "GOMEMLIMIT",
	"CUDA_VISIBLE_DEVICES", "XLA_FLAGS", "ONNXRUNTIME_SHARED_LIBRARY_PATH", "SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"}

// NewRun is what this process knows of itself.
func NewRun() Run {
	now := time.Now().UTC()
	r := Run{Schema: "runner.run/v1", Started: now.Truncate(time.Millisecond), Outcome: running, Command: os.Args, PID: os.Getpid(),
		Build: BuildFacts(), System: ReadSystem(), Env: map[string]string{}}
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

// RunOf is what is known of a run of this experiment. What cannot be found out is left
// empty: a sweep does not fail for want of git.
func RunOf(ctx context.Context, e *experiment.Experiment, engine string, keepDiff bool) Run {
	r := NewRun()
	r.Engine.Asked = engine
	r.Overrides = e.Overrides
	r.Spec, r.Resolved = SHA256Hex(e.Source), SHA256Hex(e.Resolved)
	if e.Common != nil {
		r.Common = SHA256Hex(e.Common)
	}
	r.Data = DataOf(e.Plan.Stages)
	if sum, err := e.Store.Digest(r.Binary.Path); err == nil {
		r.Binary.SHA256 = sum
	}
	r.Git = readGit(ctx, filepath.Dir(e.File), keepDiff)
	return r
}

// DataOf sums up the outside files of the stages, each role and root once.
func DataOf(stages []*plan.Stage) []Data {
	seen := map[string]Data{}
	for _, s := range stages {
		for role, f := range s.Files {
			var lines []string
			for _, line := range s.Lines {
				if strings.HasPrefix(line, "file "+role+" ") {
					lines = append(lines, line)
				}
			}
			d := Data{role, f.Root, len(f.Paths), SHA256Hex([]byte(strings.Join(lines, "\n")))}
			seen[d.Role+" "+d.Root+" "+d.SHA256] = d
		}
	}
	var list []Data
	for _, key := range slices.Sorted(maps.Keys(seen)) {
		list = append(list, seen[key])
	}
	return list
}

// commit names the source that the program was built from; "+changes" means
// that it was changed after that commit. Where the build does not say, it is the
// experiment's repository that is named; "" where there is none.
func (r *Run) commit() string {
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

// Stamp has the stages of a run say who made them; a run without an id is on no
// record.
func (r *Run) Stamp(run func(context.Context, *schedule.Attempt) error) func(context.Context, *schedule.Attempt) error {
	return func(ctx context.Context, a *schedule.Attempt) error {
		if r.ID != "" {
			a.Fact(runFact, r.ID)
		}
		if commit := r.commit(); commit != "" {
			a.Fact(CommitFact, commit)
		}
		return run(ctx, a)
	}
}

// Begin records a run before its first stage.
func (r *Run) Begin(w *store.Sweep) error {
	if r.Git != nil && len(r.Git.diff) > 0 {
		if err := w.Write(r.Git.Patch, r.Git.diff); err != nil {
			return err
		}
	}
	return r.write(w)
}

// End records how the run came out.
func (r *Run) End(w *store.Sweep, report *schedule.Report, failure error) error {
	r.Finished = time.Now().UTC().Truncate(time.Millisecond)
	r.Stages = StageCounts{len(report.Cached), len(report.Made), len(report.Failures)}
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

func (r *Run) write(w *store.Sweep) error {
	return errors.Join(w.WriteJSON(runsFolder+"/"+r.ID+".json", r), w.WriteJSON(ProvenanceFile, r))
}

// Runs reads the runs of a sweep, oldest first by their names. One that was killed could not write so:
// its process is gone.
func Runs(w *store.Sweep) ([]Run, error) {
	files, err := glob.In(w.Path(runsFolder), "*.json")
	if err != nil {
		return nil, err
	}
	runs := make([]Run, len(files))
	for i, file := range files {
		if err := w.ReadJSON(runsFolder+"/"+filepath.Base(file), &runs[i]); err != nil {
			return nil, err
		}
	}
	seen, err := Processes(w, time.Now())
	if err != nil {
		return nil, err
	}
	for i := range runs {
		if r := &runs[i]; r.Outcome == running && !r.lives(w, seen) {
			r.Outcome = "killed"
		}
	}
	return runs, nil
}

// lives says whether the process of a run is there. One that a cluster's jobs are waited for with has
// no file in the sweep's folder.
func (r *Run) lives(w *store.Sweep, seen []Seen) bool {
	filed := false
	for _, p := range seen {
		if p.PID == r.PID && p.Started.Sub(r.Started) < time.Second {
			filed = true
			if p.Life != store.Gone {
				return true
			}
		}
	}
	return !filed && w.Held()
}

// stamp is what .ci/compile says of the source with -ldflags -X, as NAME=VALUE with commas
// between: release, vcs.revision, vcs.time, vcs.modified. It is empty outside a git checkout. The
// Go tool says most of it too, but not in a linked worktree, and not with -buildvcs=false.
var stamp string

// BuildFacts are what the program's build put into it: its source, settings and libraries.
func BuildFacts() map[string]string {
	facts := map[string]string{"go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH}
	for setting := range strings.SplitSeq(stamp, ",") {
		if name, value, ok := strings.Cut(setting, "="); ok && value != "" {
			facts[name] = value
		}
	}
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

// SourceOf says in words which release and which commit a program of these facts was built from.
func SourceOf(facts map[string]string) (release, commit string) {
	release, commit = cmp.Or(facts["release"], "none, a development build"), facts["vcs.revision"]
	if commit == "" {
		return release, "unknown: built outside a git checkout, or by go build without the Makefile"
	}
	if at := facts["vcs.time"]; at != "" {
		commit += " of " + at
	}
	if facts["vcs.modified"] == "true" {
		commit += ", with changes"
	}
	return release, commit
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
