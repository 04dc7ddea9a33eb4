package schedule

// Resources are what a task uses while it runs, as far as is known: estimates
// by which tasks are put beside one another, not bounds that are enforced.
type Resources struct {
	Cores  int   // that it keeps busy
	Memory int64 // bytes at its peak; 0 is not known, and counts as nothing
	Device bool  // computes on the engine's device
}

// Limits are what all running tasks together may use; 0 is no limit. A task
// over a limit by itself runs, alone.
type Limits struct {
	Cores   int
	Memory  int64 // bytes
	Devices int
}

// fits says whether a task may begin beside those that run.
func (r *run) fits(t Resources) bool {
	l := r.opts.Limits
	switch {
	case r.active == 0:
		return true
	case l.Cores > 0 && r.used.Cores+t.Cores > l.Cores:
		return false
	case l.Memory > 0 && r.used.Memory+t.Memory > l.Memory:
		return false
	}
	return !t.Device || l.Devices == 0 || r.devices < l.Devices
}

// occupy counts a task's begin, by 1, or its end, by -1.
func (r *run) occupy(t Resources, by int) {
	r.active += by
	r.used.Cores += by * t.Cores
	r.used.Memory += int64(by) * t.Memory
	if t.Device {
		r.devices += by
	}
}
