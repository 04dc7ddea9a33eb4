package report

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"react/data/caught"
	"react/runner/experiment"
	"react/runner/listen"
	"react/runner/record"
	"react/runner/status"
	"react/runner/store"
)

// liveSite is the report of a sweep that may change at any time.
type liveSite struct {
	e       *experiment.Experiment
	options Options
	folder  *store.Sweep
	watcher *status.Watcher // nil until the sweep has a record

	news news

	rendering sync.Mutex
	rendered  []byte // page of the version
	version   string
	took      time.Duration // by the last rendering
}

func newLiveSite(e *experiment.Experiment, o Options) (*liveSite, error) {
	folder, err := record.SweepFolder(e)
	if err != nil {
		return nil, err
	}
	return &liveSite{e: e, options: o, folder: folder, news: news{changed: make(chan struct{})}}, nil
}

// Live serves a page that follows a sweep, whoever runs it.
type Live struct {
	*experiment.Experiment
	Gallery string        // whose images, as in Options
	Every   time.Duration // between two looks at the sweep
}

// Serve answers on an address until ctx ends.
func (l Live) Serve(ctx context.Context, address string, stdout, stderr io.Writer) error {
	site, err := newLiveSite(l.Experiment, Options{Gallery: l.Gallery})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() { site.watch(ctx, l.Every, stderr); close(watched) }()
	defer func() { stop(); <-watched }()
	server := listen.Server{Address: address, Says: "follows " + l.Name, Handler: site.handler}
	return server.Run(ctx, stdout, stderr)
}

// handler answers for the page and its events.
func (s *liveSite) handler(local bool) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.page)
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	return listen.Guard(mux, local, "runner serve")
}

// news is what pages are told: the status as JSON, and the version of the
// results, which tells a page whether it shows them.
type news struct {
	mu      sync.Mutex
	state   []byte // the status
	version string
	changed chan struct{} // closed and replaced at each change
}

func (n *news) get() (state []byte, version string, changed <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.state, n.version, n.changed
}

func (n *news) set(state []byte, version string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if bytes.Equal(state, n.state) && version == n.version {
		return
	}
	n.state, n.version = state, version
	close(n.changed)
	n.changed = make(chan struct{})
}

// watch looks at the sweep until ctx ends. What cannot be read now is tried
// again; it is said once.
func (s *liveSite) watch(ctx context.Context, every time.Duration, stderr io.Writer) {
	said, counted, compared := "", status.Counts{Total: -1}, time.Time{}
	version := ""
	for {
		start := time.Now()
		var state []byte
		var stages status.Counts
		// anyone's, and a page is not to end by them
		err := caught.Do("the records of the sweep", func() (err error) {
			state, stages, err = s.look()
			return err
		})
		if err == nil && (version == "" || stages != counted && time.Since(compared) >= s.patience()) {
			var next string
			err = caught.Do("the outputs of the sweep", func() (err error) { next, err = s.versionNow(); return err })
			if err == nil {
				version, counted, compared = next, stages, time.Now()
			}
		}
		if err != nil && err.Error() != said {
			said = err.Error()
			fmt.Fprintln(stderr, "serve:", said)
		} else if err == nil {
			said = ""
			s.news.set(state, version)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(every, 5*time.Since(start))):
		}
	}
}

// patience is the least time between two versions: pages that are made again
// must not take much of the machine from the sweep.
func (s *liveSite) patience() time.Duration {
	s.rendering.Lock()
	defer s.rendering.Unlock()
	return 20 * s.took
}

// look reads the status; a sweep without a record is planned.
func (s *liveSite) look() (state []byte, stages status.Counts, err error) {
	if s.watcher == nil && s.folder.Has(record.PlanFile) {
		if s.watcher, err = status.New(s.e.Store, s.folder); err != nil {
			return nil, stages, err
		}
	}
	st := status.Planned(s.folder, len(s.e.Plan.Trials), len(s.e.Plan.Stages))
	if s.watcher != nil {
		if st, err = s.watcher.Read(); err != nil {
			return nil, stages, err
		}
	}
	stages = st.Stages
	stages.Running, stages.Waiting = 0, 0 // no results
	st.At = time.Time{}                   // or every look would be news
	for i := range st.Processes {
		st.Processes[i].Beat = time.Time{}
	}
	state, err = json.Marshal(st)
	return state, stages, err
}

// versionNow names what is in the store and what has failed.
func (s *liveSite) versionNow() (string, error) {
	entries, err := record.Entries(s.e)
	if err != nil {
		return "", err
	}
	h := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		fmt.Fprintln(h, key)
	}
	for _, f := range status.FailuresOf(s.e) {
		fmt.Fprintln(h, f.Task.Key, f.Err)
	}
	return hex.EncodeToString(h.Sum(nil)[:8]), nil
}

// page is the report as the store has it now.
func (s *liveSite) page(w http.ResponseWriter, r *http.Request) {
	data, err := s.render(r.Context())
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Write(data)
}

func (s *liveSite) render(ctx context.Context) ([]byte, error) {
	s.rendering.Lock()
	defer s.rendering.Unlock()
	version, err := s.versionNow()
	if err != nil || version == s.version {
		return s.rendered, err
	}
	start := time.Now()
	entries, err := record.Entries(s.e)
	if err != nil {
		return nil, err
	}
	r, err := reporterOf(ctx, s.e, s.options, entries)
	if err != nil {
		return nil, err
	}
	page, err := r.page()
	if err != nil {
		return nil, err
	}
	page.Live = version
	var b bytes.Buffer
	if err := page.Write(&b); err != nil {
		return nil, err
	}
	s.rendered, s.version, s.took = b.Bytes(), version, time.Since(start)
	return s.rendered, nil
}

// heartbeat is how often a silent connection is proved to be one.
const heartbeat = 15 * time.Second

// events tells a page of each change of the status, and of the version, until
// it goes or ctx ends.
func (s *liveSite) events(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	out := http.NewResponseController(w)
	fmt.Fprint(w, "retry: 1000\n\n")
	var told []byte
	var version string
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		state, next, changed := s.news.get()
		if state != nil && !bytes.Equal(state, told) {
			fmt.Fprintf(w, "event: status\ndata: %s\n\n", state)
		}
		if next != "" && next != version {
			fmt.Fprintf(w, "event: results\ndata: %s\n\n", next)
		}
		told, version = state, next
		if out.Flush() != nil {
			return
		}
		select {
		case <-r.Context().Done():
			return
		case <-changed:
		case <-beat.C:
			fmt.Fprint(w, ": still here\n\n")
		}
	}
}
