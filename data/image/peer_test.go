package image

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"
)

// photos are the files that stand for what people download: three photo-like
// JPEGs of about half a megapixel and less.
func photos(t testing.TB) (names []string, files [][]byte) {
	t.Helper()
	for _, name := range []string{"00_RGB_640x480.jpg", "01_RGB_333x500.jpg", "03_RGB_1000x225.jpg"} {
		path := filepath.Join("testdata", "preprocess", name)
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		names, files = append(names, path), append(files, raw)
	}
	return names, files
}

var clipMean, clipStd = [3]float32{0.48145466, 0.4578275, 0.40821073}, [3]float32{0.26862954, 0.26130258, 0.27577711}

// prepareAll decodes and prepares files for a tower of 224 pixels; with dst,
// normalises too.
func prepareAll(t testing.TB, files [][]byte, dst []float32) {
	for _, raw := range files {
		img, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if img = Preprocess(img, 224); dst != nil {
			Normalize(img, clipMean, clipStd, dst)
		}
	}
}

// BenchmarkDecodeAndPreprocess reports images per second of processor time.
func BenchmarkDecodeAndPreprocess(b *testing.B) {
	_, files := photos(b)
	dst := make([]float32, 3*224*224)
	start := cpuSeconds(b)
	for b.Loop() {
		prepareAll(b, files, dst)
	}
	b.ReportMetric(float64(b.N*len(files))/(cpuSeconds(b)-start), "images/cpu-s")
}

// TestSpeedAgainstPillow prints images per second of processor time beside
// Pillow's, and the median ratios of IMAGE_SPEED_ROUNDS interleaved rounds:
//
//	IMAGE_SPEED_ROUNDS=20 PEER_PYTHON=python3 go test ./data/image -run SpeedAgainstPillow -v
func TestSpeedAgainstPillow(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("IMAGE_SPEED_ROUNDS"))
	python := os.Getenv("PEER_PYTHON")
	if rounds == 0 || python == "" {
		t.Skip("a measurement: IMAGE_SPEED_ROUNDS and PEER_PYTHON (with Pillow and numpy) are not set")
	}
	names, files := photos(t)
	cmd := exec.Command(python, append([]string{filepath.Join("testdata", "peer.py"), "224"}, names...)...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer in.Close()
	lines := bufio.NewScanner(out)
	dst := make([]float32, 3*224*224)
	var ours, theirs [2][]float64 // seconds without and with the normalisation
	for range rounds {
		start := cpuSeconds(t)
		prepareAll(t, files, nil)
		pixels := cpuSeconds(t)
		prepareAll(t, files, dst)
		own := [2]float64{pixels - start, cpuSeconds(t) - pixels}
		var peer [2]float64
		fmt.Fprintln(in)
		if !lines.Scan() {
			t.Fatalf("the peer ended: %v", lines.Err())
		}
		if _, err := fmt.Sscan(lines.Text(), &peer[0], &peer[1]); err != nil {
			t.Fatal(err)
		}
		for i := range own {
			ours[i], theirs[i] = append(ours[i], own[i]), append(theirs[i], peer[i])
		}
	}
	for i, what := range []string{"decode, resize, crop", "the same and normalise"} {
		ratios := make([]float64, rounds)
		for j := range ratios {
			ratios[j] = theirs[i][j] / ours[i][j]
		}
		n := float64(len(files))
		t.Logf("%s: ours %.0f images/s, Pillow %.0f; ours is %.2f times as fast", what, n/median(ours[i]), n/median(theirs[i]), median(ratios))
	}
}

// cpuSeconds is the processor time of this process so far, the collector's too.
func cpuSeconds(t testing.TB) float64 {
	t.Helper()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		t.Fatal(err)
	}
	return float64(use.Utime.Nano()+use.Stime.Nano()) / 1e9
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
