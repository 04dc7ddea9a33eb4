// Package experiment is a .cue file on its way to results: the spec, its plan, and
// the store that its stages are in.
package experiment
