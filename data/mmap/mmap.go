// Package mmap gives the bytes of a whole file: a large file is mapped, so that
// pages come in when they are read and go out under pressure, and a small one is
// copied. It is for files of weights, of which most is read once.
//
// The pages are private and may be written to without changing the file. A
// mapped file that another program cuts short faults when it is read: writers
// of such files must write a new one and rename it.
package mmap

import (
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
)

// smallest is the size in bytes from which files are mapped.
const smallest = 1 << 20

// File is an opened file. Bytes may be called concurrently.
type File struct {
	data   []byte
	mapped bool
	once   sync.Once
	err    error
}

// Open reads or maps a file; a folder or a device is an error.
func Open(path string) (*File, error) { return open(path, smallest) }

func open(path string, smallest int64) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	size := info.Size()
	if size < smallest {
		data := make([]byte, size)
		if _, err := io.ReadFull(f, data); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return &File{data: data}, nil
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("%s: map: %w", path, err)
	}
	return &File{data: data, mapped: true}, nil
}

// Bytes are the file's; they are valid until Close.
func (f *File) Bytes() []byte { return f.data }

// Close unmaps the file. A second call does nothing.
func (f *File) Close() error {
	f.once.Do(func() {
		if f.mapped {
			f.err = syscall.Munmap(f.data)
		}
		f.data = nil
	})
	return f.err
}
