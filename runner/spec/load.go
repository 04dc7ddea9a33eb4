package spec

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cuelang.org/go/cue"

	"react/runner/spec/contract"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
	"react/runner/spec/rules"
	"react/runner/spec/source"
	"react/runner/spec/v1"
)

// Options are what flags say about loading.
type Options struct {
	Sets      []string // overrides, each PATH=VALUE
	MaxTrials int      // 0 is maxTrials
	// Former reads a file of runner/v1, for what is recorded of its runs: its sections get the
	// names of today, its tables stay as they are written. Without it old names in a file of v1 are
	// errors.
	Former bool
	// Towers are those of checkpoints, by backbone.weights, on which defaults depend. Of one that
	// is not among them the architecture counts that the file names.
	Towers map[string]contract.Tower
	// Words are what the values at some paths of a Text are called by who gave them: "DATASET birds".
	// Of a file there are none.
	Words map[string]string
	// Common is the text of common.cue beside the file, as ReadCommon gives it.
	Common []byte
}

// Text is an experiment that no file holds.
type Text struct {
	Called string // in place of a file's name
	Source []byte
	Words  map[string]string // see Options
}

// words are those of Options. Places in a text are told in them, since nobody has seen its lines.
type words map[string]string

// place is where a value is, in these words.
func (w words) place(at mistake.Pos, path string) mistake.Pos {
	if w == nil || strings.HasPrefix(at.File, mistake.SetPrefix) {
		return at
	}
	path, _, _ = strings.Cut(path, "=") // of a sweep: see Experiment.PlaceOf
	path, _, _ = strings.Cut(path, "[")
	for ; path != ""; path = fields.Parent(path) {
		if word, ok := w[path]; ok {
			return mistake.Pos{File: word}
		}
	}
	return mistake.Pos{File: at.File}
}

// places gives all places of a draft, and those of mistakes, in these words.
func (w words) places(d *Draft, mistakes mistake.Errors) {
	if w == nil {
		return
	}
	for path, at := range d.Places {
		d.Places[path] = w.place(at, path)
	}
	for i, g := range d.Given {
		d.Given[i].Pos = w.place(g.Pos, g.Path)
	}
	for _, list := range []mistake.Errors{d.Warnings, mistakes} {
		for i, e := range list {
			list[i].Pos = w.place(e.Pos, e.Path)
		}
	}
}

// Common is the file of a folder whose values all its experiments share: each is unified with it,
// as files of one package are, and never with another.
const Common = "common.cue"

// maxTrials is how many trials a sweep may have unless Options say otherwise: a slip in a grid
// should not start ten thousand runs.
const maxTrials = 10000

// maxBytes is how long an experiment file may be.
const maxBytes = 1 << 20

// Load reads an experiment with overrides such as "tune.gamma=0.8". Every mistake in the file is in
// the error, which then is Errors.
func Load(file string, sets []string) (*Experiment, error) {
	text, err := Read(file)
	if err != nil {
		return nil, err
	}
	common, err := ReadCommon(file)
	if err != nil {
		return nil, err
	}
	return Parse(file, text, Options{Sets: sets, Common: common})
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

// ReadCommon reads what the folder of an experiment shares; nil where that is nothing.
func ReadCommon(file string) ([]byte, error) {
	name := commonOf(file)
	info, err := os.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist) || isCommon(file):
		return nil, nil
	case err != nil:
		return nil, unreadable(name, err)
	case !info.Mode().IsRegular(): // what is run must be what is recorded
		return nil, mistake.Errors{{Pos: mistake.Pos{File: name},
			Msg: "a link or a folder (what a folder's experiments share is a plain file in it)"}}
	}
	text, err := Read(name)
	if len(text) == 0 {
		return nil, err
	}
	return text, err
}

func commonOf(file string) string { return filepath.Join(filepath.Dir(file), Common) }

func isCommon(file string) bool { return filepath.Base(file) == Common }

func unreadable(file string, err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	what := "the experiment"
	if isCommon(file) {
		what = "what experiments share"
	}
	return mistake.Errors{{Pos: mistake.Pos{File: file}, Msg: fmt.Sprintf("cannot read %s: %v", what, err)}}
}

