// Package spec reads an experiment: one .cue file becomes trials with typed parameters, or a list
// of mistakes with positions.
//
// Words. A section is a noun of the paper (pool, backbone, task, index, retrieve, pairs, tune,
// evaluate); a path such as tune.gamma names a field of one. An axis is a path that a sweep varies;
// an assignment gives values to axes; a trial is one assignment and a seed. Params are the values
// of all sections with defaults filled in.
//
// Load works in this order: settings.go reads --set, and package source puts it into the syntax
// trees of the file and of common.cue in its folder; broken.go takes out what does not evaluate;
// walk.go checks every value against the schema (package contract) at its own line; sweep.go and
// exclude.go expand grid, cases and seeds; contract fills defaults in, and package rules checks
// what spans fields; typed.go makes Params; table.go checks tables, of which tableaxes.go gives a
// file without any the default one, and meets.go warns of what names nothing. Every mistake that a
// pass can find is reported in one go, one line each (package mistake).
//
// The meaning of a sweep is that a trial is the file with its axes set as --set would set them: a
// field computed from a swept field follows it (follow.go).
//
// Evaluating a file is unbounded in time and memory; commands do it in runner/spec/bounded. What
// crosses to and from there is a Draft (draft.go).
//
// The package opens no file but the one it is given and common.cue beside it, runs nothing and
// never touches the network. Whether datasets and checkpoints exist is the plan's business.
package spec
