package probe

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"react/data/npy"
	"react/data/peer"
	"react/ops/metric"
)

// TestProbeAgainstScikitLearn takes turns with scikit-learn's L-BFGS on the same features, for as
// many steps of the minimisation, in double precision both. PROBE_IMAGES, PROBE_DIM, PROBE_CLASSES,
// PROBE_STEPS say the size (20000, 256, 100, 50).
func TestProbeAgainstScikitLearn(t *testing.T) {
	rounds, python := peer.Rounds(t), peer.Python(t, "scikit-learn")
	n, dim, classes := size(t, "PROBE_IMAGES", 20000), size(t, "PROBE_DIM", 256), size(t, "PROBE_CLASSES", 100)
	const c = 1.0
	steps := size(t, "PROBE_STEPS", 50)
	data := clusters(n, dim, classes, 8, 1)
	dir := t.TempDir()
	labels := make([]float32, n)
	for i, l := range data.Labels {
		labels[i] = float32(l[0])
	}
	if err := npy.Write(dir+"/x.npy", []int{n, dim}, data.X.Values, "<f4"); err != nil {
		t.Fatal(err)
	}
	if err := npy.Write(dir+"/y.npy", []int{n}, labels, "<f4"); err != nil {
		t.Fatal(err)
	}
	p := peer.Start(t, "scikit-learn", exec.Command(python, "testdata/peer.py", dir, fmt.Sprint(c), strconv.Itoa(steps)))
	var ours, theirs []float64 // seconds a step: line searches end at different steps
	for range rounds {
		start := time.Now()
		head, err := Logistic{C: c, Tolerance: 1e-12, MaxSteps: steps}.Fit(data, classes)
		if err != nil {
			t.Fatal(err)
		}
		ours = append(ours, time.Since(start).Seconds()/float64(head.Steps))
		right := 0.0
		for i, l := range labels {
			if metric.Best(head.Score(data.X.Slice(i, i+1)).Row(0)) == int(l) {
				right++
			}
		}
		var seconds, score float64
		var taken int
		p.Ask(t, "go", &seconds, &taken, &score)
		theirs = append(theirs, seconds/float64(taken))
		if math.Abs(right/float64(n)-score) > 0.02 {
			t.Errorf("accuracy on the training images %v, scikit-learn's %v", right/float64(n), score)
		}
	}
	peer.Record(t, peer.Row{Work: fmt.Sprintf("logistic regression, %d x %d, %d classes", n, dim, classes), Us: "ops/probe", Peer: "scikit-learn", Unit: "steps/s",
		Ours: 1 / peer.Median(ours), Theirs: 1 / peer.Median(theirs), Ratio: peer.Compare(ours, theirs)})
}

func size(t *testing.T, name string, absent int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return absent
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 2 {
		t.Fatalf("%s=%q is not a size", name, text)
	}
	return n
}
