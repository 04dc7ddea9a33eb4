package estimate

import "react/data/heap"

// Span is how long stages take together: each after those that it needs, at most
// Jobs at a time, the first added first, as runner/schedule takes them. A need
// that was not added is there already.
type Span struct {
	Jobs   int
	stages []spanStage
	index  map[string]int
}

type spanStage struct {
	seconds float64
	missing int
	readers []int
}

// Add adds a stage; what it needs was added before it, or is there.
func (s *Span) Add(key string, needs []string, seconds float64) {
	if s.index == nil {
		s.index = map[string]int{}
	}
	i := len(s.stages)
	s.index[key] = i
	s.stages = append(s.stages, spanStage{seconds: seconds})
	for _, need := range needs {
		if j, ok := s.index[need]; ok {
			s.stages[j].readers = append(s.stages[j].readers, i)
			s.stages[i].missing++
		}
	}
}

// Seconds runs through them once.
func (s *Span) Seconds() float64 {
	first := func(a, b event) bool { return a.at < b.at }
	ready, running := heap.Heap[event]{Before: first}, heap.Heap[event]{Before: first}
	for i, stage := range s.stages {
		if stage.missing == 0 {
			ready.Push(event{float64(i), i})
		}
	}
	now := 0.0
	for ready.Len() > 0 || running.Len() > 0 {
		for ready.Len() > 0 && running.Len() < max(s.Jobs, 1) {
			i := ready.Pop().stage
			running.Push(event{now + s.stages[i].seconds, i})
		}
		done := running.Pop()
		now = done.at
		for _, j := range s.stages[done.stage].readers {
			if s.stages[j].missing--; s.stages[j].missing == 0 {
				ready.Push(event{float64(j), j})
			}
		}
	}
	return now
}

// event is a stage at a time, or in an order.
type event struct {
	at    float64
	stage int
}
