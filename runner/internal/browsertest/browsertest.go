// Package browsertest drives a headless Chromium in tests: it loads a page, uses
// its controls with a real mouse and keyboard, and asks what is shown.
//
// It is chromedp (which speaks Chromium's own protocol) with the few verbs that
// tests of ours need, each of which fails the test by itself. A page that throws
// an error, logs one, or asks for anything outside the loopback fails its test
// too, whatever the test looks at. Where no Chromium is installed, tests are
// skipped and say so.
//
// Only tests import it.
package browsertest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long one verb may take: a machine that tests in parallel may
// take seconds to start a browser.
const patience = 60 * time.Second

// Page is a tab of a browser of its own. Its CSS selectors are those of
// document.querySelector; the first element counts.
type Page struct {
	t   testing.TB
	ctx context.Context

	mu   sync.Mutex
	bad  []string // errors and outside requests since the last look
	mute bool
}

// browsers are the names that Chromium goes by.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"}

// find is the path of a Chromium: what CHROMIUM names, else the first in PATH;
// "" where there is none.
func find() string {
	if path := os.Getenv("CHROMIUM"); path != "" {
		return path
	}
	for _, name := range browsers {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Open starts a browser with an empty tab, 1200 by 800 pixels, and ends it with
// the test. It skips the test where no Chromium is installed.
func Open(t testing.TB) *Page {
	t.Helper()
	path := find()
	if path == "" {
		t.Skip("no Chromium is installed (apt-get install chromium), or CHROMIUM does not name one")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.WindowSize(1200, 800), chromedp.Flag("force-color-profile", "srgb"))
	allocated, endBrowser := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, endTab := chromedp.NewContext(allocated)
	p := &Page{t: t, ctx: ctx}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("browser: %v", err)
		}
		endTab()
		endBrowser()
		p.check()
	})
	if err := chromedp.Listen(ctx, p.listen); err != nil { // starts it
		t.Fatalf("browser %s: %v", path, err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatalf("browser %s: %v", path, err)
	}
	return p
}

// listen collects what a page must not do.
func (p *Page) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mute {
		return
	}
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.bad = append(p.bad, "exception: "+thrown(e.ExceptionDetails))
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			p.bad = append(p.bad, fmt.Sprintf("%s: %s %s", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	case *network.EventRequestWillBeSent:
		if u, err := url.Parse(e.Request.URL); err != nil || !local(u) {
			p.bad = append(p.bad, "asks for "+e.Request.URL)
		}
	}
}

func local(u *url.URL) bool {
	switch u.Scheme {
	case "file", "data", "blob", "about":
		return true
	}
	return u.Hostname() == "127.0.0.1" || u.Hostname() == "localhost" || u.Hostname() == "::1"
}

// check reports what listen collected.
func (p *Page) check() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range p.bad {
		p.t.Errorf("page: %s", text)
	}
	p.bad = nil
}

// Mute stops the collection of errors, for a test that takes the server away.
func (p *Page) Mute(mute bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mute = mute
}

// thrown is the error and its message, where the protocol has them.
func thrown(d *runtime.ExceptionDetails) string {
	if d.Exception != nil && d.Exception.Description != "" {
		return d.Exception.Description
	}
	return d.Text
}

// Do runs actions of chromedp, for what has no verb here.
func (p *Page) Do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		p.t.Fatalf("browser: %v", err)
	}
	p.check()
}

// run is Do for an action that gives a value.
func run[T any](p *Page, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatalf("browser: %v", err)
	}
	p.check()
	return value
}

// Load opens a URL, or a file by its path, and waits until it is there.
func (p *Page) Load(where string) {
	p.t.Helper()
	if !strings.Contains(where, "://") {
		path, err := filepath.Abs(where)
		if err != nil {
			p.t.Fatal(err)
		}
		where = (&url.URL{Scheme: "file", Path: path}).String()
	}
	p.Do(chromedp.Navigate(where))
}

// Size sets the size of what is seen, in pixels.
func (p *Page) Size(width, height int) {
	p.t.Helper()
	p.Do(chromedp.EmulateViewport(int64(width), int64(height)))
}

// Scheme is what the reader's system prefers: "light" or "dark".
func (p *Page) Scheme(name string) {
	p.t.Helper()
	if _, err := chromedp.Call(p.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}}); err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// Click clicks the middle of the first element of a CSS selector, after
// scrolling to it.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.Do(chromedp.Click(selector, chromedp.NodeVisible))
}

// Type puts the keyboard's focus on an element and types text; chromedp/kb
// names other keys.
func (p *Page) Type(selector, text string) {
	p.t.Helper()
	p.Do(chromedp.SendKeys(selector, text))
}

// Eval runs an expression of JavaScript, after the promise that it may be, and
// gives its value, as JSON has it, as a T.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	return run(p, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Eval runs JavaScript whose value does not matter.
func (p *Page) Eval(script string) {
	p.t.Helper()
	Eval[int](p, "(() => { "+script+"; return 0 })()")
}

// Text is the value of an expression as a string.
func (p *Page) Text(expression string) string {
	p.t.Helper()
	return Eval[string](p, "Promise.resolve("+expression+").then(String)")
}

// Want fails the test unless the expression, as a string, is want.
func (p *Page) Want(expression, want string) {
	p.t.Helper()
	if got := p.Text(expression); got != want {
		p.t.Errorf("%s is %q, want %q", expression, got, want)
	}
}

// Wait waits until the expression is true.
func (p *Page) Wait(expression string) {
	p.t.Helper()
	p.Do(chromedp.Poll[chromedp.Void](expression, chromedp.WithPollingInterval(50*time.Millisecond), chromedp.WithPollingTimeout(patience)))
}

// Screenshot writes the whole page as PNG: for people to look at.
func (p *Page) Screenshot(path string) {
	p.t.Helper()
	if err := os.WriteFile(path, run(p, chromedp.FullScreenshot(100)), 0o666); err != nil {
		p.t.Fatal(err)
	}
}
