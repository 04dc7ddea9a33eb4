package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"react/runner/plan/reads"
	"react/runner/spec"
	"react/runner/spec/mistake"
)

// trunk is what a trial is tuned from and with: all that tuning does not decide. A sweep of
// thousands of trials has few, so each is made once; a trial adds its own stages to it.
type trunk struct {
	base  source
	pairs *Stage // nil where nothing is tuned, and no evaluation looks at pairs
	notes *reads.Notes
}

// trunk makes or finds the trunk of a trial, and notes what that reads.
func (c *composer) trunk(sections []spec.Section) (*trunk, error) {
	mode := c.p.Tune().Mode()
	retrieves := onPairs(mode) || c.judgesPairs()
	key := trunkKey(sections, retrieves)
	if retrieves && c.drawnForEachSeed() {
		key += fmt.Sprintf(" for seed %d", c.p.Seed())
	}
	out, ok := c.trunks[key]
	if !ok {
		var err error
		if out, err = c.newTrunk(retrieves); err != nil {
			return nil, err
		}
		c.trunks[key] = out
	}
	c.p.Note(out.notes)
	return out, nil
}

func (c *composer) newTrunk(retrieves bool) (*trunk, error) {
	out := &trunk{notes: &reads.Notes{}}
	of := &composer{builder: c.builder, p: c.p.WithoutTune(out.notes)}
	var err error
	if out.base, err = of.backbone(); err == nil && retrieves {
		out.pairs, err = of.pairs(out.base)
	}
	return out, err
}

// drawnForEachSeed says whether the pairs of a trial depend on its seed.
func (c *composer) drawnForEachSeed() bool {
	p := c.p.Pairs()
	return p.Source() == "random" && p.Draw() == ""
}

// onPairs says whether a mode tunes on retrieved pairs.
func onPairs(mode string) bool { return mode != "none" && mode != "prompt" }

func trunkKey(sections []spec.Section, retrieves bool) string {
	var key strings.Builder
	for _, s := range sections {
		if s.Name != "tune" {
			key.WriteString(s.JSON)
			key.WriteByte('\n')
		}
	}
	if retrieves {
		key.WriteString("tuned")
	}
	return key.String()
}

// wholeKey is of all sections: trials with one differ in nothing but their seed and label.
func wholeKey(sections []spec.Section) string {
	var key strings.Builder
	for _, s := range sections {
		key.WriteString(s.JSON)
		key.WriteByte('\n')
	}
	return key.String()
}

// paramsOf are the params that a trial's stages read, by path, and eight hex digits of their hash.
// Trials that differ in their seed share them.
type paramsOf struct {
	params map[string]any
	hash   string
	seeded bool
}

// paramsOf picks the params that were read, for all trials with the same sections: what is read
// follows from them.
func (b *builder) paramsOf(sections []spec.Section, notes *reads.Notes) paramsOf {
	all := map[string]any{}
	for _, section := range sections {
		maps.Copy(all, b.flatten(section))
	}
	read, id := notes.Of(all)
	sum := sha256.Sum256(id)
	p := paramsOf{params: read, hash: hex.EncodeToString(sum[:4]), seeded: notes.Seeded}
	b.known[wholeKey(sections)] = p
	for path := range read {
		b.read.own[path] = true
	}
	return p
}

// readParams are the params that trials read: by path, and of those that a sweep varies, by path
// and value, whether a trial with that value does.
type readParams struct{ own, swept map[string]bool }

// note notes what a trial reads of what the sweep varies.
func (r readParams) note(t Trial) {
	for path, value := range t.Axes {
		if raw, err := json.Marshal(value); err == nil {
			_, read := t.Params[path]
			at := path + "=" + string(raw)
			r.swept[at] = r.swept[at] || read
		}
	}
}

// unread adds the fields that the file sets and no trial reads: one line for a group of which
// nothing is read.
func (r readParams) unread(exp *spec.Experiment, into *mistake.Errors) {
	said := map[string]bool{}
	for _, g := range exp.Given {
		read, known := r.swept[g.Path+"="+g.Value]
		if g.Value == "" {
			read, known = r.own[g.Path], true
		}
		if read || !known {
			continue
		}
		at, shown := g.Pos, g.Shown
		if group := r.unreadGroup(g, exp.Given); group != "" {
			at, shown = exp.Place(group), group
		}
		if said[shown] {
			continue
		}
		said[shown] = true
		section, _, _ := strings.Cut(g.Path, ".")
		into.Add(at, shown, "read by no trial (runner explain %s says what reads it; or leave it out)", section)
	}
}

// unreadGroup is the widest group around a field of the file's own of which no trial reads
// anything, where the file sets more of it; "" for none.
func (r readParams) unreadGroup(g spec.Given, all []spec.Given) (widest string) {
	if g.Value != "" {
		return ""
	}
	for group := g.Path; strings.Contains(group, "."); {
		group = group[:strings.LastIndexByte(group, '.')]
		in := func(path string) bool { return strings.HasPrefix(path, group+".") }
		if slices.ContainsFunc(slices.Collect(maps.Keys(r.own)), in) {
			return widest
		}
		more := func(o spec.Given) bool { return o.Value == "" && o.Path != g.Path && in(o.Path) }
		if slices.ContainsFunc(all, more) {
			widest = group
		}
	}
	return widest
}

// sections are a trial's params in parts; each text that several trials share is kept once.
func (b *builder) sections(p *spec.Params) []spec.Section {
	sections := spec.Sections(p)
	for i, s := range sections {
		if old, ok := b.texts[s.JSON]; ok {
			sections[i].JSON = old
			continue
		}
		b.texts[s.JSON] = s.JSON
	}
	return sections
}

// flatten gives a section's params by path, once for each of its values.
func (b *builder) flatten(s spec.Section) map[string]any {
	key := s.Name + s.JSON
	flat, ok := b.flat[key]
	if !ok {
		flat = s.Flatten()
		b.flat[key] = flat
	}
	return flat
}
