package main

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"react/runner/cli"
	"react/runner/internal/browsertest"
)

const servedSpec = `apiVersion: "runner/v2"
name:       "served"
question:   "Is it followed?"
pool: w: world: {rows: 150, testPerClass: 1, size: 32}
backbone: {arch: "tiny", pretrain: {pool: "w", steps: 3, batch: 8, vocab: 514, warmup: 1}}
task: {classes: "pool:w/task", prompts: ["a {}"]}
retrieve: {pool: "w", k: 1}
tune: {mode: "locked-text", steps: 2, warmup: 1, batch: 8}
evaluate: task: {kind: "zeroshot", dataset: "pool:w/task"}
sweep: {
	grid: tune: gamma: ["off"]
	cases: [{label: "base", tune: mode: "none"}]
	seeds: 2
}
tables: main: {rows: "tune.mode", metrics: ["task/acc@1", "pairs/unique"], baseline: "base"}
`

// served is a sweep's file and store, and what serves it.
type served struct {
	t     *testing.T
	file  string
	store string
	stop  func()
}

// serving starts serve on an address and gives the one that it took.
func (s *served) serving(listen string) string {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, ended := &said{}, make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"serve", s.file, "--store", s.store, "--every", "50ms", "--listen", listen}, out, out)
	}()
	s.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("serve ended with %v\n%s", err, out)
		}
		s.stop = func() {}
	}
	s.t.Cleanup(func() { s.stop() })
	for range 3000 {
		if _, rest, ok := strings.Cut(out.String(), "http://"); ok {
			return strings.TrimSuffix(strings.Fields(rest)[0], "/")
		}
		select {
		case err := <-ended:
			ended <- nil
			s.t.Fatalf("serve: %v\n%s", err, out)
		case <-time.After(10 * time.Millisecond):
		}
	}
	s.t.Fatal("serve does not say its address:", out)
	return ""
}

func newServed(t *testing.T) *served {
	dir := t.TempDir()
	s := &served{t: t, file: filepath.Join(dir, "served.cue"), store: filepath.Join(dir, "store"), stop: func() {}}
	if err := os.WriteFile(s.file, []byte(servedSpec), 0o666); err != nil {
		t.Fatal(err)
	}
	return s
}

// sweep runs the sweep until ctx ends.
func (s *served) sweep(ctx context.Context) error {
	out := &said{}
	err := run(ctx, []string{"sweep", s.file, "--store", s.store, "--engine", "go"}, out, out)
	if err != nil && ctx.Err() == nil {
		s.t.Fatalf("sweep: %v\n%s", err, out)
	}
	return err
}

// TestServeInBrowser follows a sweep that has not begun, is interrupted and goes
// on, with a server that goes away and comes back.
func TestServeInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("trains models for seconds")
	}
	p := browsertest.Open(t)
	s := newServed(t)
	address := s.serving("127.0.0.1:0")
	p.Load("http://" + address + "/")
	p.Wait(`document.getElementById("live-text").textContent.startsWith("planned · 0 of 3 trials · 0 of ")`)
	p.Want(`document.querySelectorAll("#table-main td.state.pending").length > 0`, "true")
	p.Want(`document.getElementById("state").textContent`, "0 of 3 trials done; runner sweep goes on")
	p.Click("#table-main th.number.key")
	p.Want(`document.querySelector("#table-main th.number.key").getAttribute("aria-sort")`, "descending")

	ctx, interrupt := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.sweep(ctx) }()
	p.Wait(`document.getElementById("live-text").textContent.startsWith("running")`)
	p.Wait(`document.getElementById("live-bar").value > 0`)
	interrupt()
	<-ended
	p.Wait(`document.getElementById("live-text").textContent.includes("to go on: runner")`)

	p.Mute(true) // a connection that is refused is an error of the page's
	s.stop()
	p.Wait(`document.getElementById("live-text").textContent.startsWith("no answer")`)
	if err := s.sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	if again := s.serving(address); again != address {
		t.Fatalf("serves on %s, not on %s again", again, address)
	}
	p.Wait(`document.getElementById("live-text").textContent.startsWith("done · 3 of 3 trials")`)
	p.Wait(`!document.getElementById("state") && document.querySelectorAll("#table-main td.state").length === 0`)
	p.Mute(false)
	p.Want(`document.querySelector("#table-main th.number.key").getAttribute("aria-sort")`, "descending")
	p.Want(`document.querySelector("figure svg") !== null`, "true")
	p.Click("#theme")
	p.Click("#copy")
	p.Wait(`document.getElementById("copy").textContent === "copied"`)
}

// TestServe asks the server itself: who may ask, what it says, and how it ends.
func TestServe(t *testing.T) {
	s := newServed(t)
	address := s.serving("127.0.0.1:0")
	ask := func(path, host string) *http.Response {
		t.Helper()
		r, err := http.NewRequest("GET", "http://"+address+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	for host, want := range map[string]int{address: 200, strings.Replace(address, "127.0.0.1", "localhost", 1): 200,
		"127.0.0.1": 200, "localhost": 200, "[::1]": 200, // as browsers say it on port 80
		"elsewhere.example:7789": 403, "elsewhere.example": 403} {
		if got := ask("/", host); got.StatusCode != want {
			t.Errorf("asked as %s: %s, want %d", host, got.Status, want)
		}
	}
	if got := ask("/other", address); got.StatusCode != 404 {
		t.Errorf("an unknown page: %s", got.Status)
	}
	events := ask("/events", address)
	if kind := events.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Errorf("events are %s", kind)
	}
	var lines []string
	for in := bufio.NewScanner(events.Body); len(lines) < 6 && in.Scan(); {
		if in.Text() != "" {
			lines = append(lines, in.Text())
		}
		if len(lines) == 5 {
			break
		}
	}
	text := strings.Join(lines, "\n")
	for _, part := range []string{"retry: 1000", "event: status\ndata: {\"schema\":\"runner.status/v1\",\"sweep\":\"served\"", `"state":"planned"`, "event: results\ndata: "} {
		if !strings.Contains(text, part) {
			t.Errorf("the events lack %q:\n%s", part, text)
		}
	}
	s.stop() // with a page that listens

	ctx := context.Background()
	for _, bad := range [][]string{{"serve", s.file, "--listen", "7789"}, {"serve", s.file, "--gallery", "some"}} {
		if err := run(ctx, bad, &said{}, &said{}); !cli.IsUsage(err) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}
