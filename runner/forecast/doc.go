// Package forecast says what is left to run takes: time, disk and memory, what does
// not fit the machine, and, while it runs, how long the rest takes.
//
// There is one model of what stages cost, and ops hold it: their pace, work and
// memory. What was made before goes first: estimate scales the runs of the store by
// their pace. The memory of a stage that no run tells of is computed from its model
// and batch (plan.Machine), and where there are no data yet, steps, operations and
// bytes are what the stages are (plan.Stage.Work). All who plan, run, follow or
// submit ask here.
//
// Words: a figure is known or unknown, and never guessed; a scale is the work of a
// plan without data; a misfit is what the machine does not have.
package forecast
