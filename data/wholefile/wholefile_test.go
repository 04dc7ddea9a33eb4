package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestWrite: content and permission bits, of a new file and of one that is replaced.
func TestWrite(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	for _, c := range []struct {
		write func(string, []byte, fs.FileMode) error
		want  fs.FileMode
	}{{Write, 0o640}, {WriteMode, 0o666}} {
		path := filepath.Join(t.TempDir(), "f")
		for _, text := range []string{"one", "two"} {
			if err := c.write(path, []byte(text), 0o666); err != nil {
				t.Fatal(err)
			}
			check(t, path, text, c.want)
		}
	}
}

// TestErrors: what cannot be written whole leaves the file as it was, and nothing beside it.
func TestErrors(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	if err := WriteMode(path, []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := func(f *os.File) error {
		_, err := f.WriteString("half of")
		return errors.Join(err, syscall.ENOSPC)
	}
	if err := Fill(path, 0o666, full); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk: %v", err)
	}
	closed := func(f *os.File) error { return f.Close() } // it cannot be synced
	if err := Fill(path, 0o666, closed); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("no sync: %v", err)
	}
	if err := Publish(filepath.Join(filepath.Dir(path), "none"), path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("nothing to publish: %v", err)
	}
	check(t, path, "before", 0o600)

	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, []byte("x"), 0o666); err == nil {
		t.Error("a folder was replaced")
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}

// TestReadOnlyFolder: the error names what is not permitted.
func TestReadOnlyFolder(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere: run as another user")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "f"), nil, 0o666); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("got %v", err)
	}
	// One that cannot be listed is written all the same.
	if err := os.Chmod(dir, 0o333); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(dir, 0o777)
	if err := Write(filepath.Join(dir, "f"), nil, 0o666); err != nil {
		t.Error(err)
	}
}

// TestPublish moves a file that another has written, one that nobody may write any more too.
func TestPublish(t *testing.T) {
	dir := t.TempDir()
	from := filepath.Join(dir, "from")
	if err := WriteMode(from, []byte("x"), 0o444); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "f")
	if err := Publish(from, path); err != nil {
		t.Fatal(err)
	}
	check(t, path, "x", 0o444)
}

// check reads a file that is alone in its folder.
func check(t *testing.T, path, text string, mode fs.FileMode) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != text {
		t.Errorf("got %q, %v, want %q", got, err, text)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != mode {
		t.Errorf("got %v, %v, want %v", info.Mode(), err, mode)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
}
