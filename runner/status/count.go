package status

import (
	"react/runner/record"
	"react/runner/schedule"
)

// trialsByStage finds, for each stage, the trials that are made from it.
func trialsByStage(p *record.Plan) map[string]trialsOfStage {
	in := make(map[string]map[string]string, len(p.Stages))
	for _, s := range p.Stages {
		in[s.Key] = s.In
	}
	all := make(map[string]trialsOfStage, len(p.Stages))
	for _, trial := range p.Trials {
		seen := map[string]bool{}
		var visit func(keys map[string]string)
		visit = func(keys map[string]string) {
			for _, key := range keys {
				if seen[key] {
					continue
				}
				seen[key] = true
				t := all[key]
				if t.Trials++; len(t.Names) < shownTrials {
					t.Names = append(t.Names, trial.Name)
				}
				all[key] = t
				visit(in[key])
			}
		}
		visit(trial.Stages)
	}
	return all
}

// count sums stages and trials up.
func (w *Watcher) count(l *look, st *Status) {
	index := map[string]int{}
	// bad: failed or blocked
	bad, running, done := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i, t := range w.tasks {
		if l.survey.Status[i] == schedule.Unneeded {
			continue
		}
		at, ok := index[t.Op]
		if !ok {
			at = len(st.Ops)
			index[t.Op] = at
			st.Ops = append(st.Ops, opCounts{Op: t.Op})
		}
		own := Counts{Total: 1}
		done[t.Key] = l.survey.Status[i] == schedule.Cached
		for _, need := range t.Needs { // blocked by, or after, what it needs
			bad[t.Key] = bad[t.Key] || !done[t.Key] && bad[need]
			running[t.Key] = running[t.Key] || !done[t.Key] && running[need]
		}
		s := l.running[t.Key]
		switch {
		case done[t.Key]:
			own.Done = 1
		case s != nil && !s.Queued:
			own.Running, running[t.Key] = 1, true
		case l.failed[t.Key] != nil:
			own.Failed, bad[t.Key] = 1, true
		case bad[t.Key]:
			own.Blocked = 1
		default:
			own.Waiting = 1
		}
		st.Ops[at].add(own)
		st.Stages.add(own)
	}
	for _, trial := range w.plan.Trials {
		st.Trials.add(trialCounts(trial, done, running, bad))
	}
}

func trialCounts(t record.Trial, done, running, bad map[string]bool) Counts {
	whole, some, failed := true, false, false
	for _, key := range t.Stages {
		whole, some, failed = whole && done[key], some || running[key], failed || bad[key]
	}
	switch {
	case whole:
		return Counts{Total: 1, Done: 1}
	case failed:
		return Counts{Total: 1, Failed: 1}
	case some:
		return Counts{Total: 1, Running: 1}
	}
	return Counts{Total: 1, Waiting: 1}
}

func (c *Counts) add(o Counts) {
	c.Total, c.Done, c.Running, c.Waiting = c.Total+o.Total, c.Done+o.Done, c.Running+o.Running, c.Waiting+o.Waiting
	c.Failed, c.Blocked = c.Failed+o.Failed, c.Blocked+o.Blocked
}
