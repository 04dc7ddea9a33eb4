package proc

import (
	"os"
	"testing"
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
