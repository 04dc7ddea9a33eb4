package gc

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"react/runner/cli"
	"react/runner/record"
	"react/runner/store"
)

// Classes of entries that sweeps name, in the order in which they go.
const (
	finishedCheckpoint = iota
	finishedOther
	unfinished // a stage that is still to run reads it
	pinned     // a running sweep may read it
)

// roots are the stages that sweeps name.
type roots struct {
	keys    map[string]int // key → class, of finished stages without regard to their op
	leading map[string]bool
}

// findRoots reads every plan in the store. A plan that cannot be read could
// name anything, so nothing is collected then.
func findRoots(s *store.Store) (*roots, error) {
	sweeps, err := s.Sweeps()
	if err != nil {
		return nil, err
	}
	making, err := s.Leases()
	if err != nil {
		return nil, err
	}
	r := &roots{map[string]int{}, map[string]bool{}}
	for _, h := range making {
		r.keys[h.Key] = pinned
	}
	for _, sweep := range sweeps {
		var p record.Plan
		if err := sweep.ReadJSON(record.PlanFile, &p); err != nil {
			return nil, &store.Error{Root: s.Root(), What: "collect",
				Err: fmt.Errorf("%w: which outputs it needs cannot be known; runner rm %s/%s deletes its records", err, sweep.Name, sweep.Hash)}
		}
		r.add(s, &p, sweep.Held())
	}
	return r, nil
}

// add marks a plan's stages, readers before inputs. A plan one of whose stages
// is being made is running, whoever runs it.
func (r *roots) add(s *store.Store, p *record.Plan, held bool) {
	for _, stage := range p.Stages {
		held = held || r.keys[stage.Key] == pinned
	}
	wanted := map[string]bool{}
	for _, t := range p.Trials {
		for _, key := range t.Stages {
			wanted[key] = true
		}
	}
	needed := map[string]bool{}
	for _, stage := range slices.Backward(p.Stages) {
		class := finishedOther
		switch {
		case held:
			class = pinned
		case needed[stage.Key]:
			class = unfinished
		}
		r.keys[stage.Key] = max(r.keys[stage.Key], class)
		if !wanted[stage.Key] && !needed[stage.Key] {
			continue
		}
		if e, ok, _ := s.Lookup(stage.Key); !ok || needed[stage.Key] && len(e.Evicted) > 0 {
			for _, key := range stage.In {
				needed[key] = true
			}
		}
	}
}

// named reports whether a sweep names the key, or the key that begins so.
func (r *roots) named(key string) bool {
	if _, ok := r.keys[key]; ok {
		return true
	}
	if len(r.leading) == 0 {
		for full := range r.keys {
			r.leading[cli.Short(full)] = true
		}
	}
	return r.leading[key]
}

func (r *roots) class(e store.Entry) int {
	class := r.keys[e.Key]
	if class == finishedOther && holdsCheckpoint(e) {
		return finishedCheckpoint
	}
	return class
}

// holdsCheckpoint reports whether an output is a tuned checkpoint: no trial but
// its own reads it. What others start from (pretrain and what follows it)
// counts as the rest.
func holdsCheckpoint(e store.Entry) bool {
	return e.Manifest.Op == "tune" && slices.ContainsFunc(e.Manifest.Files, func(f store.File) bool {
		return strings.EqualFold(filepath.Ext(f.Path), ".safetensors")
	})
}
