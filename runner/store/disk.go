package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// tempPrefix marks files that are being written; no reader looks at them.
const tempPrefix = ".new-"

// disk writes so that a crash of the machine leaves all or nothing: what is
// named is on the disk before its name is. Tests watch what it syncs.
type disk struct {
	sync func(*os.File) error
}

// writeFile puts data at path whole or not at all, and on disk before it
// returns. The directory of path exists.
func (d disk) writeFile(path string, data []byte) error {
	temp, err := d.writeTemp(filepath.Dir(path), filepath.Base(path), data)
	if err != nil {
		return err
	}
	return d.place(temp, path)
}

// writeTemp writes a new file, on disk, that place then gives its name.
func (d disk) writeTemp(dir, name string, data []byte) (temp string, err error) {
	f, err := os.CreateTemp(dir, tempPrefix+name+"-*")
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(0o644)
	}
	if err == nil {
		err = d.sync(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

// place moves a file to its path, on disk.
func (d disk) place(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return d.syncDir(filepath.Dir(path))
}

// syncDir puts the names in dir on disk.
func (d disk) syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.sync(f), f.Close())
}

// makeDirs is os.MkdirAll whose new names are on disk when it returns. Of a
// directory that cannot be read nothing is known, and nothing is said.
func (d disk) makeDirs(dir string) error {
	var parents []string // of the directories to make, the innermost first
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Lstat(at); err == nil {
			break
		}
		parents = append(parents, filepath.Dir(at))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, parent := range slices.Backward(parents) {
		if err := d.syncDir(parent); err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// digest reads a file's sha256; its bytes are on disk afterwards.
func (d disk) digest(path string) (string, error) {
	f, sum, err := openDigest(context.Background(), path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := d.sync(f); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return sum, nil
}

// digest reads a file's sha256.
func digest(path string) (string, error) { return digestUntil(context.Background(), path) }

// digestUntil is digest that ends with the context: a file may take minutes.
func digestUntil(ctx context.Context, path string) (string, error) {
	f, sum, err := openDigest(ctx, path)
	if err != nil {
		return "", err
	}
	return sum, f.Close()
}

// openDigest leaves the file open.
func openDigest(ctx context.Context, path string) (*os.File, string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	h := sha256.New()
	for n := int64(digestStep); n == digestStep && err == nil; {
		if err = ctx.Err(); err == nil {
			n, err = io.Copy(h, io.LimitReader(f, digestStep))
		}
	}
	if err != nil {
		f.Close()
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return f, hex.EncodeToString(h.Sum(nil)), nil
}

// digestStep is how many bytes are read between two looks at the context.
const digestStep = 64 << 20

// replaceFile puts data at path whole or not at all, without waiting for the disk.
func replaceFile(path string, data []byte) error {
	unsynced := disk{sync: func(*os.File) error { return nil }}
	return unsynced.writeFile(path, data)
}

// OpenAppend opens a file of a store to add to it; flags are those of os.OpenFile. A link in its
// place, which could lead anywhere, is an error.
func OpenAppend(path string, flags int) (*os.File, error) {
	return os.OpenFile(path, os.O_APPEND|syscall.O_NOFOLLOW|flags, 0o666)
}

// removeAll removes dir, read-only directories included. It goes through no
// link.
func removeAll(dir string) error {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o777)
		}
		return nil
	})
	return os.RemoveAll(dir)
}

// makeMovable lets a directory be renamed, for which it must be writable; a link
// in its place is left alone, and what it leads to.
func makeMovable(dir string) {
	if info, err := os.Lstat(dir); err == nil && info.IsDir() {
		os.Chmod(dir, 0o755)
	}
}
