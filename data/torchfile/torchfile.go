// Package torchfile reads the tensors of files that PyTorch wrote, without
// PyTorch and without running anything of theirs.
//
// Three containers are understood: the zip of torch.save since 1.6, the plain
// pickles of older versions (the reference calls them legacy), and TorchScript
// archives (torch.jit.save, OpenAI's CLIP files). A pickle is a program; this
// package knows its opcodes and the few functions that tensors need (functions in
// rebuild.go is the list). What any other class or function would make stands as
// an opaque value, a name with its state: training programs keep such objects
// beside the weights, and reading them needs no running. A file that imports what
// only an attack needs (runners) is refused.
//
// Words: a storage is a run of values of one type in the file; a tensor is a
// view of a storage by offset, shape and strides, all counted in values. A state
// dict is the ordered mapping of parameter names to tensors; a checkpoint may
// hold it under a key such as "state_dict".
//
// Memory is bounded: pickles over 64 MiB, with values over 256 MiB or nested over 1,000 deep are
// refused, storages are read where they lie, and a tensor with more values than its storage (an
// expanded one) is refused when it is read.
package torchfile

import (
	"bytes"
	"errors"
	"fmt"

	"react/data/dtype"
	"react/data/mmap"
)

// Tensor is one entry of the state dict.
type Tensor struct {
	Name  string
	DType dtype.Type
	Shape []int // none for a scalar
	view  *view
}

// File is an opened checkpoint. Its methods may be called concurrently, but not with Close.
type File struct {
	path    string
	file    *mmap.File
	tensors []Tensor
	byName  map[string]int
	script  bool
	code    func(words ...string) (map[string]bool, error)
}

// Open reads what a file holds, but no tensor's values. An error names the file
// and what is wrong in it; Close must follow.
func Open(path string) (*File, error) {
	m, err := mmap.Open(path)
	if err != nil {
		return nil, err
	}
	f, err := read(m.Bytes())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("file %s: %w", path, err), m.Close())
	}
	f.path, f.file = path, m
	return f, nil
}

// Is reports whether a file that starts with these bytes (8 are enough) is one
// for this package, sound or not.
func Is(start []byte) bool { return isZip(start) || isLegacy(start) }

func read(data []byte) (*File, error) {
	var root any
	var err error
	f := &File{byName: map[string]int{}}
	switch {
	case isZip(data):
		var a *archive
		if a, err = openArchive(data); err != nil {
			return nil, err
		}
		f.script, f.code = a.script, a.mentions
		root, err = a.root()
	case isLegacy(data):
		root, err = readLegacy(data)
	case bytes.HasPrefix(data, []byte("version https://git-lfs")):
		return nil, fmt.Errorf("a Git LFS pointer, not the weights; fetch them with: git lfs pull")
	case len(data) > 262 && string(data[257:262]) == "ustar":
		return nil, fmt.Errorf("a tar of PyTorch before 0.2, which is not read; save it again with torch.save(torch.load(file), new)")
	default:
		return nil, fmt.Errorf("not a file of torch.save: it starts with %q", data[:min(8, len(data))])
	}
	if err != nil {
		return nil, err
	}
	named, err := stateDict(root)
	if err != nil {
		return nil, err
	}
	for _, n := range named {
		if _, twice := f.byName[n.name]; twice {
			return nil, fmt.Errorf("tensor %q is there twice", n.name)
		}
		f.byName[n.name] = len(f.tensors)
		f.tensors = append(f.tensors, Tensor{Name: n.name, DType: n.view.storage.dtype, Shape: n.view.shape, view: n.view})
	}
	return f, nil
}

// Tensors are the state dict's entries in its order; the slice is the file's.
func (f *File) Tensors() []Tensor { return f.tensors }

// Script says whether the file is a TorchScript archive.
func (f *File) Script() bool { return f.script }

// CodeMentions says which of some words stand in the code of a TorchScript
// archive, which is read and not run. Other files have no code: all false.
func (f *File) CodeMentions(words ...string) (map[string]bool, error) {
	if !f.script {
		return map[string]bool{}, nil
	}
	found, err := f.code(words...)
	if err != nil {
		return nil, fmt.Errorf("file %s: %w", f.path, err)
	}
	return found, nil
}

// Float32 gives a tensor's values, row-major. They may be the file's own bytes:
// the answer is valid until Close.
func (f *File) Float32(name string) ([]float32, error) {
	i, ok := f.byName[name]
	if !ok {
		return nil, fmt.Errorf("file %s: no tensor %q", f.path, name)
	}
	data, err := f.tensors[i].view.float32()
	if err != nil {
		return nil, fmt.Errorf("file %s: tensor %q: %w", f.path, name, err)
	}
	return data, nil
}

// Close gives the file's memory back; values that Float32 gave are gone with it.
func (f *File) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
