package browse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"golang.org/x/image/tiff"

	"react/runner/internal/browsertest"
)

// square is an image of one colour.
func square(c color.Color) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, 40, 40))
	for i := range 40 * 40 {
		img.Set(i%40, i/40, c)
	}
	return img
}

// site is a trial of three classes, with a control row, marks and texts that
// would be markup where a page does not escape them.
func site(t testing.TB) *Site {
	t.Helper()
	var blue, red bytes.Buffer
	if err := errors.Join(png.Encode(&blue, square(color.NRGBA{B: 200, A: 255})), tiff.Encode(&red, square(color.NRGBA{R: 200, A: 255}), nil)); err != nil {
		t.Fatal(err)
	}
	share := 0.5
	s := &Site{Title: "trial <b>abc</b>", Subtitle: "what & why", Facts: []Fact{{"rows", "1,234"}, {"retrieve.k", "4"}},
		By:      []Side{{"t2i", "flat"}, {"t2t", "ivf-flat, nprobe 16"}},
		Classes: []Class{{Name: "brown bear", Pairs: 6, Marked: 3}, {Name: "cat/dog 100%?", Pairs: 4, Precision: &share}, {Name: "zebra"}},
		Search: func(_ context.Context, q Query) (map[string][]Pair, error) {
			if q.Text == "fail" {
				return nil, errors.New("the encoder <broke>")
			}
			out := map[string][]Pair{}
			for _, by := range q.By {
				for i := range q.K {
					out[by] = append(out[by], Pair{Row: int64(i), Rank: i + 1, Score: 1 / float32(i+1), Modality: by, Caption: q.Text + " <i>found</i>", Key: "blue"})
				}
			}
			return out, nil
		},
		Image: func(key string) ([]byte, string, error) {
			switch key {
			case "blue":
				return blue.Bytes(), "png", nil
			case "red":
				return red.Bytes(), "tiff", nil
			}
			return nil, "", fmt.Errorf("no image has key %q", key)
		}}
	var bears []Pair
	for i := range 6 {
		p := Pair{Row: int64(10 + i), Rank: i + 1, Score: []float32{0.5, 0.9, 0.1, 0.7, 0.6, 0.2}[i], Modality: []string{"t2t", "t2i"}[i%2], Query: "a brown bear", Caption: fmt.Sprintf("bear %d", i),
			URL: "https://images.invalid/bear.jpg", Key: []string{"blue", "red", ""}[i%3], Label: []string{"brown bear", "zebra", ""}[i%3], Right: i%3 == 0,
			Found: []Found{{"brown bear", "a {}", "t2t", i + 1, 0.5}, {"zebra", "a {}", "t2i", 2, 0.4}}}
		if i%2 == 0 {
			p.Marks = []Mark{{"leak", "in the test set"}, {"copy", "same image × 2"}}
		}
		bears = append(bears, p)
	}
	bears[5].URL = "javascript:alert(1)"
	s.SetPairs("brown bear", bears)
	s.SetPairs("cat/dog 100%?", bears[:4])
	s.SetPairs("zebra", nil)
	return s
}

func serve(t testing.TB) *httptest.Server {
	server := httptest.NewServer(site(t).Handler(true))
	t.Cleanup(server.Close)
	return server
}

func get(t *testing.T, url string) (int, string, http.Header) {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body), r.Header
}

// TestLegend: what the style sheet gives a colour of its own stands in the legend.
func TestLegend(t *testing.T) {
	url := serve(t).URL
	_, style, _ := get(t, url+"/style.css")
	_, page, _ := get(t, url+"/")
	_, legend, ok := strings.Cut(page, `<details id="legend">`)
	legend, _, _ = strings.Cut(legend, "</details>")
	coloured := regexp.MustCompile(`\.(?:card|mark)\.(\w+) \{`).FindAllStringSubmatch(style, -1)
	if !ok || len(coloured) < 5 {
		t.Fatalf("legend %t, %d colours", ok, len(coloured))
	}
	for _, c := range coloured {
		if !strings.Contains(legend, " "+c[1]+`"`) {
			t.Errorf("the legend lacks %s", c[1])
		}
	}
}

