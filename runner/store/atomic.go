package store

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// tempPrefix marks files that are being written; no reader looks at them.
const tempPrefix = ".new-"

// writeFile puts data at path whole or not at all, and on disk before it
// returns. The directory of path exists.
func writeFile(path string, data []byte) error {
	temp, err := writeTemp(filepath.Dir(path), filepath.Base(path), data)
	if err != nil {
		return err
	}
	return place(temp, path)
}

// writeTemp writes a new file, on disk, that place then gives its name.
func writeTemp(dir, name string, data []byte) (temp string, err error) {
	f, err := os.CreateTemp(dir, tempPrefix+name+"-*")
	if err != nil {
		return "", err
	}
	if err = errors.Join(writeSync(f, data), f.Close()); err != nil {
		os.Remove(f.Name())
	}
	return f.Name(), err
}

// place moves a file to its path, on disk.
func place(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		os.Remove(temp)
		return err
	}
	return syncDir(filepath.Dir(path))
}

// replaceFile puts data at path whole or not at all, without waiting for the
// disk.
func replaceFile(path string, data []byte) error {
	temp := filepath.Join(filepath.Dir(path), fmt.Sprintf("%s%s-%08x", tempPrefix, filepath.Base(path), rand.Uint32()))
	err := os.WriteFile(temp, data, 0o644)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		os.Remove(temp)
	}
	return err
}

func writeSync(f *os.File, data []byte) error {
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return err
	}
	return f.Sync()
}

// syncDir puts the names in dir on disk.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// removeAll removes dir, read-only directories included.
func removeAll(dir string) error {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			return os.Chmod(path, 0o777)
		}
		return nil
	})
	return os.RemoveAll(dir)
}
