package record

import (
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"react/data/glob"
	"react/data/proc"
)

// System are the parts of a machine that decide how fast things go. What
// cannot be read is empty or 0.
type System struct {
	OS          string   `json:"os"` // as Go names it: linux/amd64
	CPU         string   `json:"cpu"`
	Threads     int      `json:"threads"`  // of the machine
	Procs       int      `json:"procs"`    // that this program uses
	Features    []string `json:"features"` // vector instructions that matter here
	MemoryBytes int64    `json:"memoryBytes"`
	// without pushing anything out, and within the control group's limit
	AvailableBytes int64    `json:"availableBytes"`
	GPUs           []string `json:"gpus,omitempty"`
}

// ReadSystem asks the system of this process.
func ReadSystem() System {
	s := System{OS: runtime.GOOS + "/" + runtime.GOARCH, CPU: "unknown", Threads: runtime.NumCPU(), Procs: runtime.GOMAXPROCS(0)}
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		s.readCPU(string(info))
	}
	if info, err := os.ReadFile("/proc/meminfo"); err == nil {
		s.MemoryBytes, s.AvailableBytes = proc.Kibibytes(string(info), "MemTotal"), proc.Kibibytes(string(info), "MemAvailable")
	}
	s.limit(readNumber("/sys/fs/cgroup/memory.max"), readNumber("/sys/fs/cgroup/memory.current")-cached("/sys/fs/cgroup/memory.stat"))
	const first = "/sys/fs/cgroup/memory/" // version 1 of control groups
	s.limit(readNumber(first+"memory.limit_in_bytes"), readNumber(first+"memory.usage_in_bytes")-cached(first+"memory.stat"))
	files, _ := glob.In("/proc/driver/nvidia/gpus", "*/information")
	for _, file := range files {
		if info, err := os.ReadFile(file); err == nil {
			s.GPUs = append(s.GPUs, proc.Field(string(info), "Model"))
		}
	}
	return s
}

// readCPU takes the first processor of Linux's cpuinfo.
func (s *System) readCPU(info string) {
	if model := proc.Field(info, "model name"); model != "" {
		s.CPU = model
	}
	flags := strings.Fields(proc.Field(info, "flags"))
	for _, want := range []string{"avx2", "fma", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16"} {
		if slices.Contains(flags, want) {
			s.Features = append(s.Features, want)
		}
	}
}

// limit applies a control group's limit and use, in bytes; 0 is none.
func (s *System) limit(limit, used int64) {
	if limit <= 0 || s.MemoryBytes > 0 && limit >= s.MemoryBytes {
		return
	}
	s.MemoryBytes = limit
	s.AvailableBytes = min(s.AvailableBytes, max(0, limit-used))
}

// cached is what a control group's use counts of files' pages, in bytes: they give
// way to whoever wants memory, and a pool that was read fills the group with them.
func cached(statFile string) int64 {
	raw, _ := os.ReadFile(statFile)
	var bytes int64
	for line := range strings.Lines(string(raw)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "inactive_file" || name == "active_file" {
			n, _ := strconv.ParseInt(value, 10, 64)
			bytes += n
		}
	}
	return bytes
}

// readNumber is the number in a file; 0 where there is none ("max").
func readNumber(path string) int64 {
	raw, _ := os.ReadFile(path)
	n, _ := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	return n
}
