// Package proc reads what Linux says in /proc of the machine and of this process. Where there is
// nothing to read, an answer is empty or 0.
package proc

import (
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
