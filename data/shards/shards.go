// Package shards reads and writes images in webdataset tars as img2dataset lays
// them out: for each sample KEY.jpg (or png, webp, ...), KEY.txt with the
// caption and KEY.json with what is known about it.
//
// img2dataset's files layout, where a shard is a folder with the same members, is
// read as well.
//
// Reading is by index: Index passes over the tars once, remembers where each
// image is, and Read then fetches images in any order by offset. Nothing is
// unpacked and no image is decoded; package image does that. Members are taken
// in any order, since img2dataset writes them as downloads end.
//
// Words: a shard is one tar, or folder; a member is one file in it; a sample is the
// members of one key, the key being the member's name up to the first dot after
// its last slash.
package shards

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"react/data/caught"
)

// Sample is where an image is, and what its .json and .txt say of it.
type Sample struct {
	Key          string
	Shard        int    // place in Set.Shards
	Ext          string // of the image, lower case, without the dot
	Offset, Size int64  // of the image in the shard, bytes
	URL, Caption string // "" where unknown
	File         string // of the image, in a folder; "" in a tar
}

// Bad says what was wrong in a shard and was skipped.
type Bad struct {
	Shard string
	Key   string // "" when it is about the tar
	Why   string
}

func (b Bad) String() string {
	if b.Key == "" {
		return fmt.Sprintf("shard %s: %s", b.Shard, b.Why)
	}
	return fmt.Sprintf("shard %s: key %s: %s", b.Shard, b.Key, b.Why)
}

// extensions of members that are images; package image reads them all.
var extensions = []string{"jpg", "jpeg", "png", "webp", "gif", "bmp", "tif", "tiff"}

// maxOpen is the number of tars kept open; those over it are opened for each
// read, which costs little beside decoding.
const maxOpen = 128

// Set is the index of some shards. Its methods may be called concurrently.
type Set struct {
	shards  []string
	samples []Sample
	byKey   map[string]int32
	again   map[string][]int32 // keys of several samples
	bad     []Bad
	byURL   func() map[string]int32 // address and caption; address alone where that is one sample's

	names func() names // of the shards, for Join

	mu    sync.Mutex
	files map[int]*os.File
}

// Index passes over tars, each sorted by name and read once, several at a time;
// paths that are Loose are members of a folder.
// Up to maxBad faults are skipped and counted (see Bad): a tar that ends early
// or is damaged after whole members, a member that is no file, a .json that is none, a caption
// that is not UTF-8, a sample without image. One more is an error, and so is a
// file that is missing or no tar at all.
func Index(ctx context.Context, paths []string, maxBad int) (*Set, error) {
	names, loose := group(paths)
	s := &Set{shards: names, byKey: map[string]int32{}, again: map[string][]int32{}, files: map[int]*os.File{}}
	parts := make([]shardIndex, len(s.shards))
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(min(8, runtime.GOMAXPROCS(0)))
	for i, name := range s.shards {
		readers.Go(func() error {
			return caught.Do("shard "+name, func() error {
				if members := loose[name]; members != nil {
					return parts[i].readLoose(ctx, name, members, maxBad)
				}
				return parts[i].read(ctx, name, maxBad)
			})
		})
	}
	if err := readers.Wait(); err != nil {
		return nil, err
	}
	for i := range parts {
		if err := s.add(i, &parts[i], maxBad); err != nil {
			return nil, err
		}
	}
	s.byURL, s.names = sync.OnceValue(s.indexURLs), sync.OnceValue(s.nameShards)
	return s, nil
}

// add appends the samples of shard i. A key may come again in another shard:
// what that means is for Join to say.
func (s *Set) add(i int, part *shardIndex, maxBad int) error {
	s.bad = append(s.bad, part.bad...)
	for _, sample := range part.samples {
		sample.Shard = i
		at := int32(len(s.samples))
		if first, ok := s.byKey[sample.Key]; !ok {
			s.byKey[sample.Key] = at
		} else {
			if s.again[sample.Key] == nil {
				s.again[sample.Key] = []int32{first}
			}
			s.again[sample.Key] = append(s.again[sample.Key], at)
		}
		s.samples = append(s.samples, sample)
	}
	return tooMany(s.bad, maxBad)
}

// tooMany is the error for more than maxBad faults.
func tooMany(bad []Bad, maxBad int) error {
	if len(bad) <= maxBad {
		return nil
	}
	return fmt.Errorf("%v (fault %d, and %d are allowed)", bad[maxBad], maxBad+1, maxBad)
}

// Shards lists the tars and folders, sorted.
func (s *Set) Shards() []string { return s.shards }

// Samples lists all samples in the order of shard, then offset. Not to be
// modified.
func (s *Set) Samples() []Sample { return s.samples }

// Bad lists what Index skipped, in the order of the shards.
func (s *Set) Bad() []Bad { return s.bad }

// Read returns the bytes of a sample's image, in buf where it is large enough.
func (s *Set) Read(sample Sample, buf []byte) ([]byte, error) {
	if sample.File != "" {
		return s.readLoose(sample, buf)
	}
	f, done, err := s.open(sample.Shard)
	if err != nil {
		return nil, err
	}
	defer done()
	buf = slices.Grow(buf[:0], int(sample.Size))[:sample.Size]
	if _, err := io.ReadFull(io.NewSectionReader(f, sample.Offset, sample.Size), buf); err != nil {
		return nil, fmt.Errorf("shard %s: key %s: offset %d: %w", s.shards[sample.Shard], sample.Key, sample.Offset, err)
	}
	return buf, nil
}

// open gives shard i's file; done is called after its use.
func (s *Set) open(i int) (f *os.File, done func(), err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.files[i]; f != nil {
		return f, func() {}, nil
	}
	if f, err = os.Open(s.shards[i]); err != nil {
		return nil, nil, err
	}
	if len(s.files) >= maxOpen {
		return f, func() { f.Close() }, nil
	}
	s.files[i] = f
	return f, func() {}, nil
}

// Close closes the tars; Read opens them again.
func (s *Set) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var first error
	for i, f := range s.files {
		if err := f.Close(); err != nil && first == nil {
			first = err
		}
		delete(s.files, i)
	}
	return first
}

// split divides a member's name into key and lower-case extension; no dot, no
// key.
func split(name string) (key, ext string) {
	dir, base := path.Split(strings.TrimPrefix(name, "./"))
	stem, ext, ok := strings.Cut(base, ".")
	if !ok || stem == "" {
		return "", ""
	}
	return dir + stem, strings.ToLower(ext)
}
