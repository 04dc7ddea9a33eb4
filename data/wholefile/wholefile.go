// Package wholefile writes files that are there whole or not at all. The bytes go to a new file
// in the same folder, are synced, and only then get their name, which is synced too. An error, a
// full disk among them, leaves the file that was there before and none beside it; a process that
// is killed may leave a hidden file with a number behind its name.
//
// The store does not write through it: what it syncs, and in which order, is watched by its tests,
// and its collector knows the names of what a killed process left.
package wholefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/google/renameio/v2"
)

// Write puts data at path, with the permission bits that the umask leaves, as os.WriteFile does.
func Write(path string, data []byte, perm fs.FileMode) error {
	return Fill(path, perm, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
}

// WriteMode is Write with exactly these permission bits, whatever the umask.
func WriteMode(path string, data []byte, perm fs.FileMode) error {
	return Fill(path, perm, func(f *os.File) error {
		_, err := f.Write(data)
		return errors.Join(err, f.Chmod(perm))
	})
}

// Fill is Write of what fill writes to the new file; fill does not close it.
func Fill(path string, perm fs.FileMode, fill func(f *os.File) error) error {
	dir := filepath.Dir(path)
	// Without a folder of its own choice renameio tries out two files in TMPDIR each time.
	f, err := renameio.NewPendingFile(path, renameio.WithTempDir(dir), renameio.WithPermissions(perm))
	if err != nil {
		return err
	}
	defer f.Cleanup()
	if err := fill(f.File); err != nil {
		return err
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return err
	}
	return syncDir(dir)
}

// Publish gives a file that is written and closed its name in the same file system, synced as
// Write does.
func Publish(from, path string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(from, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// syncDir puts a folder's names on disk. A folder that one may write but not list, or of a file
// system that has no such call, is no error: the file is in place.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, f.Close())
}
