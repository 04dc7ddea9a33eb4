package main

import (
	"slices"
	"testing"
)

func TestSystemFacts(t *testing.T) {
	var s systemFacts
	s.readCPU("processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t\t: fpu avx2 avx512f fma\nprocessor\t: 1\nmodel name\t: other\n")
	if s.CPU != "AMD EPYC 7B13" || !slices.Equal(s.Features, []string{"avx2", "fma", "avx512f"}) {
		t.Errorf("got %+v", s)
	}
	info := "MemTotal:       24630280 kB\nMemFree:  1 kB\nMemAvailable:   20000000 kB\n"
	if got := kibibytes(info, "MemAvailable"); got != 20000000<<10 {
		t.Errorf("available: %d", got)
	}
	s.MemoryBytes, s.AvailableBytes = 24<<30, 20<<30
	s.limit(0, 1<<30) // "max"
	if s.MemoryBytes != 24<<30 || s.AvailableBytes != 20<<30 {
		t.Errorf("no limit: %+v", s)
	}
	s.limit(4<<30, 1<<30)
	if s.MemoryBytes != 4<<30 || s.AvailableBytes != 3<<30 {
		t.Errorf("a limit of 4 GiB: %+v", s)
	}
}
