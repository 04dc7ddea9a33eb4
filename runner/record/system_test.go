package record

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestSystemFacts(t *testing.T) {
	var s System
	s.readCPU("processor\t: 0\nmodel name\t: AMD EPYC 7B13\nflags\t\t: fpu avx2 avx512f fma\nprocessor\t: 1\nmodel name\t: other\n")
	if s.CPU != "AMD EPYC 7B13" || !slices.Equal(s.Features, []string{"avx2", "fma", "avx512f"}) {
		t.Errorf("got %+v", s)
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

// TestCachedFilesAreNoUse holds that pages of files do not count as used: else a
// pool that was read would seem to leave no memory.
func TestCachedFilesAreNoUse(t *testing.T) {
	stat := filepath.Join(t.TempDir(), "memory.stat")
	if err := os.WriteFile(stat, []byte("anon 500\nfile 90\ninactive_file 60\nactive_file 20\nslab 7\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got := cached(stat); got != 80 {
		t.Errorf("%d bytes, want 80", got)
	}
	if got := cached(stat + ".absent"); got != 0 {
		t.Errorf("%d bytes of no file", got)
	}
}

// TestSourceOf reads the stamp of a build by make, of a release and of a tree without git.
func TestSourceOf(t *testing.T) {
	defer func() { stamp = "" }()
	for _, c := range []struct{ stamp, release, commit string }{
		{"release=,vcs.revision=abc,vcs.time=2026-11-30T14:00:00Z,vcs.modified=true",
			"none, a development build", "abc of 2026-11-30T14:00:00Z, with changes"},
		{"release=v1.0,vcs.revision=abc,vcs.time=2026-11-30T14:00:00Z,vcs.modified=false", "v1.0",
			"abc of 2026-11-30T14:00:00Z"},
		{"", "none, a development build",
			"unknown: built outside a git checkout, or by go build without the Makefile"},
	} {
		stamp = c.stamp
		if release, commit := SourceOf(BuildFacts()); release != c.release || commit != c.commit {
			t.Errorf("stamp %q: release %q, commit %q", c.stamp, release, commit)
		}
	}
}
