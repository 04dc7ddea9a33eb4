package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"react/data/image"
	"react/data/shards"
)

// rows are the answers of a folder whose shards are all done, by address.
func rows(t *testing.T, dir string) map[string]answer {
	t.Helper()
	f := &folder{dir: dir}
	all, err := f.shards()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]answer{}
	for _, i := range all {
		if !f.isDone(i) {
			t.Fatalf("shard %d is not done", i)
		}
		if err := f.eachRow(i, func(a *answer) { out[a.URL+" "+a.Caption] = *a }); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestMisbehaviour has a server do what servers do; each address gets the answer
// that it deserves, once, and those that may be better later are asked again.
func TestMisbehaviour(t *testing.T) {
	h := serve(t)
	h.robots = func(w http.ResponseWriter) { fmt.Fprint(w, "User-agent: runner-fetch\nDisallow: /private/\n") }
	want := map[string]struct {
		status, cause   string
		code, asked     int
		temporary, good bool
	}{
		"ok/1":       {status: success, code: 200, asked: 2}, // moved/1 leads there too
		"moved/1":    {status: success, code: 200, asked: 1},
		"busy/1":     {status: success, code: 200, asked: 2},
		"png/1":      {status: success, code: 200, asked: 1},
		"otherbot/1": {status: success, code: 200, asked: 1},
		"gone/1":     {status: failedDownload, cause: "HTTP 404", code: 404, asked: 1},
		"slow/1":     {status: failedDownload, cause: "timeout", temporary: true, asked: 3},
		"stall/1":    {status: failedDownload, cause: "timeout", code: 200, temporary: true, asked: 3},
		// and once more by net/http itself
		"reset/1":   {status: failedDownload, cause: "connection reset", temporary: true, asked: -3},
		"later/1":   {status: failedDownload, cause: "HTTP 503", code: 503, temporary: true, asked: 1},
		"broken/1":  {status: failedDownload, cause: "HTTP 502", code: 502, temporary: true, asked: 3},
		"loop/1":    {status: failedDownload, cause: "more than 5 redirects", asked: 1},
		"html/1":    {status: failedDownload, cause: "not an image: text/html", code: 200, asked: 1},
		"liar/1":    {status: failedResize, cause: `not an image that is read (jpeg, png, gif, webp, bmp, tiff, ppm): starts with "<html>no"`, code: 200, asked: 1},
		"endless/1": {status: failedDownload, cause: "body over the limit", code: 200, asked: 1},
		"huge/1":    {status: failedDownload, cause: "body over the limit", code: 200, asked: 1},
		"short/1":   {status: failedDownload, cause: "body ends early", code: 200, temporary: true, asked: 3},
		"cut/1":     {status: failedResize, cause: "jpeg: Premature end of JPEG file", code: 200, asked: 1},
		"empty/1":   {status: failedResize, cause: "empty body", code: 200, asked: 1},
		"noai/1":    {status: failedDownload, cause: "X-Robots-Tag: noai", code: 200, asked: 1},
		"private/1": {status: failedDownload, cause: "robots.txt", asked: 0},
	}
	var items []Item
	for _, path := range slices.Sorted(maps.Keys(want)) {
		items = append(items, Item{h.URL + "/" + path, "caption of " + path})
	}
	items = append(items, Item{"ftp://127.0.0.1/x.jpg", "ftp"}, Item{"no address", ""}, items[0])
	dir := t.TempDir()
	stats, err := Run(t.Context(), list(items...), fast(dir))
	if err != nil {
		t.Fatal(err)
	}
	if stats.Items != len(items)-1 || stats.Done != stats.Items || stats.Succeeded != 5 || stats.Temporary != 6 {
		t.Errorf("stats: %+v", stats)
	}
	got := rows(t, dir)
	for path, w := range want {
		a := got[h.URL+"/"+path+" caption of "+path]
		if a.Status != w.status || a.Error != w.cause || a.Temporary != w.temporary || a.HTTP != w.code {
			t.Errorf("%s: got %+v, want %+v", path, a, w)
		}
		if n := len(h.times("/" + path)); w.asked >= 0 && n != w.asked || w.asked < 0 && n < -w.asked {
			t.Errorf("%s: asked %d times, want %d", path, n, w.asked)
		}
	}
	if a := got["ftp://127.0.0.1/x.jpg ftp"]; a.Error != "not an http or https address" {
		t.Errorf("ftp: %+v", a)
	}
	if busy := h.times("/busy/1"); len(busy) == 2 && busy[1].Sub(busy[0]) < time.Second {
		t.Errorf("Retry-After: 1, and it came again after %v", busy[1].Sub(busy[0]))
	}
	if len(h.agents) != 1 || !h.agents[DefaultAgent] {
		t.Errorf("agents: %v", h.agents)
	}
}

// TestLayout: what img2dataset's readers look for.
func TestLayout(t *testing.T) {
	h := serve(t)
	dir := t.TempDir()
	items := slices.Concat(addresses(h, "ok", 7), addresses(h, "gone", 6), addresses(h, "moved", 7))
	if _, err := Run(t.Context(), list(items...), fast(dir)); err != nil {
		t.Fatal(err)
	}
	set, err := shards.Index(t.Context(), []string{filepath.Join(dir, "00000.tar"), filepath.Join(dir, "00001.tar")}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	var keys []string
	for _, s := range set.Samples() {
		keys = append(keys, s.Key)
		raw, err := set.Read(s, nil)
		if err != nil {
			t.Fatal(err)
		}
		img, err := image.DecodeOnWhite(raw)
		if err != nil || min(img.W, img.H) != 32 || s.Ext != "jpg" {
			t.Errorf("key %s: %+v, %v", s.Key, img, err)
		}
	}
	want := []string{"000000", "000001", "000002", "000003", "000004", "000005", "000006", "000013", "000014", "000015", "000016", "000017", "000018", "000019"}
	if !slices.Equal(keys, want) {
		t.Errorf("keys %v, want %v", keys, want)
	}
	if s, ok := set.Match("", items[3].URL, items[3].Caption); !ok || s.Key != "000003" {
		t.Errorf("by address: %+v", s)
	}
	var stats shardStats
	data, err := os.ReadFile(filepath.Join(dir, "00001_stats.json"))
	if err == nil {
		err = json.Unmarshal(data, &stats)
	}
	if err != nil || stats.Count != 10 || stats.Successes != 7 || stats.FailedDownload != 3 || stats.Status["HTTP 404"] != 3 || stats.Status["success"] != 7 {
		t.Errorf("stats %+v, %v", stats, err)
	}
	names := slices.Sorted(maps.Keys(files(t, dir)))
	if !slices.Equal(names, []string{"00000.parquet", "00000.tar", "00000_stats.json", "00001.parquet", "00001.tar", "00001_stats.json"}) {
		t.Errorf("files %v", names)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, stateDir, "[st][pm]*", "*")); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// TestAgainAndMore: a second run asks for nothing; a longer list only for what is
// new; the failures that may pass are asked for when that is wanted, the rest not.
func TestAgainAndMore(t *testing.T) {
	h := serve(t)
	dir := t.TempDir()
	items := slices.Concat(addresses(h, "ok", 12), []Item{{h.URL + "/healing/1", "a"}, {h.URL + "/gone/1", "b"}, {h.URL + "/healing/1", "another caption"}})
	opts := fast(dir)
	opts.Retries = -1
	first, err := Run(t.Context(), list(items...), opts)
	if err != nil || first.Succeeded != 12 || first.Temporary != 2 {
		t.Fatalf("first: %+v, %v", first, err)
	}
	before, asked := files(t, dir), h.total()
	second, err := Run(t.Context(), list(items...), opts)
	if err != nil || second.Done != 15 || second.Fetched != 0 || h.total() != asked || !maps.Equal(files(t, dir), before) {
		t.Errorf("second: %+v, %v, %d requests", second, err, h.total()-asked)
	}
	more, err := Run(t.Context(), list(append(addresses(h, "moved", 3), items...)...), opts)
	if err != nil || more.Items != 18 || more.Fetched != 3 || h.total() != asked+6 {
		t.Errorf("more: %+v, %v, %d requests", more, err, h.total()-asked)
	}
	opts.RetryFailed, opts.Retries = "temporary", 3
	again, err := Run(t.Context(), list(), opts)
	if err != nil || again.Succeeded != 17 || again.Temporary != 0 || len(h.times("/gone/1")) != 1 {
		t.Errorf("again: %+v, %v; gone was asked for %d times", again, err, len(h.times("/gone/1")))
	}
	if n := len(h.times("/healing/1")); n != 4 { // two items, one address
		t.Errorf("healing was asked for %d times", n)
	}
	if got := files(t, dir); got["00000.tar"] != before["00000.tar"] {
		t.Error("a shard without failures has changed")
	}
	opts.RetryFailed = "all"
	if all, err := Run(t.Context(), list(), opts); err != nil || len(h.times("/gone/1")) != 2 || all.Succeeded != 17 {
		t.Errorf("all: %+v, %v", all, err)
	}
	if got := rows(t, dir); got[h.URL+"/healing/1 another caption"].Status != success {
		t.Errorf("rows: %+v", got)
	}
}

// TestRobots: a robots.txt that cannot be had forbids for now; no robots.txt allows.
func TestRobots(t *testing.T) {
	h := serve(t)
	h.robots = func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }
	opts := fast(t.TempDir())
	opts.Retries = -1
	stats, err := Run(t.Context(), list(addresses(h, "ok", 3)...), opts)
	if err != nil || stats.Causes["robots.txt: HTTP 500"] != 3 || stats.Temporary != 3 || h.total() != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
	if n := len(h.times("/robots.txt")); n != 1 {
		t.Errorf("robots.txt was asked for %d times", n)
	}
	opts = fast(t.TempDir())
	opts.IgnoreRobots = true
	if stats, err := Run(t.Context(), list(append(addresses(h, "ok", 3), addresses(h, "noai", 1)...)...), opts); err != nil || stats.Succeeded != 4 {
		t.Errorf("ignored: %+v, %v", stats, err)
	}
	for text, want := range map[string]string{"noai": "noai", "NoIndex, nofollow": "noindex", "none": "none", "all": "", "runner-fetch: noimageai": "noimageai", "otherbot: noai": "",
		"unavailable_after: 25 Jun 2030 15:00:00 PST, noindex": "noindex", "max-image-preview: large": "", "*: noai": "noai", "otherbot: nofollow, noai": ""} {
		if got := disallowed([]string{text}, DefaultAgent); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestRedirectsElsewhere: the robots.txt of the site that addresses lead to is asked for once, and
// holds.
func TestRedirectsElsewhere(t *testing.T) {
	target, h := serve(t), serve(t)
	target.robots = func(w http.ResponseWriter) { fmt.Fprint(w, "User-agent: *\nDisallow: /private/\n") }
	var items []Item
	for i := range 8 {
		kind := []string{"ok", "private"}[i%2]
		items = append(items, Item{fmt.Sprintf("%s/to/%s/%s/%d", h.URL, target.Listener.Addr(), kind, i), ""})
	}
	stats, err := Run(t.Context(), list(items...), fast(t.TempDir()))
	if err != nil || stats.Succeeded != 4 || stats.Causes["robots.txt"] != 4 || target.total() != 4 {
		t.Errorf("%+v, %v, %d requests", stats, err, target.total())
	}
	if n := len(target.times("/robots.txt")); n != 1 {
		t.Errorf("robots.txt was asked for %d times", n)
	}
}

// TestManners: the rate to one origin, the connections, and the bandwidth are kept.
func TestManners(t *testing.T) {
	h := serve(t)
	opts := fast(t.TempDir())
	opts.HostRate, opts.HostConns = 20, 2
	start := time.Now()
	if _, err := Run(t.Context(), list(addresses(h, "ok", 40)...), opts); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 900*time.Millisecond {
		t.Errorf("40 addresses at 20 a second, 20 of them at once, took %v", took)
	}
	if n := h.connections(); n > 4 {
		t.Errorf("%d connections were made for 40 addresses", n)
	}
	opts = fast(t.TempDir())
	opts.Bandwidth = 64 << 10
	opts.Timeout = 10 * time.Second
	start = time.Now()
	stats, err := Run(t.Context(), list(addresses(h, "ok", 60)...), opts)
	if err != nil {
		t.Fatal(err)
	}
	if least := time.Duration(float64(stats.Bytes-64<<10) / (64 << 10) * float64(time.Second)); least > 0 && time.Since(start) < least {
		t.Errorf("%d bytes took %v, at least %v by the cap", stats.Bytes, time.Since(start), least)
	}
}

// TestCrawlDelay: the pause that robots.txt asks for is kept.
func TestCrawlDelay(t *testing.T) {
	h := serve(t)
	h.robots = func(w http.ResponseWriter) { fmt.Fprint(w, "User-agent: *\nCrawl-delay: 0.3\n") }
	opts := fast(t.TempDir())
	opts.HostConns = 1
	start := time.Now()
	if stats, err := Run(t.Context(), list(addresses(h, "ok", 5)...), opts); err != nil || stats.Succeeded != 5 {
		t.Fatalf("%+v, %v", stats, err)
	}
	if took := time.Since(start); took < time.Second {
		t.Errorf("5 addresses with 0.3 s between took %v", took)
	}
}

// TestSilentHost: an origin that never answers is left alone after a few times.
func TestSilentHost(t *testing.T) {
	h := serve(t)
	h.Close()
	opts := fast(t.TempDir())
	opts.HostConns = 1
	stats, err := Run(t.Context(), list(addresses(h, "ok", 30)...), opts)
	if err != nil || stats.Causes["host did not answer"]+stats.Causes["connection refused"] != 30 || stats.Causes["host did not answer"] < 20 || stats.Temporary != 30 {
		t.Errorf("%+v, %v", stats, err)
	}
}

// TestStopped ends a run in its middle, several times; no image is asked for twice
// but those under way, and the tars are those of a run in one go.
func TestStopped(t *testing.T) {
	h := serve(t)
	items := append(addresses(h, "lazy", 95), addresses(h, "gone", 5)...)
	whole := t.TempDir()
	if _, err := Run(t.Context(), list(items...), fast(whole)); err != nil {
		t.Fatal(err)
	}
	asked := h.total()
	dir, stops := t.TempDir(), 0
	for {
		// Longer each time: a slow machine needs more to get anywhere.
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(60+20*stops)*time.Millisecond)
		stats, err := Run(ctx, list(items...), fast(dir))
		cancel()
		if err == nil {
			break
		}
		if stops++; !errors.Is(err, context.DeadlineExceeded) || stops > 50 {
			t.Fatalf("stop %d: %+v, %v", stops, stats, err)
		}
	}
	if stops < 2 {
		t.Errorf("it was stopped %d times", stops)
	}
	if n := h.total() - asked; n > asked+8*stops {
		t.Errorf("%d requests with %d stops, %d without", n, stops, asked)
	}
	sameImages(t, whole, dir)
}

// sameImages compares tars but for the times in their .json.
func sameImages(t *testing.T, a, b string) {
	t.Helper()
	var sums [2]map[string]string
	for i, dir := range []string{a, b} {
		sums[i] = map[string]string{}
		tars, _ := filepath.Glob(filepath.Join(dir, "*.tar"))
		set, err := shards.Index(t.Context(), tars, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range set.Samples() {
			raw, err := set.Read(s, nil)
			if err != nil {
				t.Fatal(err)
			}
			sums[i][s.Key+" "+s.Caption] = string(raw)
		}
		set.Close()
	}
	if len(sums[0]) == 0 || !maps.Equal(sums[0], sums[1]) {
		t.Errorf("%s has %d images, %s %d, or others", a, len(sums[0]), b, len(sums[1]))
	}
}

func TestFolderErrors(t *testing.T) {
	h := serve(t)
	dir := t.TempDir()
	if _, err := Run(t.Context(), list(addresses(h, "ok", 3)...), fast(dir)); err != nil {
		t.Fatal(err)
	}
	other := fast(dir)
	other.Shape.Size = 64
	held, err := openFolder(mustDefaults(t, fast(t.TempDir())))
	if err != nil {
		t.Fatal(err)
	}
	foreign := t.TempDir()
	os.WriteFile(filepath.Join(foreign, "00000.tar"), nil, 0o666)
	for want, opts := range map[string]Options{
		"began with 10 a shard, resize keep_ratio to 32, jpg of quality 95, this is 10 a shard, resize keep_ratio to 64": other,
		"another process fetches into it": fast(held.dir),
		"has tars that are not from here": fast(foreign),
		"is none of no, border":           {Dir: dir, Shape: Shape{Fit: image.Fit{Mode: "stretch"}}},
		"out of range":                    {},
		"neither temporary nor all":       {Dir: dir, RetryFailed: "some"},
		"has a line break":                {Dir: dir, UserAgent: "a\r\nHost: b"},
	} {
		if _, err := Run(t.Context(), list(), opts); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	held.close()
	failing := func(yield func(Item, error) bool) { yield(Item{}, errors.New("list broke")) }
	if _, err := Run(t.Context(), failing, fast(dir)); err == nil || err.Error() != "list broke" {
		t.Errorf("a list that breaks: %v", err)
	}
}

func mustDefaults(t *testing.T, o Options) Options {
	t.Helper()
	o, err := o.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestSpool cuts a spool at every byte of its last record, and damages it: the
// records before are there.
func TestSpool(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.spool")
	read := func() (recs []spooled, images []string) {
		s, err := openSpool(path, func(r spooled, at placed) error {
			recs = append(recs, r)
			images = append(images, fmt.Sprint(at))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range images {
			var at placed
			fmt.Sscanf(images[i], "{%d %d", &at.offset, &at.size)
			body, err := s.read(at, nil)
			if err != nil {
				t.Fatal(err)
			}
			images[i] = string(body)
		}
		s.f.Close()
		return recs, images
	}
	s, err := openSpool(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	var ends []int64
	for i, image := range []string{"first image", "", "third"} {
		if _, err := s.put(spooled{Items: []int{i}, Answer: answer{Status: success}}, []byte(image)); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, s.end)
	}
	s.f.Close()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		os.WriteFile(path, data[:n], 0o666)
		recs, images := read()
		want := 0
		for want < 3 && ends[want] <= int64(n) {
			want++
		}
		if len(recs) != want || want > 0 && images[0] != "first image" {
			t.Fatalf("cut at %d: %d records, want %d", n, len(recs), want)
		}
	}
	for _, at := range []int64{ends[1] + 2, ends[1] + 20, ends[2] - 1} {
		damaged := slices.Clone(data)
		damaged[at] ^= 1
		os.WriteFile(path, damaged, 0o666)
		if recs, _ := read(); len(recs) != 2 {
			t.Errorf("damaged at %d: %d records", at, len(recs))
		}
	}
}
