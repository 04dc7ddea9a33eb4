package fetch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// envChild makes the test binary a process that fetches: "address directory n".
const envChild = "FETCH_CHILD"

func TestMain(m *testing.M) {
	if work := map[string]func() error{"serve": servePeer, "fetch": fetchPeer}[os.Getenv(envPeer)]; work != nil {
		if err := work(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if text := os.Getenv(envChild); text != "" {
		if err := child(text); err != nil {
			fmt.Println(err)
			if errors.Is(err, syscall.ENOSPC) {
				os.Exit(28)
			}
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(text string) error {
	var address, dir string
	var n int
	if _, err := fmt.Sscan(text, &address, &dir, &n); err != nil {
		return err
	}
	items := func(yield func(Item, error) bool) {
		for i := range n {
			if !yield(Item{fmt.Sprintf("%s/lazy/%d", address, i), fmt.Sprintf("caption %d", i)}, nil) {
				return
			}
		}
	}
	_, err := Run(context.Background(), items, fast(dir))
	return err
}

// TestKilled kills the process with SIGKILL, several times: what was answered is
// not asked for again, and the images are those of a run in one go.
func TestKilled(t *testing.T) {
	h := serve(t)
	const n = 120
	whole, dir := t.TempDir(), t.TempDir()
	if err := child(fmt.Sprint(h.URL, " ", whole, " ", n)); err != nil {
		t.Fatal(err)
	}
	asked, kills := h.total(), 0
	for {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %s %d", envChild, h.URL, dir, n))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		before := h.total()
		for waited := 0; h.total() < before+25 && waited < 500; waited++ { // some are fetched
			time.Sleep(2 * time.Millisecond)
		}
		cmd.Process.Kill()
		if err := cmd.Wait(); err == nil {
			break
		}
		if kills++; kills > 30 {
			t.Fatal("30 kills, and it is not done")
		}
	}
	if kills < 2 {
		t.Errorf("it was killed %d times", kills)
	}
	if extra := h.total() - asked - n; extra > 8*kills {
		t.Errorf("%d addresses were asked for again, with 8 under way at each of %d kills", extra, kills)
	}
	sameImages(t, whole, dir)
}

// TestFullDisk fills a small file system: an error that names the file, and with
// more room the same call goes on with what it has.
func TestFullDisk(t *testing.T) {
	if out, err := exec.Command("unshare", "-r", "-m", "sh", "-c", "mount -t tmpfs tmpfs /mnt").CombinedOutput(); err != nil {
		t.Skipf("no file system can be mounted here: %v: %s", err, out)
	}
	h := serve(t)
	dir := t.TempDir()
	const script = `mount -t tmpfs -o size=80k tmpfs "$1" || exit 9
FETCH_CHILD="$2 $1 150" "$0"; code=$?
echo "full: $code"
mount -o remount,size=8m "$1" || exit 9
FETCH_CHILD="$2 $1 150" "$0" || exit 1
ls "$1" | wc -l
`
	cmd := exec.Command("unshare", "-r", "-m", "sh", "-c", script, os.Args[0], dir, h.URL)
	out, err := cmd.CombinedOutput()
	text := string(out)
	// 15 shards of 3 files, and _fetch
	if err != nil || !strings.Contains(text, "full: 28") || !strings.Contains(text, "no space left on device") || !strings.HasSuffix(strings.TrimSpace(text), "46") {
		t.Errorf("%v: %s", err, text)
	}
	if again := h.total() - 150; again > 16 {
		t.Errorf("%d addresses were asked for again", again)
	}
}
