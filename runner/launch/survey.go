package launch

import (
	"bytes"
	"io"
	"os"
	"regexp"
	"strconv"
	"time"
)

// State is where a stage is, for people and for the decision what to submit.
type State string

// States of a stage.
const (
	Waiting  State = "waiting" // not submitted
	Queued   State = "queued"
	Working  State = "running"
	Finished State = "done"
	Failing  State = "failed"  // Cause says how
	Stuck    State = "blocked" // a stage that it reads did not come about
	Ended    State = "ended"   // cancelled, preempted for good, or lost: Cause says how
)

// Live says that the cluster has the stage.
func (s State) Live() bool { return s == Queued || s == Working }

// Sched is what a scheduler says of an element.
type Sched struct {
	Pending  bool // in the queue, also again
	Active   bool // has a node
	Cause    Cause
	Unmet    bool   // cancelled since what it waited for failed
	Reason   string // the scheduler's word for why it is as it is
	Node     string
	Restarts int
}

// Status is what is known of a stage.
type Status struct {
	Key     string
	State   State
	Cause   Cause
	Message string
	Job     string // element, "123_4"
	Reason  string // why it is queued, in the scheduler's word
	Attempt *Attempt
	Record  *Record // of the latest element; nil when waiting
	Index   int
	Tries   int      // ended without a result for a cause that another try may cure
	Bad     []string // nodes that failed under it
	Since   time.Time
}

// Survey tells the state of every stage that was ever submitted. done says
// what the store has; sched is what the scheduler says by element, nil when it
// does not answer.
func Survey(records []*Record, done func(key string) bool, sched map[string]Sched) (map[string]*Status, error) {
	all := map[string]*Status{}
	for _, r := range records {
		if r.Submitted() && r.Job.ID == "" {
			continue
		}
		for index, key := range r.Keys {
			if key == "" {
				continue
			}
			now, err := statusOf(r, index, done, sched)
			if err != nil {
				return nil, err
			}
			if before := all[key]; before != nil && !r.Retry {
				now.Tries += before.Tries + before.counts()
				now.Bad = append(now.Bad, before.Bad...)
			}
			if now.Cause == NodeFailed && now.Attempt != nil {
				now.Bad = append(now.Bad, now.Attempt.Host)
			}
			all[key] = now
		}
	}
	return all, nil
}

func statusOf(r *Record, index int, done func(string) bool, sched map[string]Sched) (*Status, error) {
	s := &Status{Key: r.Keys[index], Record: r, Index: index}
	if r.Job.ID != "" {
		s.Job = r.Job.ID + "_" + strconv.Itoa(index)
	}
	var err error
	if s.Attempt, err = ReadAttempt(r.Dir, index); err != nil {
		return nil, err
	}
	if done(s.Key) {
		s.State = Finished
		return s, nil
	}
	if !r.Submitted() {
		s.State, s.Reason = Queued, "being submitted"
		return s, nil
	}
	q, known := sched[s.Job]
	s.Reason = q.Reason
	switch {
	case q.Pending:
		s.State = Queued
	case s.Attempt != nil && s.Attempt.State == Failed:
		s.State, s.Cause, s.Message = Failing, s.Attempt.Cause, s.Attempt.Message
	case q.Active:
		s.State = Working
	case sched == nil:
		s.guess()
	default:
		s.end(q, known)
	}
	return s, nil
}

// guess is for when the scheduler does not answer: nothing is taken for lost.
func (s *Status) guess() {
	s.State, s.Reason = Queued, "the scheduler does not answer"
	if s.Attempt != nil && s.Attempt.State == Running && !s.Attempt.stale(time.Now()) {
		s.State = Working
	}
}

// end is for an element that the scheduler has done with, and that left no
// result.
func (s *Status) end(q Sched, known bool) {
	s.State = Ended
	switch {
	case q.Unmet, s.Attempt != nil && s.Attempt.State == Blocked:
		s.State = Stuck
	case s.Attempt != nil && s.Attempt.State == Stopped:
		s.Cause, s.Message = s.Attempt.Cause, s.Attempt.Message
		if q.Cause == Cancelled {
			s.Cause = Cancelled
		}
	case q.Cause == OutOfMem, killedForMemory(Log(s.Record.Dir, s.Index)):
		s.State, s.Cause, s.Message = Failing, OutOfMem, "the cluster killed it for its memory"
	case q.Cause != "":
		s.Cause = q.Cause
	default:
		s.Cause = Lost
	}
	if s.Message == "" && s.Cause != "" {
		s.Message = "job " + s.Job + " ended without a result"
		if known && s.Reason != "" {
			s.Message += " (" + s.Reason + ")"
		}
	}
}

// memoryWords are Slurm's, in the job's own output. Where a job is killed by
// its accounting (OverMemoryKill) they are all there is: its state is FAILED.
var memoryWords = regexp.MustCompile(`(?i)exceeded (job |step )?memory limit|oom[-_ ]kill|out[-_ ]of[-_ ]memory`)

// killedForMemory looks at the end of a worker's log.
func killedForMemory(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > 4096 {
		f.Seek(-4096, io.SeekEnd)
	}
	tail, err := io.ReadAll(f)
	return err == nil && memoryWords.Match(bytes.TrimSpace(tail))
}
