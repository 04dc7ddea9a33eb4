package store

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// TestMain also serves as the child processes of these tests: what they do is
// named by STORE_CHILD.
func TestMain(m *testing.M) {
	children := map[string]func(s *Store) error{
		"commit":    childCommit,
		"read-only": childReadOnly,
		"full":      childFull,
		"lease":     childLease,
		"record":    childRecord,
		"collect":   childCollect,
	}
	child := children[os.Getenv("STORE_CHILD")]
	if child == nil {
		os.Exit(m.Run())
	}
	if err := runChild(child); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func runChild(child func(s *Store) error) error {
	if os.Getenv("STORE_NOBODY") != "" && os.Getuid() == 0 {
		if err := syscall.Setuid(65534); err != nil {
			return err
		}
	}
	s, err := Open(os.Getenv("STORE_DIR"))
	if err != nil {
		return err
	}
	return child(s)
}

// childEnv starts this test binary again as a child.
func childEnv(t *testing.T, child, dir string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "STORE_CHILD="+child, "STORE_DIR="+dir)...)
	cmd.Stderr = os.Stderr
	return cmd
}

// childCommit publishes testKey and dies before the step whose number, from 1,
// is STORE_KILL. What it does it prints.
func childCommit(s *Store) error {
	at, _ := strconv.Atoi(os.Getenv("STORE_KILL"))
	steps := 0
	die := func(step string) {
		fmt.Println(step)
		if steps++; steps == at {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	s.step = die
	txn, err := s.Begin(testKey, "embed", []string{"op embed 1"})
	if err != nil {
		return err
	}
	if err := fill(txn.Dir(), os.Getenv("STORE_TEXT")); err != nil {
		return err
	}
	die("begun")
	e, err := txn.Commit(nil, nil)
	if err != nil {
		return err
	}
	if err := s.Verify(e); err != nil {
		return err
	}
	return s.Close()
}

// childRecord dies while it writes a record.
func childRecord(s *Store) error {
	s.step = func(step string) {
		if step == "record" {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	}
	w, err := s.Sweep("emoji", "0a1b2c3d")
	if err != nil {
		return err
	}
	return w.Write("tables/main.md", []byte("| a table |"))
}

// childReadOnly expects a store it may read and not write.
func childReadOnly(s *Store) error {
	if _, ok, err := s.Lookup(testKey); !ok {
		return fmt.Errorf("entry not found in a read-only store: %v", err)
	}
	_, err := s.Begin(otherKey, "embed", nil)
	var fault *Error
	if !errors.As(err, &fault) {
		return fmt.Errorf("Begin on a read-only store: %v", err)
	}
	if errors.As(s.Prepare(), &fault) {
		return nil
	}
	return errors.New("Prepare found nothing wrong with a read-only store")
}

// childFull has a mount namespace of its own: it fills a small tmpfs.
func childFull(s *Store) error {
	if err := syscall.Mount("tmpfs", s.root, "tmpfs", 0, "size=512k"); err != nil {
		fmt.Println("skip: mount tmpfs:", err)
		return nil
	}
	txn, err := s.Begin(testKey, "embed", nil)
	if err != nil {
		return err
	}
	if err := fill(txn.Dir(), "small"); err != nil {
		return err
	}
	ballast, err := fillDisk(s.root)
	if err != nil {
		return err
	}
	_, err = txn.Commit(nil, nil)
	var fault *Error
	if !errors.As(err, &fault) || !errors.Is(err, syscall.ENOSPC) {
		return fmt.Errorf("commit on a full disk: %v", err)
	}
	fmt.Println(err)
	if _, ok, err := s.Lookup(testKey); ok || err != nil {
		return fmt.Errorf("after a full disk: hit %v, %v", ok, err)
	}
	os.Remove(ballast)
	return childCommit(s)
}

func fillDisk(dir string) (string, error) {
	path := filepath.Join(dir, tempPrefix+"ballast")
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		return "", err
	}
	return path, nil
}

// fill writes a small output: two files, one of them in a folder.
func fill(dir, text string) error {
	if err := os.Mkdir(filepath.Join(dir, "img_emb"), 0o777); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "img_emb", "img_emb_0.npy"), []byte(text), 0o666); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "rows.txt"), []byte("rows of "+text), 0o666)
}
