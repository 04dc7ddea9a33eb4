package image

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
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
		err := Use(raw, true, func(img *RGB) error {
			if dst == nil {
				Preprocess(img, 224)
				return nil
			}
			Preparation{Size: 224}.Normalize(img, clipMean, clipStd, dst)
			return nil
		})
		if err != nil {
			t.Fatal(err)
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

// small writes the photos at 256x256 pixels, as sets of images are often kept, and names each eight
// times.
func small(t testing.TB) (names []string, files [][]byte) {
	t.Helper()
	_, large := photos(t)
	dir := t.TempDir()
	for i, raw := range large {
		img, err := Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := EncodeJPEG(Resize(img, 256, 256, Bicubic), 90)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, fmt.Sprint(i, ".jpg"))
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		names, files = append(names, path), append(files, raw)
	}
	return slices.Repeat(names, 8), slices.Repeat(files, 8)
}

// TestSpeedAgainstPillow takes turns with Pillow at decoding and preparing the
// same files, by processor time.
func TestSpeedAgainstPillow(t *testing.T) {
	peer.Rounds(t) // skips before anything is made
	names, files := photos(t)
	againstPillow(t, "JPEG", names, files)
	names, files = small(t)
	againstPillow(t, "JPEG of 256 pixels", names, files)
}

func againstPillow(t *testing.T, what string, names []string, files [][]byte) {
	rounds, python := peer.Rounds(t), peer.Python(t, "Pillow and numpy")
	args := append([]string{filepath.Join("testdata", "peer.py"), "224"}, names...)
	pillow := peer.Start(t, "Pillow", exec.Command(python, args...))
	pillow.Name = pillow.Line(t)
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
	n := float64(len(files))
	for i, to := range []string{" to 224 pixels", " to 224 pixels, normalised"} {
		peer.Record(t, peer.Row{Work: what + to, Us: "data/image", Peer: pillow.Name, Unit: "images/CPU-s",
			Ours: n / peer.Median(ours[i]), Theirs: n / peer.Median(theirs[i]), Ratio: peer.Compare(ours[i], theirs[i])})
	}
}
