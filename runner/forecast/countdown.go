package forecast

import (
	"fmt"
	"time"

	"react/data/words"
	"react/runner/cli"
	"react/runner/schedule"
	"react/runner/store"
)

// Countdown says, while a sweep runs, how long the rest takes: by what was made
// before, by what is made now, and by how much slower or faster this run is than
// those were. It is used with its reporter's lock held.
type Countdown struct {
	forecast *Forecast
	now      func() time.Time
	done     map[string]float64 // share of each stage that is done
	expected float64            // seconds, of the stages made in this run
	took     float64

	learnt bool // since the estimates were made
	text   string
	at     time.Time // when text was made
}

// NewCountdown counts a forecast down.
func NewCountdown(f *Forecast) *Countdown {
	return &Countdown{forecast: f, now: time.Now, done: map[string]float64{}}
}

// Progress notes how far a running stage is.
func (c *Countdown) Progress(t *schedule.Task, done, total int) {
	if total > 0 {
		c.done[t.Key] = min(float64(done)/float64(total), 0.99)
	}
}

// End notes how a stage ended, and learns from one that was made.
func (c *Countdown) End(t *schedule.Task, o schedule.Outcome) {
	c.done[t.Key] = 1 // failed ones too: they are not made now
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
	if e := f.past.Estimate(t.Key, t.Lines, f.where); e.Seconds.Known() {
		c.expected += e.Seconds.Value
		c.took += run.Took.Seconds()
	}
	f.past.Learn(run)
	c.learnt = true
}

// leftEvery is the least time between two looks at the whole plan.
const leftEvery = time.Second

// Left is ", about 2m10s left", or "" where nothing is known or left.
func (c *Countdown) Left() string {
	if c.forecast.past == nil {
		return ""
	}
	if now := c.now(); c.at.IsZero() || now.Sub(c.at) >= leftEvery {
		c.at = now
		if c.learnt {
			c.forecast.estimate()
			c.learnt = false
		}
		c.text = c.compute()
	}
	return c.text
}

func (c *Countdown) compute() string {
	seconds, known := c.forecast.Left(func(key string) float64 { return c.done[key] })
	if !known {
		return ""
	}
	if c.expected > 5 && c.took > 5 { // enough to tell a slow day from a slow start
		seconds *= min(max(c.took/c.expected, 0.25), 4)
	}
	unknown := 0
	for i, t := range c.forecast.tasks {
		if c.forecast.survey.Status[i] == schedule.ToRun && !c.forecast.Stages[i].Seconds.Known() && c.done[t.Key] < 1 {
			unknown++
		}
	}
	if unknown > 0 {
		return fmt.Sprintf(", about %s left besides %s of unknown time", cli.Duration(seconds), words.Plural(unknown, "stage"))
	}
	if seconds <= 0 {
		return ""
	}
	return fmt.Sprintf(", about %s left", cli.Duration(seconds))
}
