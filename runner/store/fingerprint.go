package store

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// racy is how old a file's last change must be before its digest is kept: a
// change within the clock's grain of the digest would not show in the mtime.
const racy = 2 * time.Second

// Fingerprint is the identity of an outside file's content.
type Fingerprint struct {
	Size   int64  // bytes
	SHA256 string // hexadecimal
}

// printLine is a line of fingerprints.jsonl: what a file was when its digest
// was taken. Later lines replace earlier ones of the same path.
type printLine struct {
	Path   string `json:"path"` // absolute
	Size   int64  `json:"size"`
	Mtime  int64  `json:"mtime"` // nanoseconds
	Inode  uint64 `json:"inode"`
	SHA256 string `json:"sha256"`
}

// prints is fingerprints.jsonl in memory.
type prints struct {
	mu    sync.Mutex
	known map[string]printLine
}

// Fingerprint returns the digest of an outside file. It is read from the
// store's list when path, size, mtime and inode are as they were; else the
// file is read, and the list added to where the store can be written. A file
// that changes while it is read is an error.
func (s *Store) Fingerprint(path string) (Fingerprint, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Fingerprint{}, err
	}
	line, err := statLine(abs)
	if err != nil {
		return Fingerprint{}, err
	}
	p := s.loadPrints()
	p.mu.Lock()
	known := p.known[abs]
	p.mu.Unlock()
	line.SHA256 = known.SHA256
	if known == line && known.SHA256 != "" {
		return Fingerprint{line.Size, line.SHA256}, nil
	}
	if line.SHA256, err = digest(abs, false); err != nil {
		return Fingerprint{}, err
	}
	after, err := statLine(abs)
	if after.SHA256 = line.SHA256; err != nil || after != line {
		return Fingerprint{}, errors.Join(err, fmt.Errorf("%s changed while it was read", path))
	}
	if time.Since(time.Unix(0, line.Mtime)) > racy {
		s.keepPrint(p, line)
	}
	return Fingerprint{line.Size, line.SHA256}, nil
}

func statLine(path string) (printLine, error) {
	info, err := os.Stat(path)
	if err != nil {
		return printLine{}, err
	}
	if !info.Mode().IsRegular() {
		return printLine{}, fmt.Errorf("%s is not a regular file", path)
	}
	line := printLine{Path: path, Size: info.Size(), Mtime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		line.Inode = st.Ino
	}
	return line, nil
}

func (s *Store) printsPath() string { return filepath.Join(s.root, "fingerprints.jsonl") }

func (s *Store) loadPrints() *prints {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.prints == nil {
		s.prints = &prints{known: map[string]printLine{}}
		if data, err := os.ReadFile(s.printsPath()); err == nil {
			s.prints.read(bytes.NewReader(data))
		}
	}
	return s.prints
}

// read takes what it can: a line cut short by a kill costs one digest.
func (p *prints) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line printLine
		if json.Unmarshal(lines.Bytes(), &line) == nil && len(line.SHA256) == 64 {
			p.known[line.Path] = line
		}
	}
}

// keepPrint adds a line. Only time is lost when it cannot be written, and a
// plan over a store that does not exist yet must not make one.
func (s *Store) keepPrint(p *prints, line printLine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.known[line.Path] = line
	if _, err := os.Stat(filepath.Join(s.root, "VERSION")); err != nil {
		return
	}
	data, err := json.Marshal(line)
	if err != nil {
		return
	}
	lock := flock.New(s.printsPath(), flock.SetFlag(os.O_CREATE|os.O_RDWR), flock.SetPermissions(0o666))
	if lock.Lock() != nil {
		return
	}
	defer lock.Close()
	f, err := os.OpenFile(s.printsPath(), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return
	}
	defer f.Close()
	f.Write(append(data, '\n'))
}
