package cluster

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"react/data/words"
	"react/runner/launch"
	"react/runner/record"
	"react/runner/slurm"
	"react/runner/store"
)

// CancelSweeps ends what runs or is queued for sweeps, and says so.
func CancelSweeps(w io.Writer, s *store.Store, sweeps []*store.Sweep) error {
	for _, sweep := range sweeps {
		name := sweep.Name + "/" + sweep.Hash
		jobs, err := cancelJobs(s, sweep, func(string) bool { return true })
		if err != nil {
			return err
		}
		stopped := stopProcesses(sweep)
		if jobs > 0 || stopped > 0 {
			fmt.Fprintf(w, "%s: ended %s and %s\n", name, words.Plural(jobs, "job"), words.Plural(stopped, "local run"))
			continue
		}
		fmt.Fprintf(w, "%s is not running\n", name)
	}
	return nil
}

// CancelTrial ends what only this trial needs.
func CancelTrial(w io.Writer, s *store.Store, of record.TrialOf) error {
	needs := map[string]int{}
	for i := range of.Plan.Trials {
		for _, stage := range of.Plan.MadeFrom(&of.Plan.Trials[i]) {
			needs[stage.Key]++
		}
	}
	own := map[string]bool{}
	for _, stage := range of.Plan.MadeFrom(of.Trial) {
		own[stage.Key] = needs[stage.Key] == 1
	}
	jobs, err := cancelJobs(s, of.Sweep, func(key string) bool { return own[key] })
	if err != nil {
		return err
	}
	if jobs == 0 && len(processesOf(of.Sweep)) > 0 {
		return fmt.Errorf("sweep %s runs on this machine, which cannot leave out one trial; runner cancel %s ends all of it", of.Sweep.Name, of.Sweep.Name)
	}
	fmt.Fprintf(w, "trial %s: ended %s\n", of.Trial.Name, words.Plural(jobs, "job"))
	return nil
}

// cancelJobs ends the elements whose stages are chosen and that the cluster
// has. Whole jobs are named where all of them go: Slurm's lists are long.
func cancelJobs(s *store.Store, sweep *store.Sweep, chosen func(key string) bool) (int, error) {
	known, err := newStates(s, sweep).read(true)
	if err != nil {
		return 0, err
	}
	var elements []string
	for key, st := range known {
		if st.State.Live() && st.Job != "" && chosen(key) {
			elements = append(elements, st.Job)
		}
	}
	sort.Strings(elements)
	return len(elements), slurm.Cancel(elements)
}

// stopProcesses sends SIGTERM to the processes of this machine that run the
// sweep here.
func stopProcesses(sweep *store.Sweep) int {
	n := 0
	for _, pid := range processesOf(sweep) {
		if syscall.Kill(pid, syscall.SIGTERM) == nil {
			n++
		}
	}
	return n
}

// processesOf finds the processes of this machine that hold the sweep, other
// than those that only follow its jobs and the jobs themselves. They are found
// by the file that they hold open, so by what they do and not by a number that
// was written down.
func processesOf(sweep *store.Sweep) []int {
	links, err := filepath.Glob("/proc/[0-9]*/fd/*")
	if err != nil {
		return nil
	}
	held := sweep.HoldPath()
	var pids []int
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || to != held {
			continue
		}
		pid, err := strconv.Atoi(strings.Split(link, "/")[2])
		if err == nil && pid != os.Getpid() && !slices.Contains(pids, pid) && !ofCluster(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// ofCluster says that a process works for a cluster or waits for it.
func ofCluster(pid int) bool {
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	words := bytes.Split(line, []byte{0})
	return err != nil || slices.ContainsFunc(words, func(word []byte) bool {
		return string(word) == "worker" || string(word) == "slurm" || string(word) == "--launcher=slurm"
	})
}

// Throttle has at most n stages of each array that is not through run at a time.
func Throttle(w io.Writer, s *store.Store, sweep *store.Sweep, n int) error {
	known, err := newStates(s, sweep).read(true)
	if err != nil {
		return err
	}
	live := map[string]*launch.Record{}
	for _, st := range known {
		if st.State.Live() && st.Record.Job.ID != "" {
			live[st.Record.Job.ID] = st.Record
		}
	}
	ids := make([]string, 0, len(live))
	for id := range live {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	for _, id := range ids {
		if err := slurm.Throttle(id, n); err != nil {
			return err
		}
	}
	limit := fmt.Sprintf("at most %d at a time", n)
	if n == 0 {
		limit = "any number at a time"
	}
	fmt.Fprintf(w, "%s/%s: %s of %s\n", sweep.Name, sweep.Hash, words.Plural(len(ids), "job array"), limit)
	return nil
}
