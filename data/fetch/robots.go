package fetch

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/temoto/robotstxt"
)

// robots is an origin's robots.txt, asked for once by the first who needs it.
type robots struct {
	mu    sync.Mutex
	until time.Time // that what is known holds
	group *robotstxt.Group
	fault *fault // instead of a group
}

// visited keeps the robots.txt of origins that redirects lead to, so that a site
// which thousands of addresses lead to is asked once.
type visited struct {
	mu      sync.Mutex
	origins map[string]*robots
}

func (v *visited) of(u *url.URL) *robots {
	v.mu.Lock()
	defer v.mu.Unlock()
	name := originOf(u.String())
	if r := v.origins[name]; r != nil {
		return r
	}
	if v.origins == nil || len(v.origins) >= maxOrigins {
		v.origins = map[string]*robots{} // asked anew: politer than to grow without bound
	}
	v.origins[name] = &robots{}
	return v.origins[name]
}

// What is known of an origin's robots.txt holds for a day (RFC 9309, 2.4), that
// it could not be had for a minute; half a megabyte of it is read.
const (
	robotsHolds = 24 * time.Hour
	robotsAgain = time.Minute
	robotsBytes = 500 << 10
)

// allowed asks an origin's robots.txt whether an address may be fetched, and how
// long to wait between two requests. One that is not there allows all; one that
// the server fails to give allows nothing for now (RFC 9309, 2.3.1).
func (c *client) allowed(ctx context.Context, r *robots, u *url.URL) (time.Duration, error) {
	if c.opts.IgnoreRobots {
		return 0, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().After(r.until) {
		r.group, r.fault = c.askRobots(ctx, u)
		r.until = time.Now().Add(robotsHolds)
		if r.fault != nil {
			r.until = time.Now().Add(robotsAgain)
		}
		if ctx.Err() != nil {
			r.until = time.Time{}
		}
	}
	if r.fault != nil {
		return 0, r.fault
	}
	path := u.EscapedPath()
	if path == "" {
		path = "/"
	}
	if u.RawQuery != "" {
		path += "?" + u.RawQuery
	}
	if !r.group.Test(path) {
		return 0, permanent("robots.txt")
	}
	return r.group.CrawlDelay, nil
}

func (c *client) askRobots(ctx context.Context, u *url.URL) (*robotstxt.Group, *fault) {
	request, err := c.request(ctx, &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/robots.txt"})
	if err != nil {
		return nil, faultOf(err)
	}
	client := *c.http
	client.CheckRedirect = func(_ *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return http.ErrUseLastResponse // taken as one that is not there
		}
		return nil
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, faultOf(err)
	}
	defer response.Body.Close()
	if f := statusFault(response); f != nil && f.temporary {
		f.cause = "robots.txt: " + f.cause
		return nil, f
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, robotsBytes))
	if err != nil {
		return nil, faultOf(err)
	}
	status := response.StatusCode
	if status >= 300 && status < 400 {
		status = http.StatusNotFound
	}
	data, err := robotstxt.FromStatusAndBytes(status, body)
	if err != nil { // not to be read at all: as if it were not there
		data, _ = robotstxt.FromStatusAndBytes(http.StatusNotFound, nil)
	}
	return data.FindGroup(agentToken(c.opts.UserAgent)), nil
}

// agentToken is the name by which robots.txt and X-Robots-Tag mean us: the
// User-Agent up to its version.
func agentToken(agent string) string {
	token, _, _ := strings.Cut(strings.TrimSpace(agent), "/")
	token, _, _ = strings.Cut(token, " ")
	return token
}

// optOuts are the directives of X-Robots-Tag that img2dataset honours.
var optOuts = []string{"noai", "noimageai", "noindex", "noimageindex"}

// disallowed gives the directive that forbids the use of an image, for all or for
// us; "" without one. "none" means noindex and nofollow.
func disallowed(tags []string, agent string) string {
	for _, tag := range tags {
		who := ""
		for directive := range strings.SplitSeq(strings.ToLower(tag), ",") {
			// "otherbot: noindex" names whom the directives from here on are for;
			// "unavailable_after: date" is a directive with a value.
			if name, rest, ok := strings.Cut(directive, ":"); ok {
				if name = strings.TrimSpace(name); name == "unavailable_after" || strings.HasPrefix(name, "max-") {
					continue
				}
				who, directive = name, rest
			}
			directive = strings.TrimSpace(directive)
			if (who == "" || who == "*" || who == strings.ToLower(agentToken(agent))) && (directive == "none" || slices.Contains(optOuts, directive)) {
				return directive
			}
		}
	}
	return ""
}
