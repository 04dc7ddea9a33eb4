package segmentation

import (
	"fmt"
	"math/rand/v2"
	"os/exec"
	"testing"
	"time"

	"react/data/npy"
	"react/data/peer"
)

// labelMaps are maps of 640×480 pixels out of patches of one label each, and what a model makes of
// them: one patch in five is of another class, and every pixel of the last maps is.
func labelMaps(numMaps, classes int) (predicted, truth [][]uint8) {
	rng := rand.New(rand.NewPCG(1, 7))
	const width, height = 640, 480
	for m := range numMaps {
		p, t := make([]uint8, width*height), make([]uint8, width*height)
		for range 60 {
			label := uint8(rng.IntN(classes))
			said := label
			switch rng.IntN(25) {
			case 0:
				label = 255
			case 1, 2, 3, 4, 5:
				said = uint8(rng.IntN(classes))
			}
			x, y := rng.IntN(width), rng.IntN(height)
			for row := y; row < min(height, y+150); row++ {
				for col := x; col < min(width, x+200); col++ {
					t[row*width+col], p[row*width+col] = label, said
				}
			}
		}
		if m%2 == 1 { // an untidy model
			for i := range p {
				if rng.IntN(4) == 0 {
					p[i] = uint8(rng.IntN(classes))
				}
			}
		}
		predicted, truth = append(predicted, p), append(truth, t)
	}
	return predicted, truth
}

// TestCountAgainstNumPy takes turns with NumPy's bincount on 2,000 label maps of 171 classes, half of
// them tidy, half with one pixel in four at random. 20 of them go round, on one processor.
func TestCountAgainstNumPy(t *testing.T) {
	rounds, python := peer.Rounds(t), peer.Python(t, "NumPy")
	const pictures, classes = 2000, 171
	predicted, truth := labelMaps(20, classes)
	dir := t.TempDir()
	for name, maps := range map[string][][]uint8{"predicted": predicted, "truth": truth} {
		var flat []float32
		for _, m := range maps {
			for _, v := range m {
				flat = append(flat, float32(v))
			}
		}
		if err := npy.Write(dir+"/"+name+".npy", []int{len(maps), len(maps[0])}, flat, "<f4"); err != nil {
			t.Fatal(err)
		}
	}
	names := make([]string, classes)
	for i := range names {
		names[i] = fmt.Sprint(i)
	}
	p := peer.Start(t, "NumPy", exec.Command(python, "testdata/peer.py", dir, fmt.Sprint(classes)))
	counter := NewCounter(names, 255)
	var ours, theirs []float64
	for range rounds {
		start, right := time.Now(), 0
		for i := range pictures {
			rows, err := Count(counter, "p", predicted[i%len(predicted)], truth[i%len(truth)])
			if err != nil {
				t.Fatal(err)
			}
			for _, row := range rows {
				right += row.Right
			}
		}
		ours = append(ours, time.Since(start).Seconds())
		var seconds float64
		var want int
		p.Ask(t, fmt.Sprint(pictures), &seconds, &want)
		theirs = append(theirs, seconds)
		if right != want {
			t.Errorf("%d pixels are right, by NumPy %d", right, want)
		}
	}
	ratio := peer.Compare(ours, theirs)
	peer.Record(t, peer.Row{Work: "pixels by class, 2,000 pictures of 640 x 480, 171 classes", Us: "ops/metric/segmentation", Peer: "NumPy", Unit: "pictures/s",
		Ours: pictures / peer.Median(ours), Theirs: pictures / peer.Median(theirs), Ratio: ratio, Target: peer.AtLeast(ratio.Mean, 1, "")})
}
