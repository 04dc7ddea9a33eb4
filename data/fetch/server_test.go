package fetch

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	pixels "react/data/image"
)

// picture is a JPEG that differs by n.
func picture(n, w, h int) []byte {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.RGBA{uint8(x * 7), uint8(y * 5), uint8(n * 31), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// cameraJPEG is 4 x 4 pixels with much EXIF data.
var cameraJPEG = func() []byte {
	raw, err := os.ReadFile("../exif/testdata/little.jpg")
	if err != nil {
		panic(err)
	}
	return raw
}()

// host is a server with manners of every kind, by the path that is asked for.
type host struct {
	*httptest.Server
	mu     sync.Mutex
	asked  map[string][]time.Time // by path
	agents map[string]bool
	robots func(w http.ResponseWriter)
	conns  int // made
}

func serve(t testing.TB) *host {
	h := &host{asked: map[string][]time.Time{}, agents: map[string]bool{}}
	h.Server = httptest.NewUnstartedServer(h)
	h.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			h.mu.Lock()
			h.conns++
			h.mu.Unlock()
		}
	}
	h.Config.ErrorLog = nil
	h.Start()
	t.Cleanup(h.Close)
	return h
}

// times are when a path was asked for.
func (h *host) times(path string) []time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.asked[path])
}

// connections is the number that were made.
func (h *host) connections() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conns
}

// total is the number of requests for images.
func (h *host) total() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for path, times := range h.asked {
		if path != "/robots.txt" {
			n += len(times)
		}
	}
	return n
}

// ServeHTTP answers as the path says.
func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	h.asked[r.URL.Path] = append(h.asked[r.URL.Path], time.Now())
	before := len(h.asked[r.URL.Path]) - 1
	h.agents[r.Header.Get("User-Agent")] = true
	robots := h.robots
	h.mu.Unlock()
	name, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	ok := func() {
		n := 0
		fmt.Sscan(rest, &n)
		w.Header().Set("Content-Type", "image/jpeg")
		w.Write(picture(n, 60+n%7, 40))
	}
	switch name {
	case "robots.txt":
		if robots == nil {
			http.NotFound(w, r)
			return
		}
		robots(w)
	case "ok", "private":
		ok()
	case "lazy":
		time.Sleep(20 * time.Millisecond)
		ok()
	case "slow":
		select {
		case <-time.After(3 * time.Second):
		case <-r.Context().Done():
		}
	case "stall": // begins and stops
		w.Header().Set("Content-Length", "5000")
		w.Write(picture(1, 8, 8)[:100])
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	case "reset":
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			conn.(*net.TCPConn).SetLinger(0)
			conn.Close()
		}
	case "busy": // once
		if before == 0 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		ok()
	case "later":
		w.Header().Set("Retry-After", "86400")
		w.WriteHeader(http.StatusServiceUnavailable)
	case "broken":
		w.WriteHeader(http.StatusBadGateway)
	case "healing": // broken three times
		if before < 3 {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		ok()
	case "moved":
		http.Redirect(w, r, "/ok/"+rest, http.StatusFound)
	case "to": // another site
		http.Redirect(w, r, "http://"+rest, http.StatusFound)
	case "loop":
		http.Redirect(w, r, "/loop/"+rest+"x", http.StatusFound)
	case "html":
		fmt.Fprint(w, "<html>no image any more</html>")
	case "liar":
		w.Header().Set("Content-Type", "image/jpeg")
		fmt.Fprint(w, "<html>no image any more</html>")
	case "endless":
		w.Header().Set("Content-Type", "image/jpeg")
		w.Write(picture(1, 50, 50))
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 32<<10)); err != nil {
				return
			}
		}
	case "huge":
		w.Header().Set("Content-Type", "image/jpeg")
		w.Header().Set("Content-Length", "900000000")
		w.Write(picture(1, 50, 50))
	case "short": // ends before its length
		body := picture(1, 50, 50)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body[:len(body)/2])
	case "cut": // half a JPEG, sent whole
		body := picture(1, 300, 300)
		w.Header().Set("Content-Type", "image/jpeg")
		w.Write(body[:len(body)/2])
	case "empty":
		w.Header().Set("Content-Type", "image/jpeg")
	case "png":
		var b bytes.Buffer
		png.Encode(&b, image.NewNRGBA(image.Rect(0, 0, 30, 30))) // transparent: white when stored
		w.Write(b.Bytes())
	case "exif": // and bytes that encoding would change
		w.Write(cameraJPEG)
	case "opaque", "alpha":
		img := image.NewNRGBA(image.Rect(0, 0, 30, 20))
		for i := range img.Pix {
			img.Pix[i] = 255
		}
		if name == "alpha" {
			img.Pix[0], img.Pix[3] = 0, 9
		}
		var b bytes.Buffer
		png.Encode(&b, img)
		w.Write(b.Bytes())
	case "noai":
		w.Header().Set("X-Robots-Tag", "noarchive, noai")
		ok()
	case "otherbot":
		w.Header().Set("X-Robots-Tag", "otherbot: noindex, noai")
		ok()
	default:
		http.NotFound(w, r)
	}
}

func list(items ...Item) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
	}
}

// addresses are n items of one kind.
func addresses(h *host, kind string, n int) []Item {
	var items []Item
	for i := range n {
		items = append(items, Item{fmt.Sprintf("%s/%s/%d", h.URL, kind, i), fmt.Sprintf("caption %d", i)})
	}
	return items
}

// fast are options without the pauses that other people's servers deserve.
func fast(dir string) Options {
	return Options{Dir: dir, PerShard: 10, Shape: Shape{Fit: pixels.Fit{Mode: "keep_ratio", Size: 32}}, Workers: 8, HostRate: 1e6, HostConns: 8, Timeout: 700 * time.Millisecond,
		Retries: 2, Backoff: 10 * time.Millisecond, MaxBytes: 1 << 20, AllowPrivate: true}
}

// files are the names and contents of a folder's tars and parquet files.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, e := range entries {
		if !e.IsDir() {
			data, err := os.ReadFile(dir + "/" + e.Name())
			if err != nil {
				t.Fatal(err)
			}
			out[e.Name()] = string(data)
		}
	}
	return out
}
