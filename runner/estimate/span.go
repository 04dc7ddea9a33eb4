package estimate

import "container/heap"

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
	var ready, running events
	for i, stage := range s.stages {
		if stage.missing == 0 {
			heap.Push(&ready, event{float64(i), i})
		}
	}
	now := 0.0
	for ready.Len() > 0 || running.Len() > 0 {
		for ready.Len() > 0 && running.Len() < max(s.Jobs, 1) {
			i := heap.Pop(&ready).(event).stage
			heap.Push(&running, event{now + s.stages[i].seconds, i})
		}
		done := heap.Pop(&running).(event)
		now = done.at
		for _, j := range s.stages[done.stage].readers {
			if s.stages[j].missing--; s.stages[j].missing == 0 {
				heap.Push(&ready, event{float64(j), j})
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

type events []event

func (e events) Len() int           { return len(e) }
func (e events) Less(i, j int) bool { return e[i].at < e[j].at }
func (e events) Swap(i, j int)      { e[i], e[j] = e[j], e[i] }

// Push implements heap.Interface.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop implements heap.Interface.
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}
