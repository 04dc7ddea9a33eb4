package status

import (
	"time"

	"react/runner/exec"
	"react/runner/forecast"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// left estimates the rest. What cannot be read leaves it unknown.
func (w *Watcher) left(l *look, st *Status) {
	if w.forecast == nil || l.at.Sub(w.asked) >= forecastEvery {
		f, err := forecast.New(w.store, w.tasks, l.survey, forecast.On("", l.jobs()))
		if err != nil {
			return
		}
		w.forecast, w.asked = f, l.at
	}
	f := w.forecast
	f.Survey(l.survey, l.jobs())
	share := map[string]float64{}
	for i, t := range w.tasks {
		if l.survey.Status[i] != schedule.ToRun {
			continue
		}
		e := f.Stages[i].Seconds
		if s := l.running[t.Key]; s != nil && !s.Queued {
			share[t.Key] = s.share(l.at, e.Value)
			s.Left = s.remaining(l.at, share[t.Key], e.Value)
		}
		if l.failed[t.Key] != nil {
			share[t.Key] = 1
		} else if !e.Known() {
			st.Unknown++
		}
	}
	if rest := l.told(); rest != nil {
		st.Left, st.Unknown, st.Rough = &rest.Seconds, rest.Unknown, rest.Rough
	} else if seconds, known := f.Left(func(key string) float64 { return share[key] }); known {
		st.Left = &seconds
	}
}

// told is what the process that runs the sweep says is left: it knows how fast stages are of which
// no run tells. Of several none knows what the others have done.
func (l *look) told() (rest *record.Rest) {
	live := 0
	for i, p := range l.processes {
		if l.lives[i] != store.Gone {
			rest = p.Rest
			live++
		}
	}
	if live != 1 {
		return nil
	}
	return rest
}

// jobs is how many stages run at a time, over all processes.
func (l *look) jobs() int {
	n := 0
	for i, p := range l.processes {
		var j exec.Jobs
		if l.lives[i] != store.Gone && j.Set(p.Jobs) == nil {
			n += j.Assumed()
		}
	}
	return max(n, 1)
}

// share is how much of a running stage is done.
func (s *stage) share(at time.Time, expected float64) float64 {
	if s.Total > 0 {
		return min(float64(s.Done)/float64(s.Total), 0.99)
	}
	if expected > 0 && !s.Since.IsZero() {
		return min(at.Sub(s.Since).Seconds()/expected, 0.9)
	}
	return 0
}

// remaining is by its own speed once that can be told, in which what attempts before did has no part;
// else by stages before.
func (s *stage) remaining(at time.Time, share, expected float64) *float64 {
	var left float64
	since := s.Since
	if !s.firstAt.IsZero() {
		since = s.firstAt
	}
	took := at.Sub(since)
	switch own := share - float64(s.first)/float64(max(s.Total, 1)); {
	case s.Total > 0 && own >= leastShare && took >= leastTime:
		left = took.Seconds() * (1 - share) / own
	case expected > 0:
		left = expected * (1 - share)
	default:
		return nil
	}
	return &left
}

// The share that a stage must have done in how long before its own speed tells what is left of it.
const (
	leastShare = 0.02
	leastTime  = 2 * time.Second
)
