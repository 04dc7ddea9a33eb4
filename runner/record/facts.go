package record

import (
	"encoding/json"
	"fmt"
	"time"

	"react/data/lost"
	"react/ops/engine"
	"react/ops/op"
	"react/runner/store"
)

// Facts of a stage's manifest.
const (
	EngineFact          = "engine"           // the engine that computed, where one did
	EngineLibrariesFact = "engine.libraries" // by name, with versions
	MemoryFact          = "memory.peakBytes" // that the process held at most while it made the stage alone
	JobsFact            = "jobs"             // stages that ran at a time
	CommitFact          = "commit"           // of the program's source
	runFact             = "run"              // the run that made it
)

// EngineOf names the engine that a manifest's facts say computed, "" for none: with TF32, where f32
// was computed so, which are other numbers.
func EngineOf(facts map[string]any) string {
	name, _ := facts[EngineFact].(string)
	libraries, _ := facts[EngineLibrariesFact].(map[string]any)
	if name != "" && libraries[engine.TF32Fact] == "true" {
		return name + " (TF32)"
	}
	return name
}

// ComputedOn is EngineOf with the number of devices, where that is more than one: "xla:cpu on 4
// devices". What was computed by the same on as many has the same bits.
func ComputedOn(facts map[string]any) string {
	return onDevices(EngineOf(facts), DevicesOf(facts))
}

func onDevices(engine, devices string) string {
	if devices == "" {
		return engine
	}
	return engine + " on " + devices + " devices"
}

// DevicesOf is how many devices an engine had, "" for one.
func DevicesOf(facts map[string]any) (n string) {
	switch libraries := facts[EngineLibrariesFact].(type) {
	case map[string]any: // as JSON has it
		n, _ = libraries[engine.DevicesFact].(string)
	case map[string]string:
		n = libraries[engine.DevicesFact]
	}
	return n
}

// ResumedOf says what a stage had from an attempt before, by its manifest's facts: "resumed from step
// 73"; "" for one that began anew.
func ResumedOf(facts map[string]any) string {
	for _, kind := range []struct{ fact, words string }{
		{op.ResumedAtStep, "resumed from step %d"}, {op.ResumedBlocks, "resumed with %d blocks done"},
		{op.ResumedShards, "resumed with %d shards done"},
	} {
		switch n := facts[kind.fact].(type) {
		case int:
			return fmt.Sprintf(kind.words, n)
		case float64: // as JSON has it
			return fmt.Sprintf(kind.words, int(n))
		}
	}
	return ""
}

// LostOf is what a manifest's facts say was lost.
func LostOf(facts map[string]any) (counts []lost.Count) {
	raw, err := json.Marshal(facts[op.LostFact]) // as it was read, or as the op gave it
	if err != nil || json.Unmarshal(raw, &counts) != nil {
		return nil
	}
	return counts
}

// Took is how long a stage ran; a clock that was set back meanwhile makes it 0.
func Took(m store.Manifest) time.Duration { return max(0, m.Finished.Sub(m.Started)) }
