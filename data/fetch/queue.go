package fetch

import (
	"context"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"react/data/heap"
)

// job is an address with the items of its shard that want it.
type job struct {
	url      string
	items    []int // of the shard's list
	shard    *openShard
	origin   *origin
	attempts int
	wait     time.Time // not before
}

// origin is a scheme, host and port, with what politeness asks for.
type origin struct {
	name   string
	bucket *rate.Limiter
	jobs   []*job
	active int
	wait   time.Time // a Retry-After, or a pause after a failure
	silent int       // times in a row that no answer came
	at     int       // in the heap; -1 when not in it
	ready  time.Time // when it may be asked next

	robots robots
}

// queue hands out jobs so that no origin gets more than its share. Origins that
// may be asked stand in a heap by the time from which they may.
type queue struct {
	opts Options

	mu      sync.Mutex
	origins map[string]*origin
	heap    heap.Heap[*origin]
	later   heap.Heap[*job] // failed ones that wait
	left    int             // jobs without answer
	wake    chan struct{}   // closed and replaced at each change
}

func newQueue(opts Options) *queue {
	q := &queue{opts: opts, origins: map[string]*origin{}, wake: make(chan struct{})}
	q.heap.Before = func(a, b *origin) bool { return a.ready.Before(b.ready) }
	q.heap.Moved = func(o *origin, at int) { o.at = at }
	q.later.Before = func(a, b *job) bool { return a.wait.Before(b.wait) }
	return q
}

// silentLimit is how often in a row an origin may give no answer at all; then
// what is left of it fails at once.
const silentLimit = 5

// maxOrigins is the number from which idle ones are forgotten.
const maxOrigins = 4096

// put queues jobs.
func (q *queue) put(jobs []*job) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left += len(jobs)
	for _, j := range jobs {
		q.add(j)
	}
	q.changed()
}

func (q *queue) add(j *job) {
	name := originOf(j.url)
	o := q.origins[name]
	if o == nil {
		if len(q.origins) >= maxOrigins {
			q.forget()
		}
		o = &origin{name: name, at: -1, bucket: rate.NewLimiter(rate.Limit(q.opts.HostRate), max(1, int(q.opts.HostRate)))}
		q.origins[name] = o
	}
	j.origin = o
	o.jobs = append(o.jobs, j)
	q.place(o)
}

// originOf is "https://host:port"; addresses without one share "".
func originOf(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// forget drops origins that have nothing to do.
func (q *queue) forget() {
	now := time.Now()
	for name, o := range q.origins {
		if len(o.jobs) == 0 && o.active == 0 && o.wait.Before(now) && o.bucket.TokensAt(now) >= float64(o.bucket.Burst()) {
			delete(q.origins, name)
		}
	}
}

// place puts an origin where it belongs in the heap.
func (q *queue) place(o *origin) {
	wanted := len(o.jobs) > 0 && o.active < q.opts.HostConns
	if wanted {
		now := time.Now()
		o.ready = now
		if lack := 1 - o.bucket.TokensAt(now); lack > 0 {
			o.ready = now.Add(time.Duration(lack / float64(o.bucket.Limit()) * float64(time.Second)))
		}
		if o.wait.After(o.ready) {
			o.ready = o.wait
		}
	}
	switch {
	case wanted && o.at < 0:
		q.heap.Push(o)
	case wanted:
		q.heap.Fix(o.at)
	case o.at >= 0:
		q.heap.Remove(o.at)
	}
}

func (q *queue) changed() {
	close(q.wake)
	q.wake = make(chan struct{})
}

// take waits for a job that may be asked for now; false when ctx ends.
func (q *queue) take(ctx context.Context) (*job, bool) {
	for {
		j, pause, wake := q.next()
		if j != nil {
			return j, true
		}
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-wake:
		case <-timer.C:
		}
		timer.Stop()
		if ctx.Err() != nil {
			return nil, false
		}
	}
}

// next is a job, or how long to wait for one at most.
func (q *queue) next() (*job, time.Duration, <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := time.Now()
	for q.later.Len() > 0 && !q.later.First().wait.After(now) {
		q.add(q.later.Pop())
	}
	if q.heap.Len() > 0 && !q.heap.First().ready.After(now) {
		o := q.heap.First()
		if o.bucket.AllowN(now, 1) || o.silent >= silentLimit {
			j := o.jobs[0]
			o.jobs = o.jobs[1:]
			o.active++
			j.attempts++
			q.place(o)
			return j, 0, nil
		}
		q.place(o)
	}
	pause := time.Minute
	if q.later.Len() > 0 {
		pause = min(pause, q.later.First().wait.Sub(now))
	}
	if q.heap.Len() > 0 {
		pause = min(pause, q.heap.First().ready.Sub(now))
	}
	return nil, max(pause, time.Millisecond), q.wake
}

// release ends a job's turn and says whether it will be asked again. An answer's
// pause holds for the whole origin.
func (q *queue) release(j *job, a answer) (again bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	defer q.changed()
	o, now := j.origin, time.Now()
	o.active--
	if a.silent {
		o.silent++
	} else if a.asked {
		o.silent = 0
	}
	if slower := rate.Every(min(a.crawlDelay, q.opts.MaxWait)); a.crawlDelay > 0 && slower < o.bucket.Limit() {
		o.bucket = rate.NewLimiter(slower, 1)
		o.bucket.AllowN(now, 1) // the request that this was learnt for
	}
	if a.pause > 0 && a.pause <= q.opts.MaxWait {
		if until := now.Add(a.pause); until.After(o.wait) {
			o.wait = until
		}
	}
	again = a.Temporary && j.attempts <= q.opts.Retries && a.pause <= q.opts.MaxWait && o.silent < silentLimit
	if again {
		wait := q.opts.Backoff << min(j.attempts-1, 6)
		// so that those of one moment do not come back together
		wait += time.Duration(rand.Int64N(int64(wait)/2 + 1))
		j.wait = now.Add(max(wait, a.pause))
		q.later.Push(j)
	}
	q.place(o)
	return again
}

// settle counts an answer.
func (q *queue) settle() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left--
	q.changed()
}

// drained waits until every job has its answer.
func (q *queue) drained(ctx context.Context) error {
	for {
		q.mu.Lock()
		left, wake := q.left, q.wake
		q.mu.Unlock()
		if left == 0 {
			return nil
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// isSilent says whether an origin is left alone.
func (q *queue) isSilent(o *origin) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return o.silent >= silentLimit
}
