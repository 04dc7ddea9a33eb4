package store

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// racy is how old a file's last change must be before its digest is kept: a
// change within the clock's grain of the digest would not show in the mtime.
const racy = 2 * time.Second

// digestLine is a line of fingerprints.jsonl: what a file was when its digest
// was taken. Later lines replace earlier ones of the same path.
type digestLine struct {
	Path  string `json:"path"` // absolute
	Size  int64  `json:"size"`
	Mtime int64  `json:"mtime"` // nanoseconds
	// of the last change of any kind; lines before November 2026 have none
	Ctime  int64  `json:"ctime,omitempty"`
	Dev    uint64 `json:"dev,omitempty"`
	Inode  uint64 `json:"inode"`
	SHA256 string `json:"sha256"` // or the sample's

	// Check is the CRC-32 of the line without it, 0 in lines before November
	// 2026: with a wrong digest a file would be another file, and all that is made
	// of it be made again under keys that nobody finds again.
	Check uint32 `json:"check,omitempty"`
}

func (l digestLine) sum() uint32 {
	l.Check = 0
	data, _ := json.Marshal(l) // strings and numbers
	return crc32.ChecksumIEEE(data)
}

// key is what known lines are found by: a file may have a digest and a sample.
func (l digestLine) key() string {
	if strings.HasPrefix(l.SHA256, sampledPrefix) {
		return sampledPrefix + l.Path
	}
	return l.Path
}

// digests is fingerprints.jsonl in memory.
type digests struct {
	mu    sync.Mutex
	known map[string]digestLine
}

// LargeFile is the size in bytes from which Identify samples a file.
const LargeFile = 256 << 20

// sampledPrefix marks an identity that is of a sample.
const sampledPrefix = "sampled:"

// Identify returns what keys call an outside file: its sha256, or, of a file of
// LargeFile bytes or more unless strict is set, "sampled:" and the sha256 of its
// size and of parts of it (see sample): a pool of terabytes cannot be read
// through before each plan. Neither says where or how old the file is, so that
// data may be moved and copied.
func (s *Store) Identify(path string, strict bool) (string, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() >= LargeFile && !strict {
		return s.listed(path, sampledPrefix, sample)
	}
	return s.listed(path, "", digest)
}

// Digest returns that of an outside file. It is read from the
// store's list when path, size, times, device and inode are as they were; else
// the file is read, and the list added to where the store can be written. A
// file that changes while it is read is an error.
func (s *Store) Digest(path string) (string, error) { return s.listed(path, "", digest) }

// listed finds or makes a line of the list with read, whose answer begins with
// the prefix.
func (s *Store) listed(path, prefix string, read func(path string) (string, error)) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	line, err := statLine(abs)
	if err != nil {
		return "", err
	}
	p := s.loadDigests()
	p.mu.Lock()
	known := p.known[prefix+abs]
	p.mu.Unlock()
	line.SHA256 = known.SHA256
	if known.Ctime == 0 {
		known.Ctime = line.Ctime
	} else {
		known.Dev = line.Dev // each host of a shared file system has a number of its own
	}
	if known == line && known.SHA256 != "" {
		return line.SHA256, nil
	}
	if line.SHA256, err = read(abs); err != nil {
		return "", err
	}
	after, err := statLine(abs)
	if after.SHA256 = line.SHA256; err != nil || after != line {
		return "", errors.Join(err, fmt.Errorf("%s changed while it was read", path))
	}
	// a time to come is as good as one long past
	if time.Since(time.Unix(0, line.Mtime)).Abs() > racy {
		s.keepDigest(p, line)
	}
	return line.SHA256, nil
}

// Parts of a large file that sample reads, in bytes. The end holds a parquet
// file's footer with the statistics of all its row groups; a longer footer is
// read whole.
const (
	sampleBlock  = 64 << 10
	sampleBlocks = 16
	sampleEnd    = 1 << 20
)

// sample digests the size, blocks at even distances and the end of a file.
func sample(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	size := info.Size()
	h := sha256.New()
	fmt.Fprintf(h, "%d\n", size)
	for i := range int64(sampleBlocks) {
		if _, err := io.Copy(h, io.NewSectionReader(f, size/sampleBlocks*i, sampleBlock)); err != nil {
			return "", fmt.Errorf("%s: %w", path, err)
		}
	}
	end := max(sampleEnd, parquetFooter(f, size))
	if _, err := io.Copy(h, io.NewSectionReader(f, size-end, end)); err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return sampledPrefix + hex.EncodeToString(h.Sum(nil)), nil
}

// parquetFooter is the length of a parquet file's footer in bytes, 0 for
// another file.
func parquetFooter(f io.ReaderAt, size int64) int64 {
	var tail [8]byte
	if _, err := f.ReadAt(tail[:], size-8); err != nil || string(tail[4:]) != "PAR1" {
		return 0
	}
	return min(size, int64(binary.LittleEndian.Uint32(tail[:4]))+8)
}

func statLine(path string) (digestLine, error) {
	info, err := os.Stat(path)
	if err != nil {
		return digestLine{}, err
	}
	if !info.Mode().IsRegular() {
		return digestLine{}, fmt.Errorf("%s is not a regular file", path)
	}
	line := digestLine{Path: path, Size: info.Size(), Mtime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		line.Ctime, line.Dev, line.Inode = st.Ctim.Nano(), st.Dev, st.Ino
	}
	return line, nil
}

// digestsPath is where the list is, under the name of the first stores: in a store that programs of
// before share, each finds what the others have read.
func (s *Store) digestsPath() string { return filepath.Join(s.root, "fingerprints.jsonl") }

func (s *Store) loadDigests() *digests {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.digests == nil {
		s.digests = &digests{known: map[string]digestLine{}}
		if data, err := os.ReadFile(s.digestsPath()); err == nil {
			s.digests.read(bytes.NewReader(data))
		}
	}
	return s.digests
}

// read takes what it can: a line cut short by a kill costs one digest.
func (p *digests) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line digestLine
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Check != 0 && line.Check != line.sum() {
			continue
		}
		if line.Check = 0; len(strings.TrimPrefix(line.SHA256, sampledPrefix)) == 64 {
			p.known[line.key()] = line
		}
	}
}

// keepDigest adds a line. Only time is lost when it cannot be written, and a
// plan over a store that does not exist yet must not make one.
func (s *Store) keepDigest(p *digests, line digestLine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[line.key()] = line
	if !s.exists() {
		return
	}
	line.Check = line.sum()
	data, err := json.Marshal(line)
	if err != nil {
		return
	}
	lock := flock.New(s.digestsPath(), flock.SetFlag(os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW), flock.SetPermissions(0o666))
	if lock.Lock() != nil {
		return
	}
	defer lock.Close()
	f, err := OpenAppend(s.digestsPath(), os.O_WRONLY)
	if err != nil {
		return
	}
	defer f.Close()
	f.Write(append(data, '\n'))
}
