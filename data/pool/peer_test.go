package pool

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"react/data/laion"
	"react/data/peer"
)

// envManifest makes the test binary a process that writes a manifest of the
// metadata in this folder and says its peak of memory in MiB.
const envManifest = "POOL_MANIFEST"

func TestMain(m *testing.M) {
	if dir := os.Getenv(envManifest); dir != "" {
		peak, err := manifestPeak(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(peak)
		return
	}
	os.Exit(m.Run())
}

func manifestPeak(dir string) (float64, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.parquet"))
	if err != nil {
		return 0, err
	}
	least := 0.25
	matcher, err := NewMatcher(Filter{MinSimilarity: &least, MinSide: 200, NSFW: []string{"UNLIKELY"}}, Lists{})
	if err != nil {
		return 0, err
	}
	out := filepath.Join(dir, "manifest")
	if err := os.MkdirAll(out, 0o777); err != nil {
		return 0, err
	}
	if _, err := Write(context.Background(), out, Source{Metadata: files}, matcher, nil); err != nil {
		return 0, err
	}
	var u syscall.Rusage
	err = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return float64(u.Maxrss) / 1024, err
}

// TestManifestMemory writes the manifest of ten million rows with a filter: its
// memory has to be under 500 MiB.
func TestManifestMemory(t *testing.T) {
	peer.Rounds(t)
	const rows, perFile, batch = 10_000_000, 5_000_000, 20_000
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 2))
	list := make([]laion.Row, batch)
	for file := range rows / perFile {
		w, err := laion.Create(filepath.Join(dir, fmt.Sprintf("part-%05d.parquet", file)))
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < perFile; at += batch {
			for i := range list {
				n := file*perFile + at + i
				list[i] = laion.Row{Index: int64(n), URL: fmt.Sprintf("https://images.host%d.example.com/uploads/%x/%d.jpg", n%1000, rng.Uint64(), n), Text: fmt.Sprintf("a caption of some words about picture %d of %d", n, rng.IntN(1000)),
					Width: rng.Int32N(3000), Height: rng.Int32N(3000), NSFW: []string{"UNLIKELY", "UNSURE", "NSFW"}[rng.IntN(3)], License: "?", Similarity: 0.2 + 0.2*rng.Float64()}
			}
			if err := w.Write(list); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envManifest+"="+dir)
	var peak float64
	if _, err := fmt.Sscan(peer.Start(t, "manifest", cmd).Line(t), &peak); err != nil {
		t.Fatal(err)
	}
	peer.Record(t, peer.Row{Work: "manifest of a pool of 10M rows with a filter, peak of memory", Us: "data/pool", Peer: "the limit", Ours: peak, Theirs: 500, Unit: "MiB", Target: peer.AtMost(peak, 500, "")})
	if peak > 500 {
		t.Errorf("%.0f MiB, over 500", peak)
	}
}
