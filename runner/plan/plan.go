// Package plan turns the trials of an experiment into stages with keys, before anything runs.
//
// A plan is data: stages in an order in which every input stands before its reader, each once
// however many trials share it, and trials that name their stages. Making one reads the spec and
// the digests of outside files, and touches no device and no stage output.
//
// Words: the key of a stage is the sha256 of readable lines (Stage.Lines). Its identity, which the
// keys of its readers name, is the key without the search depth: on exact indexes a deeper search
// only appends hits, so stages downstream stay valid.
//
// Not here: running (runner/schedule), directories (runner/store), what a stage does (ops).
package plan

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"react/ops"
	"react/ops/clip"
	"react/ops/op"
	"react/runner/spec"
	"react/runner/spec/mistake"
)

// keyFormat is the first line of every key; it changes when the lines' meaning does.
const keyFormat = "runner key 1"

// Stage is one node of the plan. It is not changed after New.
type Stage struct {
	Op     string
	Params json.RawMessage     // canonical JSON of the op's params
	In     map[string]*Stage   // role → stage
	Files  map[string]op.Files // role → outside files
	Key    string              // hex sha256 of Lines
	Lines  []string            // what the key is made of, readable

	// that it loads or trains, where that is known before it runs; no part of the key
	Model *clip.Config
	Rows  int // of the pool that it reads; 0 where that is not known
	// of the spec, that its warnings are about; "" where they name none; no part of the key
	Field string

	values   op.Number // of the model, counted once for all stages of it; nil outside a plan
	identity string
	depth    int // that Params have, where the identity leaves it out
}

// Trial is one assignment of the axes and a seed, with the stages that its results are read from.
type Trial struct {
	ID     string         // hash of the params that its stages read, and the seed
	Label  string         // of the case, "" for the grid
	Axes   map[string]any // varied params
	Params map[string]any // every param that its stages read, by path
	Seed   *int           // nil when nothing in the trial is seeded
	Stages map[string]*Stage
}

// Plan is an experiment's trials and stages.
type Plan struct {
	Experiment *spec.Experiment
	Trials     []Trial
	Stages     []*Stage  // inputs before readers
	Missing    []Missing // with Options.WithoutData, each once
	Warnings   []string  // of CheckInputs: what it noticed that is no fault

	// what the file says to no effect: cases that are trials of another name, so that no table has
	// their label, and fields that no trial reads
	Idle mistake.Errors
}

// Names of a trial's stages besides "evaluate/NAME".
const (
	Checkpoint = "checkpoint" // pretrain, when the backbone is pretrained
	Pairs      = "pairs"
	Labels     = "labels" // of self-training, its last round
	Tune       = "tune"
	Balance    = "balance" // of the pairs' classes, where a table shows it
)

// Options are what a plan needs from outside.
type Options struct {
	// Digest gives that of an outside file's content.
	Digest func(path string) (string, error)
	// WithoutData goes on where outside files are missing, and lists them. Keys of what reads them
	// are not those that it will have.
	WithoutData bool
	// Unseen looks for no outside file. Only the trials' labels, params, seeds and names of stages
	// are those of a sweep.
	Unseen bool
}

// New makes the plan. Trials that differ only in params that their stages do not read are one
// trial.
func New(exp *spec.Experiment, opts Options) (*Plan, error) {
	b := newBuilder(exp, opts)
	p := &Plan{Experiment: exp}
	kept, labels, repeated := map[string]int{}, map[string]bool{}, []Trial{}
	for i := range exp.Trials {
		t, err := b.trial(&exp.Trials[i])
		if err != nil {
			return nil, err
		}
		b.read.note(t)
		if _, seen := kept[t.ID]; seen {
			repeated = append(repeated, t)
			continue
		}
		kept[t.ID], labels[t.Label] = len(p.Trials), true
		p.Trials = append(p.Trials, t)
	}
	for _, t := range repeated {
		if t.Label != "" && !labels[t.Label] {
			labels[t.Label] = true
			p.Idle.Add(exp.PlaceOf("sweep.cases", t.Label), "sweep.cases", "%q is the same trial as %s, which alone has a line in tables "+
				"(another value, or leave it out)", t.Label, p.Trials[kept[t.ID]].point())
		}
	}
	b.read.unread(exp, &p.Idle)
	p.Idle = p.Idle.Sorted()
	slices.SortStableFunc(b.missing, func(a, b Missing) int { return cmp.Compare(a.rank(), b.rank()) })
	p.Stages, p.Missing = b.order, b.missing
	return p, nil
}

