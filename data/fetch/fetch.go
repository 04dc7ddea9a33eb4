package fetch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"react/data/caught"
	"strings"
	"sync"
	"time"
)

// Item is an image to fetch.
type Item struct{ URL, Caption string }

// Options say where to and how. The zero value of a number is its default.
type Options struct {
	Dir      string
	PerShard int // items of a tar; 10000. A folder keeps what it began with
	Shape    Shape

	Workers   int           // requests at a time; 64
	HostRate  float64       // requests a second to one origin; 5
	HostConns int           // at a time; 2
	Bandwidth int64         // bytes a second in all; 0 is no cap
	Timeout   time.Duration // of one request; 30 s
	Retries   int           // of temporary failures; 3, less than 0 for none
	Backoff   time.Duration // before the first retry, then doubled; 1 s
	MaxWait   time.Duration // an answer that wants a longer pause is a failure; 2 min
	MaxBytes  int64         // of a body; 20 MiB

	UserAgent    string
	IgnoreRobots bool // robots.txt and X-Robots-Tag: for hosts of one's own
	AllowPrivate bool // addresses of this machine and of networks that are not the internet
	RetryFailed  string
	Progress     func(Stats) // each second; may be nil

	proxy func(*http.Request) (*url.URL, error) // nil is the environment's
}

// DefaultAgent is the User-Agent without a contact.
const DefaultAgent = "runner-fetch/1.0 (research; images of a retrieved data set)"

func (o Options) withDefaults() (Options, error) {
	o.PerShard = cmp.Or(o.PerShard, 10_000)
	o.Workers = cmp.Or(o.Workers, 64)
	o.HostRate = cmp.Or(o.HostRate, 5)
	o.HostConns = cmp.Or(o.HostConns, 2)
	o.Timeout = cmp.Or(o.Timeout, 30*time.Second)
	o.Retries = max(0, cmp.Or(o.Retries, 3))
	o.Backoff = cmp.Or(o.Backoff, time.Second)
	o.MaxWait = cmp.Or(o.MaxWait, 2*time.Minute)
	o.MaxBytes = cmp.Or(o.MaxBytes, 20<<20)
	o.UserAgent = cmp.Or(o.UserAgent, DefaultAgent)
	o.Shape = o.Shape.WithDefaults()
	if err := o.Shape.Validate(); err != nil {
		return o, err
	}
	if o.Dir == "" || o.PerShard < 2 || o.PerShard > 1e6 || o.Workers < 1 || o.HostRate <= 0 || o.HostConns < 1 || o.Bandwidth < 0 || o.MaxBytes < 1 {
		return o, fmt.Errorf("options %+v: a number is out of range", o)
	}
	if o.RetryFailed != "" && o.RetryFailed != "temporary" && o.RetryFailed != "all" {
		return o, fmt.Errorf("retry %q is neither temporary nor all", o.RetryFailed)
	}
	if strings.ContainsAny(o.UserAgent, "\r\n") {
		return o, fmt.Errorf("User-Agent %q has a line break", o.UserAgent)
	}
	return o, nil
}

// Stats are how far a folder is.
type Stats struct {
	Items, Done int            // of the list; with an answer, before this run too
	Succeeded   int            // of Done
	Fetched     int            // in this run
	Bytes       int64          // received in this run, bodies only
	Causes      map[string]int // failures of Done, by cause
	Temporary   int            // failures that may be asked for again
	Open        int            // shards being filled
	Elapsed     time.Duration
}

// Run adds a list to the folder and fetches what has no answer yet. It returns
// when all has, or with the error of ctx or of the disk; the same call goes on.
func Run(ctx context.Context, items iter.Seq2[Item, error], opts Options) (Stats, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return Stats{}, err
	}
	folder, err := openFolder(opts)
	if err != nil {
		return Stats{}, err
	}
	defer folder.close()
	if err := folder.add(ctx, items); err != nil {
		return Stats{}, err
	}
	r := &run{opts: opts, folder: folder, started: time.Now(), queue: newQueue(opts), client: newClient(opts), stats: Stats{Causes: map[string]int{}}}
	defer r.client.close()
	return r.run(ctx)
}

// run is one call of Run.
type run struct {
	opts    Options
	folder  *folder
	queue   *queue
	client  *client
	started time.Time

	mu     sync.Mutex
	stats  Stats
	failed error // of the disk: ends the run
	end    context.CancelFunc
}

