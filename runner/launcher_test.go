package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"

	"react/runner/k8s"
)

// podsOf reads what sweep --launcher k8s --print printed.
func podsOf(ts *testscript.TestScript, file string) k8s.List {
	var list k8s.List
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(file)), &list))
	return list
}

// runPods is the script command "pods FILE": every pod of every job of the file,
// in order, as a process here.
func runPods(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: pods FILE")
	}
	before := ts.Getenv("JOB_COMPLETION_INDEX")
	defer func() { ts.Setenv("JOB_COMPLETION_INDEX", before) }()
	for _, job := range podsOf(ts, args[0]).Items {
		for index := range job.Spec.Completions {
			ts.Setenv("JOB_COMPLETION_INDEX", strconv.Itoa(index))
			command := job.Spec.Template.Spec.Containers[0].Command
			ts.Check(ts.Exec("runner", command[1:]...))
		}
	}
}

// setTasks is the script command "tasks LEVEL": TASKS and ATTEMPT become
// the task file of the first job of that level in jobs.json, and the attempt of
// its first line.
func setTasks(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tasks LEVEL")
	}
	for _, job := range podsOf(ts, "jobs.json").Items {
		if job.Metadata.Labels["runner/level"] != args[0] {
			continue
		}
		tasks := job.Metadata.Annotations["runner/tasks"]
		_, err := os.Stat(tasks)
		ts.Check(err)
		ts.Setenv("TASKS", tasks)
		ts.Setenv("ATTEMPT", filepath.Join(filepath.Dir(tasks), "attempts", "0.json"))
		return
	}
	ts.Fatalf("no job of level %s", args[0])
}
