package image

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"react/data/peer"
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
	start := peer.CPUSeconds(b)
	for b.Loop() {
		prepareAll(b, files, dst)
	}
	b.ReportMetric(float64(b.N*len(files))/(peer.CPUSeconds(b)-start), "images/cpu-s")
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
	pillow := peer.Start(t, "Pillow", exec.Command(python, append([]string{filepath.Join("testdata", "peer.py"), "224"}, names...)...))
	dst := make([]float32, 3*224*224)
	var ours, theirs [2][]float64 // seconds without and with the normalisation
	for range rounds {
		start := peer.CPUSeconds(t)
		prepareAll(t, files, nil)
		pixels := peer.CPUSeconds(t)
		prepareAll(t, files, dst)
		own := [2]float64{pixels - start, peer.CPUSeconds(t) - pixels}
		var other [2]float64
		pillow.Ask(t, "", &other[0], &other[1])
		for i := range own {
			ours[i], theirs[i] = append(ours[i], own[i]), append(theirs[i], other[i])
		}
	}
	for i, what := range []string{"decode, resize, crop", "the same and normalise"} {
		ratios := make([]float64, rounds)
		for j := range ratios {
			ratios[j] = theirs[i][j] / ours[i][j]
		}
		n := float64(len(files))
		t.Logf("%s: ours %.0f images/s, Pillow %.0f; ours is %.2f times as fast", what, n/peer.Median(ours[i]), n/peer.Median(theirs[i]), peer.Median(ratios))
	}
}
