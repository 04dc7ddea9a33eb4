package browsertest

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const sample = `<!DOCTYPE html><meta charset="utf-8"><title>a page</title>
<style>@media (prefers-color-scheme: dark) { body { color: rgb(1, 2, 3) } }</style>
<body><button id="more" onclick="count.textContent = Number(count.textContent) + 1">more</button><b id="count">0</b><input id="name"></body>`

// TestVerbs uses each verb on a page from a server and from a file.
func TestVerbs(t *testing.T) {
	p := Open(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Write([]byte(sample))
	}))
	defer server.Close()
	p.Load(server.URL)
	p.Want("document.title", "a page")
	p.Click("#more")
	p.Click("#more")
	p.Want("count.textContent", "2")
	p.Type("#name", "γ 0.9")
	p.Want("document.getElementById('name').value", "γ 0.9")
	p.Scheme("dark")
	p.Want("getComputedStyle(document.body).color", "rgb(1, 2, 3)")
	p.Size(360, 640)
	p.Want("innerWidth", "360")
	Eval[int](p, "setTimeout(() => count.textContent = 'late', 100), 0")
	p.Wait("count.textContent === 'late'")

	file := filepath.Join(t.TempDir(), "a page.html")
	if err := os.WriteFile(file, []byte(sample), 0o666); err != nil {
		t.Fatal(err)
	}
	p.Load(file)
	p.Want("count.textContent", "0")
	shot := filepath.Join(t.TempDir(), "page.png")
	p.Screenshot(shot)
	if info, err := os.Stat(shot); err != nil || info.Size() < 1000 {
		t.Errorf("screenshot: %v, %v", info, err)
	}
}

// TestWhatIsCollected holds that errors and outside requests are seen.
func TestWhatIsCollected(t *testing.T) {
	p := Open(t)
	file := filepath.Join(t.TempDir(), "bad.html")
	text := `<!DOCTYPE html><img src="http://192.0.2.1/x.png"><script>setTimeout(() => { throw new Error("thrown") }, 0)</script>`
	if err := os.WriteFile(file, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	silent := &recorder{TB: t}
	p.t = silent
	p.Load(file)
	p.Wait("document.readyState !== 'loading'")
	Eval[int](p, "new Promise(r => setTimeout(r, 200)).then(() => 0)")
	p.t = t
	for _, want := range []string{"asks for http://192.0.2.1/x.png", "thrown"} {
		if !strings.Contains(strings.Join(silent.errors, "\n"), want) {
			t.Errorf("%q was not seen among %q", want, silent.errors)
		}
	}
	p.Mute(true)
}

// recorder keeps what would fail a test.
type recorder struct {
	testing.TB
	errors []string
}

func (r *recorder) Errorf(format string, args ...any) {
	for _, a := range args {
		if text, ok := a.(string); ok {
			r.errors = append(r.errors, text)
		}
	}
}
