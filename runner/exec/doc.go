// Package exec runs stages: it opens the engine, makes an op's run of a stage
// and an attempt, tells people how far that is, and keeps what happens on record.
//
// Words: an engine computes graphs, and is opened once, when the first stage
// asks for it; a maker makes stages, as the settings that flags give say; a
// reporter is told what happens to stages; a recording is the run of a process
// as the sweep's folder has it, before, while and after it runs.
//
// A sweep, a worker of a cluster, a rerun and a reproduction all make stages
// through it. It makes no forecast and knows no cluster: those know it.
package exec