// point is how the file calls a trial: its case, or what it varies.
func (t Trial) point() string {
	if t.Label != "" {
		return strconv.Quote(t.Label)
	}
	var parts []string
	for _, path := range slices.Sorted(maps.Keys(t.Axes)) {
		parts = append(parts, fmt.Sprintf("%s=%v", path, t.Axes[path]))
	}
	return "the grid's " + strings.Join(parts, " ")
}

// StageNames are a trial's stages in the order they run.
func (t Trial) StageNames() []string {
	names := make([]string, 0, len(t.Stages))
	for name := range t.Stages {
		names = append(names, name)
	}
	rank := func(name string) int {
		for i, prefix := range []string{Checkpoint, Pairs, Balance, Labels, Tune} {
			if name == prefix {
				return i
			}
		}
		return 5
	}
	sort.Slice(names, func(i, j int) bool {
		if a, b := rank(names[i]), rank(names[j]); a != b {
			return a < b
		}
		return names[i] < names[j]
	})
	return names
}

// builder makes stages and keeps each once.
type builder struct {
	opts     Options
	at       *spec.Experiment  // for places in its file
	stages   map[string]*Stage // by identity
	order    []*Stage
	digest   map[string]string
	trunks   map[string]*trunk         // by the sections that they are made of
	flat     map[string]map[string]any // by section
	known    map[string]paramsOf       // by all sections
	texts    map[string]string         // of sections, each once
	listed   map[listing]op.Files
	fileLine map[roleFiles][]string
	models   map[string]*clip.Config // by path
	gated    map[gates]*clip.Config
	counts   map[*clip.Config]op.Number // of a model's values
	rows     map[string]int             // of LAION metadata, by the first file
	missing  []Missing
	expected map[string]int // rows of pools whose files are missing, by their root
	read     readParams
	balanced bool // a table shows how classes share the pairs
}

func newBuilder(exp *spec.Experiment, opts Options) *builder {
	return &builder{opts: opts, at: exp, balanced: showsBalance(exp.Tables), stages: map[string]*Stage{},
		trunks: map[string]*trunk{}, flat: map[string]map[string]any{}, known: map[string]paramsOf{}, texts: map[string]string{},
		listed: map[listing]op.Files{}, fileLine: map[roleFiles][]string{}, models: map[string]*clip.Config{}, rows: map[string]int{},
		gated: map[gates]*clip.Config{}, counts: map[*clip.Config]op.Number{},
		expected: map[string]int{}, read: readParams{own: map[string]bool{}, swept: map[string]bool{}}}
}

// add keys a stage and returns the one that is kept for its identity, as deep as any that was
// added.
func (b *builder) add(name string, params any, in map[string]*Stage, files map[string]op.Files) (*Stage, error) {
	s := &Stage{Op: name, In: in, Files: files}
	var err error
	if s.Params, err = op.Canonical(params); err != nil {
		return nil, err
	}
	if s.Lines, err = b.lines(s, s.Params); err != nil {
		return nil, err
	}
	s.Key = hash(s.Lines)
	s.identity, s.depth = identity(s.Lines, false)
	if old, ok := b.stages[s.identity]; ok {
		if s.depth > old.depth { // no reader was given more than the identity
			old.Params, old.Lines, old.Key, old.depth = s.Params, s.Lines, s.Key, s.depth
		}
		return old, nil
	}
	b.describe(s, params)
	b.stages[s.identity] = s
	b.order = append(b.order, s)
	return s, nil
}

