// Package schema holds the contract between a user's .cue file and the program: CUE definitions,
// one file a section, embedded in the binary.
//
// experiment.cue lists what a whole file holds. #Params lists the sections, and every section is
// one definition of plain fields (#Tune, #Retrieve, ...) with its meaning, unit and bounds beside
// each field. A file may leave out any field; sweep.grid, sweep.cases, sweep.exclude and
// tables.*.filter mirror the same definitions. Defaults live in #Defaults and #DefaultTune and
// nowhere else: runner/spec/contract fills them in after validation, so that a default never takes
// part in a disjunction.
//
// Attributes tell runner/spec/contract what CUE alone cannot say in one readable line: @required()
// on a field that every file gives, @required(tune) on one that trials with a tuning mode need,
// @required(pairs) on one that trials need which retrieve, @oneof(GROUP) on alternatives of which a
// section gives exactly one, @ref(pool) on the name of a pool, @set() on a path that may be
// "pool:NAME/SET", @says(TEXT) on what a pattern means, @example(VALUE) on a field whose constraint
// and default give none (runner explain), @aside() on a field that may serve nothing but defaults,
// estimates and warnings. Of fields that depend on another: @only(FIELD, VALUES) is read with these
// values alone, @needs(FIELD, VALUES) must be given with them, @atmost(FIELD) is bounded by it;
// @absent(VALUE) is what no value means.
//
// The package imports nothing of ours. `cue vet -c schema/*.cue experiments/x.cue` checks a file
// with these definitions alone (without -c where sweep.exclude has constraints such as <0.9); rules
// that span fields are Go, in runner/spec/rules.
package schema

import "embed"

// FS holds the CUE files of this folder; they form one package.
//
//go:embed *.cue
var FS embed.FS
