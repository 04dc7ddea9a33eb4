package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"react/data/words"
	"react/runner/cli"
	"react/runner/launch"
	"react/runner/record"
	"react/runner/slurm"
	"react/runner/store"
)

func newCancel() *cobra.Command {
	var storeDir string
	cmd := &cobra.Command{
		Use:   "cancel SWEEP|TRIAL",
		Short: "End what runs or is queued for a sweep or a trial",
		Long: `cancel ends the jobs of a sweep on Slurm, and the processes of this machine that
run it, as Ctrl-C would: what runs saves its state. Of a trial it ends the jobs
that no other trial needs. What is done is kept; the sweep's command goes on.

SWEEP is a name, or NAME/HASH, or its beginning; TRIAL the id of a trial or its
beginning, or the label of a case.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			sweeps, err := record.FindSweeps(s, given)
			if err == nil {
				return cancelSweeps(cmd.OutOrStdout(), s, sweeps)
			}
			sweep, p, trial, notTrial := record.FindTrial(s, given[0])
			if notTrial != nil {
				return errors.Join(err, notTrial)
			}
			return cancelTrial(cmd.OutOrStdout(), s, trialOf{sweep, p, trial})
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	return cmd
}

// trialOf is a trial in the records of its sweep.
type trialOf struct {
	sweep *store.Sweep
	plan  *record.Plan
	trial *record.Trial
}

func cancelSweeps(w io.Writer, s *store.Store, sweeps []*store.Sweep) error {
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
		fmt.Fprintf(w, "%s: nothing of it runs\n", name)
	}
	return nil
}

// cancelTrial ends what only this trial needs.
func cancelTrial(w io.Writer, s *store.Store, of trialOf) error {
	needs := map[string]int{}
	for i := range of.plan.Trials {
		for _, stage := range of.plan.MadeFrom(&of.plan.Trials[i]) {
			needs[stage.Key]++
		}
	}
	own := map[string]bool{}
	for _, stage := range of.plan.MadeFrom(of.trial) {
		own[stage.Key] = needs[stage.Key] == 1
	}
	jobs, err := cancelJobs(s, of.sweep, func(key string) bool { return own[key] })
	if err != nil {
		return err
	}
	if jobs == 0 && len(processesOf(of.sweep)) > 0 {
		return fmt.Errorf("sweep %s runs on this machine, which cannot leave out one trial; runner cancel %s ends all of it", of.sweep.Name, of.sweep.Name)
	}
	fmt.Fprintf(w, "trial %s: ended %s\n", of.trial.Name, words.Plural(jobs, "job"))
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

func newScale() *cobra.Command {
	var storeDir string
	cmd := &cobra.Command{
		Use:   "scale SWEEP N",
		Short: "Change how many stages of each job array run at a time",
		Long: `scale changes the limit that sweep --throttle set, for the job arrays of a sweep
that Slurm has. 0 is no limit.

` + cli.ExitHelp,
		Args: cli.Args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, given []string) error {
			n, err := strconv.Atoi(given[1])
			if err != nil || n < 0 {
				return cli.Usage(fmt.Errorf("%q: a number from 0", given[1]))
			}
			s, err := store.Open(storeDir)
			if err != nil {
				return err
			}
			sweeps, err := record.FindSweeps(s, given[:1])
			if err != nil {
				return err
			}
			return scale(cmd.OutOrStdout(), s, sweeps[0], n)
		},
	}
	cli.StoreFlag(cmd, &storeDir)
	return cmd
}

// scale sets the throttle of the arrays that are not through.
func scale(w io.Writer, s *store.Store, sweep *store.Sweep, n int) error {
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
	fmt.Fprintf(w, "%s/%s: %s of at most %d at a time\n", sweep.Name, sweep.Hash, words.Plural(len(ids), "job array"), n)
	return nil
}
