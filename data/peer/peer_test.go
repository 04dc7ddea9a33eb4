package peer

import (
	"os/exec"
	"testing"
)

func TestAsk(t *testing.T) {
	p := Start(t, "cat", exec.Command("cat"))
	var word string
	var n int
	for range 2 {
		if p.Ask(t, "rows 7", &word, &n); word != "rows" || n != 7 {
			t.Errorf("got %q, %d", word, n)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		in   []float64
		want float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := Median(c.in); got != c.want {
			t.Errorf("%v: got %v, want %v", c.in, got, c.want)
		}
	}
}