func TestAnswers(t *testing.T) {
	url := serve(t).URL
	for path, want := range map[string]struct {
		code int
		text string
	}{
		"/":                                 {200, "<title>trial &lt;b&gt;abc&lt;/b&gt;</title>"},
		"/style.css":                        {200, "--paper"},
		"/script.js":                        {200, "use strict"},
		"/api/site":                         {200, `"maxK":500`},
		"/api/search?q=x&k=2":               {200, `"by":"t2t"`},
		"/api/search?q=x&k=2&by=t2i":        {200, `"by":"t2i"`},
		"/api/search?q=+&k=2":               {400, "The text is empty"},
		"/api/search?q=x&k=0":               {400, `k is "0": a number from 1 to 500`},
		"/api/search?q=x&k=501":             {400, "from 1 to 500"},
		"/api/search?q=x&k=many":            {400, `k is "many"`},
		"/api/search?q=x&k=2&by=i2i":        {400, `"i2i" is not searched here`},
		"/api/search?q=fail&k=2":            {500, "the encoder <broke>"},
		"/api/class?name=zebra":             {200, "null"},
		"/api/class?name=lion":              {404, `no class "lion"`},
		"/image?key=blue":                   {200, "\x89PNG"},
		"/image?key=red":                    {200, "\x89PNG"}, // browsers show no TIFF
		"/image?key=../../etc/passwd":       {404, "no image has key"},
		"/etc/passwd":                       {404, "404"},
		"/api/class?name=cat/dog+100%25%3F": {200, `"caption":"bear 0"`},
	} {
		code, body, head := get(t, url+path)
		if code != want.code || !strings.Contains(body, want.text) {
			t.Errorf("%s: got %d %.200q, want %d and %q", path, code, body, want.code, want.text)
		}
		if head.Get("Content-Security-Policy") != policy || head.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, head)
		}
	}
	if code, _, head := get(t, url+"/api/search?q=fail&k=1"); !strings.HasPrefix(head.Get("Content-Type"), "text/plain") {
		t.Errorf("an error is sent as %s (%d)", head.Get("Content-Type"), code)
	}
}

// TestOtherHosts: a page on the web may not read ours through a name of its own.
func TestOtherHosts(t *testing.T) {
	for _, local := range []bool{true, false} {
		handler := site(t).Handler(local)
		for host, own := range map[string]bool{"127.0.0.1:7788": true, "localhost": true, "[::1]:7788": true, "evil.example:7788": false, "10.0.0.7": false, "": false} {
			r := httptest.NewRequest("GET", "/api/site", nil)
			r.Host = host
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if served := w.Code == 200; served != (own || !local) {
				t.Errorf("local %v, host %q: %d", local, host, w.Code)
			}
		}
	}
}

func TestEmptySite(t *testing.T) {
	server := httptest.NewServer((&Site{Title: "index"}).Handler(true))
	defer server.Close()
	for path, want := range map[string]int{"/": 200, "/api/site": 200, "/api/search?q=x&k=1": 400, "/image?key=a": 404, "/api/class?name=": 404} {
		if code, body, _ := get(t, server.URL+path); code != want {
			t.Errorf("%s: got %d %s", path, code, body)
		}
	}
	_, page, _ := get(t, server.URL+"/")
	if strings.Contains(page, "to-search") || strings.Contains(page, "to-classes") {
		t.Error("views of what is not there are offered")
	}
}

// tab is a page with the verbs of this test.
type tab struct{ *browsertest.Page }

// Press presses a key, by its name or as the character that it gives.
func (b tab) Press(key string) {
	if named, ok := map[string]string{"Enter": kb.Enter, "Escape": kb.Escape, "ArrowLeft": kb.ArrowLeft, "ArrowRight": kb.ArrowRight}[key]; ok {
		key = named
	}
	b.Do(chromedp.KeyEvent(key))
	// chromedp sends the character apart from the key, so that the page cannot stop it
	if key == "/" {
		b.Set(`document.activeElement.value = ""`)
	}
}

// Set runs a statement that gives nothing.
func (b tab) Set(statement string) { b.Text("(() => { " + statement + " })()") }

const cardCount = `document.querySelectorAll("main section:not([hidden]) .card").length`

