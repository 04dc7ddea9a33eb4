// Package record is what a sweep leaves on record, and how it is found again: the
// plan, the runs with machine, program and repository, each trial's result, each
// output's digest and descent. Records are JSON in .runner/sweeps/NAME/HASH.
package record
