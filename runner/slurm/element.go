package slurm

import (
	"os"
	"regexp"
	"strconv"
)

// Element is Slurm's name of one element of a job array, "123_4".
type Element string

// ThisElement is the element that this process is the batch job of, "" outside
// Slurm.
func ThisElement() Element {
	job, index := os.Getenv("SLURM_ARRAY_JOB_ID"), os.Getenv("SLURM_ARRAY_TASK_ID")
	if job == "" || index == "" {
		return ""
	}
	return Element(job + "_" + index)
}

// preemptTime is "None" but for a job in the grace time of its preemption.
var preemptTime = regexp.MustCompile(`PreemptTime=(\S+)`)

// Preempted says that Slurm has chosen the running element for preemption. When
// Slurm does not answer, it says no.
func (e Element) Preempted() bool {
	out, err := command("scontrol", "--oneliner", "show", "job", string(e))
	if err != nil {
		return false
	}
	m := preemptTime.FindStringSubmatch(out)
	return m != nil && m[1] != "None" && m[1] != "N/A"
}

// Requeue puts a running element back into the queue. Slurm kills its processes
// at once, so nothing after it is sure to happen.
func (e Element) Requeue() error {
	_, err := command("scontrol", "requeue", string(e))
	return err
}

// MemoryFromEnv is the memory of this job in bytes as Slurm granted it, 0 where
// it set no limit.
func MemoryFromEnv() int64 {
	if mib, err := strconv.ParseInt(os.Getenv("SLURM_MEM_PER_NODE"), 10, 64); err == nil {
		return mib << 20
	}
	mib, err := strconv.ParseInt(os.Getenv("SLURM_MEM_PER_CPU"), 10, 64)
	cpus, err2 := strconv.ParseInt(os.Getenv("SLURM_CPUS_ON_NODE"), 10, 64)
	if err != nil || err2 != nil {
		return 0
	}
	return mib * cpus << 20
}
