// Package op says what an op is: one kind of stage, with what is known of a stage before it runs
// (says.go), and what every op uses: the run, rows of metrics, records of attempts.
//
// An op is a pure function of files: it gets typed params, finished input directories and outside
// files, and fills one directory with files in formats that other tools read. It sees no CUE, no
// keys, no store and no flags; where and how it runs (engine, workers, progress) comes in a Run and
// never changes what it writes.
//
// Words: a role names an input ("checkpoint", "pool"); a fact is a value about the run that the
// manifest keeps; a row is one metric of rows.jsonl, which tables are made of.
//
// Not here: any op (package ops lists them), keys and order (runner/plan, runner/schedule).
package op

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"react/data/embeddings"
	"react/data/lost"
	"react/ops/clip"
	"react/ops/engine"
)

// Op is one kind of stage.
type Op struct {
	Name string
	// bumped when the same params can give other output; the history stands above each define
	Version    int
	UsesEngine bool // opens an engine, so that a plan can say which stages depend on it
	Cores      int  // that a stage keeps busy; 0 is as many as there are
	Divisible  bool // can do parts of a stage that another process makes, with Run.Assist
	Apart      bool // computes in calls that hear no context: a process of its own can be ended
	NoText     bool // encodes images only, so that nothing depends on a checkpoint's tokenizer
	// Run fills run.Dir; params is what Canonical gave for the op's params type.
	Run func(ctx context.Context, run *Run, params json.RawMessage) error

	Cost Cost // of a stage of which no run tells

	// What is known of a stage before it runs; none is nil.
	Work func(params json.RawMessage, at Known) Work
	Pace func(params json.RawMessage, at Known) Pace
	// at its peak, in bytes by part; zero where it is little or not known
	Memory func(params json.RawMessage, at Place) (clip.Memory, error)
	Check  func(params json.RawMessage, look Inspector) // of its outside data

	// Deepen gives the params of a stage with another depth, and the depth that they had. Where
	// shared is true its readers take what they want of it: it is made once, as deep as any wants,
	// and their keys leave the depth out. nil for ops without.
	Deepen func(params json.RawMessage, depth int) (other json.RawMessage, had int, shared bool)
}

// Run is what one execution of a stage is given: where to read and write, and how; never what.
type Run struct {
	Dir string // empty directory to fill
	// directory that outlives an attempt which is stopped or killed; it may not exist yet; "" for
	// none
	Partial   string
	SaveEvery time.Duration // between two saves into Partial; 0 is half a minute
	// another process makes the stage: parts of it that nobody does are done into Partial, Dir is
	// not used
	Assist     bool
	In         map[string]string // role → directory of a finished stage
	Files      map[string]Files  // role → outside files
	OpenEngine func() (*engine.Engine, error)
	Fit        Fit
	Workers    int       // goroutines for decoding and the like; at least 1
	Log        io.Writer // the stage's own log
	Progress   func(Progress)
	Warn       func(format string, args ...any)
	Fact       func(key string, value any)
	// told of each line that a training adds to its log, and first, at once, of those of the attempts
	// that it goes on from; nil for nobody
	Lines func(lines []byte, before bool)

	losses []lost.Count // see lose
}

// Files are outside files of one role, sorted by name; Root is the folder that relative names in
// reports start from.
type Files struct {
	Root  string   `json:"root"`
	Paths []string `json:"paths"`
}

// Progress is the state of a running stage.
type Progress struct {
	Done, Total int    // steps, rows or queries
	Note        string // "loss 2.31, 812 images/s"
}

// Facts of what a stage had from an attempt before that was stopped or killed.
const (
	ResumedAtStep = "resumedAtStep" // steps that were taken
	ResumedBlocks = "resumedBlocks" // blocks of embeddings
	ResumedShards = "resumedShards" // shards of an index
)

// Cost is what a stage takes beside the matrix products of its model, on two quiet cores:
// a rough figure from stages that were timed, for a store that holds none.
type Cost struct {
	Seconds float64 // whatever the stage
	PerWork float64 // seconds, for each of what Pace.Work counts
}

// Costs gives an op its cost.
func Costs(op Op, seconds, perWork float64) Op {
	op.Cost = Cost{seconds, perWork}
	return op
}

// OnEngine marks an op as one that opens an engine.
func OnEngine(op Op) Op {
	op.UsesEngine = true
	return op
}

// OnOneCore marks an op that would not be faster on more.
func OnOneCore(op Op) Op {
	op.Cores = 1
	return op
}

// Divisible marks an op whose parts several processes can do.
func Divisible(op Op) Op {
	op.Divisible = true
	return op
}

// Apart marks an op that is best run in a process of its own.
func Apart(op Op) Op {
	op.Apart = true
	return op
}

// ImagesOnly marks an op that encodes no text.
func ImagesOnly(op Op) Op {
	op.NoText = true
	return op
}

// Deepens marks an op whose params have a depth; at sets another one.
func Deepens[P any](op Op, at func(p P, depth int) (other P, had int, shared bool)) Op {
	op.Deepen = func(raw json.RawMessage, depth int) (json.RawMessage, int, bool) {
		var p P
		if json.Unmarshal(raw, &p) != nil {
			return raw, 0, false
		}
		other, had, shared := at(p, depth)
		deeper, err := Canonical(other)
		return deeper, had, shared && err == nil
	}
	return op
}

// Canonical is the one spelling of params that keys are made of: Go's JSON of the typed struct.
func Canonical(params any) (json.RawMessage, error) {
	b, err := json.Marshal(params)
	if err != nil {
		return nil, fmt.Errorf("params %T: %w", params, err)
	}
	return b, nil
}

// Input returns the directory of a role, whether it is a finished stage or an outside folder.
func (r *Run) Input(role string) (string, error) {
	if dir, ok := r.In[role]; ok {
		return dir, nil
	}
	if f, ok := r.Files[role]; ok {
		return f.Root, nil
	}
	return "", fmt.Errorf("no input for role %q", role)
}

// Inputs are the finished stages whose role begins so, by the rest of it: "guard." has one for each
// set.
func (r *Run) Inputs(prefix string) map[string]string {
	dirs := map[string]string{}
	for role, dir := range r.In {
		if name, ok := strings.CutPrefix(role, prefix); ok {
			dirs[name] = dir
		}
	}
	return dirs
}

// Embeddings opens the input "embeddings"; the caller closes it.
func (r *Run) Embeddings() (*embeddings.Folder, error) {
	dir, err := r.Input("embeddings")
	if err != nil {
		return nil, err
	}
	return embeddings.Open(dir)
}

// Lose says what of a pool or a set cannot be used: the log, the manifest and, from there, notes
// under tables do. Too many are an error.
func (r *Run) Lose(c lost.Count, maxShare float64) error {
	if c.Empty() {
		return nil
	}
	if err := c.Check(maxShare); err != nil {
		return err
	}
	r.losses = append(r.losses, c)
	r.Fact(LostFact, r.losses)
	r.Warn("%s", &c)
	return nil
}

// LostFact is the manifest's fact with what was lost of each pool and set that the stage read:
// []lost.Count.
const LostFact = "lost"

// Logged tells Lines, where it is there.
func (r *Run) Logged(lines []byte, before bool) {
	if r.Lines != nil {
		r.Lines(lines, before)
	}
}

// Path is a file of the stage's own directory.
func (r *Run) Path(elem ...string) string {
	return filepath.Join(append([]string{r.Dir}, elem...)...)
}