// TestInBrowser uses every control of the page, by mouse and by keyboard.
func TestInBrowser(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser")
	}
	tab := tab{browsertest.Open(t)}
	url := serve(t).URL + "/"
	tab.Size(1200, 800)
	tab.Scheme("light")
	tab.Load(url)
	tab.Wait(cardCount + " === 6") // the first class of a trial
	is := func(what, expression, want string) {
		t.Helper()
		if got := tab.Text(expression); got != want {
			t.Errorf("%s: %s is %q, want %q", what, expression, got, want)
		}
	}
	captions := `[...document.querySelectorAll("#pairs .caption")].map(c => c.textContent).join()`
	is("rank order", captions, "bear 0,bear 1,bear 2,bear 3,bear 4,bear 5")
	is("said", `document.querySelector("#class-said").textContent`, "6 of 6 pairs, 2 of 4 labelled ones are of the class")
	is("no markup of texts", `document.querySelectorAll("h1 b, .caption i").length`, "0")
	tab.Wait(`[...document.querySelectorAll("#pairs img")].length === 4 && [...document.querySelectorAll("#pairs img")].every(i => i.naturalWidth === 40)`)
	is("rows without image", `document.querySelectorAll("#pairs .noimage").length`, "2")

	selectOption := func(id, value string) {
		t.Helper()
		tab.Set(fmt.Sprintf(`const s = document.getElementById(%q); s.value = %q; s.dispatchEvent(new Event("change"));`, id, value))
	}
	selectOption("order", "score")
	is("by score", captions, "bear 1,bear 3,bear 4,bear 0,bear 5,bear 2")
	selectOption("order", "worst")
	is("worst first", captions, "bear 2,bear 5,bear 0,bear 4,bear 3,bear 1")
	selectOption("modality", "t2i")
	is("one modality", captions, "bear 5,bear 3,bear 1")
	selectOption("modality", "")
	selectOption("order", "rank")
	tab.Click("#marked")
	is("marked only", captions, "bear 0,bear 2,bear 4")
	is("marks", `document.querySelector("#pairs .marks").textContent`, "in the test setsame image × 2")
	tab.Click("#marked")

	tab.Click("#next")
	tab.Wait(`document.querySelector("#class-name").textContent === "cat/dog 100%?" && ` + cardCount + ` === 4`)
	tab.Press("n")
	tab.Wait(`document.querySelector("#class-name").textContent === "zebra" && document.querySelector("#class-said").textContent === "nothing was retrieved for this class"`)
	tab.Press("p")
	tab.Wait(`document.querySelector("#class-name").textContent === "cat/dog 100%?"`)
	tab.Click("#previous")
	tab.Wait(`document.querySelector("#class-name").textContent === "brown bear" && !document.querySelector("#pairs").ariaBusy && ` + cardCount + ` === 6`)
	tab.Press("/")
	is("slash goes to the filter", `document.activeElement.id`, "filter")
	tab.Press("DOG")
	is("filtered", `document.querySelectorAll("#list a").length`, "1")
	tab.Press("Enter")
	tab.Wait(`document.querySelector("#class-name").textContent === "cat/dog 100%?" && !document.querySelector("#pairs").ariaBusy`)
	tab.Press("zz")
	is("nothing", `document.querySelector("#list").textContent`, "no class is called so")
	tab.Press("Escape")
	tab.Set(`const f = document.getElementById("filter"); f.value = ""; f.dispatchEvent(new Event("input")); history.back();`)
	tab.Wait(`document.querySelector("#class-name").textContent === "brown bear" && !document.querySelector("#pairs").ariaBusy && ` + cardCount + ` === 6`)

	tab.Press("ArrowRight")
	tab.Press("ArrowRight")
	is("arrows walk", `document.activeElement.querySelector(".caption").textContent`, "bear 1")
	tab.Press("ArrowLeft")
	tab.Press("Enter")
	tab.Wait(`document.querySelector("#detail").open`)
	is("before the first", `document.querySelector("#before").disabled`, "true")
	is("every hit", `document.querySelectorAll("#detail tbody tr").length`, "2")
	is("its address", `document.querySelector("#inside a").href`, "https://images.invalid/bear.jpg")
	for range 4 {
		tab.Press("ArrowRight")
	}
	tab.Click("#after")
	is("the last", `document.querySelector("#inside dd").textContent + document.querySelector("#after").disabled`, "bear 5true")
	is("no address that is a script", `document.querySelectorAll("#inside a").length`, "0")
	tab.Click("#before")
	is("back", `document.querySelector("#inside dd").textContent`, "bear 4")
	tab.Press("Escape")
	is("closed", `document.querySelector("#detail").open`, "false")
	tab.Click("#pairs .card")
	tab.Click("#close")
	is("closed", `document.querySelector("#detail").open`, "false")

	tab.Click("#to-search")
	tab.Wait(`!document.querySelector("#search").hidden`)
	tab.Press("/")
	is("slash goes to the search", `document.activeElement.id`, "q")
	tab.Press("a <cat>")
	tab.Press("Enter")
	tab.Wait(cardCount + " === 48")
	is("both sides", `[...document.querySelectorAll("#found h2")].map(h => h.textContent).join()`, "Nearest images,Nearest captions")
	tab.Set(`document.getElementById("k").value = "3"; document.getElementById("by").value = "t2t"`)
	tab.Click("#form button")
	tab.Wait(cardCount + " === 3")
	is("in the address", `location.hash`, "#/search?q=a+%3Ccat%3E&k=3&by=t2t")
	is("text is text", `document.querySelector("#found .caption").textContent`, "a <cat> <i>found</i>")
	tab.Mute(true) // the browser logs the answer 500
	tab.Load(url + "#/search?q=fail&k=3")
	tab.Wait(`document.querySelector("#said").textContent === "the encoder <broke>"`)
	is("an error", `document.querySelector("#said").className`, "error")
	tab.Mute(false)

	paper := `getComputedStyle(document.body).backgroundColor`
	is("light", paper, "rgb(255, 255, 255)")
	tab.Click("#theme")
	is("dark", paper, "rgb(21, 23, 26)")
	tab.Load(url + "?again")
	tab.Wait(`document.body.dataset.ready`)
	is("dark is kept", paper, "rgb(21, 23, 26)")
	tab.Press("t")
	is("light again", paper, "rgb(255, 255, 255)")
	tab.Press("?")
	is("keys", `document.querySelector("#keys").open`, "true")
	tab.Click("#keys-close")
	tab.Click("#help")
	is("keys", `document.querySelector("#keys").open`, "true")
	tab.Press("Escape")
	tab.Click("#to-about")
	is("facts", `document.querySelector("#facts").textContent`, "rows1,234retrieve.k4")
	tab.Click("#to-classes")
	tab.Wait(cardCount + " === 6")
}

