// Package spec reads an experiment: one .cue file becomes trials with typed parameters, or a list of mistakes with positions.
//
// Words. A section is a noun of the paper (pool, backbone, task, index, retrieve, pairs, tune, evaluate); a path such as tune.gamma names a
// field of one. An axis is a path that a sweep varies; an assignment gives values to axes; a trial is one assignment and a seed. Params are the
// values of all sections with defaults filled in.
//
// Load works in the order of its files: source.go parses the file and applies --set on the syntax tree; walk.go checks every value against
// the schema at its own line; sweep.go expands grid, cases and seeds; values.go fills defaults in and makes typed Params; rules.go checks what
// spans sections; table.go checks tables. Every mistake that a pass can find is reported in one go, one line each.
//
// The meaning of a sweep is that a trial is the file with its axes set as --set would set them: a field computed from a swept field follows it.
//
// Evaluating a file is unbounded in time and memory; commands do it in runner/spec/bounded. What crosses to and from there is a Draft (draft.go).
//
// The package opens no file but the one it is given, runs nothing and never touches the network. Whether datasets and checkpoints exist is the
// plan's business.
package spec
