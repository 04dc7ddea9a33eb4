package laion

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"react/data/peer"
)

// The peers of BenchmarkScan are processes that answer each line on stdin with
// a scan of the file: "CPU-seconds peak-MiB rows bytes". The first is this test
// binary; testdata/scan_peer.py is the other, run by the interpreter in
// LAION_BENCH_PYTHON (any Python with pyarrow or duckdb).
const (
	envScan   = "LAION_BENCH_SCAN" // file that a child process scans
	envPython = "LAION_BENCH_PYTHON"
)

const (
	benchRows  = 1_000_000
	benchPairs = 12
)

func TestMain(m *testing.M) {
	if path := os.Getenv(envScan); path != "" {
		if err := serveScans(path); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// serveScans is the Go side of the protocol.
func serveScans(path string) error {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		start := cpuSeconds()
		work := scan
		if lines.Text() == "filter" {
			work = scanFiltered
		}
		rows, size, err := work(path)
		if err != nil {
			return err
		}
		fmt.Printf("%.6f %.1f %d %d\n", cpuSeconds()-start, peakMiB(), rows, size)
	}
	return lines.Err()
}

// scan reads URL and TEXT of every row: the work that is timed.
func scan(path string) (rows, size int64, err error) {
	r, err := Open([]string{path}, Options{Columns: []string{}, Reuse: true})
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	for {
		c, err := r.NextColumns()
		if err == io.EOF {
			return rows, size, nil
		}
		if err != nil {
			return 0, 0, err
		}
		rows += int64(c.Len)
		texts := c.Texts()
		for i, url := range c.URLs() {
			size += int64(len(url) + len(texts[i]))
		}
	}
}

// scanFiltered reads URL and TEXT of the rows that a filter lets through.
func scanFiltered(path string) (rows, size int64, err error) {
	r, err := Open([]string{path}, Options{Columns: []string{"WIDTH", "HEIGHT", "similarity", "NSFW"}, Reuse: true})
	if err != nil {
		return 0, 0, err
	}
	defer r.Close()
	for {
		c, err := r.NextColumns()
		if err == io.EOF {
			return rows, size, nil
		}
		if err != nil {
			return 0, 0, err
		}
		height, width, nsfw, similarity := c.cols[3].Ints, c.cols[4].Ints, c.cols[6].Strings, c.cols[7].Floats
		urls, texts := c.URLs(), c.Texts()
		for i := range c.Len {
			if width[i] >= 256 && height[i] >= 256 && similarity[i] >= 0.4 && nsfw[i] == "UNLIKELY" && !c.Bad(i) {
				rows++
				size += int64(len(urls[i]) + len(texts[i]))
			}
		}
	}
}

func cpuSeconds() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

func peakMiB() float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return float64(u.Maxrss) / 1024
}

// likeLAION makes a row whose strings have the lengths of LAION-400M's: URLs of
// about 80 bytes, captions of about 60.
func likeLAION(i int, rng *rand.Rand) Row {
	words := [...]string{"photo", "of", "the", "vintage", "black", "women's", "stock", "free", "blue", "wedding", "design", "2019", "house", "illustration"}
	var text strings.Builder
	for range 4 + rng.IntN(12) {
		text.WriteString(words[rng.IntN(len(words))])
		text.WriteByte(' ')
	}
	if rng.IntN(10) == 0 {
		text.WriteString("naïve café – 写真")
	}
	return Row{
		Index: int64(i), URL: fmt.Sprintf("https://images.host%d.example.com/uploads/%d/%02d/%x%x.jpg", rng.IntN(1000), 2000+rng.IntN(20), rng.IntN(12), rng.Uint64(), rng.Uint64()),
		Text: text.String(), Width: rng.Int32N(3000), Height: rng.Int32N(3000),
		License: []string{"?", "", "by-sa"}[rng.IntN(3)], NSFW: []string{"UNLIKELY", "UNSURE", "NSFW"}[rng.IntN(3)], Similarity: 0.3 + 0.2*rng.Float64(),
	}
}

// benchFile writes the file that is scanned: 8 columns, snappy, 100,000 rows a
// group.
func benchFile(b testing.TB) string {
	path := filepath.Join(b.TempDir(), "bench.parquet")
	w, err := Create(path)
	if err != nil {
		b.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 1))
	rows := make([]Row, 10_000)
	for at := 0; at < benchRows; at += len(rows) {
		for i := range rows {
			rows[i] = likeLAION(at+i, rng)
		}
		if err := w.Write(rows); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	return path
}

// ask asks a peer for one scan.
func ask(b *testing.B, p *peer.Process) (cpu, rss float64, rows, size int64) {
	p.Ask(b, "scan", &cpu, &rss, &rows, &size)
	return cpu, rss, rows, size
}

