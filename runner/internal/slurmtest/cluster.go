// Package slurmtest starts a Slurm of one node for tests: a controller and a
// node daemon of Debian's package slurm-wlm on the loopback interface, with
// their files in a folder of the test. It needs root (the node daemon starts
// jobs as their users), and neither munge, systemd, cgroups nor a database.
//
// What makes it small is not how a cluster should be set up: anyone on the
// machine may submit as anyone (auth/none).
package slurmtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"react/data/proc"
)

// Cluster is a Slurm of one node of four processors. Partition "low" is the
// default and gives way to partition "high".
type Cluster struct {
	Conf string // SLURM_CONF
	dir  string
	t    testing.TB
}

// conf is slurm.conf. Preempted jobs are told by their own signal
// (preempt_send_user_signal), have Grace seconds and go back into the queue.
// Requeued jobs wait for credentials to expire, by default two minutes:
// Slurm takes no cred_expire below five seconds.
const conf = `ClusterName=lab
SlurmctldHost=%[1]s(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
AuthInfo=cred_expire=5
SlurmctldPort=%[3]d
SlurmdPort=%[4]d
StateSaveLocation=%[2]s/state
SlurmdSpoolDir=%[2]s/spool
SlurmctldPidFile=%[2]s/slurmctld.pid
SlurmdPidFile=%[2]s/slurmd.pid
SlurmctldLogFile=%[2]s/slurmctld.log
SlurmdLogFile=%[2]s/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
DefMemPerCPU=1500
EnforcePartLimits=ALL
SchedulerType=sched/backfill
SchedulerParameters=batch_sched_delay=0,bf_interval=1,sched_interval=1,sched_min_interval=100000
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType=accounting_storage/none
SlurmdTimeout=10
SlurmctldTimeout=10
ReturnToService=2
KillWait=3
MinJobAge=300
MaxArraySize=%[5]d
NodeName=%[1]s NodeAddr=127.0.0.1 CPUs=4 RealMemory=8000 State=UNKNOWN
PartitionName=low Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1 GraceTime=20
PartitionName=high Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
`

