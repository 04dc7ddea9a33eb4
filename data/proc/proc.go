// Package proc reads what Linux says in /proc of the machine and of processes. Where there is nothing
// to read, an answer is empty or 0.
package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Field is the value of the first line "name : value" of a file such as /proc/cpuinfo.
func Field(text, name string) string {
	for line := range strings.Lines(text) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// Kibibytes is a field "name: 12 kB" in bytes.
func Kibibytes(text, name string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSuffix(Field(text, name), " kB"), 10, 64)
	return n << 10
}

// Resident is the memory in bytes that this process holds.
func Resident() int64 { return ofProcess("VmRSS") }

// Peak is the most that it held since NewPeak, or since it began.
func Peak() int64 { return ofProcess("VmHWM") }

// NewPeak begins the measurement of Peak anew. It is false where the system does not let it.
func NewPeak() bool { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) == nil }

func ofProcess(name string) int64 {
	status, _ := os.ReadFile("/proc/self/status")
	return Kibibytes(string(status), name)
}

// IsZombie says whether a process has ended, and keeps its number because its parent has not waited
// for it.
func IsZombie(pid int) bool { return strings.ContainsAny(state(pid), "ZX") }

// Runs says whether a process of that number runs. A zombie does not.
func Runs(pid int) bool { return state(pid) != "" && !IsZombie(pid) }

// state is the letter of a process's state, "" where there is no such process. It stands behind the
// program's name, which may hold anything.
func state(pid int) string {
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) == 0 {
		return ""
	}
	return fields[0]
}
