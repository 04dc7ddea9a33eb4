// Package browse serves a local web page on what was retrieved: a search box
// for texts, and the pairs of each class of a trial.
//
// The page holds its styles and script and loads nothing from elsewhere; a
// Content-Security-Policy holds it to that, since captions and addresses come
// from the web. What is searched and shown is the caller's: this package reads no
// store, no index and no tar. Images go out as they are in the tars where browsers
// show their format, else as PNG.
package browse

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"image/png"
	"net/http"
	"strconv"
	"strings"
	"time"

	"react/data/image"
	"react/runner/listen"
)

// maxK is the largest number of rows that one search gives.
const maxK = 500

// Site is what the page shows. Parts that are empty are left out.
type Site struct {
	Title, Subtitle string
	Facts           []Fact
	By              []Side  // that can be searched
	Classes         []Class // in the order of the task
	// Search gives the k nearest rows of each side of q.By.
	Search func(ctx context.Context, q Query) (map[string][]Pair, error)
	// Image gives the bytes of an image by its key, and the extension that its file has.
	Image func(key string) (data []byte, ext string, err error)

	pairs map[string][]Pair
}

// Fact is one line about what is shown.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Side is one that can be searched: "t2i" or "t2t", and how.
type Side struct {
	By  string `json:"by"`
	How string `json:"how"`
}

// Query is a text to search for.
type Query struct {
	Text string
	K    int
	By   []string
}

// Class is a class of a task in the list of classes.
type Class struct {
	Name      string   `json:"name"`
	Pairs     int      `json:"pairs"`
	Precision *float64 `json:"precision,omitempty"` // of pairs whose label is known
	Marked    int      `json:"marked"`              // pairs with a mark
}

// Pair is a row that was found.
type Pair struct {
	Row      int64   `json:"row"`
	Rank     int     `json:"rank"`
	Score    float32 `json:"score"`
	Modality string  `json:"modality"`
	Query    string  `json:"query,omitempty"` // that found it
	Caption  string  `json:"caption"`
	URL      string  `json:"url,omitempty"`
	Key      string  `json:"key,omitempty"` // of the image; empty where there is none
	Label    string  `json:"label,omitempty"`
	Right    bool    `json:"right,omitempty"` // the label is the class
	Marks    []Mark  `json:"marks,omitempty"`
	Found    []Found `json:"found,omitempty"` // every hit that brought it in, for any class
}

// Mark is something to know of a pair: kind "copy", "class" or "leak".
type Mark struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// Found is one hit.
type Found struct {
	Class    string  `json:"class"`
	Prompt   string  `json:"prompt"`
	Modality string  `json:"modality"`
	Rank     int     `json:"rank"`
	Score    float32 `json:"score"`
}

// SetPairs gives the pairs of a class of Classes, in rank order.
func (s *Site) SetPairs(class string, pairs []Pair) {
	if s.pairs == nil {
		s.pairs = map[string][]Pair{}
	}
	s.pairs[class] = pairs
}

//go:embed page.tmpl style.css script.js
var assets embed.FS

var page = template.Must(template.ParseFS(assets, "page.tmpl"))

// policy lets the page load what is served here, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Handler serves the site. With local, requests for another host than this
// machine's own names are refused, so that no page on the web can read it by a
// name that it points here.
func (s *Site) Handler(local bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	for name, kind := range map[string]string{"style.css": "text/css", "script.js": "text/javascript"} {
		mux.HandleFunc("GET /"+name, func(w http.ResponseWriter, r *http.Request) {
			data, err := assets.ReadFile(name)
			send(w, kind+"; charset=utf-8", data, err)
		})
	}
	mux.HandleFunc("GET /api/site", s.site)
	mux.HandleFunc("GET /api/search", s.search)
	mux.HandleFunc("GET /api/class", s.class)
	mux.HandleFunc("GET /image", s.image)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	own := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		mux.ServeHTTP(w, r)
	})
	return listen.Guard(own, local, "runner browse")
}

func (s *Site) page(w http.ResponseWriter, _ *http.Request) {
	var b bytes.Buffer
	err := page.Execute(&b, s)
	send(w, "text/html; charset=utf-8", b.Bytes(), err)
}

// siteAnswer is what the script asks for first.
type siteAnswer struct {
	Facts   []Fact  `json:"facts"`
	By      []Side  `json:"by"`
	Classes []Class `json:"classes"`
	MaxK    int     `json:"maxK"`
	Images  bool    `json:"images"`
}

func (s *Site) site(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, siteAnswer{Facts: s.Facts, By: s.By, Classes: s.Classes, MaxK: maxK, Images: s.Image != nil})
}

// searchAnswer has a list for each side that was searched.
type searchAnswer struct {
	Seconds float64       `json:"seconds"`
	Sides   []sideAnswers `json:"sides"`
}

type sideAnswers struct {
	By    string `json:"by"`
	Pairs []Pair `json:"pairs"`
}

func (s *Site) search(w http.ResponseWriter, r *http.Request) {
	q, err := s.query(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	start := time.Now()
	found, err := s.Search(r.Context(), q)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer := searchAnswer{Seconds: time.Since(start).Seconds()}
	for _, by := range q.By {
		answer.Sides = append(answer.Sides, sideAnswers{By: by, Pairs: found[by]})
	}
	sendJSON(w, answer)
}

// query reads and checks what is searched for.
func (s *Site) query(r *http.Request) (Query, error) {
	if s.Search == nil || len(s.By) == 0 {
		return Query{}, errors.New("nothing is searched here")
	}
	q := Query{Text: strings.TrimSpace(r.FormValue("q"))}
	if q.Text == "" {
		return q, errors.New("search for what? The text is empty")
	}
	var err error
	if q.K, err = strconv.Atoi(r.FormValue("k")); err != nil || q.K < 1 || q.K > maxK {
		return q, fmt.Errorf("k is %q: a number from 1 to %d", r.FormValue("k"), maxK)
	}
	for _, side := range s.By {
		if by := r.FormValue("by"); by == "" || by == side.By {
			q.By = append(q.By, side.By)
		}
	}
	if len(q.By) == 0 {
		return q, fmt.Errorf("%q is not searched here", r.FormValue("by"))
	}
	return q, nil
}

func (s *Site) class(w http.ResponseWriter, r *http.Request) {
	pairs, ok := s.pairs[r.FormValue("name")]
	if !ok {
		http.Error(w, fmt.Sprintf("no class %q", r.FormValue("name")), http.StatusNotFound)
		return
	}
	sendJSON(w, pairs)
}

// shown are the extensions whose files browsers show, with their types.
var shown = map[string]string{"jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif", "bmp": "image/bmp"}

func (s *Site) image(w http.ResponseWriter, r *http.Request) {
	if s.Image == nil {
		http.Error(w, "there are no images here", http.StatusNotFound)
		return
	}
	data, ext, err := s.Image(r.FormValue("key"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	w.Header().Set("Cache-Control", "max-age=3600")
	if kind, ok := shown[ext]; ok {
		send(w, kind, data, nil)
		return
	}
	var b bytes.Buffer
	err = image.Use(data, false, func(img *image.RGB) error { return png.Encode(&b, img.Standard()) })
	send(w, "image/png", b.Bytes(), err)
}

func sendJSON(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	send(w, "application/json", data, err)
}

func send(w http.ResponseWriter, kind string, data []byte, err error) {
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Write(data) // a reader that left is no concern
}
