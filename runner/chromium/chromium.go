// Package chromium drives a headless Chromium through its DevTools pipe, for
// tests of pages: run scripts, press keys, set a window's size, take a picture.
// Only tests import it; where no Chromium is installed they are skipped.
//
// The protocol is JSON messages that end with a zero byte, on file descriptors 3
// and 4 of the browser (--remote-debugging-pipe). Nothing is downloaded.
package chromium

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// Tab is one page of a browser that ends with the test.
type Tab struct {
	t       testing.TB
	in      io.Writer
	session string
	id      int
	answers chan message
	Errors  []string // of scripts, and refusals of the page's policy, since the start
}

// message is an answer or an event.
type message struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// patience is how long an answer, or a condition, may take.
const patience = 30 * time.Second

// Open starts a browser with one empty tab.
func Open(t testing.TB) *Tab {
	t.Helper()
	program := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			program = path
			break
		}
	}
	if program == "" {
		t.Skip("no Chromium is installed (Debian: apt-get install chromium)")
	}
	toBrowser, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out, fromBrowser, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	profile := t.TempDir()
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--disable-extensions", "--remote-debugging-pipe", "--user-data-dir="+profile, "about:blank")
	cmd.ExtraFiles = []*os.File{toBrowser, fromBrowser} // 3 and 4
	cmd.Env = append(os.Environ(), "HOME="+profile)
	log, err := os.Create(filepath.Join(profile, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	toBrowser.Close()
	fromBrowser.Close()
	tab := &Tab{t: t, in: in, answers: make(chan message, 1000)}
	go tab.read(out)
	t.Cleanup(func() {
		tab.session = ""
		tab.send("Browser.close", nil)
		ended := make(chan struct{})
		go func() { cmd.Wait(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			cmd.Process.Kill()
			<-ended
		}
		in.Close()
		log.Close()
	})
	tab.attach()
	return tab
}

// attach makes a tab and listens to its scripts.
func (b *Tab) attach() {
	var target struct{ TargetID string }
	b.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var session struct{ SessionID string }
	b.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &session)
	b.session = session.SessionID
	for _, domain := range []string{"Page.enable", "Runtime.enable", "Log.enable"} {
		b.call(domain, nil, nil)
	}
}

// read hands on what the browser says.
func (b *Tab) read(out io.Reader) {
	defer close(b.answers)
	r := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := r.ReadBytes(0)
		if err != nil {
			return
		}
		var m message
		if json.Unmarshal(line[:len(line)-1], &m) == nil {
			b.answers <- m
		}
	}
}

func (b *Tab) send(method string, params any) {
	b.id++
	call := map[string]any{"id": b.id, "method": method}
	if params != nil {
		call["params"] = params
	}
	if b.session != "" {
		call["sessionId"] = b.session
	}
	data, err := json.Marshal(call)
	if err != nil {
		b.t.Fatal(err)
	}
	b.in.Write(append(data, 0)) // one that has gone is found when its answer is missed
}

// call sends a command and waits for its answer.
func (b *Tab) call(method string, params, into any) {
	b.t.Helper()
	b.send(method, params)
	deadline := time.After(patience)
	for {
		select {
		case m, ok := <-b.answers:
			if !ok {
				b.t.Fatalf("%s: Chromium ended", method)
			}
			if m.ID != b.id {
				b.note(m)
				continue
			}
			if m.Error != nil {
				b.t.Fatalf("%s: %s", method, m.Error.Message)
			}
			if into != nil {
				if err := json.Unmarshal(m.Result, into); err != nil {
					b.t.Fatalf("%s: %v", method, err)
				}
			}
			return
		case <-deadline:
			b.t.Fatalf("%s: no answer in %v", method, patience)
		}
	}
}

