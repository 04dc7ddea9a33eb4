package forecast

import (
	"sync"
	"time"

	"react/ops"
	"react/runner/plan"
	"react/runner/record"
	"react/runner/schedule"
	"react/runner/store"
)

// Countdown says, while a sweep runs, how long the rest takes: by what was made before, by what
// stages of that kind cost where nothing like them was, by how fast the stages are that run, and
// by how much slower or faster this run is than all that has it. It may be used concurrently.
type Countdown struct {
	mu       sync.Mutex
	forecast *Forecast
	priors   []float64 // seconds, in the order of the tasks; of those of which no run tells
	index    map[string]int
	now      func() time.Time
	stages   map[string]*progress
	past     drift       // from what runs tell
	engine   sensedDrift // from the priors of stages that open an engine
	others   sensedDrift // and of others

	learnt bool // since the estimates were made
	rest   *record.Rest
	at     time.Time // when rest was found
}

// drift is how much longer stages took than they were expected to, in seconds.
type drift struct{ expected, took float64 }

// sensedDrift is a drift with and without the stages that run.
type sensedDrift struct{ drift, sensed drift }

// times is what to multiply by, from so many seconds on, and at most so much either way.
func (d drift) times(least, most float64) float64 {
	if d.expected <= least || d.took <= least {
		return 1
	}
	return min(max(d.took/d.expected, 1/most), most)
}

// progress is how far a stage is.
type progress struct {
	share float64
	from  float64 // share at the time since, from which its speed is known
	since time.Time
	at    time.Time // when share was told
}

// NewCountdown counts a forecast down. stages are those of the forecast's tasks, which run on the
// engine; nil where nothing but runs is to tell.
func NewCountdown(f *Forecast, stages []*plan.Stage, engine string) *Countdown {
	c := &Countdown{forecast: f, index: map[string]int{}, now: time.Now, stages: map[string]*progress{},
		priors: make([]float64, len(f.tasks))}
	for i, t := range f.tasks {
		c.index[t.Key] = i
	}
	if stages != nil && f.past != nil {
		f.Expect(stages, engine)
		c.priors = f.prior
	}
	return c
}

// Progress notes how far a running stage is. Work that begins anew is timed anew.
func (c *Countdown) Progress(t *schedule.Task, done, total int) {
	if total <= 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now, share := c.now(), min(float64(done)/float64(total), 0.99)
	p := c.stages[t.Key]
	if p == nil || share < p.share {
		p = &progress{from: share, since: now}
		c.stages[t.Key] = p
	}
	p.share, p.at = share, now
}

// whole is how long the stage takes at its speed; 0 where that is not known yet.
func (p *progress) whole() float64 {
	if p == nil || p.share-p.from < 0.02 || p.at.Sub(p.since) < 2*time.Second {
		return 0
	}
	return p.at.Sub(p.since).Seconds() / (p.share - p.from)
}

// End notes how a stage ended, and learns from one that was made.
func (c *Countdown) End(t *schedule.Task, o schedule.Outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stages[t.Key] = &progress{share: 1} // failed ones too: they are not made now
	if o.Err != nil || o.Cached {
		return
	}
	c.learn(t, o.Entry)
}

func (c *Countdown) learn(t *schedule.Task, entry store.Entry) {
	f := c.forecast
	if f.past == nil {
		return
	}
	run := runOf(entry.Manifest)
	c.drifts(t, run.Took.Seconds())
	f.past.Learn(run)
	c.learnt = true
}

// drifts adds a stage that was made to what its estimate came from.
func (c *Countdown) drifts(t *schedule.Task, took float64) {
	if e := c.forecast.past.Estimate(t.Key, t.Lines, c.forecast.where); e.Seconds.Known() {
		c.past.add(e.Seconds.Value, took)
	} else if i, ok := c.index[t.Key]; ok {
		c.of(t).drift.add(c.priors[i], took)
	}
}

func (d *drift) add(expected, took float64) {
	if expected > 0 {
		d.expected, d.took = d.expected+expected, d.took+took
	}
}

// of is the drift of a stage's prior.
func (c *Countdown) of(t *schedule.Task) *sensedDrift {
	if ops.All[t.Op].UsesEngine {
		return &c.engine
	}
	return &c.others
}

// leftEvery is the least time between two looks at the whole plan.
const leftEvery = time.Second

// Left is ", about 2m10s left", or "" where nothing is known or left.
func (c *Countdown) Left() string {
	if rest := c.Rest(); rest != nil {
		return ", " + rest.String()
	}
	return ""
}

// Rest is what is left; nil where nothing is known or left.
func (c *Countdown) Rest() *record.Rest {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forecast.past == nil {
		return nil
	}
	if now := c.now(); c.at.IsZero() || now.Sub(c.at) >= leftEvery {
		c.at = now
		if c.learnt {
			c.forecast.estimate()
			c.learnt = false
		}
		c.rest = c.compute()
	}
	return c.rest
}

// compute adds up what is left. It is rough where most of that rests on priors which nothing has
// confirmed yet.
func (c *Countdown) compute() *record.Rest {
	c.sense()
	var sum, guessed float64
	rest, known := &record.Rest{}, false
	rest.Seconds = c.forecast.span(func(i int) float64 {
		left, basis := c.remaining(i)
		switch basis {
		case nothing:
			rest.Unknown++
		case guess:
			guessed += left
		}
		sum, known = sum+left, known || basis != nothing
		return left
	})
	rest.Rough = guessed > sum/2
	if !known || rest.Unknown == 0 && rest.Seconds <= 0 {
		return nil
	}
	return rest
}

// What a figure rests on.
type basis int

const (
	nothing basis = iota
	guess         // a prior that no stage has confirmed
	measured
)

// remaining is how long a stage still takes.
func (c *Countdown) remaining(i int) (seconds float64, b basis) {
	t, e, left := c.forecast.tasks[i], c.forecast.Stages[i].Seconds, 1.0
	if p := c.stages[t.Key]; p != nil {
		left = 1 - p.share
		if whole := p.whole(); left == 0 || whole > 0 {
			return left * whole, measured
		}
	}
	switch {
	case e.Known():
		// enough to tell a slow day from a slow start
		return left * e.Value * c.past.times(5, 4), measured
	case c.priors[i] <= 0:
		return 0, nothing
	}
	d := c.of(t)
	b = guess
	if d.sensed.took > leastSensed {
		b = measured
	}
	return left * c.priors[i] * d.sensed.times(leastSensed, 50), b
}

// leastSensed is how many seconds of stages correct a prior.
const leastSensed = 0.2

// sense takes the stages that run into account: what they will have taken at their speed.
func (c *Countdown) sense() {
	c.engine.sensed, c.others.sensed = c.engine.drift, c.others.drift
	for i, t := range c.forecast.tasks {
		if whole := c.stages[t.Key].whole(); whole > 0 && !c.forecast.Stages[i].Seconds.Known() {
			c.of(t).sensed.add(c.priors[i], whole)
		}
	}
}