// BenchmarkScan reads TEXT and URL of a million rows, alone or, with
// LAION_BENCH_PYTHON, in pairs with each peer that it has:
//
//	go test -run '^$' -bench Scan -benchtime 1x ./data/laion
func BenchmarkScan(b *testing.B) {
	path := benchFile(b)
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	names := []string{"alone"}
	if python := os.Getenv(envPython); python != "" {
		names = []string{"pyarrow", "duckdb"}
	}
	for _, name := range names {
		b.Run(name, func(b *testing.B) {
			cmd := exec.Command(exe)
			cmd.Env = append(os.Environ(), envScan+"="+path)
			ours := peer.Start(b, "laion", cmd)
			theirs := ours
			if name != "alone" {
				python := os.Getenv(envPython)
				if err := exec.Command(python, "-c", "import "+name).Run(); err != nil {
					b.Skipf("%s has no %s", python, name)
				}
				theirs = peer.Start(b, name, exec.Command(python, filepath.Join("testdata", "scan_peer.py"), name, path))
			}
			for b.Loop() {
				pairs(b, ours, theirs)
			}
		})
	}
}

// pairs scans in turn, after one of each to warm up, and reports ratios of CPU
// time: over 1 means that we need less.
func pairs(b *testing.B, ours, theirs *peer.Process) {
	_, _, rows, size := ask(b, ours)
	if _, _, r, s := ask(b, theirs); r != rows || s != size {
		b.Fatalf("%s: %d rows of %d bytes, ours %d of %d", theirs.Name, r, s, rows, size)
	}
	var ratios, cpus []float64
	var rss float64
	for range benchPairs {
		a, peak, _, _ := ask(b, ours)
		c, _, _, _ := ask(b, theirs)
		ratios, cpus, rss = append(ratios, c/a), append(cpus, a), peak
	}
	slices.Sort(ratios)
	slices.Sort(cpus)
	mean, half := interval(ratios)
	b.ReportMetric(float64(rows)/cpus[len(cpus)/2]/1e6, "Mrows/cpu-s")
	b.ReportMetric(rss, "peak-MiB")
	if theirs != ours {
		b.ReportMetric(mean, "times-peer")
		b.ReportMetric(half, "±95%")
		b.ReportMetric(ratios[0], "lowest")
	}
	b.ReportMetric(0, "ns/op")
}

// interval is mean and half width of the 95 % confidence interval (t with 11
// degrees of freedom).
func interval(v []float64) (mean, half float64) {
	for _, x := range v {
		mean += x / float64(len(v))
	}
	ss := 0.0
	for _, x := range v {
		ss += (x - mean) * (x - mean)
	}
	return mean, 2.201 * math.Sqrt(ss/float64(len(v)-1)/float64(len(v)))
}

// BenchmarkRows is the same file as rows, for what the columns save.
func BenchmarkRows(b *testing.B) {
	path := benchFile(b)
	for b.Loop() {
		r, err := Open([]string{path}, Options{Columns: []string{}})
		if err != nil {
			b.Fatal(err)
		}
		for {
			if _, err := r.Next(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
		r.Close()
	}
	b.ReportMetric(benchRows*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mrows/s")
}

// TestScanAgainstPeers measures scans of a million rows, plain and with a filter,
// beside pyarrow and DuckDB, by processor time.
func TestScanAgainstPeers(t *testing.T) {
	rounds := peer.Rounds(t)
	python := peer.Python(t, "pyarrow and duckdb")
	path := benchFile(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envScan+"="+path)
	ours := peer.Start(t, "laion", cmd)
	for _, name := range []string{"pyarrow", "duckdb"} {
		theirs := peer.Start(t, name, exec.Command(python, filepath.Join("testdata", "scan_peer.py"), name, path))
		for what, work := range map[string]string{"scan": "URL and TEXT of 1M rows", "filter": "the same of rows by size, similarity and NSFW"} {
			scanned := func(p *peer.Process) (cpu float64, rows, size int64) {
				var rss float64
				p.Ask(t, what, &cpu, &rss, &rows, &size)
				return cpu, rows, size
			}
			_, rows, size := scanned(ours)
			if _, r, s := scanned(theirs); r != rows || s != size {
				t.Fatalf("%s of %s: %d rows of %d bytes, ours %d of %d", what, name, r, s, rows, size)
			}
			var a, b []float64
			for i := range rounds {
				first, second := ours, theirs
				if i%2 == 1 {
					first, second = theirs, ours
				}
				x, _, _ := scanned(first)
				y, _, _ := scanned(second)
				if i%2 == 1 {
					x, y = y, x
				}
				a, b = append(a, x), append(b, y)
			}
			ratio := peer.Compare(a, b)
			peer.Record(t, peer.Row{Work: "parquet scan, " + work, Us: "data/laion", Peer: name, Ours: benchRows / 1e6 / peer.Median(a), Theirs: benchRows / 1e6 / peer.Median(b),
				Unit: "M rows/CPU-s", Ratio: ratio, Target: peer.AtLeast(ratio.Mean, 0.8, "")})
		}
	}
}
