package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"react/runner/store"
)

// Records of a sweep, by name in its folder.
const (
	planFile       = "plan.json"
	trialsFile     = "trials.jsonl"
	provenanceFile = "provenance.json"
)

// sweepFolder is where the records of this resolved spec are.
func (e *experiment) sweepFolder() (*store.Sweep, error) {
	return e.store.Sweep(e.Name, e.Digest[:8])
}

// record writes what was asked and planned, before anything runs.
func (e *experiment) record(w *store.Sweep) error {
	p := e.describe()
	overrides := append([]string{}, e.Overrides...)
	for _, write := range []func() error{
		func() error { return w.Write("spec.cue", e.source) },
		func() error { return w.Write("spec.resolved.json", e.Resolved) },
		func() error { return w.WriteJSON("overrides.json", overrides) },
		func() error { return store.WriteLines(w, trialsFile, p.Trials) },
		func() error { return w.WriteJSON(planFile, p) },
		w.Latest,
	} {
		if err := write(); err != nil {
			return err
		}
	}
	return nil
}

// resultRecord is trials/<id>/result.json; that it is there says that the
// trial is done.
type resultRecord struct {
	ID     string            `json:"id"`
	Name   string            `json:"name"`
	Stages map[string]string `json:"stages"` // name → key
}

// recordResults writes a result for each trial whose stages all have entries.
func (e *experiment) recordResults(w *store.Sweep, entries map[string]store.Entry) error {
	for _, t := range e.plan.Trials {
		done := true
		for _, stage := range t.Stages {
			_, ok := entries[stage.Key]
			done = done && ok
		}
		if !done {
			continue
		}
		if err := w.WriteJSON("trials/"+t.ID+"/result.json", resultRecord{t.ID, trialName(t), keysOf(t.Stages)}); err != nil {
			return err
		}
	}
	return nil
}

// provenanceRecord is provenance.json: who ran this sweep's latest stages, with
// what. Each stage's own manifest says when and on which engine it ran.
type provenanceRecord struct {
	Started time.Time         `json:"started"`
	Command []string          `json:"command"`
	Dir     string            `json:"dir"`
	Host    string            `json:"host"`
	CPUs    int               `json:"cpus"`
	Build   map[string]string `json:"build"`
	Env     map[string]string `json:"env,omitempty"`
}

// envAllowed are the variables that change how fast or with what a sweep runs;
// no other variable is recorded.
var envAllowed = []string{"OMP_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "GOMAXPROCS", "GOMEMLIMIT",
	"CUDA_VISIBLE_DEVICES", "XLA_FLAGS", "ONNXRUNTIME_SHARED_LIBRARY_PATH", "SLURM_JOB_ID"}

func provenance() provenanceRecord {
	r := provenanceRecord{Started: time.Now().UTC().Truncate(time.Second), Command: os.Args, CPUs: runtime.GOMAXPROCS(0),
		Build: buildFacts(), Env: map[string]string{}}
	r.Dir, _ = os.Getwd()
	r.Host, _ = os.Hostname()
	for _, name := range envAllowed {
		if value, ok := os.LookupEnv(name); ok {
			r.Env[name] = value
		}
	}
	return r
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
