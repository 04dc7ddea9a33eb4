package launch

import "testing"

func TestAgain(t *testing.T) {
	const gib = 1 << 30
	small := &Attempt{LimitMem: 4 * gib}
	for name, c := range map[string]struct {
		status *Status
		policy Policy
		want   bool
	}{
		"never submitted":                {nil, Policy{}, true},
		"queued":                         {&Status{State: Queued}, Policy{Fresh: true, Retry: true}, false},
		"running":                        {&Status{State: Working}, Policy{Fresh: true, Retry: true}, false},
		"its input failed":               {&Status{State: Stuck}, Policy{}, true},
		"its own error":                  {&Status{State: Failing, Cause: StageError}, Policy{Fresh: true, Retries: 9}, false},
		"its own error, retried":         {&Status{State: Failing, Cause: StageError}, Policy{Fresh: true, Retry: true}, true},
		"retried, later in that command": {&Status{State: Failing, Cause: StageError}, Policy{Retry: true}, false},
		"memory, the same":               {&Status{State: Failing, Cause: OutOfMem, Attempt: small}, Policy{Fresh: true, Memory: 4 * gib}, false},
		"memory, more":                   {&Status{State: Failing, Cause: OutOfMem, Attempt: small}, Policy{Memory: 8 * gib}, true},
		"memory, nothing known":          {&Status{State: Failing, Cause: OutOfMem}, Policy{Fresh: true, Memory: 8 * gib}, false},
		"preempted for the ninth time":   {&Status{State: Ended, Cause: Preempted, Tries: 9}, Policy{Retries: 1}, true},
		"lost once":                      {&Status{State: Ended, Cause: Lost}, Policy{Retries: 3}, true},
		"lost too often":                 {&Status{State: Ended, Cause: Lost, Tries: 3}, Policy{Retries: 3, Fresh: true}, false},
		"time limit":                     {&Status{State: Ended, Cause: Timeout, Tries: 2}, Policy{Retries: 3}, true},
		"time limits, given up":          {&Status{State: Failing, Cause: Timeout}, Policy{Retries: 3}, false},
		"node":                           {&Status{State: Ended, Cause: NodeFailed}, Policy{Retries: 3}, true},
		"cancelled":                      {&Status{State: Ended, Cause: Cancelled}, Policy{Retries: 3}, false},
		"cancelled, a new command":       {&Status{State: Ended, Cause: Cancelled}, Policy{Fresh: true}, true},
		"the disk was full":              {&Status{State: Failing, Cause: StoreFault}, Policy{}, false},
		"the disk was full, new command": {&Status{State: Failing, Cause: StoreFault}, Policy{Fresh: true}, true},
		"done":                           {&Status{State: Finished}, Policy{Fresh: true, Retry: true}, false},
	} {
		if got := c.status.Again(c.policy); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