func checkSize(file string, text []byte) error {
	if len(text) > maxBytes {
		return mistake.Errors{{Pos: mistake.Pos{File: file}, Msg: fmt.Sprintf("longer than an experiment may be (%d bytes)", maxBytes)}}
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

// NewDraft is the part of Parse that asks CUE, which has no bounds: a short file can take all
// memory, or for ever.
func NewDraft(file string, text []byte, o Options) (d *Draft, err error) {
	if err := checkSize(file, text); err != nil {
		return nil, err
	}
	if isCommon(file) {
		return nil, mistake.Errors{{Pos: mistake.Pos{File: file},
			Msg: "holds what experiments beside it share, and is none (runner vet of one of them checks both)"}}
	}
	// CUE's evaluator has panicked on odd input in several releases; a file must not end the
	// program
	defer func() {
		if r := recover(); r != nil {
			d, err = nil, mistake.Errors{{Pos: mistake.Pos{File: file}, Msg: fmt.Sprintf("CUE cannot evaluate this file: %v", r)}}
		}
	}()
	k, err := contract.New()
	if err != nil {
		return nil, err
	}
	k.Towers = o.Towers
	c := &checker{Schema: k, Found: mistake.In(file), former: o.Former, holes: map[string]bool{},
		met: &met{labels: map[string]bool{}, values: map[string]map[string]bool{}, hit: map[string]bool{}},
		src: source.New(k.Context, file, string(text))}
	if o.Common != nil {
		c.src.Common = &source.File{Name: commonOf(file), Text: string(o.Common)}
	}
	d = &Draft{Overrides: o.Sets, Source: text, Common: o.Common}
	c.load(d, o)
	c.sayVersion(d)
	words(o.Words).places(d, c.Errs)
	if err := c.Errs.Err(); err != nil {
		return nil, err
	}
	return d, nil
}

func (c *checker) load(d *Draft, o Options) {
	for _, arg := range o.Sets {
		set, err := c.parseSetting(arg)
		if err != nil {
			c.Add(mistake.Pos{File: mistake.SetPrefix + arg}, "", "%s", err)
			continue
		}
		c.src.Settings = append(c.src.Settings, set)
	}
	v, ok := c.firstBuild()
	if !ok || !c.checkVersion(v) {
		return
	}
	c.readRootFields(v, d)
	version, _ := v.LookupPath(cue.ParsePath("apiVersion")).String()
	d.Former = c.former && version == v1.Version
	base := newAssignment()
	c.readSections(v, &base)
	d.Places = base.Pos
	s := c.readSweep(v.LookupPath(cue.ParsePath("sweep")), &base)
	labels := make([]string, 0, len(s.cases))
	for _, a := range s.cases {
		labels = append(labels, a.label)
	}
	tables := v.LookupPath(cue.ParsePath("tables"))
	d.Tables, d.Order = c.readTables(tables, &base, labels)
	if limit := cmp.Or(o.MaxTrials, maxTrials); s.size(limit) > limit {
		c.Add(c.valuePos(v.LookupPath(cue.ParsePath("sweep"))), "sweep", "more than %d trials (a smaller grid)", limit)
		return
	}
	if d.Untabled = !tables.Exists() && !d.Former && len(c.Errs) == 0; d.Untabled {
		d.Tables, d.Order = c.readDefaultTable(&base, s, labels)
	}
	c.makeTrials(d, &base, s)
}

// checkVersion comes before everything else: in a file of another version nothing else means what
// it seems to.
func (c *checker) checkVersion(v cue.Value) bool {
	n := c.Root.Child("apiVersion")
	w := v.LookupPath(cue.ParsePath("apiVersion"))
	if !w.Exists() && !c.IsBad("apiVersion") && !c.isHole("apiVersion") {
		c.Add(c.Start(), "apiVersion", "missing (%s)", n.Form)
		return false
	}
	s, err := w.String()
	if err == nil && s == v1.Version {
		pos := c.valuePos(w)
		if c.src.Common != nil {
			c.Add(pos, "apiVersion", "%q knows no %s (runner fmt --update %s rewrites it as %q)", s, Common, pos.File, v1.Now)
			return false
		}
		if !c.former {
			c.v1 = &pos
			c.Silence("apiVersion")
		}
		return true
	}
	if err == nil && n.Form.Value.Unify(w).Err() != nil {
		c.Add(c.valuePos(w), "apiVersion", "%q is not known to this runner (it reads %s)", s, n.Form)
		return false
	}
	return true
}

// sayVersion says of a file of runner/v1 how it gets today's names, where it has others. One that
// has none means what it says and is read; its defaults may be others than when it was written.
func (c *checker) sayVersion(d *Draft) {
	switch {
	case c.v1 == nil:
	case slices.ContainsFunc(c.Errs, func(e mistake.Error) bool { return e.Old }):
		c.AddOld(*c.v1, "apiVersion", "%q has other names (runner fmt --update %s rewrites it as %q)", v1.Version, c.src.Name, v1.Now)
	default:
		d.Warnings.Add(*c.v1, "apiVersion", "%q is read as %q, since no name in this file is another there; defaults are those of %q "+
			"(runner fmt --update %s rewrites it)", v1.Version, v1.Now, v1.Now, c.src.Name)
	}
}

// readRootFields checks the names of all sections and the values that are no section.
func (c *checker) readRootFields(v cue.Value, d *Draft) {
	root := &contract.Field{}
	for _, name := range c.Sections {
		if n := c.Root.Child(name); n != nil {
			root.Fields = append(root.Fields, n)
			continue
		}
		root.Fields = append(root.Fields, &contract.Field{Name: name})
	}
	c.walk(root, "", v, visitor{leaf: func(n *contract.Field, path, shown string, v cue.Value) {
		if c.Root.Child(path) == nil || path == "apiVersion" && c.former {
			return // a section, read later; or a version that is known already
		}
		raw, ok := c.value(n.Form, shown, v)
		s, _ := fields.Plain(raw).(string)
		switch {
		case !ok:
		case path == "name":
			d.Name = s
		case path == "question":
			d.Question = s
		}
	}})
	for _, n := range c.Root.Fields {
		if n.Required != "" && !v.LookupPath(cue.ParsePath(n.Name)).Exists() && !c.IsBad(n.Name) {
			c.Fail(c.Start(), n.Name, "missing (%s)", n.Form)
		}
	}
}

// readSections reads the file's own values.
func (c *checker) readSections(v cue.Value, base *assignment) {
	for _, n := range c.Params.Fields {
		if w := v.LookupPath(cue.ParsePath(n.Name)); w.Exists() {
			c.walk(n, n.Name, w, c.reader(base))
		}
	}
}

func (c *checker) reader(into *assignment) visitor {
	return visitor{
		group: func(path string, v cue.Value) { into.Set[path], into.Pos[path] = nil, c.fieldPos(v) },
		leaf: func(n *contract.Field, path, shown string, v cue.Value) {
			if raw, ok := c.value(n.Form, shown, v); ok {
				into.Set[path], into.Pos[path], into.vals[path] = raw, c.valuePos(v), v
			}
		},
	}
}

// makeTrials expands the sweep and checks every assignment.
func (c *checker) makeTrials(d *Draft, base *assignment, s sweep) {
	all := s.expand()
	swept := map[string]bool{}
	for _, a := range all {
		for p, raw := range a.Set {
			if raw != nil {
				swept[p] = true
			}
		}
	}
	d.Base = c.WithDefaults(base.Set)
	derive := c.follower(base, swept)
	taken, left := map[string]*contract.Defaulted{}, leftovers{}
	for _, a := range all {
		given := c.Assign(derive(a), a.Set)
		v := c.WithDefaults(given)
		c.NoteDefaults(taken, given, v)
		rules.Scene{Schema: c.Schema, Found: c.Found, Base: base.Part, Varied: a.Part, Values: v, Swept: swept}.Check()
		if len(c.Errs) > 0 {
			continue // nothing is run, only the rest of the mistakes is wanted
		}
		c.addTrial(d, a, v, s, left)
	}
	if len(d.Trials) > 0 {
		left.expect(c)
	}
	if len(c.Errs) == 0 && len(d.Trials) == 0 {
		c.Add(s.excludePos, "sweep.exclude", "leaves out every trial")
	}
	d.Places = sweptPlaces(base.Pos, all)
	d.Given = c.given(base, all, d.Overrides)
	for _, from := range slices.Sorted(maps.Keys(taken)) {
		d.Defaulted = append(d.Defaulted, *taken[from])
	}
	d.Weights = c.Weights()
	if d.Warnings, d.Unmet = c.warnings(); c.former {
		d.Warnings, d.Unmet = nil, nil // tables of v1 name values that trials have no more
	}
}

func (c *checker) addTrial(d *Draft, a assignment, v fields.Values, s sweep, left leftovers) {
	t := newDraftTrial(a, d.Base, v)
	for _, seed := range s.seeds {
		by := c.excluding(s.exclude, a, v, seed)
		if len(s.exclude) > 0 {
			left.note(a, s, by)
		}
		if len(by) > 0 {
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