func (r *run) run(ctx context.Context) (Stats, error) {
	ctx, r.end = context.WithCancel(ctx)
	defer r.end()
	shards, err := r.folder.shards()
	if err != nil {
		return Stats{}, err
	}
	if err := r.survey(ctx, shards); err != nil {
		return Stats{}, err
	}
	var group sync.WaitGroup
	for range r.opts.Workers {
		group.Go(func() { r.work(ctx) })
	}
	told := make(chan struct{})
	go func() { defer close(told); r.tell(ctx) }()
	err = r.feed(ctx, shards)
	if err == nil {
		err = r.queue.drained(ctx)
	}
	r.end()
	group.Wait()
	<-told
	return r.snapshot(), errors.Join(r.failure(), ignoreCancel(err, r.failure()))
}

// ignoreCancel leaves out the cancellation that a failure brought about.
func ignoreCancel(err, failure error) error {
	if failure != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// survey counts what the folder has.
func (r *run) survey(ctx context.Context, shards []int) error {
	for _, i := range shards {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.folder.listRows(i)
		if err != nil {
			return err
		}
		r.stats.Items += n
		if !r.folder.isDone(i) {
			continue
		}
		if r.opts.RetryFailed != "" {
			reopened, err := r.folder.reopen(i, r.opts.RetryFailed == "all")
			if err != nil {
				return err
			}
			if reopened {
				continue
			}
		}
		if err := r.folder.eachRow(i, func(a *answer) { r.countRow(*a) }); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) countRow(row answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Done++
	if row.Status == success {
		r.stats.Succeeded++
		return
	}
	r.stats.Causes[row.Error]++
	if row.Temporary {
		r.stats.Temporary++
	}
}

// maxOpen is the number of shards that are filled together, so that the last slow
// origin of one does not hold up the next. Their lists are what is in memory.
const maxOpen = 4

// feed opens shards one after the other and queues what they lack.
func (r *run) feed(ctx context.Context, shards []int) error {
	slots := make(chan struct{}, maxOpen)
	for _, i := range shards {
		if r.folder.isDone(i) {
			continue
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		s, err := r.folder.open(i, r.countRow)
		if err != nil {
			return err
		}
		r.opened(1)
		s.whenDone = func() {
			if err := s.finish(); err != nil {
				r.fail(err)
			}
			r.opened(-1)
			<-slots
		}
		jobs := s.jobs()
		if len(jobs) == 0 {
			s.whenDone()
			continue
		}
		r.queue.put(jobs)
	}
	for range maxOpen { // until the last is finished
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (r *run) opened(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Open += n
}

func (r *run) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = err
	}
	r.end()
}

func (r *run) failure() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.failed
}

// work takes jobs until there are no more.
func (r *run) work(ctx context.Context) {
	if err := caught.Do("fetch", func() error { r.takeJobs(ctx); return nil }); err != nil {
		r.fail(err)
	}
}

// ask asks for one image; what is sent and cannot be handled is a failure of that
// image alone.
func (r *run) ask(ctx context.Context, j *job) (a answer, body []byte) {
	err := caught.Do("", func() error { a, body = r.client.get(ctx, j); return nil })
	if err != nil {
		return answer{Status: failedResize, Error: err.Error(), asked: true}, nil
	}
	return a, body
}

// takeJobs is the loop of a worker.
func (r *run) takeJobs(ctx context.Context) {
	for {
		j, ok := r.queue.take(ctx)
		if !ok {
			return
		}
		a, body := silence, []byte(nil)
		if !r.queue.isSilent(j.origin) {
			a, body = r.ask(ctx, j)
		}
		if ctx.Err() != nil && a.Status != success {
			r.queue.release(j, a)
			return // what was not answered has no answer
		}
		if r.queue.release(j, a) {
			continue // it is asked again later
		}
		a.Attempts = j.attempts
		if err := j.shard.record(j, a, body); err != nil {
			r.fail(err)
			return
		}
		r.note(j, a)
		j.shard.settle()
		r.queue.settle()
	}
}

// note counts an answer.
func (r *run) note(j *job, a answer) {
	for range j.items {
		r.countRow(a)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stats.Fetched += len(j.items)
}

func (r *run) snapshot() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.stats
	s.Causes = map[string]int{}
	for cause, n := range r.stats.Causes {
		s.Causes[cause] = n
	}
	s.Bytes, s.Elapsed = r.client.received.Load(), time.Since(r.started)
	return s
}

// tell reports once a second.
func (r *run) tell(ctx context.Context) {
	if r.opts.Progress == nil {
		return
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			r.opts.Progress(r.snapshot())
		}
	}
}