// note keeps what went wrong in the page.
func (b *Tab) note(m message) {
	switch m.Method {
	case "Runtime.exceptionThrown", "Log.entryAdded":
		var e struct {
			Entry struct {
				Level, Text, URL string
			}
			ExceptionDetails struct {
				Text      string
				Exception struct{ Description string }
			}
		}
		json.Unmarshal(m.Params, &e)
		if m.Method == "Log.entryAdded" && e.Entry.Level != "error" {
			return
		}
		b.Errors = append(b.Errors, e.Entry.Text+e.Entry.URL+e.ExceptionDetails.Text+e.ExceptionDetails.Exception.Description)
	}
}

// Goto opens an address and waits until it is loaded.
func (b *Tab) Goto(url string) {
	b.t.Helper()
	b.call("Page.navigate", map[string]any{"url": url}, nil)
	b.Wait(`document.readyState === "complete" && location.href !== "about:blank"`)
}

// Eval runs an expression, which may be a promise, and decodes its value.
func (b *Tab) Eval(expression string, into any) error {
	b.t.Helper()
	var result struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails *struct {
			Text      string
			Exception struct{ Description string }
		}
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true, "userGesture": true}, &result)
	if e := result.ExceptionDetails; e != nil {
		return errors.New(e.Text + " " + e.Exception.Description)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(result.Result.Value, into)
}

// Text is what an expression gives, as text.
func (b *Tab) Text(expression string) string {
	b.t.Helper()
	var text string
	if err := b.Eval("String("+expression+")", &text); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return text
}

// Wait waits until an expression is true.
func (b *Tab) Wait(condition string) {
	b.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var ok bool
		if b.Eval("!!("+condition+")", &ok) == nil && ok {
			return
		}
	}
	b.t.Fatalf("%s is not true after %v; the page says %s, errors %q", condition, patience, b.Text("document.body.innerText.slice(0, 400)"), b.Errors)
}

// keys that are not a character, with their codes.
var keys = map[string]int{"Enter": 13, "Escape": 27, "Tab": 9, "ArrowLeft": 37, "ArrowUp": 38, "ArrowRight": 39, "ArrowDown": 40}

// Press presses and releases a key: a character, or a name such as "Enter".
func (b *Tab) Press(key string) {
	b.t.Helper()
	event := map[string]any{"type": "keyDown", "key": key, "code": key}
	if code, named := keys[key]; named {
		event["windowsVirtualKeyCode"] = code
		if key == "Enter" {
			event["text"] = "\r"
		}
	} else {
		event["text"] = key
	}
	b.call("Input.dispatchKeyEvent", event, nil)
	delete(event, "text")
	event["type"] = "keyUp"
	b.call("Input.dispatchKeyEvent", event, nil)
}

// Type types a text.
func (b *Tab) Type(text string) {
	b.t.Helper()
	b.call("Input.insertText", map[string]any{"text": text}, nil)
}

// Click clicks in the middle of the first element that a selector names, as a
// mouse does: what lies over it gets the click.
func (b *Tab) Click(selector string) {
	b.t.Helper()
	var at struct{ X, Y float64 }
	find := fmt.Sprintf(`(() => { const e = document.querySelector(%q); e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return {x: r.x + r.width / 2, y: r.y + r.height / 2}; })()`, selector)
	if err := b.Eval(find, &at); err != nil {
		b.t.Fatalf("click %s: %v", selector, err)
	}
	for _, kind := range []string{"mousePressed", "mouseReleased"} {
		b.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": at.X, "y": at.Y, "button": "left", "clickCount": 1}, nil)
	}
}

// Resize sets the window's size in CSS pixels, and whether the user prefers dark colours.
func (b *Tab) Resize(width, height int, dark bool) {
	b.t.Helper()
	b.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}, nil)
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// Picture saves what the window shows as a PNG.
func (b *Tab) Picture(path string) {
	b.t.Helper()
	var shot struct{ Data string }
	b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &shot)
	data, err := base64.StdEncoding.DecodeString(shot.Data)
	if err == nil {
		err = os.WriteFile(path, data, 0o644)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}
