package peer

import (
	"cmp"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// Rounds is how many rounds PEER_ROUNDS asks for; a test without it is skipped.
func Rounds(t testing.TB) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("PEER_ROUNDS"))
	if err != nil || n < 2 {
		t.Skip("a measurement: PEER_ROUNDS is not set to a number of rounds (make bench-peers)")
	}
	return n
}

// Python is the Python that PEER_PYTHON names.
func Python(t testing.TB, packages string) string {
	t.Helper()
	python := os.Getenv("PEER_PYTHON")
	if python == "" {
		t.Skipf("a measurement: PEER_PYTHON names no Python with %s", packages)
	}
	return python
}

// Ratio is how many times as fast ours is: the geometric mean of theirs over
// ours, with its 95 % interval by Student's t over the rounds' logarithms.
type Ratio struct {
	Mean, Low, High float64
	Rounds          int
}

// Compare takes the seconds, or any cost, of the same work in each round.
func Compare(ours, theirs []float64) Ratio {
	n := float64(len(ours))
	mean, square := 0.0, 0.0
	for i := range ours {
		mean += math.Log(theirs[i]/ours[i]) / n
	}
	for i := range ours {
		d := math.Log(theirs[i]/ours[i]) - mean
		square += d * d
	}
	half := math.Inf(1)
	if n > 1 {
		t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(0.975)
		half = t * math.Sqrt(square/(n-1)/n)
	}
	return Ratio{math.Exp(mean), math.Exp(mean - half), math.Exp(mean + half), len(ours)}
}

// String is "1.52 [1.48, 1.57]".
func (r Ratio) String() string { return fmt.Sprintf("%.2f [%.2f, %.2f]", r.Mean, r.Low, r.High) }

// Row is a line of the table of measurements: the same work by us and by a peer.
type Row struct {
	Work, Us, Peer string
	Ours, Theirs   float64 // in Unit, of the median round
	Unit           string
	Ratio          Ratio  // the zero value where one measurement stands beside a limit
	Target         string // AtLeast or AtMost; "" without one
}

// AtLeast says whether a target is met: "2 or more: missed". what names the figure
// that counts where it is not the row's ratio.
func AtLeast(got, want float64, what string) string { return target(got >= want, want, "more", what) }

// AtMost is AtLeast for what is to be small.
func AtMost(got, want float64, what string) string { return target(got <= want, want, "less", what) }

func target(met bool, want float64, side, what string) string {
	if what != "" {
		what += " "
	}
	return fmt.Sprintf("%s%g or %s: %s", what, want, side, map[bool]string{true: "met", false: "missed"}[met])
}

// Record logs a row, and adds it to the Markdown table in the file that
// PEER_TABLE names; a file that is not there yet gets a head.
func Record(t testing.TB, r Row) {
	t.Helper()
	if r.Ratio.Rounds > 0 {
		t.Logf("%s, %s: %s %s; %s: %s; ours is %s times as fast (n=%d)", r.Work, r.Us, figure(r.Ours), r.Unit, r.Peer, figure(r.Theirs), r.Ratio, r.Ratio.Rounds)
	} else {
		t.Logf("%s, %s: %s %s; %s: %s", r.Work, r.Us, figure(r.Ours), r.Unit, r.Peer, figure(r.Theirs))
	}
	if r.Target != "" {
		t.Logf("target: %s", r.Target)
	}
	path := os.Getenv("PEER_TABLE")
	if path == "" {
		return
	}
	if !filepath.IsAbs(path) {
		t.Fatalf("PEER_TABLE=%s is not an absolute path", path)
	}
	if err := appendRow(path, r); err != nil {
		t.Fatal(err)
	}
}

const tableHead = "| work | ours | peer | of ours | of the peer | unit | times as fast [95 %] | rounds | target |\n|:--|:--|:--|--:|--:|:--|--:|--:|:--|\n"

func appendRow(path string, r Row) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	var b strings.Builder
	if info.Size() == 0 {
		b.WriteString(tableHead)
	}
	ratio, rounds := r.Ratio.String(), r.Ratio.Rounds
	if rounds == 0 {
		ratio, rounds = "–", 1
	}
	fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s | %d | %s |\n", r.Work, r.Us, r.Peer, figure(r.Ours), figure(r.Theirs), r.Unit, ratio, rounds, cmp.Or(r.Target, "–"))
	_, err = f.WriteString(b.String())
	return err
}

// figure has three digits, thousands in full.
func figure(v float64) string {
	if math.Abs(v) >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.3g", v)
}
