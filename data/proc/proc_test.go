package proc

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestKibibytes(t *testing.T) {
	info := "MemTotal:       24630280 kB\nMemFree:  1 kB\nMemAvailable:   20000000 kB\nflags\t\t: fpu avx2\n"
	for name, want := range map[string]int64{"MemAvailable": 20000000 << 10, "MemFree": 1 << 10, "Mem": 0, "flags": 0} {
		if got := Kibibytes(info, name); got != want {
			t.Errorf("%s: got %d, want %d", name, got, want)
		}
	}
	if got, want := Field(info, "flags"), "fpu avx2"; got != want {
		t.Errorf("flags: got %q, want %q", got, want)
	}
}

// TestPeak: what was held and let go is in the peak, until it begins anew.
func TestPeak(t *testing.T) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skip("no /proc/self/status on this system: ", err)
	}
	if now, most := Resident(), Peak(); now < 1<<20 || most < now {
		t.Errorf("resident %d bytes, at most %d", now, most)
	}
	if NewPeak() && Peak() < 1<<20 {
		t.Errorf("a new peak is %d bytes", Peak())
	}
}

// TestZombieDoesNotRun: a process that has ended does not run, also before its parent waits for it.
func TestZombieDoesNotRun(t *testing.T) {
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	pid := child.Process.Pid
	if !Runs(os.Getpid()) || !Runs(pid) || IsZombie(pid) {
		t.Errorf("this process runs: %t; its child runs: %t, and is a zombie: %t", Runs(os.Getpid()), Runs(pid), IsZombie(pid))
	}
	child.Process.Kill()
	for limit := time.Now().Add(10 * time.Second); !IsZombie(pid); time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatal("no zombie 10 s after the kill")
		}
	}
	if Runs(pid) {
		t.Error("a zombie runs")
	}
	child.Wait()
	if Runs(pid) || IsZombie(pid) {
		t.Error("a process that was waited for is still there")
	}
}
