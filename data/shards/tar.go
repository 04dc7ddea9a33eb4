package shards

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"react/data/jsonfile"
	"slices"
	"strings"
	"unicode/utf8"
)

// Member is one file of a tar.
type Member struct {
	Name         string // as the tar has it
	Key, Ext     string
	Offset, Size int64 // of the contents, bytes
	// why it is no file that can be read: "is a symbolic link", ...; "" for one that can
	Fault string
}

// maxText bounds the .json and .txt members that are read while indexing.
const maxText = 1 << 20

// maxMember is over any tar that there is: a member of more is no file that was
// cut, and nothing in its tar is to be trusted.
const maxMember = 1 << 50

// maxImage bounds the images that are read: a whole one is held in memory.
const maxImage = 1 << 28

// Walk calls fn for each member with a key, in the order of the tar, folders
// left out; links, devices and the like have a Fault. body reads the contents
// and must not be used after fn. A tar that ends early or is damaged gives a
// Broken error after the whole members.
func Walk(ctx context.Context, name string, fn func(m Member, body io.Reader) error) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := WalkIn(ctx, f, info.Size(), fn); err != nil {
		return fmt.Errorf("shard %s: %w", name, err)
	}
	return nil
}

// Broken is the error of a tar that does not go on after some members: cut,
// still being written, or damaged.
type Broken struct {
	Offset int64 // where reading stopped
	Why    string
}

func (b Broken) Error() string { return fmt.Sprintf("%s at offset %d", b.Why, b.Offset) }

// WalkIn is Walk of a tar of size bytes that lies in f, which may be a part of a
// file.
func WalkIn(ctx context.Context, f io.ReaderAt, size int64, fn func(Member, io.Reader) error) error {
	r := &window{f: f, size: size}
	t := tar.NewReader(r)
	end := int64(0) // of the last member, padding included
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		h, err := t.Next()
		if errors.Is(err, io.EOF) && r.at > end {
			return nil
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return Broken{size, "tar ends early"}
		}
		if err != nil {
			return Broken{r.at, fmt.Sprintf("not a tar, or damaged (%v)", err)}
		}
		m, err := memberOf(h, r.at, size)
		if err != nil {
			return err
		}
		end = m.Offset + (m.Size+511)/512*512
		if m.Key == "" || hiddenPath(h.Name) {
			continue
		}
		if err := fn(m, t); err != nil {
			return err
		}
	}
}

// memberOf is what a header says of the member whose contents begin at an
// offset of a tar of so many bytes; one without a key is to be passed over.
// Only a regular file has a size: in other headers it means something else.
func memberOf(h *tar.Header, at, size int64) (Member, error) {
	m := Member{Name: h.Name, Offset: at}
	if h.Typeflag == tar.TypeDir || h.Typeflag == tar.TypeXGlobalHeader {
		return m, nil
	}
	m.Key, m.Ext = split(h.Name)
	switch m.Fault = oddity(h); {
	case m.Fault != "":
	case h.Size < 0 || h.Size > maxMember: // no cut tar is so: the header lies
		return m, fmt.Errorf("offset %d: member %s says that it has %d bytes: the tar is broken", at, h.Name, h.Size)
	case h.Size > size-at:
		return m, Broken{size, fmt.Sprintf("member %s of %d bytes: tar ends early", h.Name, h.Size)}
	default:
		m.Size = h.Size
	}
	return m, nil
}

// oddity is why a member is not a file whose bytes stand in the tar as they are.
func oddity(h *tar.Header) string {
	isSparse := func(record string) bool { return strings.HasPrefix(record, "GNU.sparse.") }
	switch {
	case h.Typeflag == tar.TypeGNUSparse || slices.ContainsFunc(slices.Collect(maps.Keys(h.PAXRecords)), isSparse):
		return "is a sparse file"
	case h.Typeflag == tar.TypeSymlink:
		return fmt.Sprintf("is a symbolic link to %q", h.Linkname)
	case h.Typeflag == tar.TypeLink:
		return fmt.Sprintf("is a link to member %q", h.Linkname)
	case h.Typeflag != tar.TypeReg:
		return fmt.Sprintf("is a device or the like (type %q)", h.Typeflag)
	case slices.Contains(strings.Split(h.Name, "/"), ".."):
		return "has a name that leads out of the tar"
	}
	return ""
}

// window reads through a buffer that survives short seeks, for tars of many
// small members: two system calls a member would cost more than the parsing.
type window struct {
	f     io.ReaderAt
	size  int64
	at    int64 // next byte for the reader
	buf   []byte
	start int64 // of buf
}

const windowSize = 1 << 16

