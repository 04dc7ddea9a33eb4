package knn

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"react/data/proc"
)

// StartupEnv returns the settings, as "NAME=value", with which the program should start itself
// anew, once, before any work. It is empty where nothing would change, so also after that start.
// OpenBLAS and OpenMP read these only when a program starts; what the user has set is left alone.
//
// OpenBLAS 0.3.21 does not know newer processors and takes kernels without AVX-512 for them. OpenMP
// counts the machine's processors, where Go counts those that a container or a job may use.
func StartupEnv() []string {
	cpuinfo, _ := os.ReadFile("/proc/cpuinfo") // without it: no flags, no setting
	return startupEnv(string(cpuinfo), blasCore(), runtime.GOMAXPROCS(0), runtime.NumCPU(), os.LookupEnv)
}

// avx512 are the flags that OpenBLAS's SkylakeX kernels use, and the cores whose kernels are of
// that kind.
var (
	avx512Flags = []string{"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}
	avx512Cores = []string{"SkylakeX", "Cooperlake", "SapphireRapids"}
)

func startupEnv(cpuinfo, core string, procs, cpus int, lookup func(string) (string, bool)) []string {
	var env []string
	set := func(name, value string) {
		if _, ok := lookup(name); !ok {
			env = append(env, name+"="+value)
		}
	}
	if hasFlags(cpuinfo, avx512Flags) && !slices.Contains(avx512Cores, core) {
		set("OPENBLAS_CORETYPE", "SKYLAKEX")
	}
	if procs < cpus {
		set("OMP_NUM_THREADS", strconv.Itoa(procs)) // OpenBLAS reads it too
	}
	return env
}

// hasFlags says whether the first processor of Linux's cpuinfo has all flags.
func hasFlags(cpuinfo string, want []string) bool {
	have := strings.Fields(proc.Field(cpuinfo, "flags"))
	return !slices.ContainsFunc(want, func(flag string) bool { return !slices.Contains(have, flag) })
}