// Start starts a cluster whose job arrays hold at most arraySize elements, and
// ends it with the test. Without Slurm or without root the test is skipped.
func Start(t testing.TB, arraySize int) *Cluster {
	t.Helper()
	for _, program := range []string{"slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel", "sinfo"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("no %s: .ci/install-slurm installs Slurm on Debian", program)
		}
	}
	if os.Getuid() != 0 {
		t.Skip("not root: slurmd starts jobs as other users")
	}
	c := &Cluster{t: t, dir: t.TempDir()}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	ports := freePorts(t, 2)
	c.Conf = filepath.Join(c.dir, "slurm.conf")
	text := fmt.Sprintf(conf, host, c.dir, ports[0], ports[1], arraySize)
	if err := os.WriteFile(c.Conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"state", "spool"} {
		if err := os.Mkdir(filepath.Join(c.dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("SLURM_CONF", c.Conf)
	t.Cleanup(c.stop)
	c.StartController()
	c.StartNode()
	c.Await("the node is idle", 20*time.Second, func() bool { return strings.HasPrefix(c.try("sinfo", "-h", "-o", "%t"), "idle") })
	return c
}

// For is the same cluster for a subtest, which it fails instead of the whole.
func (c *Cluster) For(t testing.TB) *Cluster {
	sub := *c
	sub.t = t
	return &sub
}

// freePorts are free when it looks; Slurm takes no socket.
func freePorts(t testing.TB, n int) []int {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// StartController starts slurmctld, which reads the state that one before it
// left.
func (c *Cluster) StartController() { c.Run("slurmctld") }

// StartNode starts slurmd.
func (c *Cluster) StartNode() { c.Run("slurmd") }

// KillController ends slurmctld with SIGKILL.
func (c *Cluster) KillController() { c.kill("slurmctld") }

// KillNode ends slurmd with SIGKILL. Its step daemons, and the jobs, live on.
func (c *Cluster) KillNode() { c.kill("slurmd") }

// ResumeNode puts the node back to work where Slurm has drained it, which is an
// administrator's to do.
func (c *Cluster) ResumeNode() {
	if strings.HasPrefix(c.try("sinfo", "-h", "-p", "low", "-o", "%t"), "drain") {
		c.try("scontrol", "update", "NodeName=ALL", "State=RESUME")
	}
}

func (c *Cluster) pid(daemon string) int {
	data, err := os.ReadFile(filepath.Join(c.dir, daemon+".pid"))
	if err != nil {
		return 0
	}
	pid, _ := strconv.Atoi(strings.TrimSpace(string(data)))
	return pid
}

func (c *Cluster) kill(daemon string) {
	c.t.Helper()
	pid := c.pid(daemon)
	if pid == 0 || syscall.Kill(pid, syscall.SIGKILL) != nil {
		c.t.Fatalf("no %s to kill", daemon)
	}
	c.Await(daemon+" is gone", 10*time.Second, func() bool { return !proc.Runs(pid) })
	os.Remove(filepath.Join(c.dir, daemon+".pid"))
}

// Run runs one of Slurm's programs and returns what it prints, less the last
// line end.
func (c *Cluster) Run(program string, args ...string) string {
	c.t.Helper()
	cmd := exec.Command(program, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Env = append(os.Environ(), "SLURM_CONF="+c.Conf)
	if strings.HasSuffix(program, "d") { // a daemon keeps what it is given open
		cmd.Stdout, cmd.Stderr = nil, nil
	}
	if err := cmd.Run(); err != nil {
		c.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, stderr.Bytes())
	}
	return strings.TrimSuffix(stdout.String(), "\n")
}

// try is Run where failing is an answer too.
func (c *Cluster) try(program string, args ...string) string {
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), "SLURM_CONF="+c.Conf)
	out, _ := cmd.Output()
	return strings.TrimSuffix(string(out), "\n")
}

// Await looks until what is true, and fails the test when it takes too long.
func (c *Cluster) Await(what string, limit time.Duration, is func() bool) {
	c.t.Helper()
	for deadline := time.Now().Add(limit); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			c.t.Fatalf("after %v it is not so that %s\n%s\n%s", limit, what, c.try("squeue", "-r", "--states=all", "-o", "%F_%K %j %T %r"), c.LogTail())
		}
	}
}

// Jobs returns "JOB_INDEX STATE NAME" of the elements in the given states
// ("all" for every one), as squeue knows them.
func (c *Cluster) Jobs(states string) []string {
	out := c.try("squeue", "-h", "-r", "--states="+states, "-o", "%F_%K %T %j")
	if out == "" {
		return nil
	}
	return strings.Split(out, "\n")
}

// LogTail is the end of the daemons' logs.
func (c *Cluster) LogTail() string {
	var b strings.Builder
	for _, daemon := range []string{"slurmctld", "slurmd"} {
		data, _ := os.ReadFile(filepath.Join(c.dir, daemon+".log"))
		fmt.Fprintf(&b, "%s.log:\n%s\n", daemon, data[max(0, len(data)-3000):])
	}
	return b.String()
}

// stop cancels what is left and ends the daemons. Step daemons that outlive
// them end with their jobs.
func (c *Cluster) stop() {
	if c.pid("slurmctld") == 0 {
		c.StartController()
	}
	c.try("scancel", "--user=root")
	for range 100 {
		if len(c.Jobs("running,completing,suspended")) == 0 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, daemon := range []string{"slurmd", "slurmctld"} {
		pid := c.pid(daemon)
		if pid == 0 || syscall.Kill(pid, syscall.SIGTERM) != nil {
			continue
		}
		for range 50 {
			if !proc.Runs(pid) {
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
		syscall.Kill(pid, syscall.SIGKILL)
	}
	if c.t.Failed() {
		c.t.Log(c.LogTail())
	}
}
