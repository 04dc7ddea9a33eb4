package clip

import (
	"fmt"
	"strings"
)

// Memory is an estimate of what a run takes at its peak, in bytes. The first
// five are on the device, which is the machine's own memory on CPU engines.
type Memory struct {
	Parameters int64 `json:"parameters"`          // of the model, f32
	Moments    int64 `json:"moments,omitempty"`   // of AdamW, f32, of what trains
	Gradients  int64 `json:"gradients,omitempty"` // of weights
	// of the pairs that go through the towers at a time
	Activations int64 `json:"activations,omitempty"`
	Inputs      int64 `json:"inputs,omitempty"` // pixels and tokens
	// weights as loaded and as saved, batches in preparation, the program and its libraries
	Host int64 `json:"host,omitempty"`
}

// Device is what the device holds.
func (m Memory) Device() int64 {
	return m.Parameters + m.Moments + m.Gradients + m.Activations + m.Inputs
}

// Total is Device and Host.
func (m Memory) Total() int64 { return m.Device() + m.Host }

// String names the parts, the largest unit first.
func (m Memory) String() string {
	var parts []string
	for _, p := range []struct {
		name  string
		bytes int64
	}{{"parameters", m.Parameters}, {"moments", m.Moments}, {"gradients", m.Gradients}, {"activations", m.Activations}, {"inputs", m.Inputs}, {"host", m.Host}} {
		if p.bytes > 0 {
			parts = append(parts, p.name+" "+FormatBytes(p.bytes))
		}
	}
	return strings.Join(parts, ", ")
}

// On is what an engine's memory must hold: the device's own on an accelerator,
// else everything.
func (m Memory) On(engineName string) int64 {
	if Accelerator(engineName) {
		return m.Device()
	}
	return m.Total()
}

// Accelerator says whether an engine has a memory of its own.
func Accelerator(engineName string) bool {
	return len(engineName) > 4 && engineName[:4] == "xla:" && engineName != "xla:cpu"
}

// FormatBytes writes 1.5 GiB, or 12 MiB.
func FormatBytes(n int64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
}

// ProcessBytes is the program with its libraries, before any model.
const ProcessBytes = 80 << 20
