// Package cluster has a sweep's stages made by the jobs of a cluster: it submits
// them to Slurm and follows them, prints jobs for Kubernetes, is the worker that a
// job runs, and cancels and throttles what was submitted.
//
// Words: a launcher brings the stages of a sweep to a cluster; a submission sends job
// arrays, each after those that it waits for; a state is where a stage is by its files
// and the scheduler's word; a worker makes the stage of one line of a task file; its
// pulse keeps what it does on record.
//
// What tasks, arrays and attempts are, launch says; what the schedulers are asked,
// slurm and k8s.
package cluster
