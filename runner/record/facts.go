package record

// Facts of a stage's manifest.
const (
	EngineFact = "engine"           // the engine that computed, where one did
	MemoryFact = "memory.peakBytes" // that the process held at most while it made the stage alone
	JobsFact   = "jobs"             // stages that ran at a time
	CommitFact = "commit"           // of the program's source
	runFact    = "run"              // the run that made it
)
