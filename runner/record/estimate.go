package record

import (
	"react/ops/op"
	"react/runner/estimate"
)

// Estimate is an estimate for machines. What is not known is left out.
type Estimate struct {
	Seconds     *float64 `json:"seconds,omitempty"` // of the stages that are known
	Bytes       *float64 `json:"bytes,omitempty"`   // of disk, likewise
	MemoryBytes *float64 `json:"memoryBytes,omitempty"`
	Runs        int      `json:"runs"` // stages made before that the time comes from
}

// OpEstimate sums the stages of an op up.
type OpEstimate struct {
	Op    string `json:"op"`
	ToRun int    `json:"toRun"`
	Estimate
	Unknown int `json:"unknown,omitempty"` // stages of which no time is known
}

// PlanEstimate is the part of plan --json about what would run.
type PlanEstimate struct {
	Jobs int `json:"jobs"`
	Estimate
	Unknown int          `json:"unknown"` // stages of which no time is known
	Ops     []OpEstimate `json:"ops,omitempty"`
	// on disk while trainings run, for their state
	WorkspaceBytes float64  `json:"workspaceBytes,omitempty"`
	FreeBytes      int64    `json:"freeBytes,omitempty"` // on the store's disk
	MachineMemory  int64    `json:"machineMemoryBytes,omitempty"`
	DoesNotFit     []string `json:"doesNotFit,omitempty"`
}

// Add counts a stage in.
func (r *Estimate) Add(e estimate.Estimate) {
	addTo(&r.Seconds, e.Seconds)
	addTo(&r.Bytes, e.Bytes)
	if e.Memory.Known() {
		most := e.Memory.Value
		if r.MemoryBytes != nil {
			most = max(most, *r.MemoryBytes)
		}
		r.MemoryBytes = &most
	}
	r.Runs = max(r.Runs, e.Seconds.Runs)
}

func addTo(sum **float64, f estimate.Figure) {
	if !f.Known() {
		return
	}
	if *sum == nil {
		*sum = new(float64)
	}
	**sum += f.Value
}

// Merge adds another estimate; of memory the larger counts.
func (r *Estimate) Merge(o Estimate) {
	for _, sum := range []struct{ into, from **float64 }{{&r.Seconds, &o.Seconds}, {&r.Bytes, &o.Bytes}} {
		if *sum.from != nil {
			addTo(sum.into, estimate.Figure{Value: **sum.from, Runs: 1})
		}
	}
	if o.MemoryBytes != nil && (r.MemoryBytes == nil || *o.MemoryBytes > *r.MemoryBytes) {
		r.MemoryBytes = o.MemoryBytes
	}
	r.Runs += o.Runs
}

// OpScale is the work of an op's stages in a plan without data.
type OpScale struct {
	Op     string `json:"op"`
	Stages int    `json:"stages"`
	op.Work
	GPUHours float64 `json:"gpuHours,omitempty"`
}
