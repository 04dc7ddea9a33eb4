package torchfile

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"path"
	"strings"

	"react/data/dtype"
)

func isZip(data []byte) bool { return bytes.HasPrefix(data, []byte("PK\x03\x04")) }

// archive is the zip of torch.save or torch.jit.save: NAME/data.pkl, storages
// as NAME/data/KEY, for TorchScript also NAME/code and NAME/constants.pkl.
type archive struct {
	data   []byte
	prefix string // "NAME/"
	files  map[string]*zip.File
	script bool
}

func openArchive(data []byte) (*archive, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("zip, cut short or damaged: %w", err)
	}
	a := &archive{data: data, files: map[string]*zip.File{}}
	for _, f := range z.File {
		a.files[f.Name] = f
		if path.Base(f.Name) == "data.pkl" && (a.prefix == "" || len(f.Name) < len(a.prefix)+len("data.pkl")) {
			a.prefix = strings.TrimSuffix(f.Name, "data.pkl")
		}
	}
	if a.files[a.prefix+"data.pkl"] == nil {
		return nil, fmt.Errorf("a zip without a data.pkl: not a file of torch.save")
	}
	_, a.script = a.files[a.prefix+"constants.pkl"]
	return a, nil
}

// root is the value of data.pkl.
func (a *archive) root() (any, error) {
	if order, ok := a.files[a.prefix+"byteorder"]; ok {
		text, err := a.stored(order)
		if err != nil || string(text) != "little" {
			return nil, fmt.Errorf("byte order %.10q: only little-endian files are read", text)
		}
	}
	text, err := a.stored(a.files[a.prefix+"data.pkl"])
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	if len(text) > maxPickle {
		return nil, fmt.Errorf("data.pkl: %d bytes; over %d MiB no state dict has", len(text), maxPickle>>20)
	}
	known := map[string]*storage{}
	m := &machine{data: text, script: a.script, load: func(id any) (any, error) { return a.storage(known, id) }}
	v, err := m.run()
	if err != nil {
		return nil, fmt.Errorf("data.pkl: %w", err)
	}
	return v, nil
}

// stored gives an entry's own bytes in the archive. torch.save compresses
// nothing but code, and a compressed entry could be of any size.
func (a *archive) stored(f *zip.File) ([]byte, error) {
	if f.Method != zip.Store {
		return nil, fmt.Errorf("%s is compressed, which torch.save does not do", f.Name)
	}
	offset, err := f.DataOffset()
	if err != nil {
		return nil, err
	}
	// The header's own name may reach past the end, and sizes may be any.
	start := min(uint64(max(offset, 0)), uint64(len(a.data)))
	size, rest := f.UncompressedSize64, uint64(len(a.data))-start
	if size > rest || start != uint64(offset) {
		return nil, fmt.Errorf("%s: %d bytes, the file has %d: cut short", f.Name, size, rest)
	}
	return a.data[start : start+size : start+size], nil
}

// storage is a persistent id: ("storage", class, key, location, values).
func (a *archive) storage(known map[string]*storage, id any) (any, error) {
	if class, ok := unknownStorage(id); ok {
		return &opaque{class: class, depth: 1}, nil
	}
	s, err := storageOf(id)
	if err != nil {
		return nil, err
	}
	same := string(s.dtype) + s.key
	if old := known[same]; old != nil {
		if old.values != s.values {
			return nil, fmt.Errorf("storage %s has %d values and %d", s.key, old.values, s.values)
		}
		return old, nil
	}
	f := a.files[a.prefix+"data/"+s.key]
	if f == nil {
		return nil, fmt.Errorf("storage %s is not in the archive", s.key)
	}
	if want := uint64(s.values) * uint64(s.dtype.Size()); f.UncompressedSize64 < want || uint64(s.values) > uint64(len(a.data)) {
		return nil, fmt.Errorf("storage %s: %d values of %s in %d bytes", s.key, s.values, s.dtype, f.UncompressedSize64)
	}
	s.raw = func() ([]byte, error) { return a.stored(f) }
	known[same] = s
	return s, nil
}

// unknownStorage is the class of a storage whose type is not read, such as
// complex numbers. It may stand beside the weights.
func unknownStorage(id any) (string, bool) {
	t, ok := id.(tuple)
	if !ok || len(t.items) < 5 || t.items[0] != "storage" {
		return "", false
	}
	class, ok := t.items[1].(global)
	return class.String(), ok && storages[class.String()] == ""
}

// storageOf reads a persistent id's dtype, key and number of values.
func storageOf(id any) (*storage, error) {
	t, ok := id.(tuple)
	if !ok || len(t.items) < 5 || t.items[0] != "storage" {
		return nil, fmt.Errorf("a persistent id that is no storage")
	}
	class, isClass := t.items[1].(global)
	key, isKey := t.items[2].(string)
	values, isCount := t.items[4].(int64)
	var kind dtype.Type
	if isClass {
		kind = storages[class.String()]
	}
	if kind == "" || !isKey || !isCount || values < 0 {
		return nil, fmt.Errorf("a storage of %s, with %s as its key and %s as its length, is none that is read", kindOf(t.items[1]), kindOf(t.items[2]), kindOf(t.items[4]))
	}
	return &storage{dtype: kind, key: key, values: values}, nil
}

const (
	maxCode  = 32 << 20 // bytes of code read, over all files
	codeFile = 8 << 20  // of one file
)

// mentions says which words stand in the archive's code files.
func (a *archive) mentions(words ...string) (map[string]bool, error) {
	found := map[string]bool{}
	left := int64(maxCode)
	for name, f := range a.files {
		if !strings.HasPrefix(name, a.prefix+"code/") || !strings.HasSuffix(name, ".py") || left <= 0 {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		text, err := io.ReadAll(io.LimitReader(r, min(codeFile, left)))
		r.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		left -= int64(len(text))
		for _, word := range words {
			found[word] = found[word] || bytes.Contains(text, []byte(word))
		}
	}
	return found, nil
}
