package shim

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// recipe is all that the compiled form of a program depends on.
type recipe struct {
	Program    []byte // the graph, in StableHLO
	Format     string
	Options    []byte   // of the compilation
	Plugin     string   // digest of its file
	Version    string   // that the plugin gives itself, such as that of CUDA
	Device     string   // its kind
	Devices    int      // how many there are
	Beside     []string // libraries that the plugin uses
	Flags      []string // of the environment
	Processor  []string // kind and features of the host's
	Processors int      // that the process may use: loops are cut into so many parts
}

// key is a digest of the recipe.
func (r recipe) key() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // it has no value that JSON lacks
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// flag is a variable of the environment that XLA reads when it compiles.
var flag = regexp.MustCompile(`^(XLA_|TF_XLA_|NVIDIA_TF32_)`)

// flags are such variables with their values, sorted.
func flags() []string {
	var found []string
	for _, setting := range os.Environ() {
		if flag.MatchString(setting) {
			found = append(found, setting)
		}
	}
	slices.Sort(found)
	return found
}

// processor is what the system says of the first processor that bears on the code made for it; nil
// where it says nothing.
var processor = sync.OnceValue(func() []string {
	text, _ := os.ReadFile("/proc/cpuinfo")
	return processorOf(string(text))
})

// processorOf reads /proc/cpuinfo, of Intel's and AMD's processors and of ARM's.
func processorOf(cpuinfo string) (lines []string) {
	first, _, _ := strings.Cut(cpuinfo, "\n\n")
	features := false
	for line := range strings.Lines(first) {
		name, value, _ := strings.Cut(line, ":")
		switch name = strings.TrimSpace(name); name {
		case "flags", "Features":
			features = true
		case "vendor_id", "cpu family", "model", "model name", "stepping",
			"CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision":
		default:
			continue
		}
		lines = append(lines, name+": "+strings.TrimSpace(value))
	}
	if !features {
		return nil
	}
	return lines
}

// digestOf is the SHA-256 of a file.
func digestOf(f *os.File) (string, error) {
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
