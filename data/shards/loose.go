package shards

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Loose reports whether a path is a member that lies in a folder of its own
// shard, as img2dataset's files layout has them (00000/000000000.jpg, with .txt
// and .json beside it), and no tar.
func Loose(path string) bool {
	key, ext := split(filepath.Base(path))
	return key != "" && !Hidden(filepath.Base(path)) && (ext == "txt" || ext == "json" || slices.Contains(extensions, ext))
}

// group sorts what Index is given into shards: tars, and folders with the
// members that lie in each.
func group(paths []string) (names []string, loose map[string][]string) {
	loose = map[string][]string{}
	for _, path := range paths {
		if !Loose(path) {
			names = append(names, path)
			continue
		}
		dir := filepath.Dir(path)
		if loose[dir] == nil {
			names = append(names, dir)
		}
		loose[dir] = append(loose[dir], path)
	}
	slices.Sort(names)
	return names, loose
}

// readLoose indexes a folder, its members in the order of their names.
func (x *shardIndex) readLoose(ctx context.Context, dir string, members []string, maxBad int) error {
	x.name = dir
	slices.Sort(members)
	err := x.collect(maxBad, func(fn func(Member, io.Reader) error) error {
		for _, path := range members {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := looseMember(path, fn); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range x.samples {
		x.samples[i].File = x.samples[i].Key + "." + x.samples[i].Ext
	}
	return err
}

func looseMember(path string, fn func(Member, io.Reader) error) error {
	key, ext := split(filepath.Base(path))
	m := Member{Name: filepath.Base(path), Key: key, Ext: ext}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for who writes to it
		m.Fault = "is no file (" + info.Mode().Type().String() + ")"
		return fn(m, strings.NewReader(""))
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	m.Size = info.Size()
	return fn(m, f)
}

// readLoose returns the bytes of an image that is a file.
func (s *Set) readLoose(sample Sample, buf []byte) ([]byte, error) {
	dir := s.shards[sample.Shard]
	f, err := os.Open(filepath.Join(dir, sample.File))
	if errors.Is(err, os.ErrNotExist) { // img2dataset writes small letters, others may not
		f, err = os.Open(filepath.Join(dir, sample.Key+"."+strings.ToUpper(sample.Ext)))
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	buf = slices.Grow(buf[:0], int(sample.Size))[:sample.Size]
	if _, err := io.ReadFull(f, buf); err != nil {
		return nil, fmt.Errorf("shard %s: key %s: %w", dir, sample.Key, err)
	}
	return buf, nil
}
