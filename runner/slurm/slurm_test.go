package slurm

import (
	"reflect"
	"strings"
	"testing"

	"react/runner/launch"
)

func TestParseQueue(t *testing.T) {
	got, err := parseQueue("24|0|RUNNING|node7|None\n24|1|PENDING||Dependency\n25|0|CANCELLED||DependencyNeverSatisfied\n26|3|NODE_FAIL|node8|NodeDown\n")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]launch.Sched{
		"24_0": {Active: true, Node: "node7", Reason: "None"},
		"24_1": {Pending: true, Reason: "Dependency"},
		"25_0": {Cause: launch.Cancelled, Unmet: true, Reason: "DependencyNeverSatisfied"},
		"26_3": {Cause: launch.NodeFailed, Node: "node8", Reason: "NodeDown"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
	if _, err := parseQueue("slurm_load_jobs error: Unable to contact\n"); err == nil {
		t.Error("a line of another form is accepted")
	}
}

func TestScript(t *testing.T) {
	s := Script{
		Record: &launch.Record{Dir: "/st/it's 100%/009-tune", Name: "rn-tiny-009-tune-1234abcd", Op: "tune",
			Resources: launch.Resources{Class: "engine", CPUs: 2, Memory: 3<<30 + 1},
			Keys:      []string{"a", "b", "", "c", "", "", "d", "e"}, After: []string{"7_0", "8_4"}, Each: "9"},
		Program: "/st/bin/runner", Store: "/st", Args: []string{"--engine", "auto"}, WorkDir: "/home/x", Throttle: 4, Exclude: []string{"node8"},
		Site: Site{Partition: "gpu", Time: "1-00:00:00", CPUs: 8, Options: []string{"--constraint=a100"},
			Classes: map[string]Site{"engine": {GRES: "gpu:1", CPUs: 16}, "data": {Partition: "cpu"}}},
	}
	want := `#!/bin/sh
#SBATCH --job-name=rn-tiny-009-tune-1234abcd
#SBATCH --array=0-1,3,6-7%4
#SBATCH --output="/st/it's 100%%/009-tune/%a.log"
#SBATCH --chdir="/home/x"
#SBATCH --open-mode=append
#SBATCH --requeue
#SBATCH --kill-on-invalid-dep=yes
#SBATCH --signal=B:USR2@120
#SBATCH --dependency=afterok:7_0:8_4,aftercorr:9
#SBATCH --partition=gpu
#SBATCH --time=1-00:00:00
#SBATCH --gres=gpu:1
#SBATCH --cpus-per-task=16
#SBATCH --mem=3073M
#SBATCH --exclude=node8
#SBATCH --constraint=a100

trap '' USR2
[ -z "$SLURM_CPUS_PER_TASK" ] || export GOMAXPROCS="$SLURM_CPUS_PER_TASK"
exec '/st/bin/runner' worker --tasks '/st/it'\''s 100%/009-tune/tasks.jsonl' --store '/st' '--engine' 'auto'
`
	if got := s.Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	s.Site = s.Site.Over(Site{Mem: "16G"})
	if got := s.Text(); !strings.Contains(got, "\n#SBATCH --mem=16G\n") {
		t.Errorf("asked for 16G:\n%s", got)
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]int64{"": 7, "500": 500 << 20, "500M": 500 << 20, "16G": 16 << 30, "64K": 64 << 10, "1T": 1 << 40, "many": 7, "G": 7} {
		if got := Bytes(text, 7); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

// TestWarning: no earlier than a third of the time limit, since Slurm's signal
// may come a minute early.
func TestWarning(t *testing.T) {
	for limit, want := range map[string]int{"": 120, "1": 20, "4": 80, "30": 120, "2:30": 50, "1:00:00": 120, "1-0": 120, "0-00:03:00": 60, "UNLIMITED": 120} {
		if got := warnSeconds(limit); got != want {
			t.Errorf("%q: got %d, want %d", limit, got, want)
		}
	}
}

func TestCleanEnv(t *testing.T) {
	got := cleanEnv([]string{"PATH=/bin", "OMP_NUM_THREADS=2", "RUNNER_RESTARTED=1", "RUNNER_STORE=/s", "SQUEUE_FORMAT=%i", "SLURM_ARRAY_TASK_ID=3", "SLURM_CONF=/c"})
	if want := []string{"PATH=/bin", "RUNNER_STORE=/s", "SLURM_CONF=/c"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