// lines are the preimage of a key.
func (b *builder) lines(s *Stage, params json.RawMessage) ([]string, error) {
	op, ok := ops.All[s.Op]
	if !ok {
		return nil, fmt.Errorf("no op %q", s.Op)
	}
	lines := []string{keyFormat, fmt.Sprintf("op %s %d", s.Op, op.Version), "params " + string(params)}
	for _, role := range slices.Sorted(maps.Keys(s.In)) {
		lines = append(lines, "in "+role+" "+s.In[role].identity)
	}
	for _, role := range slices.Sorted(maps.Keys(s.Files)) {
		files, err := b.roleLines(role, s.Files[role])
		if err != nil {
			return nil, err
		}
		lines = append(lines, files...)
	}
	return lines, nil
}

// maxFileLines is the number of a pool's files from which on their lines give way to one digest of
// them. LAION-5B has 128 metadata files a subset and 400M about 41,000 tars; those lines would
// stand in each of hundreds of stages and their manifests. A pool that a person lists by eye keeps
// its lines, and every key made before this limit was there had fewer files.
const maxFileLines = 100

// maxSetLines is the same of other roles: the images of an evaluation set, each a file, of which a
// person may want to see the one that changed.
const maxSetLines = 10_000

// isPool says whether the files of a role are those of a pool, of which there may be many
// thousands.
func isPool(role string) bool { return strings.HasPrefix(role, "pool.") || role == "embeddings" }

// foldLines gives the lines of a role as keys have them.
func foldLines(role string, files []string) []string {
	if len(files) > maxFileLines && isPool(role) || len(files) > maxSetLines {
		return []string{fmt.Sprintf("files %s %d %s", role, len(files), hash(files))}
	}
	return files
}

// roleFiles names files that were found together, for a role.
type roleFiles struct {
	role  string
	first *string
	n     int
}

// roleLines are the lines of a role, made once for all stages that read files which were found
// together.
func (b *builder) roleLines(role string, f op.Files) ([]string, error) {
	key := roleFiles{role: role}
	if len(f.Paths) > 0 {
		key.first, key.n = &f.Paths[0], len(f.Paths)
		if lines, ok := b.fileLine[key]; ok {
			return lines, nil
		}
	}
	lines, err := fileLines(role, f, b.digestOf)
	if err != nil || key.n == 0 {
		return lines, err
	}
	lines = foldLines(role, lines)
	b.fileLine[key] = lines
	return lines, nil
}

// fileLines has one line a file.
func fileLines(role string, f op.Files, digestOf func(path string) (string, error)) ([]string, error) {
	if len(f.Paths) == 0 { // only a plan without data has such a role
		return []string{"missing " + role + " " + filepath.Base(f.Root)}, nil
	}
	lines := make([]string, 0, len(f.Paths))
	for _, path := range f.Paths {
		digest, err := digestOf(path)
		if err != nil {
			return nil, err
		}
		name, err := filepath.Rel(f.Root, path)
		if err != nil {
			return nil, err
		}
		lines = append(lines, "file "+role+" "+filepath.ToSlash(name)+" "+digest)
	}
	return lines, nil
}

func (b *builder) digestOf(path string) (string, error) {
	if d, ok := b.digest[path]; ok {
		return d, nil
	}
	d, err := b.opts.Digest(path)
	if err != nil {
		return "", err
	}
	if b.digest == nil {
		b.digest = map[string]string{}
	}
	b.digest[path] = d
	return d, nil
}

func hash(lines []string) string {
	sum := sha256.Sum256([]byte(strings.Join(lines, "\n") + "\n"))
	return hex.EncodeToString(sum[:])
}
