package fetch

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"react/data/columns"
	pixels "react/data/image"
	"react/data/peer"
)

// envPeer makes the test binary a part of a measurement: "serve", or "fetch", which
// fetches what each line names: "address directory n".
const envPeer = "FETCH_PEER"

// body of the images that are fetched: a photograph's size.
const peerWidth, peerHeight = 640, 480

func servePeer() error {
	big, small := picture(3, peerWidth, peerHeight), picture(3, 40, 30)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/small/"):
			w.Write(small)
		case strings.HasPrefix(r.URL.Path, "/big/"):
			w.Header().Set("Content-Type", "image/jpeg")
			w.Write(big)
		default:
			http.NotFound(w, r)
		}
	}))
	fmt.Println(server.URL)
	bufio.NewScanner(os.Stdin).Scan() // until the test ends
	return nil
}

// fetchPeer answers each line with processor seconds, peak MiB and images.
func fetchPeer() error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var address, kind, dir string
		var n int
		if _, err := fmt.Sscan(lines.Text(), &address, &kind, &dir, &n); err != nil {
			return err
		}
		before := usage()
		items := func(yield func(Item, error) bool) {
			for i := range n {
				if !yield(Item{fmt.Sprintf("%s/%s/%d.jpg", address, kind, i), fmt.Sprintf("caption %d", i)}, nil) {
					return
				}
			}
		}
		stats, err := Run(context.Background(), items, Options{Dir: dir, PerShard: 10_000, Shape: Shape{Fit: pixels.Fit{Mode: "border", Size: 256}}, Workers: 32, HostRate: 1e6, HostConns: 32,
			Timeout: 30 * time.Second, AllowPrivate: true})
		if err != nil {
			return err
		}
		after := usage()
		fmt.Printf("%.6f %.1f %d\n", after.cpu-before.cpu, after.peak, stats.Succeeded)
	}
	return lines.Err()
}

type used struct{ cpu, peak float64 }

func usage() used {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return used{float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9, float64(u.Maxrss) / 1024}
}

// part starts this binary as a part of a measurement.
func part(t *testing.T, what string) *peer.Process {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envPeer+"="+what)
	return peer.Start(t, what, cmd)
}

// TestFetchAgainstImg2dataset fetches the same images from the same server on this
// machine as img2dataset does, both resizing to 256 with a border as its default
// is, with EXIF data and digests, by processor time. The server is a third process.
func TestFetchAgainstImg2dataset(t *testing.T) {
	rounds := peer.Rounds(t)
	python := peer.Python(t, "img2dataset")
	const n = 1000
	address := part(t, "serve").Line(t)
	ours, theirs := part(t, "fetch"), peer.Start(t, "img2dataset", exec.Command(python, filepath.Join("testdata", "fetch_peer.py")))
	dir := t.TempDir()
	list := filepath.Join(dir, "list.parquet")
	items := make([]Item, n)
	for i := range items {
		items[i] = Item{fmt.Sprintf("%s/big/%d.jpg", address, i), fmt.Sprintf("caption %d", i)}
	}
	if err := columns.WriteFile(list, listFields, items); err != nil {
		t.Fatal(err)
	}
	var a, b []float64
	for i := range rounds + 1 { // the first warms up
		for _, mine := range []bool{i%2 == 0, i%2 == 1} {
			var cpu, rss float64
			var got int
			to := filepath.Join(dir, fmt.Sprintf("%d-%v", i, mine))
			if mine {
				ours.Ask(t, fmt.Sprint(address, " big ", to, " ", n), &cpu, &rss, &got)
			} else {
				theirs.Ask(t, list+" "+to, &cpu, &rss, &got)
			}
			if got != n {
				t.Fatalf("round %d, ours %v: %d images of %d", i, mine, got, n)
			}
			os.RemoveAll(to)
			switch {
			case i == 0:
			case mine:
				a = append(a, cpu)
			default:
				b = append(b, cpu)
			}
		}
	}
	ratio := peer.Compare(a, b)
	peer.Record(t, peer.Row{Work: fmt.Sprintf("fetch of %d JPEGs of %d x %d, resized to 256 with a border", n, peerWidth, peerHeight), Us: "data/fetch", Peer: "img2dataset 1.47",
		Ours: n / peer.Median(a), Theirs: n / peer.Median(b), Unit: "images/CPU-s", Ratio: ratio, Target: peer.AtLeast(ratio.Mean, 1.5, "")})
}

// TestFetchMemory has the peak of memory at 40,000 addresses, when as many shards
// are open as can be, and at 200,000.
func TestFetchMemory(t *testing.T) {
	peer.Rounds(t)
	address := part(t, "serve").Line(t)
	var peaks []float64
	for _, n := range []int{40_000, 200_000} {
		var cpu, rss float64
		var got int
		part(t, "fetch").Ask(t, fmt.Sprint(address, " small ", filepath.Join(t.TempDir(), "out"), " ", n), &cpu, &rss, &got)
		if got != n {
			t.Fatalf("%d images of %d", got, n)
		}
		peaks = append(peaks, rss)
	}
	peer.Record(t, peer.Row{Work: "fetch of 200,000 addresses, peak of memory", Us: "data/fetch", Peer: "data/fetch, 40,000 addresses", Ours: peaks[1], Theirs: peaks[0], Unit: "MiB", Target: peer.AtMost(peaks[1]/peaks[0], 1.25, "five times the addresses take")})
}
