package spec

import (
	"bytes"
	"encoding/json"
	"maps"

	"react/runner/spec/contract"
	"react/runner/spec/fields"
	"react/runner/spec/mistake"
)

// Draft is an experiment file after CUE is done with it and before its params have their types:
// plain data that crosses to another process as JSON. A file is evaluated where it can be ended
// (runner/spec/bounded), and the draft becomes the Experiment where it is used.
type Draft struct {
	Former    bool // it is of runner/v1
	Name      string
	Question  string
	Overrides []string
	Source    []byte        // the file
	Common    []byte        // see Options
	Base      fields.Values // of the file, defaults filled in
	Trials    []draftTrial
	Tables    map[string]Table
	Order     []string
	Untabled  bool // the file has no tables: the one here is the default
	Excluded  int
	Places    map[string]mistake.Pos
	Warnings  mistake.Errors
	Unmet     []ClassName
	Given     []Given
	Defaulted []contract.Defaulted
	Weights   []string // checkpoints on whose towers defaults depend: see Options.Towers
}

// draftTrial is one assignment of the axes, with all its seeds.
type draftTrial struct {
	Label string
	Axes  map[string]any
	Set   fields.Values // where they differ from Base
	Cut   []string      // what Base has and the trial has not
	Seeds []int64
}

// newDraftTrial holds what is not the base's.
func newDraftTrial(a assignment, base, v fields.Values) draftTrial {
	t := draftTrial{Label: a.label, Axes: map[string]any{}, Set: fields.Values{}}
	for path, raw := range a.Set {
		if raw != nil {
			t.Axes[path] = fields.Plain(raw)
		}
	}
	for p, raw := range v {
		if old, ok := base[p]; !ok || string(old) != string(raw) {
			t.Set[p] = raw
		}
	}
	for p := range base {
		if !v.Has(p) {
			t.Cut = append(t.Cut, p)
		}
	}
	return t
}

func (t draftTrial) values(base fields.Values) fields.Values {
	v := maps.Clone(base)
	maps.Copy(v, t.Set)
	for _, p := range t.Cut {
		delete(v, p)
	}
	return v
}

// Experiment gives the params their types; file is what positions call it.
func (d *Draft) Experiment(file string) (*Experiment, error) {
	e := &Experiment{Former: d.Former, Name: d.Name, Question: d.Question, File: file, Overrides: d.Overrides, Source: d.Source, Common: d.Common,
		Tables: d.Tables, Order: d.Order, Untabled: d.Untabled, Excluded: d.Excluded, Warnings: d.Warnings,
		Unmet: d.Unmet, Given: d.Given, Defaulted: d.Defaulted, places: d.Places}
	var err error
	if e.Params, err = typed(d.Base, nil, nil); err != nil {
		return nil, mistake.Errors{{Pos: mistake.Pos{File: file}, Msg: err.Error()}}
	}
	for _, t := range d.Trials {
		v := t.values(d.Base)
		p, err := typed(v, &e.Params, changed(d.Base, v))
		if err != nil {
			return nil, mistake.Errors{{Pos: mistake.Pos{File: file}, Msg: err.Error()}}
		}
		diff := difference(d.Base, v)
		for _, seed := range t.Seeds {
			e.Trials = append(e.Trials, Trial{Label: t.Label, Axes: t.Axes, Seed: int(seed), Params: p})
			e.differences = append(e.differences, diff)
		}
	}
	e.resolve()
	return e, nil
}

// UnmarshalJSON gives axes and filters the numbers that they were written with, whole ones as
// int64.
func (d *Draft) UnmarshalJSON(data []byte) error {
	type bare Draft // without this method
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode((*bare)(d)); err != nil {
		return err
	}
	for _, t := range d.Trials {
		fields.PlainNumbers(t.Axes)
	}
	for _, t := range d.Tables {
		fields.PlainNumbers(t.Filter)
	}
	for _, taken := range d.Defaulted {
		for _, list := range taken.Values {
			fields.PlainNumbers(list)
		}
	}
	return nil
}