func (w *window) Read(p []byte) (int, error) {
	if w.at >= w.size {
		return 0, io.EOF
	}
	if w.at < w.start || w.at >= w.start+int64(len(w.buf)) {
		w.buf = slices.Grow(w.buf[:0], windowSize)[:min(windowSize, w.size-w.at)]
		w.start = w.at
		if n, err := w.f.ReadAt(w.buf, w.at); n < len(w.buf) {
			w.buf = w.buf[:0]
			return 0, err
		}
	}
	n := copy(p, w.buf[w.at-w.start:])
	w.at += int64(n)
	return n, nil
}

func (w *window) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += w.at
	case io.SeekEnd:
		offset += w.size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	w.at = offset
	return offset, nil
}

// shardIndex is what one tar holds.
type shardIndex struct {
	name    string
	samples []Sample
	bad     []Bad
	blamed  map[string]bool // keys whose image is among bad
	seen    map[string]bool // key and extension
	twice   map[string]bool // keys that are of two samples
}

// read indexes a tar. Faults over maxBad end it early.
func (x *shardIndex) read(ctx context.Context, name string, maxBad int) error {
	x.name = name
	return x.collect(maxBad, func(fn func(Member, io.Reader) error) error { return Walk(ctx, name, fn) })
}

// collect groups the members that walk gives into samples.
func (x *shardIndex) collect(maxBad int, walk func(func(Member, io.Reader) error) error) error {
	byKey := map[string]*Sample{}
	x.blamed, x.seen, x.twice = map[string]bool{}, map[string]bool{}, map[string]bool{}
	var order []*Sample
	err := walk(func(m Member, body io.Reader) error {
		s := byKey[m.Key]
		if s == nil {
			s = &Sample{Key: m.Key}
			byKey[m.Key] = s
			order = append(order, s)
		}
		if err := x.member(s, m, body); err != nil {
			return err
		}
		return tooMany(x.bad, maxBad)
	})
	var broken Broken
	if errors.As(err, &broken) && len(order) > 0 {
		x.fault("", broken.Error())
		err = tooMany(x.bad, maxBad)
	}
	if err != nil {
		return err
	}
	for _, s := range order {
		if x.twice[s.Key] {
			x.fault(s.Key, "is of several samples")
			continue
		}
		if s.Ext == "" {
			if !x.blamed[s.Key] {
				x.fault(s.Key, "has no image")
			}
			continue
		}
		x.samples = append(x.samples, *s)
	}
	slices.SortStableFunc(x.samples, func(a, b Sample) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	return tooMany(x.bad, maxBad)
}

func (x *shardIndex) fault(key, why string) {
	x.bad = append(x.bad, Bad{x.name, key, why})
}

// member adds one member to its sample; members of other kinds are passed over.
func (x *shardIndex) member(s *Sample, m Member, body io.Reader) error {
	isImage := slices.Contains(extensions, m.Ext)
	// which caption belongs to which image is not known then
	if isImage || m.Ext == "txt" || m.Ext == "json" {
		id := m.Key + "." + m.Ext
		x.twice[m.Key] = x.twice[m.Key] || x.seen[id]
		x.seen[id] = true
	}
	switch {
	case x.twice[m.Key]:
	case isImage:
		if m.Fault == "" && m.Size > maxImage {
			m.Fault = fmt.Sprintf("of %d bytes is over %d", m.Size, maxImage)
		}
		if m.Fault != "" {
			x.blamed[m.Key] = true
			x.fault(m.Key, "."+m.Ext+" "+m.Fault)
			return nil
		}
		if s.Ext != "" {
			x.fault(m.Key, "has two images, ."+s.Ext+" and ."+m.Ext)
			return nil
		}
		s.Ext, s.Offset, s.Size = m.Ext, m.Offset, m.Size
	case m.Ext == "txt" || m.Ext == "json":
		if m.Fault != "" {
			x.fault(m.Key, "."+m.Ext+" "+m.Fault)
			return nil
		}
		if m.Size > maxText {
			x.fault(m.Key, fmt.Sprintf(".%s of %d bytes is over %d", m.Ext, m.Size, maxText))
			return nil
		}
		raw, err := io.ReadAll(body)
		if err != nil {
			return fmt.Errorf("offset %d: %w", m.Offset, err)
		}
		x.text(s, m, raw)
	}
	return nil
}

// text takes address and caption; the .txt is the caption where both have one.
func (x *shardIndex) text(s *Sample, m Member, raw []byte) {
	if !utf8.Valid(raw) {
		x.fault(m.Key, "."+m.Ext+" is not UTF-8")
		return
	}
	if m.Ext == "txt" {
		s.Caption = string(raw)
		return
	}
	var meta struct {
		URL     *string `json:"url"`
		Caption *string `json:"caption"`
	}
	if err := jsonfile.Record(raw, &meta); err != nil {
		x.fault(m.Key, fmt.Sprintf(".json: %v", err))
		return
	}
	if meta.URL != nil {
		s.URL = *meta.URL
	}
	if meta.Caption != nil && s.Caption == "" {
		s.Caption = *meta.Caption
	}
}
