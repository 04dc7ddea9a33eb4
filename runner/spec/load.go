package spec

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"react/runner/spec/v1"
)

// Experiment is a file that holds no mistake: what to run, and what to show.
type Experiment struct {
	Former    bool // it is of runner/v1: its tables stand in the words of then
	Name      string
	Question  string
	File      string           // as it was given
	Overrides []string         // the --set arguments, in order
	Source    []byte           // the file's text, without overrides
	Tables    map[string]Table // by name
	Order     []string         // of Tables, as the file has them
	Params    Params           // the file's own values, before the sweep
	Trials    []Trial          // grid first (the last axis fastest), then cases; seeds innermost
	Excluded  int              // trials that sweep.exclude left out
	Warnings  Errors           // what meets nothing in the file: patterns, labels, orders, filters
	Unmet     []ClassName      // what a table of classes names and nothing in the file meets: may be a class
	Resolved  []byte           // canonical JSON of all of the above but File and Source: equal for equal meaning, whatever the spelling
	Defaulted []Defaulted      // what trials that tune have from their models' families
	Digest    string           // sha256 of Resolved, hex

	differences []map[string]any // of each trial from the file's values
	places      map[string]Pos   // of the file's own values
}

// Place is where the file says the value of a path, or the nearest group above it: for what is found wrong with a value after the file was read.
func (e *Experiment) Place(path string) Pos {
	for p := path; p != ""; p = parent(p) {
		if at, ok := e.places[p]; ok && at.File != "" {
			return at
		}
	}
	return Pos{File: e.File}
}

// PlaceOf is where the sweep gives a path a value, or Place.
func (e *Experiment) PlaceOf(path string, value any) Pos {
	raw, err := json.Marshal(value)
	if at, ok := e.places[path+"="+string(raw)]; ok && err == nil {
		return at
	}
	return e.Place(path)
}

// sweptPlaces adds to the places of the file's own values those of the values of a sweep.
func sweptPlaces(own map[string]Pos, all []assignment) map[string]Pos {
	out := maps.Clone(own)
	for _, a := range all {
		for path, at := range a.pos {
			key := path + "=" + string(a.set[path])
			if _, ok := out[key]; !ok && at.File != "" && a.set[path] != nil {
				out[key] = at
			}
		}
	}
	return out
}

// Trial is one assignment of the axes and a seed.
type Trial struct {
	Label  string         // of the case; "" for a point of the grid
	Axes   map[string]any // what the sweep sets, by path, as Flatten gives values
	Seed   int            // of tuning
	Params Params         // every section, defaults filled in; sections that trials share are shared memory, not to be modified
}

// Options are what flags say about loading.
type Options struct {
	Sets      []string // overrides, each PATH=VALUE
	MaxTrials int      // 0 is DefaultMaxTrials
	// Former reads a file of runner/v1, for what is recorded of its runs: its sections get the names
	// of today, its tables stay as they are written. Without it old names in a file of v1 are errors.
	Former bool
	// Towers are those of checkpoints, by backbone.weights, on which defaults depend. Of one that is
	// not among them the architecture counts that the file names.
	Towers map[string]Tower
}

// DefaultMaxTrials is how many trials a sweep may have unless Options say otherwise: a slip in a grid should not start ten thousand runs.
const DefaultMaxTrials = 10000

// maxBytes is how long an experiment file may be.
const maxBytes = 1 << 20

// Load reads an experiment with overrides such as "tune.gamma=0.8". Every mistake in the file is in the error, which then is Errors.
func Load(file string, sets []string) (*Experiment, error) {
	return LoadWith(file, Options{Sets: sets})
}

// LoadWith is Load with options.
func LoadWith(file string, o Options) (*Experiment, error) {
	text, err := Read(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, text, o)
}

// Read reads an experiment file, or says why it is none.
func Read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, unreadable(file, err)
	}
	defer f.Close()
	return ReadFrom(file, f)
}

// ReadFrom is Read from a reader; file is what positions call it.
func ReadFrom(file string, r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxBytes+1))
	if err != nil {
		return nil, unreadable(file, err)
	}
	return text, checkSize(file, text)
}

func unreadable(file string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	return Errors{{Pos: Pos{File: file}, Msg: fmt.Sprintf("cannot read the experiment: %v", err)}}
}

func checkSize(file string, text []byte) error {
	if len(text) > maxBytes {
		return Errors{{Pos: Pos{File: file}, Msg: fmt.Sprintf("longer than an experiment may be (%d bytes)", maxBytes)}}
	}
	return nil
}

// Parse is Load on a text; file is what positions call it.
func Parse(file string, text []byte, o Options) (*Experiment, error) {
	d, err := NewDraft(file, text, o)
	if err != nil {
		return nil, err
	}
	return d.Experiment(file)
}

