package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/time/rate"
)

// client asks for one address at a time.
type client struct {
	opts      Options
	http      *http.Client
	bandwidth *rate.Limiter // nil: no cap
	received  atomic.Int64
	elsewhere visited // where redirects lead
}

// readPiece is the number of bytes read at once, and the least that the
// bandwidth's bucket holds.
const readPiece = 32 << 10

// maxRedirects is what a request may be sent on.
const maxRedirects = 5

func newClient(opts Options) *client {
	dialer := &net.Dialer{Timeout: min(10*time.Second, opts.Timeout), KeepAlive: 30 * time.Second}
	transport := &http.Transport{TLSHandshakeTimeout: min(10*time.Second, opts.Timeout), ResponseHeaderTimeout: opts.Timeout,
		// robots.txt has one of its own
		MaxIdleConns: 4 * opts.Workers, MaxIdleConnsPerHost: opts.HostConns, MaxConnsPerHost: opts.HostConns + 1,
		IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true, ReadBufferSize: readPiece, DisableCompression: true}
	c := &client{opts: opts, http: &http.Client{Transport: newRouter(transport, dialer, opts)}}
	if opts.Bandwidth > 0 {
		c.bandwidth = rate.NewLimiter(rate.Limit(opts.Bandwidth), max(readPiece, int(min(opts.Bandwidth, 1<<30))))
	}
	return c
}

func (c *client) close() { c.http.CloseIdleConnections() }

// fault is a failure with what is to be done about it.
type fault struct {
	cause     string // the same words for the same fault, so that they can be counted
	code      int    // of HTTP
	temporary bool
	silent    bool          // no answer came at all
	pause     time.Duration // that the server asks for
}

// Error is the cause.
func (f *fault) Error() string { return f.cause }

func permanent(cause string) *fault { return &fault{cause: cause} }
func temporary(cause string) *fault { return &fault{cause: cause, temporary: true} }

// get asks for a job's address, and checks, fits and encodes what comes.
func (c *client) get(ctx context.Context, j *job) (answer, []byte) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	var a answer
	raw, err := c.download(ctx, j, &a)
	a.asked = true
	if err != nil {
		a.Status = failedDownload
		a.blame(err)
		return a, nil
	}
	body, err := a.shape(raw, c.opts.Shape)
	if err != nil {
		a.Status, a.Error = failedResize, err.Error()
		return a, nil
	}
	a.Status = success
	return a, body
}

// download gives the body of an address.
func (c *client) download(ctx context.Context, j *job, a *answer) ([]byte, error) {
	u, err := url.Parse(strings.TrimSpace(j.url))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, permanent("not an http or https address")
	}
	delay, err := c.allowed(ctx, &j.origin.robots, u)
	a.crawlDelay = delay
	if err != nil {
		return nil, err
	}
	response, err := c.ask(ctx, u)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	a.HTTP = response.StatusCode
	if err := c.checkHead(response); err != nil {
		return nil, err
	}
	return c.body(ctx, response)
}

// ask sends the request, and on redirects looks at the other origins' robots.txt.
func (c *client) ask(ctx context.Context, u *url.URL) (*http.Response, error) {
	request, err := c.request(ctx, u)
	if err != nil {
		return nil, err
	}
	client := *c.http
	client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if len(via) > maxRedirects {
			return permanent(fmt.Sprintf("more than %d redirects", maxRedirects))
		}
		if next.URL.Host != u.Host {
			_, err := c.allowed(ctx, c.elsewhere.of(next.URL), next.URL)
			return err
		}
		return nil
	}
	return client.Do(request)
}

func (c *client) request(ctx context.Context, u *url.URL) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, permanent("not an http or https address")
	}
	request.Header.Set("User-Agent", c.opts.UserAgent)
	request.Header.Set("Accept", "image/*,*/*;q=0.5")
	return request, nil
}

// checkHead refuses what is no image, or not to be used, before its body is read.
func (c *client) checkHead(r *http.Response) error {
	if f := statusFault(r); f != nil {
		return f
	}
	if directive := disallowed(r.Header.Values("X-Robots-Tag"), c.opts.UserAgent); directive != "" && !c.opts.IgnoreRobots {
		return permanent("X-Robots-Tag: " + directive)
	}
	kind, _, _ := strings.Cut(strings.ToLower(r.Header.Get("Content-Type")), ";")
	if main, _, _ := strings.Cut(strings.TrimSpace(kind), "/"); main == "text" || main == "video" || main == "audio" || strings.Contains(kind, "html") || strings.Contains(kind, "json") {
		return permanent("not an image: " + strings.TrimSpace(kind))
	}
	if r.ContentLength > c.opts.MaxBytes {
		return permanent("body over the limit")
	}
	return nil
}

// statusFault is nil for 200.
func statusFault(r *http.Response) *fault {
	code := r.StatusCode
	if code == http.StatusOK {
		return nil
	}
	f := &fault{cause: fmt.Sprintf("HTTP %d", code), code: code}
	switch {
	case code == http.StatusTooManyRequests, code == http.StatusServiceUnavailable:
		f.temporary, f.pause = true, retryAfter(r.Header.Get("Retry-After"), time.Now())
	case code >= 500, code == http.StatusRequestTimeout, code == http.StatusTooEarly:
		f.temporary = true
	}
	return f
}

// retryAfter reads seconds or a date; 0 where it is neither.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.Atoi(strings.TrimSpace(text)); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && at.After(now) {
		return at.Sub(now)
	}
	return 0
}

// body reads as fast as the cap lets it, and no more than the limit.
func (c *client) body(ctx context.Context, r *http.Response) ([]byte, error) {
	out := make([]byte, 0, max(readPiece, min(r.ContentLength, c.opts.MaxBytes)+1))
	for {
		if len(out) == cap(out) {
			out = append(out, 0)[:len(out)]
		}
		piece := out[len(out):min(cap(out), len(out)+readPiece)]
		n, err := r.Body.Read(piece)
		out = out[:len(out)+n]
		c.received.Add(int64(n))
		if c.bandwidth != nil && n > 0 {
			if err := c.bandwidth.WaitN(ctx, n); err != nil {
				return nil, temporary("timeout")
			}
		}
		if int64(len(out)) > c.opts.MaxBytes {
			return nil, permanent("body over the limit")
		}
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("body: %w", err)
		}
	}
}

// blame turns an error into the answer's words.
func (a *answer) blame(err error) {
	f := faultOf(err)
	a.Error, a.Temporary, a.silent, a.pause = f.cause, f.temporary, f.silent, f.pause
	if f.code != 0 {
		a.HTTP = f.code
	}
}

// faultOf finds the few faults that networks have.
func faultOf(err error) *fault {
	var own *fault
	var dns *net.DNSError
	var timeout net.Error
	var through *net.OpError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &through) && through.Op == "proxyconnect": // of no site
		return temporary("proxy: " + faultOf(through.Err).cause)
	case errors.Is(err, errPrivate):
		return permanent(errPrivate.Error())
	case errors.As(err, &dns):
		if dns.IsNotFound {
			return &fault{cause: "no such host", silent: true}
		}
		return &fault{cause: "name not resolved", temporary: true, silent: true}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &fault{cause: "connection refused", temporary: true, silent: true}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return temporary("body ends early")
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF):
		return temporary("connection reset")
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &fault{cause: "timeout", temporary: true, silent: !strings.HasPrefix(err.Error(), "body: ")}
	case strings.Contains(err.Error(), "tls:"), strings.Contains(err.Error(), "x509:"):
		return permanent("certificate not accepted")
	}
	return temporary("connection failed")
}