// TestWidths: nothing is wider than the window, on a phone, a tablet or a desk,
// light or dark. With BROWSE_PICTURES the windows are saved there.
func TestWidths(t *testing.T) {
	if testing.Short() {
		t.Skip("a browser")
	}
	tab := tab{browsertest.Open(t)}
	url := serve(t).URL + "/"
	for _, width := range []int{360, 800, 1400} {
		for _, v := range [][2]string{{"class", "#/class/brown%20bear"}, {"search", "#/search?q=a%20cat&k=9"}, {"about", "#/about"}} {
			name, view := v[0], v[1]
			tab.Size(width, 760)
			tab.Scheme(map[bool]string{true: "dark", false: "light"}[width == 800])
			tab.Load(url + "?" + fmt.Sprint(width) + name + view)
			tab.Wait(`document.body.dataset.ready`)
			if name != "about" {
				tab.Wait(cardCount + " > 5")
			}
			if over := tab.Text(`document.documentElement.scrollWidth - document.documentElement.clientWidth`); over != "0" {
				t.Errorf("%s at %d pixels is %s too wide", name, width, over)
			}
			if dir := os.Getenv("BROWSE_PICTURES"); dir != "" {
				tab.Screenshot(filepath.Join(dir, fmt.Sprintf("%s-%d.png", name, width)))
			}
		}
		tab.Click("#to-classes")
		tab.Wait(`document.querySelector("#to-classes").ariaCurrent && !document.querySelector("#pairs").ariaBusy && ` + cardCount + " === 6")
		tab.Click("#pairs .card")
		if box := tab.Text(`(() => { const r = document.querySelector("#detail").getBoundingClientRect(); return r.left >= 0 && r.right <= innerWidth && r.bottom <= innerHeight ? "inside" : JSON.stringify(r); })()`); box != "inside" {
			t.Errorf("the pair at %d pixels is at %s", width, box)
		}
		if dir := os.Getenv("BROWSE_PICTURES"); dir != "" {
			tab.Screenshot(filepath.Join(dir, fmt.Sprintf("pair-%d.png", width)))
		}
	}
}