// NewDraft is the part of Parse that asks CUE, which has no bounds: a short file can take all memory, or for ever.
func NewDraft(file string, text []byte, o Options) (d *Draft, err error) {
	if err := checkSize(file, text); err != nil {
		return nil, err
	}
	defer func() { // CUE's evaluator has panicked on odd input in several releases; a file must not end the program
		if r := recover(); r != nil {
			d, err = nil, Errors{{Pos: Pos{File: file}, Msg: fmt.Sprintf("CUE cannot evaluate this file: %v", r)}}
		}
	}()
	k, err := newContract()
	if err != nil {
		return nil, err
	}
	k.towers = o.Towers
	c := &checker{contract: k, former: o.Former, bad: map[string]bool{}, holes: map[string]bool{},
		met: &met{labels: map[string]bool{}, values: map[string]map[string]bool{}, hit: map[string]bool{}},
		src: newSource(k.ctx, file, text)}
	d = &Draft{Overrides: o.Sets, Source: text}
	c.load(d, o)
	c.sayVersion(d)
	if err := c.errs.err(); err != nil {
		return nil, err
	}
	return d, nil
}

func (c *checker) load(d *Draft, o Options) {
	for _, arg := range o.Sets {
		set, err := c.parseSetting(arg)
		if err != nil {
			c.errs.add(Pos{File: setPrefix + arg}, "", "%s", err)
			continue
		}
		c.src.settings = append(c.src.settings, set)
	}
	v, ok := c.firstBuild()
	if !ok || !c.checkVersion(v) {
		return
	}
	c.readRootFields(v, d)
	d.Former = c.former && textOf(v.LookupPath(cue.ParsePath("apiVersion"))) == v1.Version
	base := newAssignment()
	c.readSections(v, &base)
	d.Places = base.pos
	s := c.readSweep(v.LookupPath(cue.ParsePath("sweep")), &base)
	labels := make([]string, 0, len(s.cases))
	for _, a := range s.cases {
		labels = append(labels, a.label)
	}
	d.Tables, d.Order = c.readTables(v.LookupPath(cue.ParsePath("tables")), &base, labels)
	if n, limit := s.size(c.limit(o)), c.limit(o); n > limit {
		c.errs.add(c.valuePos(v.LookupPath(cue.ParsePath("sweep"))), "sweep", "more than %d trials (a smaller grid)", limit)
		return
	}
	c.makeTrials(d, &base, s)
}

func (c *checker) limit(o Options) int {
	if o.MaxTrials > 0 {
		return o.MaxTrials
	}
	return DefaultMaxTrials
}

// checkVersion comes before everything else: in a file of another version nothing else means what it seems to.
func (c *checker) checkVersion(v cue.Value) bool {
	n := c.root.child("apiVersion")
	w := v.LookupPath(cue.ParsePath("apiVersion"))
	if !w.Exists() && !c.isBad("apiVersion") && !c.isHole("apiVersion") {
		c.errs.add(c.start(), "apiVersion", "missing (%s)", n.form)
		return false
	}
	s, err := w.String()
	if err == nil && s == v1.Version {
		if !c.former {
			pos := c.valuePos(w)
			c.v1 = &pos
			c.bad["apiVersion"] = true
		}
		return true
	}
	if err == nil && n.form.value.Unify(w).Err() != nil {
		c.errs.add(c.valuePos(w), "apiVersion", "%q is not known to this runner (it reads %s)", s, n.form)
		return false
	}
	return true
}

// sayVersion says of a file of runner/v1 how it gets today's names, where it has others. One that has none
// means what it says and is read; its defaults may be others than when it was written.
func (c *checker) sayVersion(d *Draft) {
	switch {
	case c.v1 == nil:
	case slices.ContainsFunc(c.errs, func(e Error) bool { return e.Old }):
		c.old(*c.v1, "apiVersion", "%q has other names (runner fmt --update %s rewrites it as %q)", v1.Version, c.src.name, v1.Now)
	default:
		d.Warnings.add(*c.v1, "apiVersion", "%q is read as %q, since no name in this file is another there; defaults are those of %q "+
			"(runner fmt --update %s rewrites it)", v1.Version, v1.Now, v1.Now, c.src.name)
	}
}

// readRootFields checks the names of all sections and the values that are no section.
func (c *checker) readRootFields(v cue.Value, d *Draft) {
	root := &node{}
	for _, name := range c.sections {
		if n := c.root.child(name); n != nil {
			root.fields = append(root.fields, n)
			continue
		}
		root.fields = append(root.fields, &node{name: name})
	}
	c.walk(root, "", v, visitor{leaf: func(n *node, path, shown string, v cue.Value) {
		if c.root.child(path) == nil || path == "apiVersion" && c.former {
			return // a section, read later; or a version that is known already
		}
		raw, ok := c.value(n.form, shown, v)
		s, _ := plain(raw).(string)
		switch {
		case !ok:
		case path == "name":
			d.Name = s
		case path == "question":
			d.Question = s
		}
	}})
	for _, n := range c.root.fields {
		if n.required != "" && !v.LookupPath(cue.ParsePath(n.name)).Exists() && !c.isBad(n.name) {
			c.fail(c.start(), n.name, "missing (%s)", n.form)
		}
	}
}

// readSections reads the file's own values.
func (c *checker) readSections(v cue.Value, base *assignment) {
	for _, n := range c.params.fields {
		if w := v.LookupPath(cue.ParsePath(n.name)); w.Exists() {
			c.walk(n, n.name, w, c.reader(base))
		}
	}
}

