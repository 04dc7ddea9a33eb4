// Package lost counts the rows of a pool, or the images of a set, that cannot be used, by cause,
// and says when they are too many.
//
// A row whose image was never downloaded is no fault of who runs an experiment: a tenth to a fifth
// of LAION's addresses are dead. Such rows are counted and said. All other causes are faults of the
// data at hand (a shard that was not copied, keys that start again, images that do not decode), and
// more of them than a share of the rows is an error.
//
// Not here: finding out (data/shards, ops), where it is shown (runner).
package lost

import (
	"cmp"
	"fmt"
	"maps"
	"react/data/shards"
	"slices"
	"strings"
)

// Cause is why a row or an image cannot be used. Its words are kept in manifests.
type Cause string

// The causes, in the order in which they are said.
const (
	NotDownloaded Cause = "notDownloaded"
	NoCaption     Cause = "noCaption"
	NoShard       Cause = "noShard"
	NoSample      Cause = "noSample"
	Repeated      Cause = "repeatedKey"
	OtherCaption  Cause = "otherCaption"
	NotThere      Cause = "notThere"
	NoBytes       Cause = "noBytes"
	Undecodable   Cause = "undecodable"
)

// OfMiss is the cause of a row that joins no sample.
var OfMiss = map[shards.Miss]Cause{
	shards.NoShard: NoShard, shards.NoSample: NoSample, shards.Repeated: Repeated, shards.OtherCaption: OtherCaption,
}

// words of the causes, behind "N of M rows" or "images".
var words = []struct {
	Cause
	text string
}{
	{NotDownloaded, "were not downloaded, as their status says"},
	{NoCaption, "have no caption that can be read"},
	{NoShard, "are of a shard whose tar is not there"},
	{NoSample, "have an image that is not in the tars"},
	{Repeated, "have a key that stands for several images, and no address that says which"},
	{OtherCaption, "have another caption than the tar gives their key"},
	{NotThere, "are listed, and have no file"},
	{NoBytes, "have no bytes"},
	{Undecodable, "do not decode"},
}

// ofImages are causes that are about images alone.
var ofImages = []Cause{NotThere, NoBytes, Undecodable}

// usual is the share of rows or images up to which what is lost is a remark; above it, where the
// spec allows that, a warning.
const usual = 0.05

// Count is what was looked at, and what of it was lost. The zero value is of nothing.
type Count struct {
	What  string           `json:"what,omitempty"` // "set birds", where it is not said elsewhere
	Of    int64            `json:"of"`
	By    map[Cause]int64  `json:"by,omitempty"`
	First map[Cause]string `json:"first,omitempty"` // an example of each
}

// Add counts one that is lost; example says which it is.
func (c *Count) Add(cause Cause, example string) { c.AddN(cause, 1, example) }

// AddN counts n that are lost.
func (c *Count) AddN(cause Cause, n int64, example string) {
	if n == 0 {
		return
	}
	if c.By == nil {
		c.By, c.First = map[Cause]int64{}, map[Cause]string{}
	}
	c.By[cause] += n
	if _, ok := c.First[cause]; !ok && example != "" {
		c.First[cause] = example
	}
}

// Faults is how many were lost by all causes but the download.
func (c *Count) Faults() int64 {
	n := int64(0)
	for cause, lost := range c.By {
		if cause != NotDownloaded {
			n += lost
		}
	}
	return n
}

// Share is that of the faults among what was downloaded.
func (c *Count) Share() float64 {
	if of := c.Of - c.By[NotDownloaded]; of > 0 {
		return float64(c.Faults()) / float64(of)
	}
	return 0
}

// Empty says whether nothing was lost.
func (c *Count) Empty() bool { return len(c.By) == 0 }

// String says what was lost, by cause: "6 of 24 images (25.0 %) do not decode".
func (c *Count) String() string {
	noun := "rows"
	if len(c.By) > 0 && !slices.ContainsFunc(slices.Collect(maps.Keys(c.By)), func(cause Cause) bool { return !slices.Contains(ofImages, cause) }) {
		noun = "images"
	}
	var parts []string
	c.Each(func(_ Cause, text string, n int64) {
		of := ""
		if len(parts) == 0 {
			of = fmt.Sprintf(" of %d %s", c.Of, noun)
		}
		parts = append(parts, fmt.Sprintf("%d%s (%.1f %%) %s", n, of, 100*float64(n)/float64(c.Of), text))
	})
	text := strings.Join(parts, ", ")
	if c.What != "" && text != "" {
		text = c.What + ": " + text
	}
	return cmp.Or(text, "nothing is lost")
}

// Each calls fn for each cause that there is, in their order, with its words.
func (c *Count) Each(fn func(cause Cause, text string, n int64)) {
	for _, w := range words {
		if n := c.By[w.Cause]; n > 0 {
			fn(w.Cause, w.text, n)
		}
	}
}

// TooMany is the error of a count whose faults are over a share.
type TooMany struct {
	Count Count
	Limit float64
}

// Error says the count, an example of what is most, the share, and what allows more.
func (e *TooMany) Error() string {
	c, most := &e.Count, Cause("")
	c.Each(func(cause Cause, _ string, n int64) {
		if cause != NotDownloaded && n > c.By[most] {
			most = cause
		}
	})
	text := c.String()
	if c.By[NotDownloaded] > 0 || len(c.By) > 1 {
		text += fmt.Sprintf(": %d (%.1f %% of what was downloaded)", c.Faults(), 100*c.Share())
	}
	text += fmt.Sprintf(", over maxBadShare %v", e.Limit)
	if first := c.First[most]; first != "" {
		text += "; the first: " + first
	}
	return text
}

// Check is an error where the faults are over a share of what was downloaded.
func (c *Count) Check(limit float64) error {
	if c.Faults() > 0 && c.Share() > limit {
		return &TooMany{*c, limit}
	}
	return nil
}

// Remark is the sentence for under a table; "" where nothing was lost.
func (c *Count) Remark() string {
	switch {
	case c.Empty():
		return ""
	case c.Share() > usual:
		return "Warning: " + c.String() + "."
	}
	text := c.String()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
