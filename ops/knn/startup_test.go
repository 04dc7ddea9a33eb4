package knn

import (
	"slices"
	"strings"
	"testing"
)

func TestStartupEnv(t *testing.T) {
	const new = "processor\t: 0\nflags\t\t: fpu avx2 avx512f avx512dq avx512cd avx512bw avx512vl\n"
	const old = "processor\t: 0\nflags\t\t: fpu avx2 fma\n"
	for name, c := range map[string]struct {
		cpuinfo, core string
		procs, cpus   int
		set           string
		want          []string
	}{
		"unknown to OpenBLAS":   {new, "Zen", 8, 8, "", []string{"OPENBLAS_CORETYPE=SKYLAKEX"}},
		"known":                 {new, "SkylakeX", 8, 8, "", nil},
		"set by the user":       {new, "Haswell", 8, 8, "OPENBLAS_CORETYPE", nil},
		"without AVX-512":       {old, "Zen", 8, 8, "", nil},
		"no cpuinfo":            {"", "Prescott", 8, 8, "", nil},
		"container":             {old, "Zen", 2, 8, "", []string{"OMP_NUM_THREADS=2"}},
		"container, set":        {old, "Zen", 2, 8, "OMP_NUM_THREADS", nil},
		"container and AVX-512": {new, "Zen", 2, 8, "", []string{"OPENBLAS_CORETYPE=SKYLAKEX", "OMP_NUM_THREADS=2"}},
	} {
		lookup := func(name string) (string, bool) { return "", name == c.set }
		if got := startupEnv(c.cpuinfo, c.core, c.procs, c.cpus, lookup); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestDescribe(t *testing.T) {
	if got := Describe(); !strings.HasPrefix(got, "faiss 1.7.3, OpenBLAS ") || strings.Contains(got, " 0 threads") {
		t.Errorf("got %q", got)
	}
}