func (c *checker) reader(into *assignment) visitor {
	return visitor{
		group: func(path string, v cue.Value) { into.set[path], into.pos[path] = nil, c.fieldPos(v) },
		leaf: func(n *node, path, shown string, v cue.Value) {
			if raw, ok := c.value(n.form, shown, v); ok {
				into.set[path], into.pos[path], into.vals[path] = raw, c.valuePos(v), v
			}
		},
	}
}

// makeTrials expands the sweep and checks every assignment.
func (c *checker) makeTrials(d *Draft, base *assignment, s sweep) {
	all := s.expand()
	swept := map[string]bool{}
	for _, a := range all {
		for p, raw := range a.set {
			if raw != nil {
				swept[p] = true
			}
		}
	}
	d.Base = c.withDefaults(base.set)
	derive := c.follower(base, swept)
	taken := map[string]*Defaulted{}
	for _, a := range all {
		given := derive(a).with(c.contract, a.set)
		v := c.withDefaults(given)
		c.noteDefaults(taken, given, v)
		scene{checker: c, base: base, a: a, v: v, swept: swept}.check()
		if len(c.errs) > 0 {
			continue // nothing is run, only the rest of the mistakes is wanted
		}
		c.addTrial(d, a, v, s)
	}
	if len(c.errs) == 0 && len(d.Trials) == 0 {
		c.errs.add(s.excludePos, "sweep.exclude", "leaves out every trial")
	}
	d.Places = sweptPlaces(base.pos, all)
	for _, from := range slices.Sorted(maps.Keys(taken)) {
		d.Defaulted = append(d.Defaulted, *taken[from])
	}
	d.Weights = slices.Sorted(maps.Keys(c.weights))
	if d.Warnings, d.Unmet = c.warnings(); c.former {
		d.Warnings, d.Unmet = nil, nil // tables of v1 name values that trials have no more
	}
}

func (c *checker) addTrial(d *Draft, a assignment, v values, s sweep) {
	t := newDraftTrial(a, d.Base, v)
	for _, seed := range s.seeds {
		if c.isExcluded(s.exclude, a, v, seed) {
			d.Excluded++
			continue
		}
		t.Seeds = append(t.Seeds, seed)
	}
	if len(t.Seeds) > 0 {
		c.met.note(a.label, v)
		d.Trials = append(d.Trials, t)
	}
}

// changed lists the sections in which two sets of values differ.
func changed(a, b values) map[string]bool {
	out := map[string]bool{}
	for p, raw := range b {
		if old, ok := a[p]; !ok || string(old) != string(raw) {
			out[sectionOf(p)] = true
		}
	}
	for p := range a {
		if !b.has(p) {
			out[sectionOf(p)] = true
		}
	}
	return out
}

func sectionOf(path string) string {
	section, _, _ := strings.Cut(path, ".")
	return section
}

func (c *checker) isExcluded(patterns []pattern, a assignment, v values, seed int64) bool {
	if len(patterns) == 0 {
		return false
	}
	trial := maps.Clone(v)
	trial["label"], _ = json.Marshal(a.label)
	trial["seed"], _ = json.Marshal(seed)
	excluded := false
	for _, p := range patterns { // each is asked: one that only repeats another leaves out trials too
		if c.subsumes(p, trial) {
			excluded, c.met.hit[p.shown] = true, true
		}
	}
	return excluded
}

// resolve fills Resolved and Digest in.
func (e *Experiment) resolve() {
	type trial struct {
		Label string         `json:"label,omitempty"`
		Seed  int            `json:"seed"`
		Axes  map[string]any `json:"axes"`
		Set   map[string]any `json:"set"` // every value that is not the file's: the axes, what follows them, defaults that depend on them
	}
	trials := make([]trial, len(e.Trials))
	for i, t := range e.Trials {
		trials[i] = trial{Label: t.Label, Seed: t.Seed, Axes: t.Axes, Set: e.differences[i]}
	}
	raw, err := json.Marshal(struct {
		APIVersion string           `json:"apiVersion"`
		Name       string           `json:"name"`
		Question   string           `json:"question,omitempty"`
		Params     Params           `json:"params"`
		Trials     []trial          `json:"trials"`
		Tables     map[string]Table `json:"tables"`
	}{"runner/v2", e.Name, e.Question, e.Params, trials, e.Tables})
	if err != nil {
		panic(err) // plain values only
	}
	sum := sha256.Sum256(raw)
	e.Resolved, e.Digest = raw, hex.EncodeToString(sum[:])
}

// difference lists the values of a trial that are not the file's; nil for one that the trial does not have.
func difference(base, trial values) map[string]any {
	out := map[string]any{}
	for p, raw := range trial {
		if old := base[p]; raw != nil && string(old) != string(raw) && fmt.Sprint(plain(old)) != fmt.Sprint(plain(raw)) {
			out[p] = plain(raw)
		}
	}
	for p, raw := range base {
		if raw != nil && !trial.has(p) {
			out[p] = nil
		}
	}
	return out
}
